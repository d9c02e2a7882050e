import type {PlacedCoin} from '../../../core/consensus/index.ts';
import type {BlockBody} from '../../../core/primitives/index.ts';
import type {StoreChange} from '../../../service/stores/key-value-store.ts';

/** A block of the best chain, with everything an index may want to know of it. */
export interface IndexedBlock extends BlockBody {
  readonly hash: Uint8Array;
  readonly height: number;
  /** Coins that the block spent and did not create itself. */
  readonly spent: readonly PlacedCoin[];
}

export type IndexName = 'transactions' | 'addresses' | 'filters';

/** What one optional index keeps of a block. Both directions give the same keys. */
export interface BlockIndex {
  readonly name: IndexName;
  /** First byte of all its keys. */
  readonly prefixes: readonly number[];
  /** Entries of a block that joins the best chain. */
  connect(block: IndexedBlock): Promise<StoreChange[]> | StoreChange[];
  /** Takes the entries back. */
  disconnect(block: IndexedBlock): StoreChange[];
}

// What the pool and the templates ask of the chain.
import type {Coin, StewardState} from '../../core/consensus/index.ts';
import type {Network} from '../../core/params/index.ts';
import type {Block, Outpoint} from '../../core/primitives/index.ts';
import type {ChainBlock} from '../chain/block-tree.ts';
import type {ChainEvent} from '../chain/chain.ts';

export interface PoolChain {
  readonly network: Network;
  readonly tip: ChainBlock;
  /** Median time of the tip. */
  readonly medianTime: number;
  /** Median time of a block of the best chain, undefined above the tip. */
  medianTimeAt(height: number): number | undefined;
  /** Unspent coins at the tip. */
  coins(outpoints: readonly Outpoint[]): Promise<(Coin | undefined)[]>;
  /** Listeners hear of blocks in order, then of the tip; what they do must be done when they return. */
  subscribe(listener: (event: ChainEvent) => void): () => void;
  /** Runs `work` while tip and coins stand still. */
  exclusive<Result>(work: () => Promise<Result>): Promise<Result>;
}

export interface TemplateChain extends PoolChain {
  /** Bits required of a block on the tip with this time, seconds. */
  nextBits(timeSeconds: number): number;
  steward(): Promise<StewardState>;
  /** Holds a block on the tip to every rule but the proof of work. Throws RuleError. */
  tryBlock(block: Block): Promise<void>;
}

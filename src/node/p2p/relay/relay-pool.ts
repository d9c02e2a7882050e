import type {CodedError} from '../../../core/errors.ts';
import type {Transaction} from '../../../core/primitives/index.ts';

/** What became of a transaction that a peer sent. */
export interface RelayVerdict {
  readonly accepted: boolean;
  /** Ids of transactions that it spends from and that are not known; then it may be kept until they come. */
  readonly missing: readonly Uint8Array[];
  /** Transactions kept for it earlier that turned out to be bad, with who had sent them. */
  readonly refused: readonly {readonly peer: number; readonly error: CodedError}[];
}

export interface RelayPoolEvent {
  readonly type: 'added' | 'removed';
  readonly txid: Uint8Array;
}

/** What relay needs of the pool of unconfirmed transactions. Ids are 32 bytes in internal order. */
export interface RelayPool {
  /** Throws CodedError for one that is refused; its penalty is charged to the peer. */
  accept(transaction: Transaction, peer: number): Promise<RelayVerdict>;
  has(txid: Uint8Array): boolean;
  get(txid: Uint8Array): Transaction | undefined;
  /** Fee rate of a transaction in the pool, units per 1000 virtual bytes. */
  unitsPerKb(txid: Uint8Array): bigint | undefined;
  txids(): Iterable<Uint8Array>;
  /** Units per 1000 virtual bytes below which nothing is taken. */
  readonly minimumUnitsPerKb: bigint;
  subscribe(listener: (event: RelayPoolEvent) => void): () => void;
  /** Local transactions that are to be announced once more. */
  dueForRebroadcast(nowMs: number): readonly Uint8Array[];
  /** Nothing is kept for a peer that is gone. */
  peerGone(peer: number): void;
}

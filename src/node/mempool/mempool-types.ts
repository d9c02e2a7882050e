// What goes into the pool and what comes of it.
import type {Coin, ScriptFlags} from '../../core/consensus/index.ts';
import type {CodedError} from '../../core/errors.ts';
import type {Transaction} from '../../core/primitives/index.ts';
import type {RemovalReason} from './chain-follower.ts';
import type {MempoolEntry} from './pool-graph.ts';

/** Where a transaction comes from: a peer, this node's user, a block that a reorganisation took back, or the file of the pool. */
export type Source = 'peer' | 'local' | 'reorg' | 'file';

export interface Origin {
  readonly source: Source;
  /** Name of the sending peer, with source 'peer'. */
  readonly peer?: string;
  /** Local transactions with very high fees are refused without it. */
  readonly allowHighFees?: boolean;
}

/** An orphan that was looked at again because a transaction it spends has come. */
export interface Resolved {
  readonly txid: Uint8Array;
  readonly peer: string;
  /** Why it was refused; undefined when it is in the pool now. */
  readonly refusal: CodedError | undefined;
}

export type Acceptance =
  | {readonly status: 'accepted'; readonly entry: MempoolEntry; readonly resolved: readonly Resolved[]}
  /** Kept until what it spends is known; `missing` are the transactions to ask for. */
  | {readonly status: 'orphan'; readonly missing: readonly Uint8Array[]};

export type MempoolEvent =
  | {readonly type: 'added'; readonly entry: MempoolEntry; readonly origin: Origin}
  /** height: of the block for 'mined' and 'conflict', of the tip otherwise */
  | {
      readonly type: 'removed';
      readonly entry: MempoolEntry;
      readonly reason: RemovalReason;
      readonly height: number;
    }
  /** A block was connected, and what it mined has left. */
  | {readonly type: 'block'; readonly height: number};

/** Throws RuleError 'ErrScriptValidation'. */
export type CheckScripts = (transaction: Transaction, coins: readonly Coin[], flags: ScriptFlags) => Promise<void>;

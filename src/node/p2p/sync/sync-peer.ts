import {SERVICE} from '../../../core/protocol/p2p/index.ts';
import {Budget, type Rate} from '../../../service/limits/budget.ts';
import type {Connection} from '../connection.ts';
import {RollingSet} from '../rolling-set.ts';

/** Late blocks of so many requests are tolerated. */
const LATE_BLOCKS = 256;

/** Headers that are looked at unasked: checking them costs us, making them costs nobody anything. */
const ANNOUNCED_HEADERS: Rate = {perSecond: 10, burst: 200};

/** A block that a peer was asked for. */
export interface BlockRequest {
  readonly hash: Uint8Array;
  /** Undefined for one that is known from its inventory alone. */
  readonly height: number | undefined;
  readonly askedMs: number;
}

/** What synchronisation keeps about a peer. */
export class SyncPeer {
  readonly connection: Connection;
  /** The question under way: getheaders or getblocks. */
  asked: {readonly what: 'headers' | 'blocks'; readonly atMs: number} | undefined;
  /** Answers to getheaders that were given up and may still come. */
  lateAnswers = 0;
  /** It does not answer getheaders: nodes that are not current themselves do not.   chain spec §2.8.4 */
  silent = false;
  /** It has told of all it has, until it announces more. */
  exhausted = false;
  /** The last header it told of whose block is in the chain, maybe on a side branch. */
  lastKnown: Uint8Array | undefined;
  /** Its clock or ours is off, or its last header cannot be taken yet: not to be asked before. */
  askAgainMs = 0;
  /** Hashes from an answer to getblocks, in order, still to be asked for. */
  readonly wanted: Uint8Array[] = [];
  readonly requests: Map<string, BlockRequest> = new Map();
  readonly late: RollingSet = new RollingSet(LATE_BLOCKS);
  /** Requests that ran out since the last block. */
  stalls = 0;
  lastBlockMs = 0;
  readonly announced: Budget;

  constructor(connection: Connection, nowMs: number) {
    this.connection = connection;
    this.announced = new Budget(ANNOUNCED_HEADERS, nowMs);
  }

  get id(): number {
    return this.connection.id;
  }

  get startHeight(): number {
    return this.connection.peer.version?.startHeight ?? 0;
  }

  /** True for peers that keep whole blocks with witnesses. */
  get hasBlocks(): boolean {
    const needed = SERVICE.network | SERVICE.witness;
    return ((this.connection.peer.version?.services ?? 0n) & needed) === needed;
  }
}

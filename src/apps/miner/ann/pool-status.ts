// What is going on with each pool, in one word and in numbers.
import type {PoolHealth} from '../../../service/pool/pool-follower.ts';
import type {HandlerStatus, UploadCounts} from './uploader.ts';

/**
 * connecting  the pool has not answered yet
 * mining      announcements are accepted, or on their way
 * overloaded  most of them are refused because the pool has too much to do: not paid
 * refused     most of them are refused for another reason, which stands beside it
 * dead        the pool, or every handler of it, does not answer; it is tried again with growing pauses
 */
export type PoolStateName = 'connecting' | 'mining' | 'overloaded' | 'refused' | 'dead';

export interface PoolStatus {
  readonly url: string;
  readonly state: PoolStateName;
  readonly reason: string | undefined;
  readonly tipHeight: number | undefined;
  readonly counts: Readonly<UploadCounts>;
  readonly handlers: readonly HandlerStatus[];
}

/** What the state of a pool is told from. */
export interface PoolSigns {
  readonly health: PoolHealth;
  readonly isKnown: boolean;
  readonly problem: string | undefined;
  readonly handlers: readonly HandlerStatus[];
  /** Of the last seconds. */
  readonly recent: Readonly<UploadCounts>;
}

interface Judgement {
  readonly state: PoolStateName;
  readonly reason: string | undefined;
}

/** The state of a pool. Half of what was answered decides between mining, overloaded and refused. */
export function judgePool({health, isKnown, problem, handlers, recent}: PoolSigns): Judgement {
  if (health === 'silent') return {state: 'dead', reason: problem};
  if (!isKnown) return {state: 'connecting', reason: problem};
  const used = handlers.filter(({state}) => state !== 'off');
  if (used.length === 0) return {state: 'refused', reason: 'the pool names no handler'};
  const reasonOf = (wanted: string): string | undefined => used.find(({state}) => state === wanted)?.reason;
  if (used.every(({state}) => state === 'dead')) return {state: 'dead', reason: reasonOf('dead')};
  const {accepted, rejected, overload, refused} = recent;
  const answered = accepted + rejected + overload + refused;
  if (answered === 0) {
    const [first] = used;
    const same = used.every(({state}) => state === first!.state);
    if (same && (first!.state === 'overloaded' || first!.state === 'refused'))
      return {state: first!.state, reason: first!.reason};
    return {state: 'mining', reason: undefined};
  }
  if (2 * overload >= answered) return {state: 'overloaded', reason: 'overloaded'};
  if (2 * (rejected + refused) > answered) {
    return {state: 'refused', reason: reasonOf('refused') ?? 'duplicate or invalid announcements'};
  }
  return {state: 'mining', reason: reasonOf('dead') && `a handler is dead: ${reasonOf('dead')}`};
}

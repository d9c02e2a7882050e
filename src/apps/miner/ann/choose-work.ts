// Which block to mine announcements on, over several pools.   pool spec §5.1, §5.2
import {decodeHex} from '../../../core/bytes/index.ts';
import {MAX_TARGET, workForCompact} from '../../../core/packetcrypt/index.ts';
import {isTarget} from '../../../core/protocol/pool/index.ts';
import type {PoolState} from '../../../service/pool/pool-follower.ts';

/** Parents below its tip that a pool takes announcements on. */
export const TAKEN_BELOW_TIP = 5;

/** A pool that asks for so many times the work of the one that decides is not heeded: one pool must not stop the others. */
const MOST_TIMES_HARDER = 1000n;
const LEAST_EXPONENT = 3;

/** Whether announcements can be mined at a target that a pool asks for. */
function isMineable(target: number): boolean {
  return target <= MAX_TARGET && target >>> 24 >= LEAST_EXPONENT && isTarget(target);
}

export interface PoolView {
  /** Undefined until the pool has answered. */
  readonly state: PoolState | undefined;
  /** False while it does not answer. */
  readonly isLive: boolean;
}

export interface ChosenWork {
  /** Internal order. */
  readonly parentHash: Uint8Array;
  readonly parentBlockHeight: number;
  readonly workBits: number;
  /** 32 bytes, or undefined where announcements are not signed. */
  readonly signingKey: Uint8Array | undefined;
  /** The pool whose chain is followed. */
  readonly pool: number;
}

/** Parents that a pool takes now. */
function takes({config}: PoolState, height: number): boolean {
  const tip = config.currentHeight - 1;
  return height <= tip && height >= tip - TAKEN_BELOW_TIP;
}

/**
 * The work that suits most: of the pools that answer, in the order given, the first decides the chain; the target is the hardest
 * that any of them asks for, and the parent the newest that all of them take. mineOld: blocks behind the tip, or −1 for what the
 * pool says.
 */
export function chooseWork(pools: readonly PoolView[], mineOld: number): ChosenWork | undefined {
  const known = pools
    .map(({state, isLive}, pool) => ({state, isLive, pool}))
    .filter(({state}) => state !== undefined && isMineable(state.config.annTarget));
  const live = known.filter(({isLive}) => isLive);
  // Without any that answers the last work goes on.
  const usable = live.length > 0 ? live : known;
  const [primary] = usable;
  if (primary === undefined) return undefined;
  const {config, blocks} = primary.state!;
  const old = mineOld >= 0 ? mineOld : config.mineOldAnns;
  const wanted = config.currentHeight - 1 - old;
  const states = usable.map(({state}) => state!);
  // A pool far behind or ahead is not waited for.
  const most = MOST_TIMES_HARDER * workForCompact(config.annTarget)!;
  const together = states.filter(
    (state) =>
      Math.abs(state.config.currentHeight - config.currentHeight) <= TAKEN_BELOW_TIP &&
      workForCompact(state.config.annTarget)! <= most,
  );
  let height = wanted;
  while (height > wanted - TAKEN_BELOW_TIP && !together.every((state) => takes(state, height))) height--;
  const info = blocks.get(Math.max(0, height)) ?? blocks.get(wanted);
  if (info === undefined) return undefined;
  return {
    parentHash: decodeHex(info.header.hash).reverse(),
    parentBlockHeight: info.header.height,
    workBits: Math.min(...together.map((state) => state.config.annTarget)),
    signingKey: info.sigKey === null ? undefined : decodeHex(info.sigKey),
    pool: primary.pool,
  };
}

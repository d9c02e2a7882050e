// Difficulty.   chain spec §3.3, §3.4
import {bigToCompact, compactToBig} from '../bytes/index.ts';
import {assert} from '../errors.ts';
import {workForTarget} from '../packetcrypt/index.ts';
import type {DifficultyParams} from '../params/index.ts';

/** What these rules read of a block of the chain. */
export interface ChainPoint {
  readonly height: number;
  readonly time: number;
  readonly bits: number;
}

/** Gives the ancestor of a block, or the block itself, at a height. */
export type AncestorAt<Point extends ChainPoint> = (point: Point, height: number) => Point;

function target(bits: number): bigint {
  const value = compactToBig(bits);
  assert(value !== undefined && value > 0n, 'a header that was accepted has a positive target');
  return value;
}

/** Units of work of one block for the choice of the chain: from its bits alone. */
export function blockWorkUnits(bits: number): bigint {
  return workForTarget(target(bits));
}

/** True for bits that a header may carry at all: positive, and not easier than the network's limit. */
export function areAllowedBits(params: DifficultyParams, bits: number): boolean {
  const value = compactToBig(bits);
  return value !== undefined && value > 0n && value <= target(params.limitBits);
}

/**
 * Bits after a window that took `seconds` and ended with a block of `bits`. The window misses one interval and the old
 * target is that of its last block, exception or not.
 */
export function retarget(params: DifficultyParams, bits: number, seconds: number): number {
  const {retargetSeconds, retargetFactor, limitBits} = params;
  const span = Math.min(Math.max(seconds, retargetSeconds / retargetFactor), retargetSeconds * retargetFactor);
  const next = (target(bits) * BigInt(span)) / BigInt(retargetSeconds);
  const limit = target(limitBits);
  return bigToCompact(next < limit ? next : limit);
}

/** The bits that a block on top of `previous` must carry when its time is `time` (seconds). */
export function requiredBits<Point extends ChainPoint>(
  params: DifficultyParams,
  previous: Point,
  time: number,
  ancestorAt: AncestorAt<Point>,
): number {
  const {retargetBlocks, limitBits, startBits} = params;
  const height = previous.height + 1;
  if (height === 1 && startBits !== undefined) return startBits;
  if (retargetBlocks === undefined) return previous.bits;
  if (height % retargetBlocks === 0) {
    const first = ancestorAt(previous, previous.height - (retargetBlocks - 1));
    return retarget(params, previous.bits, previous.time - first.time);
  }
  if (height > params.lastMinimumDifficultyHeight) return previous.bits;
  if (time > previous.time + params.minimumDifficultyAfterSeconds) return limitBits;
  let point = previous;
  while (point.height % retargetBlocks !== 0 && point.bits === limitBits && point.height > 0) {
    point = ancestorAt(point, point.height - 1);
  }
  return point.bits;
}

/** Median of the times of the last blocks, newest first or in any order: the later middle one.   chain spec §3.5 */
export function medianTime(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  assert(median !== undefined, 'the median is taken of at least one block');
  return median;
}

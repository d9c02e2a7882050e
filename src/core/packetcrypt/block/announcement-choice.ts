// Which announcements to mine a block with.   spec §8.1, §8.2, §9
//
// A set may hold every announcement whose degraded target is, as u32, at most the committed one, so for each possible
// committed target the largest set is best, and one pass over the targets in u32 order finds the optimum. Its measure
// is power = work(committed target) · count²: effective work is a falling function of it, whatever the block target.
// A harder number may be the larger u32 (§9.5), so no target may be skipped for being larger.
import {checkInteger, checkU32} from '../../errors.ts';
import {
  compactForWork,
  degradedTarget,
  effectiveWork,
  minAnnDiffOk,
  powerMultiplier,
  workForCompact,
} from '../difficulty.ts';

/** Announcements alike in parent height and work bits. */
export interface AnnouncementClass {
  readonly parentBlockHeight: number;
  readonly workBits: number;
  readonly count: number;
}

export interface AnnouncementChoice {
  /** How many announcements to take of each class, in the order of the classes given. */
  readonly taken: readonly number[];
  /** All announcements taken; odd, because the last one of an even set cannot be proved. */
  readonly count: number;
  /** The target to commit: the u32 maximum of the degraded targets of what is taken. */
  readonly annLeastWorkTarget: number;
  readonly effectiveTarget: number;
  /** Block hashes needed on average. */
  readonly effectiveWork: bigint;
  /** Effective hash rate ÷ real one. */
  readonly powerMultiplier: bigint;
}

/** A class that may be used, with its degraded target. */
interface Usable {
  readonly index: number;
  readonly target: number;
  readonly count: number;
}

function usableClasses(classes: readonly AnnouncementClass[], blockHeight: number): Usable[] {
  const usable: Usable[] = [];
  for (const [index, {parentBlockHeight, workBits, count}] of classes.entries()) {
    checkInteger('count', count, 0, Number.MAX_SAFE_INTEGER);
    const target = degradedTarget(workBits, blockHeight, parentBlockHeight);
    if (count > 0 && minAnnDiffOk(target)) usable.push({index, target, count});
  }
  return usable.sort((a, b) => a.target - b.target);
}

function largestOdd(count: number): number {
  return count % 2 === 1 ? count : count - 1;
}

/** The best committed target and count; of equal power the larger set. `end` classes are within the target. */
function findBest(usable: readonly Usable[], maxCount: number): {target: number; count: number; end: number} {
  let best = {target: 0, count: 0, end: 0};
  let bestPower = 0n;
  let total = 0;
  for (const [i, {target, count}] of usable.entries()) {
    total += count;
    if (usable[i + 1]?.target === target) continue;
    const taken = largestOdd(Math.min(total, maxCount));
    const power = workForCompact(target)! * BigInt(taken) ** 2n;
    if (power >= bestPower) {
      best = {target, count: taken, end: i + 1};
      bestPower = power;
    }
  }
  return best;
}

/**
 * The set that makes the effective target easiest.
 *
 * classes      up to 10⁵ or so, of any number of announcements; counts of 0 are fine
 * blockHeight  of the block to be mined
 * blockTarget  compact, the block's bits
 * maxCount     announcements there is room for
 * returns      undefined when no announcement is usable
 * cost         one sort of the classes and one division per distinct degraded target
 */
export function chooseAnnouncements(
  classes: readonly AnnouncementClass[],
  blockHeight: number,
  blockTarget: number,
  maxCount: number = Number.MAX_SAFE_INTEGER,
): AnnouncementChoice | undefined {
  checkU32('blockHeight', blockHeight);
  checkU32('blockTarget', blockTarget);
  checkInteger('maxCount', maxCount, 1, Number.MAX_SAFE_INTEGER);
  const usable = usableClasses(classes, blockHeight);
  if (usable.length === 0) return undefined;
  const {target, count, end} = findBest(usable, maxCount);

  // One announcement has the committed target; then the most work first.
  const taken = new Array<number>(classes.length).fill(0);
  taken[usable[end - 1]!.index] = 1;
  let left = count - 1;
  for (const {index, count: available} of usable.slice(0, end)) {
    const more = Math.min(left, available - taken[index]!);
    taken[index]! += more;
    left -= more;
  }
  const work = effectiveWork(blockTarget, target, count);
  return {
    taken,
    count,
    annLeastWorkTarget: target,
    effectiveTarget: compactForWork(work),
    effectiveWork: work,
    powerMultiplier: powerMultiplier(target, count),
  };
}

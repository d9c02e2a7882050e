// Difficulty arithmetic.   spec §2.2, §9
// Exact: whole numbers of any size. Compact targets are u32 and are compared as u32, as the network does.
import {bigToCompact, compactToBig} from '../bytes/index.ts';
import {checkBigUint, checkU32} from '../errors.ts';

/** 2^256: the number of hashes there are. */
const ALL_HASHES = 1n << 256n;
/** The easiest target there is. */
export const MAX_TARGET = 0x207fffff;
/** The degraded target of an announcement that cannot be used: above every target.   spec §9.5 */
export const UNUSABLE_TARGET = 0xffffffff;
/** Blocks an announcement must wait before it can be used.   spec §9.5 */
export const ANN_WAIT_BLOCKS = 3;
/** Below this height `workBits` count undegraded.   spec §8.1 */
export const FIRST_DEGRADING_HEIGHT = 3;
const MAX_AGE = 259;
const MAX_U64 = (1n << 64n) - 1n;

/** Hashes needed on average for one at or below `target`: floor(2^256 / (target + 1)).   spec §9.2 */
export function workForTarget(target: bigint): bigint {
  return ALL_HASHES / (target + 1n);
}

/** The target that needs `work` hashes on average; 0 for more than 256 bits of work.   spec §9.2 */
export function targetForWork(work: bigint): bigint {
  if (work === 0n) return ALL_HASHES;
  return work >= ALL_HASHES ? 0n : (ALL_HASHES - work) / work;
}

/** Work of a compact target, `undefined` when its sign bit is set. */
export function workForCompact(compact: number): bigint | undefined {
  const target = compactToBig(compact);
  return target === undefined ? undefined : workForTarget(target);
}

function countToBig(count: number | bigint): bigint {
  if (typeof count === 'number' && !Number.isSafeInteger(count)) {
    throw new RangeError(`"count" expected integer 0..2^64-1, got ${count}`);
  }
  const big = typeof count === 'number' ? BigInt(count) : count;
  checkBigUint('count', big, 64);
  return big;
}

/**
 * Block hashes needed on average for one block over `count` announcements.   spec §9.3
 *
 * blockTarget, annTarget  compact: of the block, and of the easiest announcement (after ageing)
 * returns  floor(bw³ / (1024 · aw · count²)); 2^256, which is impossible, for no announcements or a negative target
 */
export function effectiveWork(blockTarget: number, annTarget: number, count: number | bigint): bigint {
  const n = countToBig(count);
  const blockWork = workForCompact(blockTarget);
  const annWork = workForCompact(annTarget);
  if (blockWork === undefined || annWork === undefined || annWork === 0n || n === 0n) return ALL_HASHES;
  return blockWork ** 3n / 1024n / annWork / (n * n);
}

/** Compact target of `work` hashes, never above the easiest target. */
export function compactForWork(work: bigint): number {
  return Math.min(bigToCompact(targetForWork(work)), MAX_TARGET);
}

/** Compact target a block hash over `count` announcements must meet; 0 is never met.   spec §9.4 */
export function effectiveTarget(blockTarget: number, annTarget: number, count: number | bigint): number {
  return compactForWork(effectiveWork(blockTarget, annTarget, count));
}

/**
 * What an announcement's target is worth at an age.   spec §9.5
 *
 * age  block height - parent height, modulo 2^32: a parent above the block has a huge age
 * returns  a compact target, UNUSABLE_TARGET when too young or too old. At age 3 the given u32 itself, which may be a
 *          form toCompact would not produce.
 */
export function degrade(annTarget: number, age: number): number {
  checkU32('annTarget', annTarget);
  checkU32('age', age);
  if (age < ANN_WAIT_BLOCKS || age > MAX_AGE) return UNUSABLE_TARGET;
  if (age === ANN_WAIT_BLOCKS) return annTarget;
  if ((annTarget & 0x00800000) !== 0) return UNUSABLE_TARGET;
  // value = mantissa · 2^(8 (exponent - 3)); the shift by age is split into whole bytes and 0..7 bits
  const exponent = Math.max(annTarget >>> 24, 3);
  const cut = exponent - (annTarget >>> 24);
  const shift = 8 * (exponent - 3) + age - ANN_WAIT_BLOCKS;
  const mantissa = ((annTarget & 0x007fffff) >>> (8 * cut)) << (shift & 7);
  if (mantissa === 0) return 0;
  const bits = 32 - Math.clz32(mantissa);
  if (bits + shift - (shift & 7) > 255) return UNUSABLE_TARGET;
  let size = (bits + 7) >>> 3;
  let top = size <= 3 ? mantissa << (8 * (3 - size)) : mantissa >>> (8 * (size - 3));
  if ((top & 0x00800000) !== 0) {
    top >>>= 8;
    size++;
  }
  return top + (size + (shift >>> 3)) * 2 ** 24;
}

/** What an announcement's work bits are worth in a block: below height 3 they do not age.   spec §8.1, §10.1 */
export function degradedTarget(workBits: number, blockHeight: number, parentBlockHeight: number): number {
  checkU32('blockHeight', blockHeight);
  checkU32('parentBlockHeight', parentBlockHeight);
  if (blockHeight < FIRST_DEGRADING_HEIGHT) return workBits;
  return degrade(workBits, (blockHeight - parentBlockHeight) >>> 0);
}

/** True for a target that may stand as `annLeastWorkTarget` in a commitment.   spec §9.6 */
export function minAnnDiffOk(compact: number): boolean {
  checkU32('compact', compact);
  if (compact === 0 || compact > MAX_TARGET) return false;
  const target = compactToBig(compact);
  return target !== undefined && target > 0n;
}

/** Difficulty as far as it depends on the version of the proof. */
export interface DifficultyRules {
  readonly effectiveTarget: (blockTarget: number, annTarget: number, count: bigint) => number;
  readonly degradedTarget: (workBits: number, blockHeight: number, parentBlockHeight: number) => number;
  readonly minAnnDiffOk: (compact: number) => boolean;
}

/** Difficulty of proof version 2 and up. */
export const CURRENT_DIFFICULTY: DifficultyRules = Object.freeze({effectiveTarget, degradedTarget, minAnnDiffOk});

/** Effective hash rate ÷ real block hashes per second, at most 2^64 - 1; for statistics only.   spec §9.7 */
export function powerMultiplier(annTarget: number, count: number | bigint): bigint {
  const n = countToBig(count);
  const multiplier = ((workForCompact(annTarget) ?? 0n) * n * n) / 1024n;
  return multiplier < MAX_U64 ? multiplier : MAX_U64;
}

/**
 * The largest soft nonce announcements with these work bits may use; `undefined` for mantissa 0, which no
 * announcement may have.   spec §2.2
 */
export function softNonceMax(workBits: number): number | undefined {
  checkU32('workBits', workBits);
  const mantissa = workBits & 0x007fffff;
  if (mantissa === 0) return undefined;
  const log2 = 31 - Math.clz32(mantissa);
  const bits = 22 - log2 + (32 - (workBits >>> 24)) * 8 + 10;
  if (bits >= 24) return 0xffffff;
  return bits <= 0 ? 0 : 0xffffff >>> (24 - bits);
}

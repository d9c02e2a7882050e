// Targets as the pool software computes them, in doubles, so that ours names the same numbers.   pool spec §7.2, §9.7
import {compactToBig} from '../../bytes/index.ts';
import {checkU32} from '../../errors.ts';
import {MAX_TARGET} from '../../packetcrypt/index.ts';

const TWO_256 = 2 ** 256;
/** Hashes that a target of multiple 1 takes. */
const MULTIPLE = 4096;
const MAX_MANTISSA = 0x7fffff;
const DEFAULT_DIVISOR = 64;

function toDouble(compact: number): number {
  checkU32('compact', compact);
  return (compact & 0xffffff) * 2 ** (8 * ((compact >>> 24) - 3));
}

function toCompact(target: number): number {
  let exponent = 3;
  let mantissa = target;
  while (mantissa > MAX_MANTISSA) {
    mantissa /= 256;
    exponent++;
  }
  const compact = exponent * 2 ** 24 + Math.floor(mantissa);
  return exponent > 0x20 || compact > MAX_TARGET ? MAX_TARGET : compact;
}

/** Work of a target in units of 4096 hashes. */
export function workMultiple(compact: number): number {
  return TWO_256 / (toDouble(compact) + 1) / MULTIPLE;
}

/** Target of shares: as much easier than a block's, in work, as the divisor says. */
export function shareTarget(blockBits: number, divisor: number = DEFAULT_DIVISOR): number {
  const work = MULTIPLE * (workMultiple(blockBits) / divisor);
  return toCompact((TWO_256 - work) / work);
}

/** Announcement target that takes `work` hashes on average. */
export function annTargetForWork(work: number): number {
  return work <= 1 ? MAX_TARGET : toCompact((TWO_256 - work) / work);
}

function wholeWork(compact: number): bigint {
  return BigInt(Math.floor(TWO_256 / (toDouble(compact) + 1)));
}

/** Encryptions that a share stands for, as its event tells. */
export function shareEncryptions(target: number, annMinWork: number, annCount: bigint): bigint {
  const annWork = wholeWork(annMinWork);
  if (annWork === 0n || annCount === 0n) return 0n;
  return 2n * (((wholeWork(target) ** 3n) >> 10n) / annWork / annCount ** 2n);
}

/** True for a compact number that stands for a target above 0. */
export function isTarget(compact: number): boolean {
  const target = compactToBig(compact);
  return target !== undefined && target > 0n;
}

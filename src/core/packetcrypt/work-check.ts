import {COMPACT_SIGN, compactToBig, readUint} from '../bytes/index.ts';
import {checkBytes, checkU32} from '../errors.ts';
import {MAX_TARGET} from './difficulty.ts';
import {checkProfile, type Profile} from './profile.ts';

/** hash < mantissa · 256^(exponent-3), looking only at three bytes and the zeros above them. */
function meetsStrictly(hash: Uint8Array, target: number): boolean {
  if (target > MAX_TARGET || (target & COMPACT_SIGN) !== 0) return false;
  const exponent = target >>> 24;
  if (exponent < 3) return false;
  for (let i = exponent; i < 32; i++) if (hash[i] !== 0) return false;
  const top = hash[exponent - 1]! * 65536 + hash[exponent - 2]! * 256 + hash[exponent - 3]!;
  return top < (target & 0x007fffff);
}

/**
 * True when a hash, as a little-endian number, is small enough for a compact target.   spec §1.3
 *
 * hash  32 bytes
 * strict  below the target, and the target of a form both public implementations understand
 * node    at or below the target, whatever its form; a target with the sign bit set is never met
 */
export function meetsTarget(hash: Uint8Array, target: number, profile: Profile = 'strict'): boolean {
  checkBytes('hash', hash, 32);
  checkU32('target', target);
  checkProfile(profile);
  if (profile === 'strict') return meetsStrictly(hash, target);
  const value = compactToBig(target);
  return value !== undefined && readUint(hash) <= value;
}

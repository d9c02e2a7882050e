// Compact targets ("nBits").   spec §1.3, §9.1
//   bits 31..24 exponent e | bit 23 sign | bits 22..0 mantissa m;   value = m · 256^(e-3)
import {checkU32} from '../errors.ts';

export const COMPACT_SIGN = 0x00800000;

/**
 * Value of a compact target, or `undefined` when the sign bit is set: negative targets have no meaning here.
 * An exponent below 3 cuts mantissa bytes off, so the value may be 0.
 */
export function compactToBig(compact: number): bigint | undefined {
  checkU32('compact', compact);
  if ((compact & COMPACT_SIGN) !== 0) return undefined;
  const exponent = compact >>> 24;
  const mantissa = compact & 0x007fffff;
  if (exponent <= 3) return BigInt(mantissa >>> (8 * (3 - exponent)));
  return BigInt(mantissa) << BigInt(8 * (exponent - 3));
}

/** Number of bytes of `value`, 0 for 0. */
function byteLength(value: bigint): number {
  return value === 0n ? 0 : Math.ceil(value.toString(16).length / 2);
}

/** Compact form of `value`, low bits cut off. Never sets the sign bit. `value` must be below 2^2039. */
export function bigToCompact(value: bigint): number {
  if (typeof value !== 'bigint') throw new TypeError(`"value" expected bigint, got ${typeof value}`);
  let size = byteLength(value);
  if (value < 0n || value >> 2039n !== 0n) throw new RangeError(`"value" expected bigint 0..2^2039-1, got ${value}`);
  let mantissa = Number(size <= 3 ? value << BigInt(8 * (3 - size)) : value >> BigInt(8 * (size - 3)));
  if ((mantissa & COMPACT_SIGN) !== 0) {
    mantissa >>>= 8;
    size++;
  }
  return mantissa + size * 2 ** 24;
}

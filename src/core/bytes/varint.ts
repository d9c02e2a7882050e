// CompactSize numbers.   spec §8.8
//   ≤ 0xfc 1 byte | ≤ 0xffff fd + u16 | ≤ 0xffffffff fe + u32 | larger ff + u64
import {checkBigUint} from '../errors.ts';
import {writeU16, writeU32, writeU64} from './little-endian.ts';

function toBigUint(value: number | bigint): bigint {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new RangeError(`"value" expected integer 0..2^64-1, got ${value}`);
  }
  const big = typeof value === 'number' ? BigInt(value) : value;
  checkBigUint('value', big, 64);
  return big;
}

/** Bytes of the shortest form: 1, 3, 5 or 9. */
export function varintSize(value: number | bigint): number {
  if (typeof value === 'number' && value >= 0 && value <= 0xffff) return value <= 0xfc ? 1 : 3;
  const big = toBigUint(value);
  if (big <= 0xfcn) return 1;
  if (big <= 0xffffn) return 3;
  return big <= 0xffffffffn ? 5 : 9;
}

/** Shortest form of `value`, 0 ≤ value < 2^64. */
export function encodeVarint(value: number | bigint): Uint8Array {
  const big = toBigUint(value);
  const bytes = new Uint8Array(varintSize(big));
  if (bytes.length === 1) {
    bytes[0] = Number(big);
  } else if (bytes.length === 3) {
    bytes[0] = 0xfd;
    writeU16(bytes, 1, Number(big));
  } else if (bytes.length === 5) {
    bytes[0] = 0xfe;
    writeU32(bytes, 1, Number(big));
  } else {
    bytes[0] = 0xff;
    writeU64(bytes, 1, big);
  }
  return bytes;
}

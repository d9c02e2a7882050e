// Numbers on the stack: little endian, the top bit of the last byte is the sign, 0 is empty.
import {ScriptError} from './errors.ts';

/** Bytes a number taken from the stack may have; what is computed from such numbers may be longer. */
const NUMBER_BYTES = 4;

const EMPTY = new Uint8Array(0);
const NUMBERS = Array.from({length: 17}, (_, value) => (value === 0 ? EMPTY : Uint8Array.of(value)));
export const TRUE: Uint8Array = NUMBERS[1]!;
export const FALSE: Uint8Array = EMPTY;

/** A safe integer as a stack item. */
export function encodeNumber(value: number): Uint8Array {
  if (value >= 0 && value <= 16) return NUMBERS[value]!;
  const bytes: number[] = [];
  for (let rest = Math.abs(value); rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256);
  const sign = value < 0 ? 0x80 : 0;
  if ((bytes.at(-1)! & 0x80) !== 0) bytes.push(sign);
  else bytes[bytes.length - 1]! |= sign;
  return Uint8Array.from(bytes);
}

/**
 * The number of a stack item; at most 5 bytes may be asked for. Throws ScriptError 'SCRIPTNUM' when it is longer than
 * `maxBytes` or, if `minimal` is asked for, not in its shortest form.
 */
export function decodeNumber(item: Uint8Array, minimal: boolean, maxBytes: number = NUMBER_BYTES): number {
  const {length} = item;
  if (length > maxBytes) throw new ScriptError('SCRIPTNUM', {length, maxBytes});
  if (length === 0) return 0;
  const last = item[length - 1]!;
  const padded = (last & 0x7f) === 0 && (length === 1 || (item[length - 2]! & 0x80) === 0);
  if (minimal && padded) throw new ScriptError('SCRIPTNUM', {reason: 'not minimal'});
  let value = last & 0x7f;
  for (let i = length - 2; i >= 0; i--) value = value * 256 + item[i]!;
  // Not -0, which is no different from 0 except where JavaScript looks closely.
  return (last & 0x80) !== 0 && value !== 0 ? -value : value;
}

/** False for zeros of any length, whatever their sign. */
export function isTrue(item: Uint8Array): boolean {
  for (let i = 0; i < item.length; i++) {
    if (item[i] !== 0) return !(i === item.length - 1 && item[i] === 0x80);
  }
  return false;
}

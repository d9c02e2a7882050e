import {checkBytes} from '../errors.ts';
import {BytesError} from './errors.ts';

const HEX_OF_BYTE: readonly string[] = Array.from({length: 256}, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Lower-case hex digits in memory order. */
export function encodeHex(bytes: Uint8Array): string {
  checkBytes('bytes', bytes);
  let text = '';
  for (const byte of bytes) text += HEX_OF_BYTE[byte];
  return text;
}

/** Value of one hex digit given as a character code, -1 for any other character. */
function digit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  if (code >= 65 && code <= 70) return code - 55;
  return -1;
}

/**
 * Bytes of hex digits, upper or lower case, without prefix.
 *
 * length  required number of bytes, if any
 * throws  BytesError 'bad-hex', 'bad-length'
 */
export function decodeHex(text: string, length?: number): Uint8Array {
  if (typeof text !== 'string') throw new TypeError(`"text" expected string, got ${typeof text}`);
  if (text.length % 2 !== 0) throw new BytesError('bad-hex', {digits: text.length});
  if (length !== undefined && text.length !== 2 * length) {
    throw new BytesError('bad-length', {expected: length, got: text.length / 2});
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = digit(text.charCodeAt(2 * i));
    const low = digit(text.charCodeAt(2 * i + 1));
    if (high < 0 || low < 0) throw new BytesError('bad-hex', {position: 2 * i});
    bytes[i] = high * 16 + low;
  }
  return bytes;
}

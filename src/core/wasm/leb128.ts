// LEB128, the variable-length integers of WebAssembly. Each function writes at `at` and returns the offset behind.

/** Unsigned 32-bit value, 1..5 bytes. */
export function writeUnsigned(bytes: Uint8Array, at: number, value: number): number {
  let rest = value >>> 0;
  let offset = at;
  while (rest > 0x7f) {
    bytes[offset++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[offset++] = rest;
  return offset;
}

/** Signed 32-bit value, 1..5 bytes. */
export function writeSigned(bytes: Uint8Array, at: number, value: number): number {
  let rest = value | 0;
  let offset = at;
  while (rest < -64 || rest > 63) {
    bytes[offset++] = (rest & 0x7f) | 0x80;
    rest >>= 7;
  }
  bytes[offset++] = rest & 0x7f;
  return offset;
}

/** Signed 64-bit value given as two words, 1..10 bytes. */
export function writeSigned64(bytes: Uint8Array, at: number, low: number, high: number): number {
  let lo = low | 0;
  let hi = high | 0;
  let offset = at;
  while (!(hi === lo >> 31 && lo >= -64 && lo <= 63)) {
    bytes[offset++] = (lo & 0x7f) | 0x80;
    lo = (lo >>> 7) | (hi << 25);
    hi >>= 7;
  }
  bytes[offset++] = lo & 0x7f;
  return offset;
}

/** Bytes a padded unsigned value takes, whatever it is. */
export const PADDED_LENGTH = 5;

/** Unsigned value in five bytes, for sizes that are filled in later. */
export function writePadded(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < PADDED_LENGTH; i++) {
    bytes[at + i] = ((value >>> (7 * i)) & 0x7f) | (i < PADDED_LENGTH - 1 ? 0x80 : 0);
  }
}

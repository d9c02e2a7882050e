// Little-endian numbers inside byte arrays. `offset` is the caller's promise: reading or writing outside the array is
// a RangeError. Decoders of outside data use Reader, which refuses with a code instead.

function checkRoom(bytes: Uint8Array, offset: number, size: number): void {
  if (!(offset >= 0 && offset + size <= bytes.length)) {
    throw new RangeError(`"offset" expected integer 0..${bytes.length - size}, got ${offset}`);
  }
}

export function readU16(bytes: Uint8Array, offset: number): number {
  checkRoom(bytes, offset, 2);
  return bytes[offset]! | (bytes[offset + 1]! << 8);
}

export function readU24(bytes: Uint8Array, offset: number): number {
  checkRoom(bytes, offset, 3);
  return bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16);
}

export function readU32(bytes: Uint8Array, offset: number): number {
  checkRoom(bytes, offset, 4);
  return (bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>> 0;
}

export function readU64(bytes: Uint8Array, offset: number): bigint {
  return (BigInt(readU32(bytes, offset + 4)) << 32n) | BigInt(readU32(bytes, offset));
}

/** Writes the low 16 bits of `value`. */
export function writeU16(bytes: Uint8Array, offset: number, value: number): void {
  checkRoom(bytes, offset, 2);
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
}

/** Writes the low 24 bits of `value`. */
export function writeU24(bytes: Uint8Array, offset: number, value: number): void {
  checkRoom(bytes, offset, 3);
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
}

/** Writes the low 32 bits of `value`. */
export function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  checkRoom(bytes, offset, 4);
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
  bytes[offset + 3] = value >>> 24;
}

/** Writes the low 64 bits of `value`. */
export function writeU64(bytes: Uint8Array, offset: number, value: bigint): void {
  writeU32(bytes, offset, Number(value & 0xffffffffn));
  writeU32(bytes, offset + 4, Number((value >> 32n) & 0xffffffffn));
}

/** The whole array as one unsigned number, last byte most significant. */
export function readUint(bytes: Uint8Array): bigint {
  let text = '0x0';
  for (let i = bytes.length - 1; i >= 0; i--) text += bytes[i]!.toString(16).padStart(2, '0');
  return BigInt(text);
}

/** Words of a byte array, length a multiple of 4. A copy, so alignment and byte order of the machine do not matter. */
export function readWords(bytes: Uint8Array): Uint32Array {
  if (bytes.length % 4 !== 0)
    throw new RangeError(`"bytes" expected a multiple of 4 bytes, got length ${bytes.length}`);
  const words = new Uint32Array(bytes.length / 4);
  for (let i = 0; i < words.length; i++) words[i] = readU32(bytes, 4 * i);
  return words;
}

/** Writes `words` from `offset` on. */
export function writeWords(bytes: Uint8Array, offset: number, words: Uint32Array): void {
  checkRoom(bytes, offset, 4 * words.length);
  for (let i = 0; i < words.length; i++) writeU32(bytes, offset + 4 * i, words[i]!);
}

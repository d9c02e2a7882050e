/** True when both arrays hold the same bytes. Not constant time: for public data only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export function isZero(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** XORs `mask[from .. from+length-1]` into `bytes[offset ..]`. */
export function xorInto(bytes: Uint8Array, offset: number, mask: Uint8Array, from: number, length: number): void {
  for (let i = 0; i < length; i++) bytes[offset + i] = bytes[offset + i]! ^ mask[from + i]!;
}

/** A copy of bytes `start` to `end` - 1 as a plain Uint8Array. `slice` is no substitute: that of Node's Buffer shares. */
export function copyBytes(bytes: Uint8Array, start: number = 0, end: number = bytes.length): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}

/** Bytes from..to-1 as a string of as many characters: a cheap key for maps. */
export function latin1(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

/** A key for maps and sets of a hash, 32 bytes: a character for each. Written out it costs a third of a loop, or of a view of a Buffer. */
export function hashKey(h: Uint8Array): string {
  return String.fromCharCode(
    h[0]!,
    h[1]!,
    h[2]!,
    h[3]!,
    h[4]!,
    h[5]!,
    h[6]!,
    h[7]!,
    h[8]!,
    h[9]!,
    h[10]!,
    h[11]!,
    h[12]!,
    h[13]!,
    h[14]!,
    h[15]!,
    h[16]!,
    h[17]!,
    h[18]!,
    h[19]!,
    h[20]!,
    h[21]!,
    h[22]!,
    h[23]!,
    h[24]!,
    h[25]!,
    h[26]!,
    h[27]!,
    h[28]!,
    h[29]!,
    h[30]!,
    h[31]!,
  );
}

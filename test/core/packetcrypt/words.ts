/** Words written as 8 hex digits each. */
export function wordsFromHex(text: string): Uint32Array {
  return Uint32Array.from(text.match(/.{8}/g) ?? [], (digits) => Number.parseInt(digits, 16));
}

/** The bytes of words, little endian; shares their memory. */
export function wordBytes(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

/** The little-endian words of bytes, a copy. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.slice().buffer);
}

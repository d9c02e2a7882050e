import {hash} from 'node:crypto';

/** SHA-256 of SHA-256, 32 bytes, by native code: for the places where very many short pieces are hashed. */
export function doubleSha256(bytes: Uint8Array): Uint8Array {
  const digest = hash('sha256', hash('sha256', bytes, 'buffer'), 'buffer');
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.length);
}

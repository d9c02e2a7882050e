import {createHash, type Hash, hash} from 'node:crypto';
import type {HashStream, Sha256} from '../../core/crypto/index.ts';

const DIGEST_BYTES = 32;

function bytesOf(digest: Buffer): Uint8Array {
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.length);
}

class NativeStream implements HashStream {
  readonly #hash: Hash;

  constructor(state: Hash) {
    this.#hash = state;
  }

  update(part: Uint8Array): this {
    this.#hash.update(part);
    return this;
  }

  copy(): HashStream {
    return new NativeStream(this.#hash.copy());
  }

  digest(): Uint8Array {
    return bytesOf(this.#hash.digest());
  }
}

/** By way of a text: a Buffer of its own for each digest costs more than the hash of a short message. */
function sha256(message: Uint8Array): Uint8Array {
  const text = hash('sha256', message, 'binary');
  const digest = new Uint8Array(DIGEST_BYTES);
  for (let i = 0; i < DIGEST_BYTES; i++) digest[i] = text.charCodeAt(i);
  return digest;
}

/** SHA-256 by the native code of Node. */
export const NATIVE_SHA256: Sha256 = Object.freeze({
  hash: sha256,
  start: () => new NativeStream(createHash('sha256')),
});

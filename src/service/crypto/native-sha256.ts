import {createHash, type Hash, hash} from 'node:crypto';
import type {HashStream, Sha256} from '../../core/crypto/index.ts';

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

/** SHA-256 by the native code of Node. */
export const NATIVE_SHA256: Sha256 = Object.freeze({
  hash: (message: Uint8Array) => bytesOf(hash('sha256', message, 'buffer')),
  start: () => new NativeStream(createHash('sha256')),
});

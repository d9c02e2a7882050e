import {blake2b} from '@noble/hashes/blake2.js';
import {ripemd160 as nobleRipemd160, sha1 as nobleSha1} from '@noble/hashes/legacy.js';
import {sha256 as nobleSha256} from '@noble/hashes/sha2.js';

/** BLAKE2b with digest length 32. Not a truncation of compress64: the length is part of the hash.   spec §1.2 */
export function compress32(message: Uint8Array): Uint8Array {
  return blake2b(message, {dkLen: 32});
}

/** BLAKE2b with digest length 64.   spec §1.2 */
export function compress64(message: Uint8Array): Uint8Array {
  return blake2b(message, {dkLen: 64});
}

export function sha256(message: Uint8Array): Uint8Array {
  return nobleSha256(message);
}

/** SHA-256 applied twice: transaction ids and merkle roots.   spec §1.2 */
export function dsha256(message: Uint8Array): Uint8Array {
  return nobleSha256(nobleSha256(message));
}

/** SHA-256 over parts. A copy goes on by itself: hashes with a common beginning hash it once. */
export interface HashStream {
  update(part: Uint8Array): HashStream;
  copy(): HashStream;
  /** Ends the stream. */
  digest(): Uint8Array;
}

class NobleStream implements HashStream {
  readonly #hash: ReturnType<typeof nobleSha256.create>;

  constructor(hash: ReturnType<typeof nobleSha256.create>) {
    this.#hash = hash;
  }

  update(part: Uint8Array): this {
    this.#hash.update(part);
    return this;
  }

  copy(): HashStream {
    return new NobleStream(this.#hash.clone());
  }

  digest(): Uint8Array {
    return this.#hash.digest();
  }
}

export function startSha256(): HashStream {
  return new NobleStream(nobleSha256.create());
}

export function sha1(message: Uint8Array): Uint8Array {
  return nobleSha1(message);
}

export function ripemd160(message: Uint8Array): Uint8Array {
  return nobleRipemd160(message);
}

/** RIPEMD-160 of SHA-256, 20 bytes: what addresses are made of. */
export function hash160(message: Uint8Array): Uint8Array {
  return nobleRipemd160(nobleSha256(message));
}

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

/** SHA-256 over parts. A copy goes on by itself: hashes with a common beginning hash it once. */
export interface HashStream {
  update(part: Uint8Array): HashStream;
  copy(): HashStream;
  /** Ends the stream. */
  digest(): Uint8Array;
}

/** A way to compute SHA-256. */
export interface Sha256 {
  hash(message: Uint8Array): Uint8Array;
  start(): HashStream;
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

/** The one that runs everywhere. */
export const PLAIN_SHA256: Sha256 = Object.freeze({
  hash: (message: Uint8Array) => nobleSha256(message),
  start: () => new NobleStream(nobleSha256.create()),
});

let present: Sha256 = PLAIN_SHA256;

/**
 * Takes another implementation for everything from now on: native code, where the platform has it, is two to ten times as fast.
 * It decides nothing but the speed; the tests hold it to the plain one.
 */
export function useSha256(implementation: Sha256): void {
  present = implementation;
}

export function sha256(message: Uint8Array): Uint8Array {
  return present.hash(message);
}

/** SHA-256 applied twice: transaction ids and merkle roots.   spec §1.2 */
export function dsha256(message: Uint8Array): Uint8Array {
  return present.hash(present.hash(message));
}

export function startSha256(): HashStream {
  return present.start();
}

export function sha1(message: Uint8Array): Uint8Array {
  return nobleSha1(message);
}

export function ripemd160(message: Uint8Array): Uint8Array {
  return nobleRipemd160(message);
}

/** RIPEMD-160 of SHA-256, 20 bytes: what addresses are made of. */
export function hash160(message: Uint8Array): Uint8Array {
  return nobleRipemd160(present.hash(message));
}

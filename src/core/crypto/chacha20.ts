import {chacha20} from '@noble/ciphers/chacha.js';
import {checkBytes, checkInteger, checkU32} from '../errors.ts';

/** "PC_EXPND" */
const EXPAND_LABEL: readonly number[] = [0x50, 0x43, 0x5f, 0x45, 0x58, 0x50, 0x4e, 0x44];

/**
 * XORs the ChaCha20 key stream (RFC 8439: 20 rounds, 96-bit nonce) into `data` in place.
 *
 * key 32 bytes | nonce 12 bytes | counter of the first 64-byte block, below 2^32 - 1
 */
export function xorKeyStream(key: Uint8Array, nonce: Uint8Array, counter: number, data: Uint8Array): void {
  chacha20(key, nonce, data, data, counter);
}

/** `length` bytes of ChaCha20 key stream from block `counter` on. */
export function keyStream(key: Uint8Array, nonce: Uint8Array, counter: number, length: number): Uint8Array {
  return chacha20(key, nonce, new Uint8Array(length), undefined, counter);
}

/**
 * Pseudo-random bytes of a seed.   spec §1.2
 *
 * seed 32 bytes | num u32, a separate stream for each number | length in bytes
 */
export function expand(seed: Uint8Array, num: number, length: number): Uint8Array {
  checkBytes('seed', seed, 32);
  checkU32('num', num);
  checkInteger('length', length, 0, 2 ** 31);
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(0, num, true);
  nonce.set(EXPAND_LABEL, 4);
  return keyStream(seed, nonce, 0, length);
}

import {secp256k1} from '@noble/curves/secp256k1.js';
import {checkBytes} from '../errors.ts';

const COMPRESSED_BYTES = 33;
const FULL_BYTES = 65;
const FULL = 4;
/** 6 or 7 before both coordinates: the parity of y is said twice. */
const HYBRID = 6;

/**
 * Checks an ECDSA signature over secp256k1; the higher of the two possible S is as good as the lower.
 *
 * signature  64 bytes: R ‖ S, big endian, each 1..order-1
 * publicKey  33 bytes, compressed, or 65 bytes beginning with 4; false for one that is no point
 * hash       32 bytes
 */
export function verifySecp256k1(signature: Uint8Array, publicKey: Uint8Array, hash: Uint8Array): boolean {
  checkBytes('signature', signature, 64);
  checkBytes('publicKey', publicKey);
  checkBytes('hash', hash, 32);
  try {
    return secp256k1.verify(signature, hash, publicKey, {prehash: false, lowS: false});
  } catch {
    return false;
  }
}

/** True for a public key of secp256k1: 33 bytes beginning with 2 or 3, or 65 beginning with 4, 6 or 7; a point of the curve. */
export function isSecp256k1Key(key: Uint8Array): boolean {
  checkBytes('key', key);
  const first = key[0];
  if (key.length === COMPRESSED_BYTES ? first !== 2 && first !== 3 : key.length !== FULL_BYTES) return false;
  const isHybrid = key.length === FULL_BYTES && (first === HYBRID || first === HYBRID + 1);
  if (isHybrid && (key[FULL_BYTES - 1]! & 1) !== first! - HYBRID) return false;
  const plain = new Uint8Array(key);
  if (isHybrid) plain[0] = FULL;
  try {
    secp256k1.Point.fromBytes(plain);
    return true;
  } catch {
    return false;
  }
}

/** Compressed public key, 33 bytes, of a private key of 32 bytes, big endian. Throws for one that is 0 or not below the order. */
export function secp256k1PublicKey(key: Uint8Array): Uint8Array {
  checkBytes('key', key, 32);
  return secp256k1.getPublicKey(key, true);
}

/** A new private key, 32 bytes, from the system's source of random numbers. */
export function randomSecp256k1Key(): Uint8Array {
  return secp256k1.utils.randomSecretKey();
}

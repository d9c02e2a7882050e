import {secp256k1} from '@noble/curves/secp256k1.js';
import {checkBytes} from '../errors.ts';

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

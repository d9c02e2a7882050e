import {ed25519} from '@noble/curves/ed25519.js';
import {sha512} from '@noble/hashes/sha2.js';
import {concatBytes, equalBytes, readUint} from '../bytes/index.ts';
import {checkBytes} from '../errors.ts';

const {Point} = ed25519;
const ORDER = Point.CURVE().n;

/** The key as a point; lenient: y may be ≥ p and x = 0 may carry a sign. `undefined` when no point has this y. */
function decodePoint(publicKey: Uint8Array): InstanceType<typeof Point> | undefined {
  try {
    return Point.fromBytes(publicKey, true);
  } catch {
    return undefined;
  }
}

/**
 * Checks an Ed25519 signature the way the node software of the network does (Go's crypto/ed25519).   spec §8.8
 *
 * signature  64 bytes: R ‖ S, S below the group order
 * publicKey  32 bytes
 * The equation is the one without cofactor and R is compared as bytes: [S]B - [k]A, encoded, must be R itself.
 * Libraries that multiply by the cofactor accept more, and a node must not.
 */
export function verifyEd25519(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  checkBytes('signature', signature, 64);
  checkBytes('message', message);
  checkBytes('publicKey', publicKey, 32);
  const s = readUint(signature.subarray(32));
  if (s >= ORDER) return false;
  const a = decodePoint(publicKey);
  if (a === undefined) return false;
  const r = signature.subarray(0, 32);
  const k = readUint(sha512(concatBytes(r, publicKey, message))) % ORDER;
  const expected = Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k));
  return equalBytes(expected.toBytes(), r);
}

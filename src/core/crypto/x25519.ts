import {x25519 as noble} from '@noble/curves/ed25519.js';

/**
 * X25519 (RFC 7748) of a 32-byte scalar, clamped here, and a 32-byte u-coordinate.
 * A point of small order gives an all-zero result, which throws; multiples of the base point never do.
 */
export function x25519(scalar: Uint8Array, u: Uint8Array): Uint8Array {
  return noble.scalarMult(scalar, u);
}

/** X25519 of a 32-byte scalar and the base point 9. */
export function x25519Base(scalar: Uint8Array): Uint8Array {
  return noble.scalarMultBase(scalar);
}

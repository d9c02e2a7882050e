import {secp256k1} from '@noble/curves/secp256k1.js';
import {concatBytes} from '../../../../src/core/bytes/index.ts';
import {SignatureHashes} from '../../../../src/core/consensus/script/signature-hash.ts';
import type {Transaction} from '../../../../src/core/primitives/index.ts';

export interface TestKey {
  readonly secret: Uint8Array;
  /** 33 bytes */
  readonly compressed: Uint8Array;
  /** 65 bytes beginning with 4 */
  readonly whole: Uint8Array;
}

export function testKey(number: number): TestKey {
  const secret = new Uint8Array(32).fill(number);
  return {
    secret,
    compressed: secp256k1.getPublicKey(secret, true),
    whole: secp256k1.getPublicKey(secret, false),
  };
}

function sign(hash: Uint8Array, key: TestKey, hashType: number): Uint8Array {
  const der = secp256k1.sign(hash, key.secret, {prehash: false, format: 'der'});
  return concatBytes(der, Uint8Array.of(hashType));
}

/** Signature, with hash type, over the only input of a transaction. */
export function signLegacy(transaction: Transaction, code: Uint8Array, key: TestKey, hashType = 1): Uint8Array {
  return sign(new SignatureHashes(transaction).legacy(0, code, hashType), key, hashType);
}

export function signWitness(
  transaction: Transaction,
  code: Uint8Array,
  value: bigint,
  key: TestKey,
  hashType = 1,
): Uint8Array {
  return sign(new SignatureHashes(transaction).witness(0, code, value, hashType), key, hashType);
}

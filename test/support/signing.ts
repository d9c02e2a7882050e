import {secp256k1} from '@noble/curves/secp256k1.js';
import {SIGHASH_ALL, SignatureHashes} from '../../src/core/consensus/index.ts';
import {hash160} from '../../src/core/crypto/index.ts';
import type {Transaction} from '../../src/core/primitives/index.ts';

/** A key that pays to its witness program of version 0. */
export interface TestKey {
  readonly secret: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly script: Uint8Array;
}

/** The key of a number from 1 on. */
export function testKey(number: number): TestKey {
  const secret = new Uint8Array(32);
  new DataView(secret.buffer).setUint32(28, number);
  const publicKey = secp256k1.getPublicKey(secret, true);
  return {secret, publicKey, script: Uint8Array.from([0, 20, ...hash160(publicKey)])};
}

/** Signs all inputs, which spend coins of one key with these values. */
export function signAll(
  transaction: Transaction,
  {secret, publicKey}: TestKey,
  values: readonly bigint[],
): Transaction {
  const hashes = new SignatureHashes(transaction);
  const code = Uint8Array.from([0x76, 0xa9, 20, ...hash160(publicKey), 0x88, 0xac]);
  const inputs = transaction.inputs.map((input, i) => {
    const hash = hashes.witness(i, code, values[i]!, SIGHASH_ALL);
    const signature = secp256k1.sign(hash, secret, {prehash: false, format: 'der'});
    return {...input, witness: [Uint8Array.from([...signature, SIGHASH_ALL]), publicKey]};
  });
  return {...transaction, inputs};
}

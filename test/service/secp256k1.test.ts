import {equal, notEqual} from 'node:assert/strict';
import {test} from 'node:test';
import {secp256k1} from '@noble/curves/secp256k1.js';
import {PLAIN_VERIFIER} from '../../src/core/consensus/index.ts';
import {loadNativeVerifier, loadVerifier, WASM_VERIFIER} from '../../src/service/crypto/secp256k1.ts';
import {Random} from '../fuzz/random.ts';

const {ORDER} = secp256k1.Point.Fn;

function bytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({length}, () => random.below(256));
}

function bigBytes(value: bigint): Uint8Array {
  return Uint8Array.from(value.toString(16).padStart(64, '0').match(/../g)!, (text) => Number.parseInt(text, 16));
}

interface Case {
  readonly what: string;
  readonly signature: Uint8Array;
  readonly key: Uint8Array;
  readonly hash: Uint8Array;
  readonly valid: boolean;
}

/** A signature and everything that can be wrong with it. */
function casesOf(random: Random): Case[] {
  const secret = secp256k1.utils.randomSecretKey(bytes(random, 48));
  const hash = bytes(random, 32);
  const signature = secp256k1.sign(hash, secret, {prehash: false});
  const key = secp256k1.getPublicKey(secret, true);
  const full = secp256k1.getPublicKey(secret, false);
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`);
  const other = Uint8Array.from([...signature.subarray(0, 32), ...bigBytes(ORDER - s)]);
  const changed = signature.slice();
  changed[random.below(64)]! ^= 1 << random.below(8);
  const wrongHash = hash.slice();
  wrongHash[random.below(32)]! ^= 1;
  const offCurve = full.slice();
  offCurve[64]! ^= 1;
  const zero = new Uint8Array(64);
  const large = Uint8Array.from([...bigBytes(ORDER), ...signature.subarray(32)]);
  const good = {signature, key, hash, valid: true};
  return [
    {what: 'good', ...good},
    {what: 'full key', ...good, key: full},
    {what: 'the other S', ...good, signature: other},
    {what: 'changed signature', ...good, signature: changed, valid: false},
    {what: 'another hash', ...good, hash: wrongHash, valid: false},
    {what: 'point off the curve', ...good, key: offCurve, valid: false},
    {what: 'zeros', ...good, signature: zero, valid: false},
    {what: 'R too large', ...good, signature: large, valid: false},
    {what: 'no key', ...good, key: new Uint8Array(33), valid: false},
    {what: 'empty key', ...good, key: new Uint8Array(0), valid: false},
  ];
}

const native = loadNativeVerifier();

for (const [name, verifier] of [
  ['plain', PLAIN_VERIFIER],
  ['WebAssembly', WASM_VERIFIER],
  ['native', native],
] as const) {
  test(`signatures, ${name}`, {skip: verifier === undefined && 'the native library does not load here'}, () => {
    const random = new Random(7);
    for (let i = 0; i < 20; i++) {
      for (const {what, signature, key, hash, valid} of casesOf(random)) {
        const before = signature.slice();
        equal(verifier!.verify(signature, key, hash), valid, `${what}, number ${i}`);
        equal(Buffer.compare(signature, before), 0, 'the signature is not changed');
      }
    }
  });
}

test('the fastest that loads is taken', () => {
  equal(loadVerifier().name, native === undefined ? 'wasm' : 'native');
  notEqual(loadVerifier(), undefined);
});

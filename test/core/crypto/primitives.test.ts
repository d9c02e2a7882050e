import {deepEqual, equal, throws} from 'node:assert/strict';
import {createCipheriv, diffieHellman, generateKeyPairSync, type KeyObject, randomBytes, sign} from 'node:crypto';
import {test} from 'node:test';
import {ed25519} from '@noble/curves/ed25519.js';
import {sha512} from '@noble/hashes/sha2.js';
import {concatBytes, decodeHex, encodeHex, readUint} from '../../../src/core/bytes/index.ts';
import {keyStream, poly1305, verifyEd25519, x25519, x25519Base, xorKeyStream} from '../../../src/core/crypto/index.ts';

const {Point} = ed25519;
const ORDER = Point.CURVE().n;

test('chacha20 agrees with OpenSSL at every counter and length', () => {
  for (const [counter, length] of [
    [0, 1],
    [0, 64],
    [1, 130],
    [31, 2000],
    [0xfffffff0, 64],
  ] as const) {
    const key = randomBytes(32);
    const nonce = randomBytes(12);
    const iv = Buffer.alloc(16);
    iv.writeUInt32LE(counter);
    nonce.copy(iv, 4);
    const expected = createCipheriv('chacha20', key, iv).update(Buffer.alloc(length));
    equal(encodeHex(keyStream(key, nonce, counter, length)), expected.toString('hex'));
    const data = new Uint8Array(length + 3).fill(0xff);
    xorKeyStream(key, nonce, counter, data.subarray(3));
    deepEqual(data.subarray(0, 3), Uint8Array.of(0xff, 0xff, 0xff));
    deepEqual(
      data.subarray(3).map((byte) => byte ^ 0xff),
      new Uint8Array(expected),
    );
  }
});

test('poly1305: the example of RFC 8439 §2.5.2, in one part and in three', () => {
  const key = decodeHex('85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b');
  const text = new TextEncoder().encode('Cryptographic Forum Research Group');
  const tag = 'a8061dc1305136c6c22b8baf0c0127a9';
  equal(encodeHex(poly1305(key, text)), tag);
  equal(encodeHex(poly1305(key, text.subarray(0, 5), text.subarray(5, 21), text.subarray(21))), tag);
});

test('x25519: the example of RFC 7748 §5.2, and agreement with OpenSSL', () => {
  equal(
    encodeHex(
      x25519(
        decodeHex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4'),
        decodeHex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c'),
      ),
    ),
    'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
  );
  const part = (key: KeyObject, name: 'd' | 'x') => Buffer.from(key.export({format: 'jwk'})[name]!, 'base64url');
  const mine = generateKeyPairSync('x25519');
  const theirs = generateKeyPairSync('x25519');
  equal(encodeHex(x25519Base(part(mine.privateKey, 'd'))), encodeHex(part(mine.publicKey, 'x')));
  equal(
    encodeHex(x25519(part(mine.privateKey, 'd'), part(theirs.publicKey, 'x'))),
    diffieHellman({privateKey: mine.privateKey, publicKey: theirs.publicKey}).toString('hex'),
  );
  throws(() => x25519(part(mine.privateKey, 'd'), new Uint8Array(32)));
});

test('ed25519: signatures of OpenSSL verify, altered ones do not', () => {
  const {privateKey, publicKey} = generateKeyPairSync('ed25519');
  const key = Buffer.from(publicKey.export({format: 'jwk'}).x!, 'base64url');
  for (let i = 0; i < 8; i++) {
    const message = randomBytes(i * 37);
    const signature = sign(null, message, privateKey);
    equal(verifyEd25519(signature, message, key), true);
    const altered = Uint8Array.from(signature);
    altered[8 * i] = altered[8 * i]! ^ 1;
    equal(verifyEd25519(altered, message, key), false);
    equal(verifyEd25519(signature, concatBytes(message, Uint8Array.of(0)), key), false);
  }
});

/** Little-endian 32 bytes of a scalar. */
function scalarBytes(scalar: bigint): Uint8Array {
  return Uint8Array.from(decodeHex(scalar.toString(16).padStart(64, '0'))).reverse();
}

test('ed25519: S must be below the group order', () => {
  const {secretKey, publicKey} = ed25519.keygen();
  const message = Uint8Array.of(1, 2, 3);
  const signature = ed25519.sign(message, secretKey);
  equal(verifyEd25519(signature, message, publicKey), true);
  const raised = concatBytes(signature.subarray(0, 32), scalarBytes(readUint(signature.subarray(32)) + ORDER));
  equal(verifyEd25519(raised, message, publicKey), false);
});

test('ed25519: the equation has no cofactor', () => {
  // A key with a component of order 8. Whether [k]A loses it depends on k mod 8, so both answers occur; the equation
  // with cofactor accepts always.
  const torsion = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', true);
  const secret = 123456789n;
  const key = Point.BASE.multiply(secret).add(torsion).toBytes();
  const answers = new Set<boolean>();
  for (let i = 0; i < 64; i++) {
    const message = Uint8Array.of(i);
    const nonce = 987654321n + BigInt(i);
    const r = Point.BASE.multiply(nonce).toBytes();
    const k = readUint(sha512(concatBytes(r, key, message))) % ORDER;
    const signature = concatBytes(r, scalarBytes((nonce + k * secret) % ORDER));
    const answer = verifyEd25519(signature, message, key);
    equal(answer, k % 8n === 0n);
    equal(ed25519.verify(signature, message, key, {zip215: true}), true);
    answers.add(answer);
  }
  equal(answers.size, 2);
});

test('ed25519: keys are decoded leniently, R is compared as bytes', () => {
  // y = 1 + p is the neutral element in a form that is not canonical; with A neutral, R = [S]B.
  const neutral = decodeHex('eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f');
  const message = new Uint8Array(0);
  const signature = concatBytes(Point.BASE.multiply(5n).toBytes(), scalarBytes(5n));
  equal(verifyEd25519(signature, message, neutral), true);
  const signed = Uint8Array.from(neutral);
  signed[31] = 0xff;
  equal(verifyEd25519(signature, message, signed), true);
  // R neutral but written as y = 1 + p: the same point, other bytes.
  equal(verifyEd25519(concatBytes(neutral, new Uint8Array(32)), message, neutral), false);
  equal(verifyEd25519(concatBytes(Point.ZERO.toBytes(), new Uint8Array(32)), message, neutral), true);
  // y = 2 is no point of the curve
  equal(verifyEd25519(signature, message, Uint8Array.of(2, ...new Uint8Array(31))), false);
});

test('ed25519: arguments of wrong length are a RangeError', () => {
  const bytes = (length: number) => new Uint8Array(length);
  throws(() => verifyEd25519(bytes(63), bytes(1), bytes(32)), RangeError);
  throws(() => verifyEd25519(bytes(64), bytes(1), bytes(33)), RangeError);
  throws(() => verifyEd25519(bytes(64), 'x' as unknown as Uint8Array, bytes(32)), TypeError);
});

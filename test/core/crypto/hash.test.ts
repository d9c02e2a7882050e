import {equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import {encodeHex} from '../../../src/core/bytes/index.ts';
import {compress32, compress64, dsha256, expand, sha256} from '../../../src/core/crypto/index.ts';
import {hashVectors} from './hash-suite.ts';

hashVectors('plain', {expand, compress32, compress64, dsha256});

test('sha256 of the standard example', () => {
  equal(
    encodeHex(sha256(new TextEncoder().encode('abc'))),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});

test('expand says what is wrong with its arguments', () => {
  throws(() => expand(new Uint8Array(31), 0, 8), /"seed" expected Uint8Array of length 32, got length 31/);
  throws(() => expand(new Uint8Array(32), -1, 8), RangeError);
  throws(() => expand(new Uint8Array(32), 0, -1), RangeError);
  throws(() => expand(new Uint8Array(32), 0, '8' as unknown as number), TypeError);
});

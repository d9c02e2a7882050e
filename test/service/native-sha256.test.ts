import {deepEqual} from 'node:assert/strict';
import {test} from 'node:test';
import {PLAIN_SHA256} from '../../src/core/crypto/index.ts';
import {NATIVE_SHA256} from '../../src/service/crypto/native-sha256.ts';
import {Random} from '../fuzz/random.ts';

test('native SHA-256 gives what the plain one gives, whole and in parts', () => {
  const random = new Random(11);
  for (let length = 0; length < 300; length++) {
    const message = Uint8Array.from({length}, () => random.below(256));
    const expected = PLAIN_SHA256.hash(message);
    deepEqual(NATIVE_SHA256.hash(message), expected);
    const cut = random.below(length + 1);
    for (const {start} of [PLAIN_SHA256, NATIVE_SHA256]) {
      const first = start().update(message.subarray(0, cut));
      const copy = first.copy().update(message.subarray(cut));
      deepEqual(first.update(message.subarray(cut)).digest(), expected);
      deepEqual(copy.digest(), expected);
    }
  }
});

test("a digest is nobody else's memory", () => {
  const first = NATIVE_SHA256.hash(Uint8Array.of(1));
  const kept = first.slice();
  for (let i = 0; i < 1000; i++) NATIVE_SHA256.hash(Uint8Array.of(i & 255));
  deepEqual(first, kept);
});

import {deepEqual, equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {decodeHex, encodeHex} from '../../../src/core/bytes/index.ts';
import {
  commitmentScript,
  decodeCommitment,
  encodeCommitment,
  fillPlaceholder,
  findCommitment,
  placeholderScript,
} from '../../../src/core/packetcrypt/index.ts';
import {checkProperty} from '../../support/property.ts';
import {refuses} from '../../support/refusal.ts';
import {readVectors} from '../../support/vectors.ts';

const {coinbaseCommit: vector} = readVectors<{
  coinbaseCommit: {
    bytes: string;
    annLeastWorkTarget: string;
    merkleRoot: string;
    numAnns: number;
    script: string;
    placeholderScript: string;
  };
}>('block');

test('the commitment example', () => {
  const fields = {
    annLeastWorkTarget: Number.parseInt(vector.annLeastWorkTarget, 16),
    root: decodeHex(vector.merkleRoot),
    numAnns: BigInt(vector.numAnns),
  };
  deepEqual(decodeCommitment(decodeHex(vector.bytes)), fields);
  equal(encodeHex(encodeCommitment(fields)), vector.bytes);
  equal(encodeHex(commitmentScript(decodeHex(vector.bytes))), vector.script);
  equal(encodeHex(placeholderScript()), vector.placeholderScript);
});

test('commitments go there and back; other lengths and magics are refused', () => {
  checkProperty(
    fc.property(
      fc.record(
        {
          annLeastWorkTarget: fc.nat(0xffffffff),
          root: fc.uint8Array({minLength: 32, maxLength: 32}),
          numAnns: fc.bigInt({min: 0n, max: (1n << 64n) - 1n}),
        },
        {noNullPrototype: true},
      ),
      (fields) => {
        const bytes = encodeCommitment(fields);
        deepEqual(decodeCommitment(bytes), fields);
        bytes[fields.annLeastWorkTarget % 4]! ^= 1 << (fields.annLeastWorkTarget % 8);
        refuses(() => decodeCommitment(bytes), 'BAD_COINBASE');
      },
    ),
  );
  for (let length = 0; length < 60; length++) {
    if (length !== 48)
      refuses(() => decodeCommitment(decodeHex(vector.bytes.repeat(2)).subarray(0, length)), 'BAD_COINBASE');
  }
});

test('the first matching output script counts, cut or filled up to 48 bytes', () => {
  const script = decodeHex(vector.script);
  const other = decodeHex('76a914000000000000000000000000000000000000000088ac');
  equal(findCommitment([]), undefined);
  equal(findCommitment([other, script.subarray(0, 6), script.subarray(1)]), undefined);
  equal(encodeHex(findCommitment([other, script, placeholderScript()])!), vector.bytes);
  const longer = Buffer.concat([script, Buffer.of(1, 2, 3)]);
  equal(encodeHex(findCommitment([longer])!), vector.bytes);
  const short = findCommitment([script.subarray(0, 7), script])!;
  equal(encodeHex(short), vector.bytes.slice(0, 10) + '00'.repeat(43));
});

test('a placeholder in a coinbase is replaced once', () => {
  const placeholder = placeholderScript();
  const coinbase = Buffer.concat([Buffer.of(1, 2, 3), placeholder, Buffer.of(4), placeholder]);
  const filled = fillPlaceholder(coinbase, decodeHex(vector.bytes));
  equal(encodeHex(filled), `010203${vector.script}04${vector.placeholderScript}`);
  equal(encodeHex(coinbase).startsWith(`010203${vector.placeholderScript}`), true);
  refuses(() => fillPlaceholder(placeholder.subarray(0, 49), decodeHex(vector.bytes)), 'BAD_COINBASE');
  refuses(() => fillPlaceholder(new Uint8Array(0), decodeHex(vector.bytes)), 'BAD_COINBASE');
});

test('misuse is a TypeError or RangeError', () => {
  const root = new Uint8Array(32);
  throws(() => encodeCommitment({annLeastWorkTarget: -1, root, numAnns: 1n}), RangeError);
  throws(() => encodeCommitment({annLeastWorkTarget: 1, root: root.subarray(1), numAnns: 1n}), RangeError);
  throws(() => encodeCommitment({annLeastWorkTarget: 1, root, numAnns: 1n << 64n}), RangeError);
  throws(() => encodeCommitment({annLeastWorkTarget: 1, root, numAnns: 1 as unknown as bigint}), TypeError);
  throws(() => commitmentScript(new Uint8Array(47)), RangeError);
  throws(() => fillPlaceholder(new Uint8Array(50), new Uint8Array(49)), RangeError);
});

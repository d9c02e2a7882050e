import {equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {compactToBig, decodeHex, readUint, writeU32} from '../../../src/core/bytes/index.ts';
import {meetsTarget} from '../../../src/core/packetcrypt/index.ts';
import {checkProperty} from '../../support/property.ts';
import {readVectors} from '../../support/vectors.ts';

const {workCheck} = readVectors<{workCheck: {hash: string; target: string; ok: number}[]}>('blockhash');

test(`workCheck: ${workCheck.length} vectors`, () => {
  for (const {hash, target, ok} of workCheck) {
    equal(meetsTarget(decodeHex(hash), Number.parseInt(target, 16)), ok === 1, `${hash} ${target}`);
  }
});

/** A hash whose number is `value`. */
function hashOf(value: bigint): Uint8Array {
  return Uint8Array.from(decodeHex(value.toString(16).padStart(64, '0'))).reverse();
}

test('a hash equal to the target: refused in the strict profile, accepted in the node profile', () => {
  for (const target of [0x207fffff, 0x1f0fffff, 0x03000001, 0x20000001]) {
    const value = compactToBig(target)!;
    equal(meetsTarget(hashOf(value), target, 'strict'), false);
    equal(meetsTarget(hashOf(value), target, 'node'), true);
    equal(meetsTarget(hashOf(value - 1n), target, 'strict'), true);
    equal(meetsTarget(hashOf(value + 1n), target, 'node'), false);
  }
});

test('forms of targets only the node profile compares', () => {
  const zero = new Uint8Array(32);
  for (const target of [0x02008000, 0x01010000, 0x21000001, 0x2100ffff, 0xff000001]) {
    equal(meetsTarget(zero, target, 'strict'), false);
    equal(meetsTarget(zero, target, 'node'), true);
  }
  for (const target of [0x20800000, 0x20ffffff, 0x1f800001]) {
    equal(meetsTarget(zero, target, 'strict'), false);
    equal(meetsTarget(zero, target, 'node'), false);
  }
  equal(meetsTarget(zero, 0, 'node'), true);
});

test('the strict profile is a comparison of numbers for every target it understands', () => {
  const target = fc.tuple(fc.integer({min: 3, max: 0x20}), fc.nat(0x7fffff)).map(([e, m]) => e * 2 ** 24 + m);
  checkProperty(
    fc.property(
      target,
      fc.uint8Array({minLength: 32, maxLength: 32}),
      fc.integer({min: 3, max: 40}),
      (bits, hash, low) => {
        hash.fill(0, low);
        equal(meetsTarget(hash, bits), readUint(hash) < compactToBig(bits)!);
        writeU32(hash, 0, 0);
        equal(meetsTarget(hash, bits, 'node'), readUint(hash) <= compactToBig(bits)!);
      },
    ),
    1000,
  );
});

test('misuse is a TypeError or RangeError', () => {
  throws(() => meetsTarget(new Uint8Array(31), 1), RangeError);
  throws(() => meetsTarget(new Uint8Array(32), -1), RangeError);
  throws(() => meetsTarget(new Uint8Array(32), 1, 'lenient' as 'node'), TypeError);
});

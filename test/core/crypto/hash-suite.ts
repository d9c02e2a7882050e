import {equal} from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {test} from 'node:test';
import {decodeHex, encodeHex} from '../../../src/core/bytes/index.ts';
import {readVectors} from '../../support/vectors.ts';

/** What an implementation of spec §1.2 offers. */
export interface HashImplementation {
  readonly expand: (seed: Uint8Array, num: number, length: number) => Uint8Array;
  readonly compress32: (message: Uint8Array) => Uint8Array;
  readonly compress64: (message: Uint8Array) => Uint8Array;
  readonly dsha256: (message: Uint8Array) => Uint8Array;
}

interface ExpandCase {
  seed: string;
  num: number;
  len: number;
  out?: string;
  outSha256?: string;
}

interface CompressCase {
  len: number;
  inHex?: string;
  expandSeed?: string;
  expandNum?: number;
  compress32: string;
  compress64: string;
  dsha256: string;
}

/** Every case of hash.json through one implementation. */
export function hashVectors(name: string, implementation: HashImplementation): void {
  const vectors = readVectors<{expand: ExpandCase[]; compress: CompressCase[]}>('hash');

  test(`expand, ${name}: ${vectors.expand.length} vectors`, () => {
    for (const {seed, num, len, out, outSha256} of vectors.expand) {
      const got = implementation.expand(decodeHex(seed), num, len);
      equal(got.length, len);
      if (out !== undefined) equal(encodeHex(got), out);
      else equal(createHash('sha256').update(got).digest('hex'), outSha256);
    }
  });

  test(`compress32, compress64, dsha256, ${name}: ${vectors.compress.length} vectors`, () => {
    for (const {len, inHex, expandSeed, expandNum, ...expected} of vectors.compress) {
      const message =
        inHex === undefined ? implementation.expand(decodeHex(expandSeed!), expandNum!, len) : decodeHex(inHex);
      equal(message.length, len);
      equal(encodeHex(implementation.compress32(message)), expected.compress32);
      equal(encodeHex(implementation.compress64(message)), expected.compress64);
      equal(encodeHex(implementation.dsha256(message)), expected.dsha256);
    }
  });
}

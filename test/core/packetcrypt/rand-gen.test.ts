import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {describe, it} from 'node:test';
import {decodeHex} from '../../../src/core/bytes/index.ts';
import {generateProgram} from '../../../src/core/packetcrypt/rand-hash/rand-gen.ts';
import {readVectors} from '../../support/vectors.ts';
import {RAND_GENS} from './rand-hash-implementations.ts';
import {wordBytes, wordsFromHex} from './words.ts';

interface Case {
  seed: string;
  len?: number;
  sha256?: string;
  program?: string;
  error?: string;
}

const {cases} = readVectors<{cases: Case[]}>('randgen');

for (const {name, generate} of RAND_GENS) {
  describe(`RandGen, ${name}`, () => {
    for (const {seed, len, sha256, program, error} of cases) {
      it(`seed ${seed.slice(0, 8)}: ${error ?? `${len} words`}`, () => {
        if (error !== undefined) {
          assert.throws(() => generate(decodeHex(seed)), {name: 'RandHashError', code: error});
          return;
        }
        const words = generate(decodeHex(seed));
        assert.equal(words.length, len);
        assert.equal(createHash('sha256').update(wordBytes(words)).digest('hex'), sha256);
        if (program !== undefined) assert.deepEqual(words, wordsFromHex(program));
      });
    }
  });
}

describe('generateProgram', () => {
  it('refuses a seed that is not 32 bytes', () => {
    assert.throws(() => generateProgram(new Uint8Array(31)), RangeError);
    assert.throws(() => generateProgram('seed' as unknown as Uint8Array), TypeError);
  });
});

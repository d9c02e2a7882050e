import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {describe, it} from 'node:test';
import {decodeHex, encodeHex} from '../../../src/core/bytes/index.ts';
import {expand} from '../../../src/core/crypto/index.ts';
import {generateProgram} from '../../../src/core/packetcrypt/rand-hash/rand-gen.ts';
import {runProgram} from '../../../src/core/packetcrypt/rand-hash/rand-hash.ts';
import {readVectors} from '../../support/vectors.ts';
import {RAND_HASHES} from './rand-hash-implementations.ts';
import {wordBytes, wordsFromHex, wordsOf} from './words.ts';

interface Case {
  note?: string;
  progSeed?: string;
  program?: string;
  memSeed?: string;
  stateSeed: string;
  nonce: string;
  itemNum: number;
  cycles: number;
  progLen?: number;
  opCounts?: number[];
  opCount2?: number;
  stateSha256?: string;
  head?: string;
  at1024?: string;
  trace?: [number, number, string, number][];
  traceCount?: number;
  traceSha256?: string;
  error?: string;
}

const {cases} = readVectors<{cases: Case[]}>('randhash');

/** Program, memory window and initial state of a case.   spec §3.3, §5.6 */
function prepare(c: Case): {program: Uint32Array; memory: Uint32Array; state: Uint32Array} {
  const program = c.program === undefined ? generateProgram(decodeHex(c.progSeed!)) : wordsFromHex(c.program);
  const image = wordsOf(expand(decodeHex(c.memSeed ?? c.progSeed!), 0, 8192));
  image.set(program);
  const window = c.itemNum % 1792;
  const bytes = expand(decodeHex(c.stateSeed), 0, 2048);
  bytes.set(decodeHex(c.nonce).reverse(), 0);
  const state = wordsOf(bytes);
  state[3] = (state[4]! & 0x00ffffff) | (32 << 17); // makeFuzzable
  return {program, memory: image.slice(window, window + 256), state};
}

const title = (c: Case): string => c.note ?? `${c.progSeed!.slice(0, 8)}, item ${c.itemNum}, ${c.cycles} cycles`;

for (const {name, run} of RAND_HASHES) {
  describe(`RandHash, ${name}`, () => {
    for (const c of cases) {
      it(title(c), () => {
        const {program, memory, state} = prepare(c);
        if (c.error !== undefined) {
          assert.throws(() => run(program, memory, state, c.cycles), {name: 'RandHashError', code: c.error});
          return;
        }
        run(program, memory, state, c.cycles);
        const bytes = wordBytes(state);
        assert.equal(encodeHex(bytes.subarray(0, 32)), c.head);
        assert.equal(encodeHex(bytes.subarray(1024, 1056)), c.at1024);
        assert.equal(createHash('sha256').update(bytes).digest('hex'), c.stateSha256);
      });
    }
  });
}

describe('runProgram', () => {
  for (const c of cases.filter((each) => each.error === undefined)) {
    it(`counts and traces ${title(c)}`, () => {
      const {program, memory, state} = prepare(c);
      const rows: number[] = [];
      const counts = runProgram(program, memory, state, c.cycles, (...row) => rows.push(...row));
      if (c.progLen !== undefined) assert.equal(program.length, c.progLen);
      if (c.opCounts !== undefined) assert.deepEqual(counts, c.opCounts);
      if (c.opCount2 !== undefined) assert.equal(counts[c.cycles - 1], c.opCount2);
      if (c.traceSha256 === undefined) return;
      const trace = Uint32Array.from(rows.slice(0, 4 * c.traceCount!));
      assert.equal(counts[0], c.traceCount);
      for (const [i, [pc, length, top, position]] of (c.trace ?? []).entries()) {
        assert.deepEqual([...trace.subarray(4 * i, 4 * i + 4)], [pc, length, Number.parseInt(top, 16), position]);
      }
      assert.equal(createHash('sha256').update(wordBytes(trace)).digest('hex'), c.traceSha256);
    });
  }

  it('refuses wrong arguments', () => {
    const program = wordsFromHex('002000420190684100000046');
    const half = new Uint32Array(256);
    assert.throws(() => runProgram(program, new Uint32Array(255), new Uint32Array(512), 2), RangeError);
    assert.throws(() => runProgram(program, half, new Uint32Array(256), 2), RangeError);
    assert.throws(() => runProgram(program, half, [] as unknown as Uint32Array, 2), TypeError);
    assert.throws(() => runProgram(program, half, new Uint32Array(512), -1), RangeError);
  });
});

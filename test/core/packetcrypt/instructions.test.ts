import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {
  ARITHMETIC,
  arithmeticOf,
  CLASSES,
  IN,
  INSTRUCTION_NAMES,
  immediateHigh,
  immediateLow,
} from '../../../src/core/packetcrypt/rand-hash/instructions.ts';
import {readVectors} from '../../support/vectors.ts';
import {RAND_HASHES} from './rand-hash-implementations.ts';

interface Opcodes {
  ops: {name: string; op: number; type: keyof typeof CLASSES; cases: string[][]}[];
  control: Record<string, number>;
  imm: [string, string][];
}

const {ops, control, imm} = readVectors<Opcodes>('opcodes');

describe('instruction table', () => {
  it('has every opcode under its name and class', () => {
    assert.deepEqual(
      ARITHMETIC.map((row) => [row.name, row.opcode, row.class]),
      ops.map(({name, op, type}) => [name, op, type]),
    );
    for (const [name, opcode] of Object.entries(control)) assert.equal(INSTRUCTION_NAMES[opcode], name);
    for (const row of ARITHMETIC) {
      assert.equal(arithmeticOf(row.opcode), row);
      assert.ok(row.opcode >= row.first && row.opcode < row.first + row.count);
    }
    assert.equal(arithmeticOf(0), undefined);
    assert.equal(arithmeticOf(IN), undefined);
  });

  it('decodes immediates', () => {
    for (const [word, value] of imm) {
      const w = Number.parseInt(word, 16) | 0;
      const decoded = (BigInt(immediateHigh(w) >>> 0) << 32n) | BigInt(immediateLow(w) >>> 0);
      assert.equal(decoded.toString(16).padStart(16, '0'), value, word);
    }
  });
});

/** LOOP 1: IN 0 .. IN n-1, the instruction on those variables, END. */
function oneInstruction(opcode: number, inputs: number, isPair: boolean): Uint32Array {
  const words = [0x00100042];
  for (let i = 0; i < inputs; i++) words.push(((i << 20) | IN) >>> 0);
  const a = isPair ? 2 : 1;
  words.push(((2 * a * (inputs > a ? 1 : 0)) << 20) | (a << 9) | opcode, 0x46);
  return Uint32Array.from(words);
}

for (const {name, run} of RAND_HASHES) {
  describe(`arithmetic, ${name}`, () => {
    for (const {name: instruction, op, type, cases} of ops) {
      it(instruction, () => {
        const {operands, pairs} = CLASSES[type];
        const inputs = operands * (pairs ? 2 : 1);
        const program = oneInstruction(op, inputs, pairs);
        for (const hex of cases) {
          const words = hex.map((digits) => Number.parseInt(digits, 16));
          const state = new Uint32Array(512);
          state.set(words.slice(0, inputs));
          run(program, new Uint32Array(256), state, 1);
          assert.deepEqual([...state.subarray(256, 256 + words.length)], words, hex.join(' '));
        }
      });
    }
  });
}

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {RAND_HASHES} from './rand-hash-implementations.ts';

const END = 0x46;
const MEMORY = 0x41;
const LOOP2 = 0x00200042;
const jump = (skip: number): number => (skip << 8) | 0x45;
const ifLikely = (a: number): number => 0x00200043 | (a << 9);
const popcount = (a: number): number => 0x03 | (a << 9);
const add = (a: number, b: number): number => 0x0e | (a << 9) | (b << 20);
const add64 = (a: number, b: number): number => 0x33 | (a << 9) | (b << 20);

/** Programs no seed generates, and the code each is refused with. */
const REFUSED: readonly (readonly [title: string, code: string, words: readonly number[]])[] = [
  ['no words', 'BAD_STRUCTURE', []],
  ['more than 2048 words', 'TOO_BIG', [LOOP2, ...new Array<number>(2047).fill(MEMORY), END]],
  ['opcode 0', 'BAD_OPCODE', [LOOP2, 0, END]],
  ['opcode 71', 'BAD_OPCODE', [LOOP2, 71, END]],
  ['opcode 255', 'BAD_OPCODE', [255]],
  ['no outermost loop', 'BAD_STRUCTURE', [MEMORY, END]],
  ['END first', 'BAD_STRUCTURE', [END]],
  ['no END', 'BAD_STRUCTURE', [LOOP2, MEMORY]],
  ['an END missing', 'BAD_STRUCTURE', [LOOP2, LOOP2, MEMORY, END]],
  ['an END too many', 'BAD_STRUCTURE', [LOOP2, MEMORY, END, END]],
  ['words behind the program', 'BAD_STRUCTURE', [LOOP2, MEMORY, END, MEMORY]],
  ['a jump of its own', 'BAD_STRUCTURE', [LOOP2, MEMORY, jump(0), END]],
  ['loop count 0', 'BAD_OPERAND', [0x42, MEMORY, END]],
  ['negative loop count', 'BAD_OPERAND', [0x80000042, MEMORY, END]],
  ['pattern as loop count', 'BAD_OPERAND', [0x40080042, MEMORY, END]],
  ['register naming the marker', 'BAD_OPERAND', [LOOP2, MEMORY, popcount(0), END]],
  ['register beyond the stack', 'BAD_OPERAND', [LOOP2, MEMORY, popcount(2), END]],
  ['second register beyond the stack', 'BAD_OPERAND', [LOOP2, MEMORY, add(1, 2), END]],
  ['pair reaching into the marker', 'BAD_OPERAND', [LOOP2, MEMORY, MEMORY, add64(2, 1), END]],
  ['register of a closed frame', 'BAD_OPERAND', [LOOP2, MEMORY, LOOP2, MEMORY, END, popcount(3), END]],
  ['branch on a marker', 'BAD_OPERAND', [LOOP2, MEMORY, ifLikely(0), jump(2), END, jump(1), END, END]],
  ['branch not skipping 2', 'BAD_OPERAND', [LOOP2, MEMORY, 0x00300243, jump(2), END, jump(1), END, END]],
  ['branch at the end', 'BAD_STRUCTURE', [LOOP2, MEMORY, ifLikely(1)]],
  ['branch without its jump', 'BAD_STRUCTURE', [LOOP2, MEMORY, ifLikely(1), MEMORY, END, jump(1), END, END]],
  ['branch without its second jump', 'BAD_STRUCTURE', [LOOP2, MEMORY, ifLikely(1), jump(2), END, MEMORY, END, END]],
  ['else arm missed', 'BAD_STRUCTURE', [LOOP2, MEMORY, ifLikely(1), jump(3), END, jump(1), END, END]],
  ['end of the else arm missed', 'BAD_STRUCTURE', [LOOP2, MEMORY, ifLikely(1), jump(2), END, jump(2), END, END]],
  ['jump beyond the program', 'BAD_STRUCTURE', [LOOP2, MEMORY, ifLikely(1), jump(0xffffff), END, jump(1), END, END]],
];

for (const {name, run} of RAND_HASHES) {
  describe(`malformed programs, ${name}`, () => {
    for (const [title, code, words] of REFUSED) {
      it(`${title}: ${code}`, () => {
        const program = Uint32Array.from(words);
        assert.throws(() => run(program, new Uint32Array(256), new Uint32Array(512), 2), {name: 'RandHashError', code});
      });
    }

    it('runs the shapes closest to them', () => {
      const branch = [LOOP2, MEMORY, ifLikely(1), jump(2), END, jump(1), END, END];
      const full = [LOOP2, ...new Array<number>(2046).fill(MEMORY), END];
      for (const words of [[LOOP2, END], branch, full]) {
        run(Uint32Array.from(words), new Uint32Array(256), new Uint32Array(512), 2);
      }
    });
  });
}

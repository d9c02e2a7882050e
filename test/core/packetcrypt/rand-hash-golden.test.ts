import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {decodeHex} from '../../../src/core/bytes/index.ts';
import {
  ARITHMETIC,
  type ArithmeticClass,
  CLASSES,
  END,
  IN,
  MEMORY,
} from '../../../src/core/packetcrypt/rand-hash/instructions.ts';
import {generateProgram} from '../../../src/core/packetcrypt/rand-hash/rand-gen.ts';
import {compileProgram} from '../../../src/core/packetcrypt/rand-hash/rand-hash-compiler.ts';
import {checkGolden} from '../../support/golden.ts';
import {listModule} from '../wasm/list-module.ts';
import {listProgram} from './list-program.ts';
import {wordsFromHex} from './words.ts';

/** The program and the module it becomes. */
function listing(program: Uint32Array): string {
  const module = compileProgram(program);
  assert.ok(module !== undefined);
  return `${listProgram(program)}\n${listModule(module)}`;
}

/** Every instruction of a class on variables 1..4, and with an immediate for b. */
function everyInstruction(name: ArithmeticClass): Uint32Array {
  const {pairs, operands} = CLASSES[name];
  const words = [0x00200042, MEMORY, IN | (1 << 20), IN | (2 << 20), IN | (3 << 20)];
  for (const {opcode} of ARITHMETIC.filter((row) => row.class === name)) {
    words.push(opcode | ((pairs ? 2 : 1) << 9) | ((operands === 1 ? 0 : pairs ? 4 : 2) << 20));
    if (operands === 2) words.push((opcode | (3 << 9) | (1 << 18) | (0x923 << 20)) >>> 0);
  }
  words.push(END);
  return Uint32Array.from(words);
}

describe('compiled programs look as accepted', () => {
  it('the worked example of spec §4.7', () => {
    const seed = '87d1d508dc1b7528f1798d6696fca10d411988cc8a7971159371e8e47c6017c9';
    checkGolden('randhash-example.txt', listing(generateProgram(decodeHex(seed))));
  });

  it('a branch whose arms differ in output', () => {
    // LOOP 2: MEMORY, IF_LIKELY r1 {IN} else {IN, ADD32 r3}, IF_RANDOM r1 {} else {}, POPCNT32 r1
    const hex =
      '00200042 00022041 00200243 00000345 00100040 00000046 00000345 00200040 0030060e 00000046 ' +
      '00200244 00000245 00000046 00000145 00000046 00000203 00000046';
    checkGolden('randhash-branch.txt', listing(wordsFromHex(hex.replaceAll(' ', ''))));
  });

  for (const name of Object.keys(CLASSES) as ArithmeticClass[]) {
    it(`every instruction of class ${name}`, () => {
      checkGolden(`randhash-class-${name.replace('_', '-')}.txt`, listing(everyInstruction(name)));
    });
  }
});

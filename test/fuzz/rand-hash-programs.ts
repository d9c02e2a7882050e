import {
  type Arithmetic,
  arithmeticOf,
  END,
  hasImmediate,
  IF_LIKELY,
  IF_RANDOM,
  IN,
  JMP,
  LOOP,
  MEMORY,
  opcodeOf,
} from '../../src/core/packetcrypt/rand-hash/instructions.ts';
import type {Random} from './random.ts';

const IMMEDIATE = 1 << 18;
const PATTERN = 1 << 19;
const REGISTERS = 512;

/**
 * Changes a generated program into one that no seed gives but that has the same shape: other opcodes of the same
 * class, other operands, immediates of every kind, other loop counts and memory accesses.
 */
export function mutateProgram(program: Uint32Array, random: Random): Uint32Array {
  const words = program.slice();
  const stack: boolean[] = [];
  const markers: number[] = [];
  for (let pc = 0; pc < words.length; pc++) {
    const word = words[pc]!;
    const arithmetic = arithmeticOf(word);
    if (arithmetic !== undefined) {
      words[pc] = mutateArithmetic(word, arithmetic, stack, random);
      for (let i = 0; i < arithmetic.results; i++) stack.push(true);
      continue;
    }
    switch (opcodeOf(word)) {
      case LOOP:
        if (random.toss(12)) words[pc] = (((1 + random.below(30)) << 20) | LOOP) >>> 0;
        markers.push(stack.push(false) - 1);
        break;
      case IN:
        if (random.toss(4)) words[pc] = ((random.word() << 8) | IN) >>> 0;
        stack.push(true);
        break;
      case MEMORY:
        if (random.toss(4)) words[pc] = ((random.word() << 8) | MEMORY) >>> 0;
        stack.push(true);
        break;
      case IF_LIKELY:
      case IF_RANDOM: {
        const kind = random.toss(2) ? IF_LIKELY : IF_RANDOM;
        words[pc] = ((2 << 20) | (chooseRegister(stack, false, random) << 9) | kind) >>> 0;
        markers.push(stack.push(false) - 1);
        pc += 1; // its jump
        break;
      }
      case END:
        stack.length = markers.pop()!;
        if (opcodeOf(words[pc + 1] ?? 0) === JMP) {
          markers.push(stack.push(false) - 1);
          pc += 1;
        }
    }
  }
  return words;
}

function mutateArithmetic(word: number, arithmetic: Arithmetic, stack: readonly boolean[], random: Random): number {
  let changed = word;
  if (random.toss(3)) changed = (changed & ~0xff) | (arithmetic.first + random.below(arithmetic.count));
  const {pairs} = arithmetic;
  if (random.toss(6)) changed = (changed & ~(0x1ff << 9)) | (chooseRegister(stack, pairs, random) << 9);
  if (arithmetic.operands === 2 && random.toss(4)) {
    changed &= 0xff | (0x1ff << 9);
    if (random.toss(2)) changed |= chooseRegister(stack, pairs, random) << 20;
    else changed |= (random.below(4096) << 20) | IMMEDIATE | (random.toss(2) ? PATTERN : 0);
  } else if (hasImmediate(changed) && random.toss(3)) {
    changed ^= PATTERN;
  }
  return changed >>> 0;
}

/** A register that names a variable, or the high word of two neighbouring ones. */
function chooseRegister(stack: readonly boolean[], pair: boolean, random: Random): number {
  const count = Math.min(stack.length, REGISTERS);
  const start = random.below(count);
  for (let i = 0; i < count; i++) {
    const register = (start + i) % count;
    if (stack[register] === true && (!pair || stack[register - 1] === true)) return register;
  }
  throw new Error('a frame with too few variables');
}

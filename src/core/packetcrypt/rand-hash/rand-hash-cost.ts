import {
  ARITHMETIC,
  type Arithmetic,
  END,
  IF_LIKELY,
  IF_RANDOM,
  IN,
  immediateLow,
  LOOP,
  MEMORY,
  opcodeOf,
} from './instructions.ts';

const CYCLES = 2;

/** What running a program costs, estimated from its words alone. */
export interface ProgramCost {
  /** Instructions of an average cycle, every branch weighted by how often it is taken. */
  readonly expectedOperations: number;
  /** Nanoseconds of one item, two cycles, in optimised compiled form. */
  readonly itemNs: number;
  /** The program reads the word that holds the item's number; see readsItemNumber. */
  readonly readsItemNumber: boolean;
  /** Nanoseconds of compiling. */
  readonly compileNs: number;
}

// Nanoseconds, fitted to the run times of 600 compiled programs on a machine of 1,000 yardstick MB/s; the fit explains 85 %
// of the variance, and most of the rest is how often branches are mispredicted.
const LOAD_NS = {[IN]: 0.1, [MEMORY]: 0.25} as const;
const ITERATION_NS = 0.4;
const BRANCH_NS = {[IF_LIKELY]: 1.6, [IF_RANDOM]: 2.2} as const;
const OUTPUT_NS = 0.06;
/** Compiling one word, in both tiers of the engine. */
const COMPILE_NS = 20000;

/** How often the first arm of a branch runs. */
const LIKELY = 7 / 8;
const RANDOM = 1 / 2;

function arithmeticNs({class: name, lane, name: instruction, results}: Arithmetic): number {
  return instructionNs(name, lane, instruction.startsWith('MUL')) + results * OUTPUT_NS;
}

function instructionNs(name: Arithmetic['class'], lane: number, isProduct: boolean): number {
  switch (name) {
    case '1_1':
    case '2_1':
      return lane === 32 ? 0.2 : 0.6;
    case '2_2':
      return lane === 8 ? 0.45 : 0.3;
    case '4_2':
      return 0.45;
    case '4_4':
      return isProduct ? 1.2 : 0.45;
  }
}

const ARITHMETIC_NS: readonly number[] = [0, ...ARITHMETIC.map(arithmeticNs)];

/** A loop or branch that is open while the words are walked. */
interface Open {
  /** How often the code around it runs. */
  readonly outer: number;
  /** How often the else arm runs that follows; negative if none does. */
  readonly elseWeight: number;
}

/**
 * Estimates the cost of a generated program; takes a few microseconds.
 *
 * program words of generateProgram; malformed programs give meaningless numbers, and are not refused
 */
export function programCost(program: Uint32Array): ProgramCost {
  const open: Open[] = [];
  let weight = 1;
  let operations = 0;
  let ns = 0;
  for (let pc = 0; pc < program.length; pc++) {
    const word = program[pc]!;
    const opcode = opcodeOf(word);
    operations += weight;
    if (opcode < IN) {
      ns += weight * ARITHMETIC_NS[opcode]!;
    } else if (opcode === IN || opcode === MEMORY) {
      ns += weight * (LOAD_NS[opcode] + OUTPUT_NS);
    } else if (opcode === LOOP) {
      open.push({outer: weight, elseWeight: -1});
      weight *= immediateLow(word);
      ns += weight * ITERATION_NS;
    } else if (opcode === IF_LIKELY || opcode === IF_RANDOM) {
      ns += weight * BRANCH_NS[opcode];
      operations += weight; // one of the two jumps
      const taken = opcode === IF_LIKELY ? LIKELY : RANDOM;
      open.push({outer: weight, elseWeight: weight * (1 - taken)});
      weight *= taken;
      pc += 1;
    } else if (opcode === END) {
      const closed = open.pop();
      if (closed === undefined) break;
      weight = closed.outer;
      if (closed.elseWeight < 0) continue;
      open.push({outer: closed.outer, elseWeight: -1});
      weight = closed.elseWeight;
      pc += 1;
    }
  }
  const itemNs = CYCLES * ns;
  const reads = readsItemNumber(program);
  return {expectedOperations: operations, itemNs, readsItemNumber: reads, compileNs: COMPILE_NS * program.length};
}

/**
 * Whether a program ever reads word 0 of its input. All items of a table start from the same state but for their
 * number in that word (spec §3.3, §5.6), so a program that does not read it treats items n and n + 1792, which share
 * their memory window, alike: after both cycles their states differ in word 0 only, still by the difference of the
 * numbers. One run then serves all of them, and a table takes 1792 runs instead of 8192. About 95 % of programs are
 * of this kind.
 */
export function readsItemNumber(program: Uint32Array): boolean {
  return program.some((word) => opcodeOf(word) === IN && (immediateLow(word) & 255) === 0);
}

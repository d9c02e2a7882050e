// RandHash, the program interpreter, written to be read.   spec §5
import {assert, checkInteger} from '../../errors.ts';
import {RandHashError} from '../errors.ts';
import {EVALUATE, type Evaluate, Operands, RESULT} from './arithmetic.ts';
import {
  ARITHMETIC,
  type Arithmetic,
  arithmeticOf,
  END,
  hasImmediate,
  IF_LIKELY,
  IF_RANDOM,
  IN,
  immediateHigh,
  immediateLow,
  JMP,
  LOOP,
  MAX_OPERATIONS,
  MEMORY,
  memoryFields,
  opcodeOf,
  registerA,
  registerB,
  skipOf,
} from './instructions.ts';
import {checkProgram} from './rand-hash-check.ts';

/** Called before each instruction: its position, the stack's length and top word, the next output word. */
export type Trace = (pc: number, stackLength: number, top: number, outPosition: number) => void;

const MARKER = 0xffffffff;
const HALF_WORDS = 256;

const EVALUATE_OPCODE: readonly (Evaluate | undefined)[] = [undefined, ...ARITHMETIC.map((row) => EVALUATE[row.name])];

/**
 * Runs a program.   spec §5.2
 *
 * program 1..2048 instruction words
 * memory  256 words, the item's window of the memory image
 * state   512 words, both halves; updated in place. Cycle 1 reads the first half and adds into the second, cycle 2
 *         the other way round, and so on. After an error its content is undefined.
 * returns the number of instructions executed in each cycle
 * throws  RandHashError 'TOO_LONG'; for programs no seed generates 'TOO_BIG', 'BAD_OPCODE', 'BAD_OPERAND',
 *         'BAD_STRUCTURE'
 */
export function runProgram(
  program: Uint32Array,
  memory: Uint32Array,
  state: Uint32Array,
  cycles: number,
  trace?: Trace,
): number[] {
  checkWords('memory', memory, HALF_WORDS);
  checkWords('state', state, 2 * HALF_WORDS);
  checkInteger('cycles', cycles, 0, 1000);
  checkProgram(program);
  let input = state.subarray(0, HALF_WORDS);
  let output = state.subarray(HALF_WORDS);
  const counts: number[] = [];
  for (let cycle = 0; cycle < cycles; cycle++) {
    const machine = new Machine(program, memory, input, output, trace);
    machine.loop(0);
    counts.push(machine.operations);
    [input, output] = [output, input];
  }
  return counts;
}

function checkWords(name: string, value: Uint32Array, length: number): void {
  const expected = `"${name}" expected Uint32Array of length ${length}`;
  if (!(value instanceof Uint32Array)) throw new TypeError(`${expected}, got ${typeof value}`);
  if (value.length !== length) throw new RangeError(`${expected}, got length ${value.length}`);
}

/** One cycle. The program has been checked, so every register read is a variable. */
class Machine {
  operations = 0;
  private readonly program: Uint32Array;
  private readonly memory: Uint32Array;
  private readonly input: Uint32Array;
  private readonly output: Uint32Array;
  private readonly trace: Trace | undefined;
  private outPosition = 0;
  /** One value for all loops: an inner loop leaves its last one behind. */
  private loopVar = 0;
  private readonly stack: number[] = [];
  private readonly operands = new Operands();

  constructor(
    program: Uint32Array,
    memory: Uint32Array,
    input: Uint32Array,
    output: Uint32Array,
    trace: Trace | undefined,
  ) {
    this.program = program;
    this.memory = memory;
    this.input = input;
    this.output = output;
    this.trace = trace;
  }

  private fetch(pc: number): number {
    const stack = this.stack;
    this.trace?.(pc, stack.length, stack.length === 0 ? 0 : stack[stack.length - 1]!, this.outPosition);
    this.operations += 1;
    if (this.operations > MAX_OPERATIONS) throw new RandHashError('TOO_LONG');
    return this.program[pc]!;
  }

  /** Runs the loop at `pc`; returns the position behind its END. */
  loop(pc: number): number {
    const count = immediateLow(this.fetch(pc));
    let next = pc;
    for (let i = 0; i < count; i++) {
      this.loopVar = i;
      next = this.frame(pc + 1);
    }
    return next;
  }

  /** Opens a frame, runs from `start` to the END of the frame and returns the position behind it. */
  private frame(start: number): number {
    const marker = this.stack.length;
    this.stack.push(MARKER);
    let pc = start;
    while (true) {
      if (opcodeOf(this.program[pc]!) === LOOP) {
        pc = this.loop(pc);
        continue;
      }
      const word = this.fetch(pc);
      const opcode = opcodeOf(word);
      if (opcode === END) {
        this.closeFrame(marker);
        return pc + 1;
      }
      pc = this.execute(opcode, word, pc);
    }
  }

  /** Executes anything but LOOP and END; returns the position of the next instruction. */
  private execute(opcode: number, word: number, pc: number): number {
    switch (opcode) {
      case IN:
        this.stack.push(this.input[immediateLow(word) & 255]!);
        return pc + 1;
      case MEMORY: {
        const {base, step, carry} = memoryFields(word);
        this.stack.push(this.memory[(base + (this.loopVar + carry) * step) & 255]!);
        return pc + 1;
      }
      case IF_LIKELY:
      case IF_RANDOM: {
        const bits = opcode === IF_LIKELY ? 7 : 1;
        // The else arm begins with the jump to it, which runs inside the arm's frame.
        return this.frame((this.stack[registerA(word)]! & bits) !== 0 ? pc + 2 : pc + 1);
      }
      case JMP:
        return pc + 1 + skipOf(word);
      default:
        this.arithmetic(arithmeticOf(word)!, word);
        return pc + 1;
    }
  }

  private arithmetic(instruction: Arithmetic, word: number): void {
    const {stack, operands} = this;
    this.fetchOperand(0, registerA(word), instruction.pairs);
    if (instruction.operands === 2) {
      if (hasImmediate(word)) {
        operands.words[2] = immediateLow(word);
        operands.words[3] = immediateHigh(word);
      } else {
        this.fetchOperand(2, registerB(word), instruction.pairs);
      }
    }
    EVALUATE_OPCODE[instruction.opcode]!(operands);
    for (let i = 0; i < instruction.results; i++) stack.push(operands.words[RESULT + i]!);
  }

  /** A pair is named by its high word. */
  private fetchOperand(at: number, register: number, isPair: boolean): void {
    const {words} = this.operands;
    words[at] = this.stack[isPair ? register - 1 : register]!;
    if (isPair) words[at + 1] = this.stack[register]!;
  }

  /** Adds the frame's variables, oldest first, to the output and removes them. */
  private closeFrame(marker: number): void {
    const {stack, output} = this;
    assert(stack[marker] === MARKER, 'a frame begins with its marker');
    for (let i = marker + 1; i < stack.length; i++) {
      output[this.outPosition]! += stack[i]!;
      this.outPosition = (this.outPosition + 1) & (HALF_WORDS - 1);
    }
    stack.length = marker;
  }
}

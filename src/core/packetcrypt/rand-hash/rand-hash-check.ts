import {RandHashError} from '../errors.ts';
import {
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
  MAX_PROGRAM_WORDS,
  MEMORY,
  opcodeOf,
  registerA,
  registerB,
  skipOf,
} from './instructions.ts';

/** One open loop body or branch arm. `then` is followed by `else`, whose end the jump between them must name. */
interface OpenFrame {
  readonly kind: 'loop' | 'then' | 'else';
  /** Stack position of the frame's marker. */
  readonly marker: number;
  /** then: where the else arm must begin; else: where it must end. */
  readonly target: number;
}

/**
 * Holds a program to the shape every generated program has: one outermost loop, nested loops and two-armed branches
 * whose jumps agree with their ends, operands that name variables, loop counts of 1..2047.   spec §4.6, §5.3
 * What passes runs in all implementations alike and never reads outside its frames. The first defect in program
 * order is reported.
 *
 * throws RandHashError 'TOO_BIG', 'BAD_OPCODE', 'BAD_STRUCTURE', 'BAD_OPERAND'
 */
export function checkProgram(program: Uint32Array): void {
  if (program.length > MAX_PROGRAM_WORDS) throw new RandHashError('TOO_BIG', {words: program.length});
  const checker = new ProgramChecker(program);
  let pc = 0;
  while (pc < program.length) pc = checker.step(pc);
  checker.finish();
}

class ProgramChecker {
  private readonly program: Uint32Array;
  private readonly frames: OpenFrame[] = [];
  /** 1 for every variable, 0 for a marker. */
  private readonly stack: number[] = [];

  constructor(program: Uint32Array) {
    this.program = program;
  }

  /** Checks the instruction at `pc` and tells where the next one to check is. */
  step(pc: number): number {
    const word = this.program[pc]!;
    const opcode = opcodeOf(word);
    const arithmetic = arithmeticOf(word);
    if (arithmetic === undefined && (opcode < IN || opcode > END)) throw new RandHashError('BAD_OPCODE', {pc});
    const isFirst = pc === 0;
    if (isFirst ? opcode !== LOOP : this.frames.length === 0) throw new RandHashError('BAD_STRUCTURE', {pc});
    if (arithmetic !== undefined) {
      this.checkRegister(pc, registerA(word), arithmetic.pairs);
      if (arithmetic.operands === 2 && !hasImmediate(word)) this.checkRegister(pc, registerB(word), arithmetic.pairs);
      for (let i = 0; i < arithmetic.results; i++) this.stack.push(1);
      return pc + 1;
    }
    switch (opcode) {
      case IN:
      case MEMORY:
        this.stack.push(1);
        return pc + 1;
      case LOOP:
        if (immediateHigh(word) !== 0 || immediateLow(word) < 1) throw new RandHashError('BAD_OPERAND', {pc});
        this.open('loop', 0);
        return pc + 1;
      case IF_LIKELY:
      case IF_RANDOM:
        this.checkRegister(pc, registerA(word), false);
        if (immediateHigh(word) !== 0 || immediateLow(word) !== 2) throw new RandHashError('BAD_OPERAND', {pc});
        this.open('then', this.jumpTarget(pc + 1));
        return pc + 2;
      case END:
        return this.end(pc);
      default: // JMP, which belongs to the IF before it or the END before it
        throw new RandHashError('BAD_STRUCTURE', {pc});
    }
  }

  finish(): void {
    const isEmpty = this.program.length === 0;
    if (isEmpty || this.frames.length !== 0) throw new RandHashError('BAD_STRUCTURE', {pc: this.program.length});
  }

  private open(kind: OpenFrame['kind'], target: number): void {
    this.frames.push({kind, marker: this.stack.length, target});
    this.stack.push(0);
  }

  private end(pc: number): number {
    const frame = this.frames.pop()!; // the caller saw that one is open
    this.stack.length = frame.marker;
    if (frame.kind === 'loop') return pc + 1;
    if (frame.kind === 'else') {
      if (frame.target !== pc + 1) throw new RandHashError('BAD_STRUCTURE', {pc});
      return pc + 1;
    }
    const target = this.jumpTarget(pc + 1);
    if (frame.target !== pc + 2) throw new RandHashError('BAD_STRUCTURE', {pc});
    this.open('else', target);
    return pc + 2;
  }

  private jumpTarget(pc: number): number {
    const word = this.program[pc];
    if (word === undefined || opcodeOf(word) !== JMP) throw new RandHashError('BAD_STRUCTURE', {pc});
    return pc + 1 + skipOf(word);
  }

  private checkRegister(pc: number, register: number, pair: boolean): void {
    const named = this.stack[register] === 1 && (!pair || this.stack[register - 1] === 1);
    if (!named) throw new RandHashError('BAD_OPERAND', {pc, register});
  }
}

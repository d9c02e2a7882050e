import {
  arithmeticOf,
  END,
  hasImmediate,
  IF_LIKELY,
  IF_RANDOM,
  IN,
  immediateLow,
  LOOP,
  MEMORY,
  memoryFields,
  opcodeOf,
  registerA,
  registerB,
} from './instructions.ts';
import {checkProgram} from './rand-hash-check.ts';

/** A loop body or a branch arm, and what is known about it before the program runs. */
export interface Frame {
  readonly kind: 'loop' | 'then' | 'else';
  readonly parent: Frame | undefined;
  /** Loops: how often the body runs. */
  readonly count: number;
  /** Variables of the frame itself. */
  variables: number;
  /** Words one run adds to the output, inner frames included; undefined where branch arms differ. */
  outputs: number | undefined;
  /** Position of the END of the last inner loop or branch whose number of outputs is not known; -1 if all are. */
  lastUnknown: number;
  /** Words that inner loops and branches behind `lastUnknown` output, and whether there are any. */
  laterOutputs: number;
  hasLater: boolean;
  /** Most operations one run of the frame executes, its END included. */
  maxOperations: number;
  /** Loops: the one step of all MEMORY instructions under this loop's variable; -1 mixed, undefined none. */
  step: number | undefined;
  /** Loops: an inner loop has been seen, so that the program's one loop variable may be the inner one's. */
  sawInnerLoop: boolean;
}

export interface Analysis {
  /** Frames in program order. */
  readonly frames: readonly Frame[];
  /** For every variable in the order of definition, whether it is ever an operand. */
  readonly isRead: Uint8Array;
  /** Most variables, and most 64-bit pairs among them, that live at the same time. */
  readonly maxVariables: number;
  readonly maxDepth: number;
  /** Most operations one cycle can execute; Infinity is possible. */
  readonly maxOperations: number;
  /** A MEMORY instruction may see the variable of an inner loop that has ended. */
  readonly hasStaleLoopVariable: boolean;
}

/**
 * Checks a program and finds what its compiler must know in advance.   spec §5.3, §11.2 (5)
 *
 * throws RandHashError like checkProgram
 */
export function analyseProgram(program: Uint32Array): Analysis {
  checkProgram(program);
  const analyser = new Analyser();
  for (let pc = 0; pc < program.length; ) pc = analyser.step(program, pc);
  return analyser;
}

const MARKER = -1;

class Analyser implements Analysis {
  readonly frames: Frame[] = [];
  readonly isRead: Uint8Array = new Uint8Array(8192);
  maxVariables = 0;
  maxDepth = 0;
  maxOperations = 0;
  hasStaleLoopVariable = false;
  private readonly stack: number[] = [];
  private defined = 0;
  private depth = 0;
  private frame: Frame | undefined;
  /** The finished `then` arm while its `else` arm is open, innermost last. */
  private readonly thenArms: Frame[] = [];

  /** Looks at one instruction and returns the position of the next. */
  step(program: Uint32Array, pc: number): number {
    const word = program[pc]!;
    const opcode = opcodeOf(word);
    const frame = this.frame;
    if (frame !== undefined && opcode !== END) frame.maxOperations += 1;
    switch (opcode) {
      case LOOP:
        this.open('loop', immediateLow(word));
        return pc + 1;
      case IF_LIKELY:
      case IF_RANDOM:
        this.read(registerA(word), false);
        frame!.maxOperations += 1; // one of the two jumps
        this.open('then', 1);
        return pc + 2;
      case END:
        return this.close(frame!, pc);
      case IN:
        this.define(1);
        return pc + 1;
      case MEMORY:
        this.noteStep(memoryFields(word).step);
        this.define(1);
        return pc + 1;
      default: {
        const {pairs, operands, results} = arithmeticOf(word)!;
        this.read(registerA(word), pairs);
        if (operands === 2 && !hasImmediate(word)) this.read(registerB(word), pairs);
        this.define(results);
        return pc + 1;
      }
    }
  }

  private define(words: number): void {
    for (let i = 0; i < words; i++) this.stack.push(this.defined++);
    this.frame!.variables += words;
    this.maxVariables = Math.max(this.maxVariables, this.stack.length);
  }

  private read(register: number, pair: boolean): void {
    this.isRead[this.stack[register]!] = 1;
    if (pair) this.isRead[this.stack[register - 1]!] = 1;
  }

  private noteStep(step: number): void {
    let loop = this.frame!;
    while (loop.kind !== 'loop') loop = loop.parent!;
    loop.step = loop.step === undefined || loop.step === step ? step : -1;
    if (loop.sawInnerLoop) this.hasStaleLoopVariable = true;
  }

  private open(kind: Frame['kind'], count: number): void {
    this.stack.push(MARKER);
    this.depth += 1;
    this.maxDepth = Math.max(this.maxDepth, this.depth);
    this.frame = {
      kind,
      parent: this.frame,
      count,
      variables: 0,
      outputs: 0,
      lastUnknown: -1,
      laterOutputs: 0,
      hasLater: false,
      maxOperations: 1,
      step: undefined,
      sawInnerLoop: false,
    };
    this.frames.push(this.frame);
  }

  /** The END of `frame` at `pc`. */
  private close(frame: Frame, pc: number): number {
    this.depth -= 1;
    this.stack.length = this.stack.lastIndexOf(MARKER);
    if (frame.outputs !== undefined) frame.outputs += frame.variables;
    this.frame = frame.parent;
    if (frame.kind === 'then') {
      this.thenArms.push(frame);
      this.open('else', 1);
      return pc + 2;
    }
    if (frame.kind === 'loop') {
      this.closeConstruct(frame, pc, frame.outputs === undefined ? undefined : frame.count * frame.outputs);
      const operations = frame.count * frame.maxOperations;
      if (frame.parent === undefined) this.maxOperations = 1 + operations;
      else frame.parent.maxOperations += operations;
      return pc + 1;
    }
    const then = this.thenArms.pop()!;
    this.closeConstruct(frame, pc, frame.outputs === then.outputs ? frame.outputs : undefined);
    frame.parent!.maxOperations += Math.max(frame.maxOperations, then.maxOperations);
    return pc + 1;
  }

  /** A loop or branch has ended at `pc`; tells the frame around it what it outputs. */
  private closeConstruct(inner: Frame, pc: number, outputs: number | undefined): void {
    const frame = inner.parent;
    if (frame === undefined) return;
    if (inner.kind === 'loop')
      for (let f: Frame | undefined = frame; f !== undefined; f = f.parent) f.sawInnerLoop = true;
    if (outputs === undefined) {
      frame.outputs = undefined;
      frame.lastUnknown = pc;
      frame.laterOutputs = 0;
      frame.hasLater = false;
      return;
    }
    if (frame.outputs !== undefined) frame.outputs += outputs;
    frame.laterOutputs += outputs;
    frame.hasLater = true;
  }
}

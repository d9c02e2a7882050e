// One cycle of a RandHash program as WebAssembly.   spec §5.3–§5.5
//
// Every variable is a local at an index known while compiling; a pair that one instruction made stays one 64-bit local
// until somebody asks for its words. Loops and branches are structured, so the stack of frames exists only here.
//
// A frame's variables are added to consecutive output words when it ends, behind those of its inner frames. Since
// additions commute, a variable is added as soon as its place is known: at its definition, unless a branch with arms
// of different output follows in its frame.
import {CodeWriter} from '../../wasm/code-writer.ts';
import type {ModuleWriter} from '../../wasm/module-writer.ts';
import {I32, I64, V128, WASM} from '../../wasm/opcodes.ts';
import {
  type Arithmetic,
  arithmeticOf,
  END,
  hasImmediate,
  IF_LIKELY,
  IF_RANDOM,
  IN,
  immediateHigh,
  immediateLow,
  LOOP,
  MEMORY,
  memoryFields,
  opcodeOf,
  registerA,
  registerB,
} from './instructions.ts';
import type {Lower, Lowering} from './lower.ts';
import {LOWER_BITS} from './lower-bits.ts';
import {LOWER_PAIRS} from './lower-pairs.ts';
import {LOWER_WIDE} from './lower-wide.ts';
import {LOWER_WORDS} from './lower-words.ts';
import type {Analysis, Frame} from './rand-hash-analysis.ts';
import {INPUT, Locals, MEMORY_BASE, NO_LOCAL, POSITION} from './rand-hash-locals.ts';
import {CHUNK_WORDS, HALF_BYTES, OutputWriter, SLACK_WORDS} from './rand-hash-output.ts';
import {LOW, Variables, WORD} from './rand-hash-variables.ts';

const LOWER: Readonly<Record<string, Lower>> = {...LOWER_BITS, ...LOWER_WORDS, ...LOWER_WIDE, ...LOWER_PAIRS};

const WRAP = HALF_BYTES - 4;

/** A frame during translation. */
interface OpenFrame {
  readonly frame: Frame;
  /** Stack position of its marker, and the locals in use when it was opened. */
  readonly marker: number;
  readonly localsBefore: readonly [number, number];
  /** Loops: the local that counts. */
  readonly counter: number;
  /** Bound on `ahead` at the branch, for the second arm; after the first arm. */
  readonly aheadBefore: number;
  /** The local with the address of its first variable's output word, once known. */
  place: number | undefined;
  /** Scaling of the loop's counter: 4 · step, so that it is an offset in bytes; 0 for a plain count. */
  readonly scale: number;
  readonly checksEachTime: boolean;
}

/** Translates one cycle of a program. */
export class Translator {
  private readonly code = new CodeWriter(16384);
  private readonly program: Uint32Array;
  private readonly analysis: Analysis;
  private readonly output: OutputWriter;
  private readonly locals = new Locals();
  private readonly wordA: number;
  private readonly wordB: number;
  private readonly pairA: number;
  private readonly pairB: number;
  private readonly pair: number;
  private readonly vector: number;
  /** The program's one loop variable, where it may differ from the counter of the enclosing loop. */
  private readonly loopVariable: number;
  private nextFrame = 0;
  private readonly variables: Variables;
  private readonly frames: OpenFrame[] = [];
  private readonly aheadAfterThen: number[] = [];

  constructor(program: Uint32Array, analysis: Analysis, fold: number) {
    this.program = program;
    this.analysis = analysis;
    this.output = new OutputWriter(this.code, fold);
    this.variables = new Variables(this.code, this.locals, analysis.isRead);
    const {locals} = this;
    this.wordA = locals.take(I32);
    this.wordB = locals.take(I32);
    this.pairA = locals.take(I64);
    this.pairB = locals.take(I64);
    this.pair = locals.take(I64);
    this.vector = locals.take(V128);
    this.loopVariable = analysis.hasStaleLoopVariable ? locals.take(I32) : NO_LOCAL;
  }

  translate(module: ModuleWriter): void {
    const {code, program} = this;
    this.output.begin();
    for (let pc = 0; pc < program.length; ) pc = this.step(pc);
    module.body(this.locals.declaration());
    module.code.append(code);
    module.endBody();
  }

  /** Translates the instruction at `pc` and returns the position of the next. */
  private step(pc: number): number {
    const word = this.program[pc]!;
    switch (opcodeOf(word)) {
      case LOOP:
        this.openLoop(immediateLow(word));
        return pc + 1;
      case IF_LIKELY:
      case IF_RANDOM:
        this.code.get(this.variables.wordOperand(registerA(word), this.wordA));
        this.code.i32(opcodeOf(word) === IF_LIKELY ? 7 : 1);
        this.code.op(WASM.i32_and);
        this.code.open(WASM.if);
        this.open(NO_LOCAL, 0, false);
        return pc + 2;
      case END:
        return this.end(pc);
      case IN:
        this.load(() => {
          this.code.get(INPUT);
          this.code.memory(WASM.i32_load, 4 * (immediateLow(word) & 255));
        });
        return pc + 1;
      case MEMORY:
        this.load(() => this.pushMemory(word));
        return pc + 1;
      default:
        this.arithmetic(arithmeticOf(word)!, word);
        return pc + 1;
    }
  }

  // Frames

  private open(counter: number, scale: number, checksEachTime: boolean): void {
    const frame = this.analysis.frames[this.nextFrame++]!;
    const opened: OpenFrame = {
      frame,
      marker: this.variables.openFrame(),
      localsBefore: this.locals.inUse(),
      counter,
      aheadBefore: this.output.ahead,
      place: undefined,
      scale,
      checksEachTime,
    };
    this.frames.push(opened);
    if (frame.lastUnknown < 0) this.settle(opened);
  }

  private openLoop(count: number): void {
    const {code} = this;
    const frame = this.analysis.frames[this.nextFrame]!;
    const isScaled = !this.analysis.hasStaleLoopVariable && frame.step !== undefined && frame.step > 0;
    // Without a check inside, `position` advances by all iterations' output before the one behind the loop.
    const total = frame.outputs === undefined ? Number.POSITIVE_INFINITY : count * frame.outputs;
    const checksEachTime = this.output.ahead + total > SLACK_WORDS - CHUNK_WORDS;
    if (!checksEachTime) this.output.ahead += total - frame.outputs!;
    const counter = this.locals.take(I32);
    code.i32(0);
    code.set(counter);
    code.open(WASM.loop);
    if (this.analysis.hasStaleLoopVariable) {
      code.get(counter);
      code.set(this.loopVariable);
    }
    this.open(counter, isScaled ? 4 * frame.step! : 0, checksEachTime);
  }

  /** The END at `pc`. */
  private end(pc: number): number {
    const {code} = this;
    const opened = this.frames.pop()!;
    this.closeFrame(opened);
    this.variables.closeFrame(opened.marker);
    this.locals.release(opened.localsBefore);
    if (opened.frame.kind === 'then') {
      this.aheadAfterThen.push(this.output.ahead);
      this.output.ahead = opened.aheadBefore;
      code.op(WASM.else);
      this.open(NO_LOCAL, 0, false);
      return pc + 2;
    }
    if (opened.frame.kind === 'loop') {
      if (opened.checksEachTime || this.frames.length === 0) this.output.checkPosition();
      const {counter, scale} = opened;
      code.get(counter);
      code.i32(scale === 0 ? 1 : scale);
      code.op(WASM.i32_add);
      code.tee(counter);
      code.i32(opened.frame.count * (scale === 0 ? 1 : scale));
      code.op(WASM.i32_lt_u);
      code.branch(WASM.br_if, 0);
    } else {
      this.output.ahead = Math.max(this.output.ahead, this.aheadAfterThen.pop()!);
    }
    code.end();
    const outer = this.frames.at(-1);
    if (outer !== undefined && outer.frame.lastUnknown === pc) this.settle(outer);
    return pc + 1;
  }

  // Output

  /** The place of the frame's variables in the output is known from here on: add those that are defined already. */
  private settle(opened: OpenFrame): void {
    const {frame} = opened;
    if (frame.variables === 0 || frame.variables > SLACK_WORDS) return;
    if (frame.hasLater) {
      // Inner frames write in between: where the position will be behind them, wrapped to the output. What reaches into
      // the slack is folded after the frame's end, when the position has passed it.
      opened.place = this.locals.take(I32);
      this.output.placeBehind(frame.laterOutputs, opened.place);
    } else {
      this.output.reserve(frame.variables);
      opened.place = POSITION;
    }
    this.addVariables(opened, opened.place, 0, this.variables.stack.length - opened.marker - 1);
  }

  private closeFrame(opened: OpenFrame): void {
    const count = opened.frame.variables;
    if (count === 0) return;
    if (opened.place === undefined) {
      for (let from = 0; from < count; from += CHUNK_WORDS) {
        const to = Math.min(from + CHUNK_WORDS, count);
        this.output.checkPosition();
        this.addVariables(opened, POSITION, from, to);
        this.output.advance(to - from);
      }
      return;
    }
    this.output.reserve(count);
    this.output.advance(count);
  }

  /** Adds the frame's variables from..to-1 to the output; `place` is the address of variable `from`. */
  private addVariables(opened: OpenFrame, place: number, from: number, to: number): void {
    const {code} = this;
    for (let i = from; i < to; i++) {
      const at = opened.marker + 1 + i;
      const local = this.variables.stack[at]!;
      code.get(place);
      code.get(local);
      if (this.variables.parts[at] === LOW && i + 1 < to) {
        this.output.addPair(place, 4 * (i - from));
        i += 1;
        continue;
      }
      if (this.variables.parts[at] !== WORD) this.variables.wordOfPair(this.variables.parts[at]!);
      this.output.addWord(place, 4 * (i - from));
    }
  }

  // Values

  private pushMemory(word: number): void {
    const {code} = this;
    const {base, step, carry} = memoryFields(word);
    const loop = this.frames.findLast((opened) => opened.frame.kind === 'loop')!;
    const start = 4 * (base + carry * step);
    if (step === 0) {
      code.get(MEMORY_BASE);
      code.memory(WASM.i32_load, start & WRAP);
      return;
    }
    code.get(this.analysis.hasStaleLoopVariable ? this.loopVariable : loop.counter);
    if (loop.scale === 0) {
      code.i32(4 * step);
      code.op(WASM.i32_mul);
    }
    code.i32(start & WRAP);
    code.op(WASM.i32_add);
    code.i32(WRAP);
    code.op(WASM.i32_and);
    code.get(MEMORY_BASE);
    code.op(WASM.i32_add);
    code.memory(WASM.i32_load, 0);
  }

  // Instructions

  /** IN and MEMORY: one word that `push` leaves. */
  private load(push: () => void): void {
    const {place} = this.begin();
    if (place !== undefined) this.code.get(place);
    push();
    this.defineWord();
  }

  /** Place of the frame's output, if known, and the offset of its next variable there. */
  private begin(): {place: number | undefined; offset: number} {
    const opened = this.frames.at(-1)!;
    return {place: opened.place, offset: 4 * (this.variables.stack.length - opened.marker - 1)};
  }

  private arithmetic(instruction: Arithmetic, word: number): void {
    const {code} = this;
    const {pairs, operands} = instruction;
    const isConstant = operands === 2 && hasImmediate(word);
    const hasB = operands === 2 && !isConstant;
    const x: Lowering = {
      code,
      a: pairs ? -1 : this.variables.wordOperand(registerA(word), this.wordA),
      b: !pairs && hasB ? this.variables.wordOperand(registerB(word), this.wordB) : -1,
      aPair: pairs ? this.variables.pairOperand(registerA(word), this.pairA) : -1,
      bPair: pairs && hasB ? this.variables.pairOperand(registerB(word), this.pairB) : -1,
      constant: isConstant ? immediateLow(word) : undefined,
      constantHigh: isConstant ? immediateHigh(word) : 0,
      pair: this.pair,
      vector: this.vector,
    };
    const lower = LOWER[instruction.name]!;
    const {place} = this.begin();
    switch (resultForm(instruction)) {
      case 'word':
        if (place !== undefined) code.get(place);
        lower(x);
        this.defineWord();
        return;
      case 'pair':
        if (place !== undefined) code.get(place);
        lower(x);
        this.definePair();
        return;
      case 'vector':
        if (place !== undefined) code.get(place);
        lower(x);
        this.defineVector();
        return;
      default:
        lower(x);
        this.definePairs();
    }
  }

  /** Stack: the word, above the place if that is known. */
  private defineWord(): void {
    const {place, offset} = this.begin();
    const isRead = this.variables.isRead(1);
    const local = this.variables.newWord(isRead || place === undefined);
    if (place === undefined) {
      this.code.set(local);
      return;
    }
    if (isRead) this.code.tee(local);
    this.output.addWord(place, offset);
  }

  private definePair(): void {
    const {place, offset} = this.begin();
    const isRead = this.variables.isRead(2);
    const local = this.variables.newPair(isRead || place === undefined);
    if (place === undefined) {
      this.code.set(local);
      return;
    }
    if (isRead) this.code.tee(local);
    this.output.addPair(place, offset);
  }

  private defineVector(): void {
    const {code} = this;
    const {place, offset} = this.begin();
    const isRead = this.variables.isRead(2);
    const local = this.variables.newPair(isRead || place === undefined);
    if (place !== undefined && isRead) code.tee(this.vector);
    if (place !== undefined) this.output.addVector(place, offset);
    if (place !== undefined && isRead) code.get(this.vector);
    if (place === undefined || isRead) {
      code.lane(WASM.i64x2_extract_lane, 0);
      code.set(local);
    }
  }

  private definePairs(): void {
    const {code} = this;
    const {place, offset} = this.begin();
    const first = this.variables.newPair(true);
    const second = this.variables.newPair(true);
    code.set(second);
    code.set(first);
    if (place === undefined) return;
    this.output.addPairs(place, offset, first, second);
  }
}

/** How a lowered instruction leaves its result. */
type ResultForm = 'word' | 'pair' | 'pairs' | 'vector';

function resultForm({class: name, lane}: Arithmetic): ResultForm {
  if (name === '4_2') return 'pair';
  if (name === '4_4') return 'pairs';
  if (name !== '2_2') return 'word';
  return lane < 32 ? 'vector' : 'pair';
}

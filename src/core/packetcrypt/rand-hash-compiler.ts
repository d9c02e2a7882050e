// RandHash programs as WebAssembly modules.   spec §5, §11.2 (5)
//
// Every variable is a local at an index known while compiling; a pair that one instruction made stays one 64-bit local
// until somebody asks for its words. Loops and branches are structured, so the stack of frames exists only here.
//
// Output. A frame's variables are added to consecutive output words when it ends, behind those of its inner frames.
// Since additions commute, a variable is added as soon as its place is known: at its definition, unless a branch with
// arms of different output follows in its frame. `position` is the running address; it may run past the 1024 bytes
// of the output into zeroed slack. `ahead` bounds by how many words, and before the slack is exhausted it is folded
// back: added to the beginning and cleared.

import {CodeWriter} from '../wasm/code-writer.ts';
import {ModuleWriter} from '../wasm/module-writer.ts';
import {I32, I64, V128, WASM} from '../wasm/opcodes.ts';
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
  MAX_OPERATIONS,
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
import {type Analysis, analyseProgram, type Frame} from './rand-hash-analysis.ts';
import {writeFold} from './rand-hash-fold.ts';

const LOWER: Readonly<Record<string, Lower>> = {...LOWER_BITS, ...LOWER_WORDS, ...LOWER_WIDE, ...LOWER_PAIRS};

/** Words of zeroed slack behind a buffer of 256 words. */
const SLACK_WORDS = 512;
const HALF_BYTES = 1024;
const WRAP = HALF_BYTES - 4;
/** Frames with more variables than this are output in parts, at their end. */
const CHUNK_WORDS = 256;

// Locals of a cycle: parameters, the running output address, the end of the output.
const MEMORY_BASE = 0;
const INPUT = 1;
const OUTPUT = 2;
const POSITION = 3;
const OUTPUT_END = 4;
const PARAMETERS = 3;
const NO_LOCAL = -1;

export interface CompileOptions {
  /** Import a shared memory instead of a plain one. */
  readonly shared?: boolean;
}

/**
 * Compiles a program to a module that imports `env.memory` and exports `run` and `cycle`, see CompiledProgram.
 *
 * returns undefined if the program might exceed 20000 operations per cycle, which only an interpreter decides
 * throws  RandHashError 'TOO_BIG', 'BAD_OPCODE', 'BAD_OPERAND', 'BAD_STRUCTURE' for programs no seed generates
 */
export function compileProgram(
  program: Uint32Array,
  options: CompileOptions = {},
): Uint8Array<ArrayBuffer> | undefined {
  const analysis = analyseProgram(program);
  if (analysis.maxOperations > MAX_OPERATIONS) return undefined;
  const module = new ModuleWriter();
  const type = module.type([I32, I32, I32], []);
  const foldType = module.type([I32, I32], [I32]);
  module.importMemory('env', 'memory', {pages: 1, shared: options.shared === true});
  module.declareFunction(type, 'run');
  const cycle = module.declareFunction(type, 'cycle');
  const fold = module.declareFunction(foldType);
  writeRun(module, cycle);
  new Translator(program, analysis, fold).translate(module);
  writeFold(module);
  return module.finish();
}

/**
 * Exports of a compiled program. All three are addresses; the halves of the state are 1024 bytes each and lie in front
 * of 2048 bytes of slack, zero before and after. `memory` is the item's window of 1024 bytes, and is only read.
 */
export interface CompiledProgram {
  /** Two cycles: the first reads `first` and adds to `second`, the other the other way round. */
  run(memory: number, first: number, second: number): void;
  /** One cycle. */
  cycle(memory: number, input: number, output: number): void;
}

function writeRun(module: ModuleWriter, cycle: number): void {
  module.body([]);
  for (const order of [
    [0, 1, 2],
    [0, 2, 1],
  ]) {
    for (const parameter of order) module.code.get(parameter);
    module.code.call(cycle);
  }
  module.endBody();
}

/**
 * The typed locals of a function, given out in the manner of a stack for each type: what a frame took is taken again
 * after its end.
 */
class Locals {
  /** Types behind the parameters, in the order of their indices. */
  readonly types: number[] = [I32, I32];
  private readonly pools: Readonly<Record<number, number[]>> = {[I32]: [], [I64]: [], [V128]: []};
  private readonly used: Record<number, number> = {[I32]: 0, [I64]: 0, [V128]: 0};

  take(type: number): number {
    const pool = this.pools[type]!;
    const at = this.used[type]!++;
    if (at === pool.length) pool.push(PARAMETERS + this.types.push(type) - 1);
    return pool[at]!;
  }

  inUse(): readonly [words: number, pairs: number] {
    return [this.used[I32]!, this.used[I64]!];
  }

  release([words, pairs]: readonly [words: number, pairs: number]): void {
    this.used[I32] = words;
    this.used[I64] = pairs;
  }

  /** Runs of equal types, as a function declares them. */
  declaration(): [count: number, type: number][] {
    const runs: [number, number][] = [];
    for (const type of this.types) {
      const last = runs.at(-1);
      if (last?.[1] === type) last[0] += 1;
      else runs.push([1, type]);
    }
    return runs;
  }
}

/** Where a variable is: a word in an i32 local, or the low or high half of an i64 local. */
const WORD = 0;
const LOW = 1;
const HIGH = 2;

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

class Translator {
  private readonly code = new CodeWriter(16384);
  private readonly program: Uint32Array;
  private readonly analysis: Analysis;
  private readonly fold: number;
  private readonly locals = new Locals();
  private readonly wordA: number;
  private readonly wordB: number;
  private readonly word: number;
  private readonly pairA: number;
  private readonly pairB: number;
  private readonly pair: number;
  private readonly vector: number;
  /** The program's one loop variable, where it may differ from the counter of the enclosing loop. */
  private readonly loopVariable: number;
  /** Bound on the words `position` is past the end of the output. */
  private ahead = 0;
  private nextFrame = 0;
  private defined = 0;
  /** For each stack position the local of the variable, and the part of it; NO_LOCAL if it is never needed again. */
  private readonly stack: number[] = [];
  private readonly parts: number[] = [];
  private readonly frames: OpenFrame[] = [];
  private readonly aheadAfterThen: number[] = [];

  constructor(program: Uint32Array, analysis: Analysis, fold: number) {
    this.program = program;
    this.analysis = analysis;
    this.fold = fold;
    const {locals} = this;
    this.wordA = locals.take(I32);
    this.wordB = locals.take(I32);
    this.word = locals.take(I32);
    this.pairA = locals.take(I64);
    this.pairB = locals.take(I64);
    this.pair = locals.take(I64);
    this.vector = locals.take(V128);
    this.loopVariable = analysis.hasStaleLoopVariable ? locals.take(I32) : NO_LOCAL;
  }

  translate(module: ModuleWriter): void {
    const {code, program} = this;
    code.get(OUTPUT);
    code.tee(POSITION);
    code.i32(HALF_BYTES);
    code.op(WASM.i32_add);
    code.set(OUTPUT_END);
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
        this.code.get(this.wordOperand(registerA(word), this.wordA));
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
      marker: this.stack.length,
      localsBefore: this.locals.inUse(),
      counter,
      aheadBefore: this.ahead,
      place: undefined,
      scale,
      checksEachTime,
    };
    this.frames.push(opened);
    this.stack.push(-1);
    this.parts.push(WORD);
    if (frame.lastUnknown < 0) this.settle(opened);
  }

  private openLoop(count: number): void {
    const {code} = this;
    const frame = this.analysis.frames[this.nextFrame]!;
    const isScaled = !this.analysis.hasStaleLoopVariable && frame.step !== undefined && frame.step > 0;
    // Without a check inside, `position` advances by all iterations' output before the one behind the loop.
    const total = frame.outputs === undefined ? Number.POSITIVE_INFINITY : count * frame.outputs;
    const checksEachTime = this.ahead + total > SLACK_WORDS - CHUNK_WORDS;
    if (!checksEachTime) this.ahead += total - frame.outputs!;
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
    this.stack.length = opened.marker;
    this.parts.length = opened.marker;
    this.locals.release(opened.localsBefore);
    if (opened.frame.kind === 'then') {
      this.aheadAfterThen.push(this.ahead);
      this.ahead = opened.aheadBefore;
      code.op(WASM.else);
      this.open(NO_LOCAL, 0, false);
      return pc + 2;
    }
    if (opened.frame.kind === 'loop') {
      if (opened.checksEachTime || this.frames.length === 0) this.checkPosition();
      const {counter, scale} = opened;
      code.get(counter);
      code.i32(scale === 0 ? 1 : scale);
      code.op(WASM.i32_add);
      code.tee(counter);
      code.i32(opened.frame.count * (scale === 0 ? 1 : scale));
      code.op(WASM.i32_lt_u);
      code.branch(WASM.br_if, 0);
    } else {
      this.ahead = Math.max(this.ahead, this.aheadAfterThen.pop()!);
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
    const {code} = this;
    if (frame.hasLater) {
      // Inner frames write in between: where the position will be behind them, wrapped to the output. What reaches into
      // the slack is folded after the frame's end, when the position has passed it.
      opened.place = this.locals.take(I32);
      code.get(POSITION);
      code.get(OUTPUT);
      code.op(WASM.i32_sub);
      code.i32((4 * frame.laterOutputs) & WRAP);
      code.op(WASM.i32_add);
      code.i32(WRAP);
      code.op(WASM.i32_and);
      code.get(OUTPUT);
      code.op(WASM.i32_add);
      code.set(opened.place);
    } else {
      if (this.ahead + frame.variables > SLACK_WORDS) this.checkPosition();
      opened.place = POSITION;
    }
    this.addVariables(opened, opened.place, 0, this.stack.length - opened.marker - 1);
  }

  private closeFrame(opened: OpenFrame): void {
    const count = opened.frame.variables;
    if (count === 0) return;
    if (opened.place === undefined) {
      for (let from = 0; from < count; from += CHUNK_WORDS) {
        const to = Math.min(from + CHUNK_WORDS, count);
        this.checkPosition();
        this.addVariables(opened, POSITION, from, to);
        this.advance(to - from);
      }
      return;
    }
    if (this.ahead + count > SLACK_WORDS) this.checkPosition();
    this.advance(count);
  }

  private advance(words: number): void {
    const {code} = this;
    code.get(POSITION);
    code.i32(4 * words);
    code.op(WASM.i32_add);
    code.set(POSITION);
    this.ahead += words;
  }

  /** Folds the slack back if the position is past the end of the output. */
  private checkPosition(): void {
    if (this.ahead === 0) return;
    const {code} = this;
    code.get(POSITION);
    code.get(OUTPUT_END);
    code.op(WASM.i32_ge_u);
    code.open(WASM.if);
    code.get(OUTPUT);
    code.get(POSITION);
    code.call(this.fold);
    code.set(POSITION);
    code.end();
    this.ahead = 0;
  }

  /** Adds the frame's variables from..to-1 to the output; `place` is the address of variable `from`. */
  private addVariables(opened: OpenFrame, place: number, from: number, to: number): void {
    const {code} = this;
    for (let i = from; i < to; i++) {
      const at = opened.marker + 1 + i;
      const local = this.stack[at]!;
      code.get(place);
      code.get(local);
      if (this.parts[at] === LOW && i + 1 < to) {
        this.addPair(place, 4 * (i - from));
        i += 1;
        continue;
      }
      if (this.parts[at] !== WORD) this.wordOfPair(this.parts[at]!);
      this.addWord(place, 4 * (i - from));
    }
  }

  /** Stack: place, word. */
  private addWord(place: number, offset: number): void {
    const {code} = this;
    code.get(place);
    code.memory(WASM.i32_load, offset);
    code.op(WASM.i32_add);
    code.memory(WASM.i32_store, offset);
  }

  /** Stack: place, i64. */
  private addPair(place: number, offset: number): void {
    this.code.op(WASM.i64x2_splat);
    this.addVector(place, offset);
  }

  /** Stack: place, vector with two words. */
  private addVector(place: number, offset: number): void {
    const {code} = this;
    code.get(place);
    code.memory(WASM.v128_load64_zero, offset);
    code.op(WASM.i32x4_add);
    code.memoryLane(WASM.v128_store64_lane, offset, 0);
  }

  // Values

  /** The i64 on the stack becomes its low or high word. */
  private wordOfPair(part: number): void {
    const {code} = this;
    if (part === HIGH) {
      code.i64(32, 0);
      code.op(WASM.i64_shr_u);
    }
    code.op(WASM.i32_wrap_i64);
  }

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

  /** The local of a one-word operand; halves of pairs are taken out into `scratch`. */
  private wordOperand(register: number, scratch: number): number {
    const local = this.stack[register]!;
    const part = this.parts[register]!;
    if (part === WORD) return local;
    this.code.get(local);
    this.wordOfPair(part);
    this.code.set(scratch);
    return scratch;
  }

  /** The local of a pair; words that were not made together are joined in `scratch`. */
  private pairOperand(register: number, scratch: number): number {
    const {code} = this;
    const high = this.stack[register]!;
    const low = this.stack[register - 1]!;
    if (high === low && this.parts[register] === HIGH) return high;
    code.get(high);
    if (this.parts[register] === WORD) code.op(WASM.i64_extend_i32_u);
    if (this.parts[register] === HIGH) {
      code.i64(0, -1);
      code.op(WASM.i64_and);
    } else {
      code.i64(32, 0);
      code.op(WASM.i64_shl);
    }
    code.get(low);
    if (this.parts[register - 1] === HIGH) {
      code.i64(32, 0);
      code.op(WASM.i64_shr_u);
    } else {
      if (this.parts[register - 1] === LOW) code.op(WASM.i32_wrap_i64);
      code.op(WASM.i64_extend_i32_u);
    }
    code.op(WASM.i64_or);
    code.set(scratch);
    return scratch;
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
    return {place: opened.place, offset: 4 * (this.stack.length - opened.marker - 1)};
  }

  private arithmetic(instruction: Arithmetic, word: number): void {
    const {code} = this;
    const {pairs, operands} = instruction;
    const isConstant = operands === 2 && hasImmediate(word);
    const hasB = operands === 2 && !isConstant;
    const x: Lowering = {
      code,
      a: pairs ? -1 : this.wordOperand(registerA(word), this.wordA),
      b: !pairs && hasB ? this.wordOperand(registerB(word), this.wordB) : -1,
      aPair: pairs ? this.pairOperand(registerA(word), this.pairA) : -1,
      bPair: pairs && hasB ? this.pairOperand(registerB(word), this.pairB) : -1,
      constant: isConstant ? immediateLow(word) : undefined,
      constantHigh: isConstant ? immediateHigh(word) : 0,
      word: this.word,
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
      case 'words':
        lower(x);
        this.defineWords();
        return;
      default:
        lower(x);
        this.definePairs();
    }
  }

  private newWord(isNeeded: boolean): number {
    const local = isNeeded ? this.locals.take(I32) : NO_LOCAL;
    this.stack.push(local);
    this.parts.push(WORD);
    this.defined += 1;
    return local;
  }

  private newPair(isNeeded: boolean): number {
    const local = isNeeded ? this.locals.take(I64) : NO_LOCAL;
    this.stack.push(local, local);
    this.parts.push(LOW, HIGH);
    this.defined += 2;
    return local;
  }

  /** Whether any of the next `count` variables is an operand later. */
  private isRead(count: number): boolean {
    for (let i = 0; i < count; i++) if (this.analysis.isRead[this.defined + i] === 1) return true;
    return false;
  }

  /** Stack: the word, above the place if that is known. */
  private defineWord(): void {
    const {place, offset} = this.begin();
    const isRead = this.isRead(1);
    const local = this.newWord(isRead || place === undefined);
    if (place === undefined) {
      this.code.set(local);
      return;
    }
    if (isRead) this.code.tee(local);
    this.addWord(place, offset);
  }

  private definePair(): void {
    const {place, offset} = this.begin();
    const isRead = this.isRead(2);
    const local = this.newPair(isRead || place === undefined);
    if (place === undefined) {
      this.code.set(local);
      return;
    }
    if (isRead) this.code.tee(local);
    this.addPair(place, offset);
  }

  private defineVector(): void {
    const {code} = this;
    const {place, offset} = this.begin();
    const isRead = this.isRead(2);
    const local = this.newPair(isRead || place === undefined);
    if (place !== undefined && isRead) code.tee(this.vector);
    if (place !== undefined) this.addVector(place, offset);
    if (place !== undefined && isRead) code.get(this.vector);
    if (place === undefined || isRead) {
      code.lane(WASM.i64x2_extract_lane, 0);
      code.set(local);
    }
  }

  /** Stack: two words, the second above. */
  private defineWords(): void {
    const {code} = this;
    const {place, offset} = this.begin();
    const first = this.newWord(true);
    const second = this.newWord(true);
    code.set(second);
    code.set(first);
    if (place === undefined) return;
    for (const [i, local] of [first, second].entries()) {
      code.get(place);
      code.get(local);
      this.addWord(place, offset + 4 * i);
    }
  }

  private definePairs(): void {
    const {code} = this;
    const {place, offset} = this.begin();
    const first = this.newPair(true);
    const second = this.newPair(true);
    code.set(second);
    code.set(first);
    if (place === undefined) return;
    code.get(place);
    code.get(first);
    code.op(WASM.i64x2_splat);
    code.get(second);
    code.lane(WASM.i64x2_replace_lane, 1);
    code.get(place);
    code.memory(WASM.v128_load, offset);
    code.op(WASM.i32x4_add);
    code.memory(WASM.v128_store, offset);
  }
}

/** How a lowered instruction leaves its result. */
type ResultForm = 'word' | 'words' | 'pair' | 'pairs' | 'vector';

function resultForm({class: name, lane}: Arithmetic): ResultForm {
  if (name === '4_2') return 'pair';
  if (name === '4_4') return 'pairs';
  if (name !== '2_2') return 'word';
  if (lane === 8) return 'vector';
  return lane === 16 ? 'words' : 'pair';
}

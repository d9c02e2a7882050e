// RandGen, the program generator.   spec §4
import {expand} from '../../crypto/index.ts';
import {checkBytes} from '../../errors.ts';
import {RandHashError} from '../errors.ts';
import {
  type ArithmeticClass,
  CLASSES,
  END,
  IF_LIKELY,
  IF_RANDOM,
  IN,
  JMP,
  LOOP,
  MAX_PROGRAM_WORDS,
  MEMORY,
} from './instructions.ts';

const INITIAL_BUDGET = 20000;
const MEMORY_COST = 20;
const IN_COST = 2;
const BRANCH_COST = 50;

const MARKER = 0xffffffff;
const FRESH = 0;
const USED = 1;

/** What is left to spend. Loops change the budget of their caller; branch bodies work on a copy. */
interface Budget {
  left: number;
}

/**
 * The program of a seed.   spec §4.6
 *
 * seed    32 bytes
 * returns 1..2048 instruction words
 * throws  RandHashError 'TOO_BIG'
 */
export function generateProgram(seed: Uint8Array): Uint32Array {
  checkBytes('seed', seed, 32);
  const generator = new Generator(seed);
  generator.loop({left: INITIAL_BUDGET});
  return generator.words.slice(0, generator.count);
}

class Generator {
  readonly words = new Uint32Array(MAX_PROGRAM_WORDS);
  count = 0;
  private readonly seed: Uint8Array;
  private stream: DataView = new DataView(new ArrayBuffer(0));
  private streamOffset = 0;
  private streamNumber = 0;
  /** FRESH, USED or MARKER for every stack position. */
  private readonly vars: number[] = [];
  private scope = 0;

  constructor(seed: Uint8Array) {
    this.seed = seed;
  }

  // Random numbers.   spec §4.1

  private rand32(): number {
    if (this.streamOffset === this.stream.byteLength) {
      const bytes = expand(this.seed, this.streamNumber, 64);
      this.stream = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      this.streamNumber += 1;
      this.streamOffset = 0;
    }
    const value = this.stream.getUint32(this.streamOffset, true);
    this.streamOffset += 4;
    return value;
  }

  private toss(n: number): boolean {
    return this.rand32() % n === 0;
  }

  private range(low: number, high: number): number {
    return (this.rand32() % (high - low)) + low;
  }

  // Variables and scopes.   spec §4.5

  private emit(word: number): void {
    if (this.count === MAX_PROGRAM_WORDS) throw new RandHashError('TOO_BIG');
    this.words[this.count] = word;
    this.count += 1;
  }

  private newVars(n: number): void {
    for (let i = 0; i < n; i++) this.vars.push(FRESH);
  }

  private openScope(): void {
    this.scope += 1;
    this.vars.push(MARKER);
  }

  private closeScope(): void {
    this.emit(END);
    this.scope -= 1;
    this.vars.length = this.vars.lastIndexOf(MARKER);
  }

  /** Chooses the frame to take a variable from: its marker and the end of its variables. */
  private pickFrame(pair: boolean): {marker: number; end: number} {
    let end = this.vars.length;
    for (let marker = end - 1; ; marker--) {
      if (this.vars[marker] !== MARKER) continue;
      const tooFew = end - marker - 1 < (pair ? 2 : 1);
      if (!tooFew && (marker === 0 || !this.toss(4))) return {marker, end};
      end = marker;
    }
  }

  /** Stack position of an operand; of the high word for a pair. */
  private pickVar(pair: boolean): number {
    const {marker, end} = this.pickFrame(pair);
    const first = marker + 1;
    const isFresh = (index: number): boolean => this.vars[index] === FRESH;
    let index = this.range(first, end);
    while (true) {
      index = index + 1 < end ? index + 1 : first;
      // No number is drawn for a pair at the frame's first position, which can never be chosen.
      if (pair && index === first) continue;
      if (this.toss(8)) break;
      if (isFresh(index) && (!pair || isFresh(index - 1))) break;
    }
    this.vars[index] = USED;
    if (pair) this.vars[index - 1] = USED;
    return index;
  }

  // Not masked to 9 bits, as in the existing programs; positions above 511 have never occurred.

  private operandA(pair: boolean): number {
    return this.pickVar(pair) << 9;
  }

  private operandB(pair: boolean): number {
    return this.toss(4) ? (this.rand32() << 20) | (1 << 18) : this.pickVar(pair) << 20;
  }

  // Statements.   spec §4.6. Each reports whether there was budget for it.

  private op(name: ArithmeticClass, budget: Budget): boolean {
    const shape = CLASSES[name];
    const choice = this.rand32() % shape.count;
    if (!spend(budget, shape.cost)) return false;
    let word = shape.first + choice;
    word |= this.operandA(shape.pairs);
    if (shape.operands === 2) word |= this.operandB(shape.pairs);
    this.emit(word);
    this.newVars(shape.results);
    return true;
  }

  private input(budget: Budget): boolean {
    if (!spend(budget, IN_COST)) return false;
    this.newVars(1);
    this.emit((this.rand32() << 8) | IN);
    return true;
  }

  private branch(budget: Budget): boolean {
    if (!spend(budget, BRANCH_COST)) return false;
    const kind = this.toss(2) ? IF_RANDOM : IF_LIKELY;
    this.emit(this.operandA(false) | kind | (2 << 20));
    const bodyBudget = Math.floor((budget.left * 7) / 32);
    const jumpToElse = this.count;
    this.emit(JMP);
    this.scopedBody({left: bodyBudget});
    const jumpToEnd = this.count;
    this.emit(JMP);
    this.scopedBody({left: bodyBudget});
    this.words[jumpToElse] = ((jumpToEnd - jumpToElse) << 8) | JMP;
    this.words[jumpToEnd] = ((this.count - jumpToEnd - 1) << 8) | JMP;
    return true;
  }

  /** A loop and its body. The caller's budget is divided by the count for good, and its body ends here. */
  loop(budget: Budget): void {
    const count = this.range(2, 7 + 29 * this.scope);
    const accesses = this.range(2, 4);
    if (budget.left < MEMORY_COST * count) return;
    budget.left = Math.floor(budget.left / count);
    this.emit((count << 20) | LOOP);
    this.openScope();
    const memory = ((this.rand32() << 8) & ~(15 << 9)) | MEMORY;
    for (let i = 0; i < accesses && spend(budget, MEMORY_COST); i++) {
      this.newVars(1);
      this.emit(memory | ((this.rand32() & 15) << 9));
    }
    this.body(budget);
    this.closeScope();
  }

  private scopedBody(budget: Budget): void {
    this.openScope();
    this.body(budget);
    this.closeScope();
  }

  private body(budget: Budget): void {
    while (this.statements(budget)) {
      // Both tests draw a number; a branch without budget ends the body before the second.
      const shouldBranch = (this.rand32() % 64) + Math.floor((this.count * 25) / 2048) < 50;
      if (shouldBranch && !this.branch(budget)) return;
      const shouldLoop = this.rand32() % 32 < 23;
      if (shouldLoop) {
        this.loop(budget);
        return;
      }
    }
  }

  /** A run of 2..11 plain statements, ever cheaper ones; false when the budget is exhausted. */
  private statements(budget: Budget): boolean {
    const max = this.range(2, 12);
    for (let i = 1; i <= max; i++) {
      const done =
        (this.toss(Math.floor((4 * max) / i)) && this.op('4_4', budget)) ||
        (this.toss(Math.floor((3 * max) / i)) && this.op('4_2', budget)) ||
        (this.toss(Math.floor((3 * max) / i)) && this.op('2_2', budget)) ||
        (this.toss(Math.floor((2 * max) / i)) && this.op('2_1', budget)) ||
        (this.toss(i) && this.input(budget)) ||
        this.op('1_1', budget);
      if (!done) return false;
    }
    return true;
  }
}

function spend(budget: Budget, cost: number): boolean {
  if (budget.left < cost) return false;
  budget.left -= cost;
  return true;
}

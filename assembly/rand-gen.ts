// RandGen, the program generator.   spec §4
import { expandBlocks } from "./expand";
import { END, IF_LIKELY, IF_RANDOM, IN, JMP, LOOP, MAX_PROGRAM_WORDS, MEMORY, TOO_BIG } from "./instructions";

// Scratch: 256 bytes of random numbers, the addresses of the open scopes' markers, the stack of variables with one byte
// each. Every scope takes at least half of the budget, so there are fewer than 16; variables cost at least 1 each
// of a budget that the outermost loop has halved, or 4 for the four of a 4_4, so there are fewer than 8128.
const STREAM_BYTES: usize = 256;
const MARKERS_BYTES: usize = 128;
/** Bytes of scratch a generator needs. */
export const GENERATOR_SCRATCH: usize = 8512;

const FRESH: u8 = 0;
const USED: u8 = 1;
const MARKER: u8 = 2;

const INITIAL_BUDGET: u32 = 20000;
const MEMORY_COST: u32 = 20;
const IN_COST: u32 = 2;
const BRANCH_COST: u32 = 50;

// One generator at a time; its state, set by generateProgram.
let seedAt: usize = 0;
let stream: usize = 0;
let streamAt: usize = 0;
let streamEnd: usize = 0;
let streamNumber: u32 = 0;
let words: usize = 0;
let count: u32 = 0;
let tooBig: bool = false;
let stack: usize = 0; // first stack position
let top: usize = 0; // behind the last one
let markers: usize = 0; // address of the innermost scope's entry
let scope: u32 = 0;

/**
 * The program of a seed.
 *   seed    32 bytes
 *   out     room for 2048 words
 *   scratch GENERATOR_SCRATCH bytes
 * returns the number of words, or TOO_BIG
 */
export function generateProgram(seed: usize, out: usize, scratch: usize): i32 {
  seedAt = seed;
  stream = scratch;
  streamEnd = scratch + STREAM_BYTES;
  streamAt = streamEnd;
  streamNumber = 0;
  words = out;
  count = 0;
  tooBig = false;
  markers = streamEnd - 4;
  stack = streamEnd + MARKERS_BYTES;
  top = stack;
  scope = 0;
  loop(INITIAL_BUDGET);
  return tooBig ? TOO_BIG : <i32>count;
}

// Random numbers.   spec §4.1

// @ts-ignore: decorator
@inline
function rand32(): u32 {
  const at = streamAt == streamEnd ? refill() : streamAt;
  streamAt = at + 4;
  return load<u32>(at);
}

/** Returns the address of the next number, the first of the stream. */
function refill(): usize {
  expandBlocks(seedAt, streamNumber, 1, 0, 0, stream);
  streamNumber += 4;
  return stream;
}

// @ts-ignore: decorator
@inline
function toss(n: u32): bool {
  return rand32() % n == 0;
}

// @ts-ignore: decorator
@inline
function range(low: u32, high: u32): u32 {
  return (rand32() % (high - low)) + low;
}

// Variables and scopes.   spec §4.5

/** After the first word too many nothing counts any more: statements find no budget, and the generator returns. */
function emit(word: u32): void {
  if (count == MAX_PROGRAM_WORDS) {
    tooBig = true;
    return;
  }
  store<u32>(words + 4 * <usize>count, word);
  count++;
}

// @ts-ignore: decorator
@inline
function newVars(n: usize): void {
  if (tooBig) return;
  store<u32>(top, 0); // four fresh variables, of which n count
  top += n;
}

function openScope(): void {
  scope++;
  markers += 4;
  store<u32>(markers, <u32>top);
  store<u8>(top, MARKER);
  top++;
}

function closeScope(): void {
  emit(END);
  scope--;
  top = load<u32>(markers);
  markers -= 4;
}

/** Stack position of an operand; of the high word for a pair. */
function pickVar(pair: bool): u32 {
  // Random numbers are taken through a local: this is where most of them go.
  let next = streamAt;
  const last = streamEnd;
  // The frame: `end` is behind its variables, `first` is the first of them.
  let end = top;
  let entry = markers;
  let first = <usize>load<u32>(entry) + 1;
  const fewest: usize = pair ? 2 : 1;
  while (true) {
    if (end - first >= fewest) {
      if (first - 1 == stack) break;
      if (next == last) next = refill();
      next += 4;
      if ((load<u32>(next - 4) & 3) != 0) break;
    }
    end = first - 1;
    entry -= 4;
    first = <usize>load<u32>(entry) + 1;
  }
  if (next == last) next = refill();
  next += 4;
  let at = first + <usize>(load<u32>(next - 4) % <u32>(end - first));
  while (true) {
    at = at + 1 < end ? at + 1 : first;
    if (pair && at == first) continue; // can never be chosen, and draws no number
    if (next == last) next = refill();
    next += 4;
    let state: u32 = load<u8>(at);
    if (pair) state |= load<u8>(at - 1);
    if ((load<u32>(next - 4) & 7) == 0 || state == FRESH) break;
  }
  store<u8>(at, USED);
  if (pair) store<u8>(at - 1, USED);
  streamAt = next;
  return <u32>(at - stack);
}

function operandA(pair: bool): u32 {
  return pickVar(pair) << 9;
}

function operandB(pair: bool): u32 {
  return toss(4) ? (rand32() << 20) | (1 << 18) : pickVar(pair) << 20;
}

// Statements.   spec §4.6. The budget left is returned; NONE says that there was not enough.

const NONE: u32 = 0xffffffff;

// @ts-ignore: decorator
@inline
function spend(budget: u32, cost: u32): u32 {
  return budget < cost || tooBig ? NONE : budget - cost;
}

/** One arithmetic instruction: opcodes first .. first + choices - 1. */
// @ts-ignore: decorator
@inline
function op(budget: u32, cost: u32, first: u32, choices: u32, pairs: bool, operands: u32, results: usize): u32 {
  const choice = rand32() % choices;
  const left = spend(budget, cost);
  if (left == NONE) return NONE;
  let word = first + choice;
  word |= operandA(pairs);
  if (operands == 2) word |= operandB(pairs);
  emit(word);
  newVars(results);
  return left;
}

function branch(budget: u32): u32 {
  const left = spend(budget, BRANCH_COST);
  if (left == NONE) return NONE;
  const kind: u32 = toss(2) ? IF_RANDOM : IF_LIKELY;
  emit(operandA(false) | kind | (2 << 20));
  const jumpToElse = count;
  emit(JMP);
  const bodyBudget = (left * 7) / 32;
  openScope();
  body(bodyBudget);
  closeScope();
  const jumpToEnd = count;
  emit(JMP);
  openScope();
  body(bodyBudget);
  closeScope();
  if (tooBig) return NONE;
  store<u32>(words + 4 * <usize>jumpToElse, ((jumpToEnd - jumpToElse) << 8) | JMP);
  store<u32>(words + 4 * <usize>jumpToEnd, ((count - jumpToEnd - 1) << 8) | JMP);
  return left;
}

/** A loop ends the body around it, so nobody asks what is left of the budget. */
function loop(budget: u32): void {
  const times = range(2, 7 + 29 * scope);
  const accesses = range(2, 4);
  if (budget < MEMORY_COST * times || tooBig) return;
  let left = budget / times;
  emit((times << 20) | LOOP);
  openScope();
  const memory: u32 = ((rand32() << 8) & ~(15 << 9)) | MEMORY;
  for (let i: u32 = 0; i < accesses; i++) {
    const rest = spend(left, MEMORY_COST);
    if (rest == NONE) break;
    left = rest;
    newVars(1);
    emit(memory | ((rand32() & 15) << 9));
  }
  body(left);
  closeScope();
}

function body(budget: u32): void {
  let left = budget;
  while (true) {
    left = statements(left);
    if (left == NONE) return;
    if ((rand32() % 64) + (count * 25) / 2048 < 50) {
      left = branch(left);
      if (left == NONE) return;
    }
    if (rand32() % 32 < 23) {
      loop(left);
      return;
    }
  }
}

/** A run of 2..11 plain statements, ever cheaper ones. */
function statements(budget: u32): u32 {
  let left = budget;
  const max = range(2, 12);
  for (let i: u32 = 1; i <= max; i++) {
    let rest = NONE;
    // max / i in 16.16, rounded up: the quotients below are exact, as their dividends are below 64.
    const ratio = max * (65536 / i + 1);
    if (toss((4 * ratio) >> 16)) rest = op(left, 16, 59, 5, true, 2, 4);
    if (rest == NONE && toss((3 * ratio) >> 16)) rest = op(left, 8, 51, 8, true, 2, 2);
    if (rest == NONE && toss((3 * ratio) >> 16)) rest = op(left, 4, 36, 15, false, 2, 2);
    if (rest == NONE && toss((2 * ratio) >> 16)) rest = op(left, 2, 12, 24, false, 2, 1);
    if (rest == NONE && toss(i)) {
      rest = spend(left, IN_COST);
      if (rest != NONE) {
        newVars(1);
        emit((rand32() << 8) | IN);
      }
    }
    if (rest == NONE) rest = op(left, 1, 1, 11, false, 1, 1);
    if (rest == NONE) return NONE;
    left = rest;
  }
  return left;
}

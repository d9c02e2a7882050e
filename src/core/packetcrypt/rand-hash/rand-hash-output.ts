import type {CodeWriter} from '../../wasm/code-writer.ts';
import {WASM} from '../../wasm/opcodes.ts';
import {OUTPUT, OUTPUT_END, POSITION} from './rand-hash-locals.ts';

/** Words of zeroed slack behind a buffer of 256 words. */
export const SLACK_WORDS = 512;
export const HALF_BYTES = 1024;
/** Frames with more variables than this are output in parts. */
export const CHUNK_WORDS = 256;

const WRAP: number = HALF_BYTES - 4;

/**
 * Writes the code that adds to the output. The running address, `position`, may be past the 1024 bytes of the output,
 * in the slack; before that is exhausted, `checkPosition` folds it back: adds it to the beginning and clears it.
 */
export class OutputWriter {
  /** Bound on the words by which the position is past the end of the output. */
  ahead = 0;
  private readonly code: CodeWriter;
  private readonly fold: number;

  /** `fold` is the index of the function of rand-hash-fold.ts. */
  constructor(code: CodeWriter, fold: number) {
    this.code = code;
    this.fold = fold;
  }

  begin(): void {
    const {code} = this;
    code.get(OUTPUT);
    code.tee(POSITION);
    code.i32(HALF_BYTES);
    code.op(WASM.i32_add);
    code.set(OUTPUT_END);
  }

  /** Makes sure that `words` more fit into the slack. */
  reserve(words: number): void {
    if (this.ahead + words > SLACK_WORDS) this.checkPosition();
  }

  advance(words: number): void {
    const {code} = this;
    code.get(POSITION);
    code.i32(4 * words);
    code.op(WASM.i32_add);
    code.set(POSITION);
    this.ahead += words;
  }

  /** Folds the slack back if the position is past the end of the output. */
  checkPosition(): void {
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

  /** Sets `place` to the address, wrapped to the output, that is `words` behind the position. */
  placeBehind(words: number, place: number): void {
    const {code} = this;
    code.get(POSITION);
    code.get(OUTPUT);
    code.op(WASM.i32_sub);
    code.i32((4 * words) & WRAP);
    code.op(WASM.i32_add);
    code.i32(WRAP);
    code.op(WASM.i32_and);
    code.get(OUTPUT);
    code.op(WASM.i32_add);
    code.set(place);
  }

  // Each finds the local `place` and the value on the stack, and adds at `place` + offset.

  /** Stack: place, word. */
  addWord(place: number, offset: number): void {
    const {code} = this;
    code.get(place);
    code.memory(WASM.i32_load, offset);
    code.op(WASM.i32_add);
    code.memory(WASM.i32_store, offset);
  }

  /** Stack: place, i64. */
  addPair(place: number, offset: number): void {
    this.code.op(WASM.i64x2_splat);
    this.addVector(place, offset);
  }

  /** Stack: place, vector with two words. */
  addVector(place: number, offset: number): void {
    const {code} = this;
    code.get(place);
    code.memory(WASM.v128_load64_zero, offset);
    code.op(WASM.i32x4_add);
    code.memoryLane(WASM.v128_store64_lane, offset, 0);
  }

  /** Not on the stack but in locals: four words, the pair `low` and the pair `high`. */
  addPairs(place: number, offset: number, low: number, high: number): void {
    const {code} = this;
    code.get(place);
    code.get(low);
    code.op(WASM.i64x2_splat);
    code.get(high);
    code.lane(WASM.i64x2_replace_lane, 1);
    code.get(place);
    code.memory(WASM.v128_load, offset);
    code.op(WASM.i32x4_add);
    code.memory(WASM.v128_store, offset);
  }
}

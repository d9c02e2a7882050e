// What the arithmetic instructions of RandHash compute, in the plainest way.   spec §5.5
import type {ArithmeticName} from './instructions.ts';

/** Operands and result of one instruction; two views of the same memory, which is little endian. */
export class Operands {
  /** a low, a high, b low, b high, then up to four result words, least significant first. */
  readonly words: Uint32Array = new Uint32Array(8);
  /** a, b, and the result as two 64-bit numbers. */
  readonly pairs: BigUint64Array = new BigUint64Array(this.words.buffer);
}

const A = 0;
const B = 2;
/** First result word. */
export const RESULT = 4;

/** Computes an instruction's 1, 2 or 4 result words from its operands. */
export type Evaluate = (operands: Operands) => void;

type OneLane = (a: number, b: number) => number;

const signed = (x: number, width: number): number => (x << (32 - width)) >> (32 - width);

function countOnes(x: number): number {
  let count = 0;
  for (let rest = x; rest !== 0; rest &= rest - 1) count++;
  return count;
}

const leadingZeros = (x: number, width: number): number => Math.clz32(x) - (32 - width);
const trailingZeros = (x: number, width: number): number => (x === 0 ? width : 31 - Math.clz32(x & -x));

/** Lanes of `width` bits, each result reduced to its lane. */
function lanes(width: number, f: OneLane): Evaluate {
  const lane = 2 ** width - 1;
  return ({words}) => {
    const a = words[A]!;
    const b = words[B]!;
    let result = 0;
    for (let shift = 0; shift < 32; shift += width) {
      result |= (f((a >>> shift) & lane, (b >>> shift) & lane) & lane) << shift;
    }
    words[RESULT] = result;
  };
}

/** Lanes of 8 or 16 bits whose results take twice the width, lane order kept. */
function wideLanes(width: 8 | 16, f: OneLane): Evaluate {
  const lane = 2 ** width - 1;
  const wide = width === 8 ? 0xffff : -1;
  return ({words}) => {
    const a = words[A]!;
    const b = words[B]!;
    words[RESULT] = 0;
    words[RESULT + 1] = 0;
    for (let shift = 0; shift < 32; shift += width) {
      const result = f((a >>> shift) & lane, (b >>> shift) & lane) & wide;
      words[RESULT + ((2 * shift) >> 5)]! |= result << ((2 * shift) & 31);
    }
  };
}

/** A word-wise operation on unsigned words; its result is reduced to 32 bits. */
function word(f: OneLane): Evaluate {
  return ({words}) => {
    words[RESULT] = f(words[A]!, words[B]!);
  };
}

/** An operation on words with an exact result, of which 64 bits are kept. */
function wideWord(f: (a: bigint, b: bigint) => bigint): Evaluate {
  return ({words, pairs}) => {
    pairs[RESULT / 2] = f(BigInt(words[A]!), BigInt(words[B]!));
  };
}

/** An operation on pairs with an exact result, of which 64 bits are kept. */
function pair(f: (a: bigint, b: bigint) => bigint): Evaluate {
  return ({pairs}) => {
    pairs[RESULT / 2] = f(pairs[A / 2]!, pairs[B / 2]!);
  };
}

/** An operation on pairs with an exact result, of which 128 bits are kept. */
function widePair(f: (a: bigint, b: bigint) => bigint): Evaluate {
  return ({pairs}) => {
    const result = f(pairs[A / 2]!, pairs[B / 2]!);
    pairs[RESULT / 2] = result;
    pairs[RESULT / 2 + 1] = result >> 64n;
  };
}

const s32 = (x: bigint): bigint => BigInt.asIntN(32, x);
const s64 = (x: bigint): bigint => BigInt.asIntN(64, x);
const rotateLeft64 = (x: bigint, k: bigint): bigint => (x << k) | (x >> (64n - k));

function swapBytes(x: number): number {
  return (x << 24) | ((x << 8) & 0xff0000) | ((x >>> 8) & 0xff00) | (x >>> 24);
}

export const EVALUATE: Readonly<Record<ArithmeticName, Evaluate>> = {
  POPCNT8: lanes(8, countOnes),
  POPCNT16: lanes(16, countOnes),
  POPCNT32: word(countOnes),
  CLZ8: lanes(8, (a) => leadingZeros(a, 8)),
  CLZ16: lanes(16, (a) => leadingZeros(a, 16)),
  CLZ32: word((a) => leadingZeros(a, 32)),
  CTZ8: lanes(8, (a) => trailingZeros(a, 8)),
  CTZ16: lanes(16, (a) => trailingZeros(a, 16)),
  CTZ32: word((a) => trailingZeros(a, 32)),
  BSWAP16: lanes(16, (a) => (a << 8) | (a >>> 8)),
  BSWAP32: word(swapBytes),

  ADD8: lanes(8, (a, b) => a + b),
  ADD16: lanes(16, (a, b) => a + b),
  ADD32: word((a, b) => a + b),
  SUB8: lanes(8, (a, b) => a - b),
  SUB16: lanes(16, (a, b) => a - b),
  SUB32: word((a, b) => a - b),
  SHLL8: lanes(8, (a, b) => a << (b & 7)),
  SHLL16: lanes(16, (a, b) => a << (b & 15)),
  SHLL32: word((a, b) => a << (b & 31)),
  SHRL8: lanes(8, (a, b) => a >>> (b & 7)),
  SHRL16: lanes(16, (a, b) => a >>> (b & 15)),
  SHRL32: word((a, b) => a >>> (b & 31)),
  SHRA8: lanes(8, (a, b) => signed(a, 8) >> (b & 7)),
  SHRA16: lanes(16, (a, b) => signed(a, 16) >> (b & 15)),
  SHRA32: word((a, b) => a >> (b & 31)),
  ROTL8: lanes(8, (a, b) => (a << (b & 7)) | (a >>> (8 - (b & 7)))),
  ROTL16: lanes(16, (a, b) => (a << (b & 15)) | (a >>> (16 - (b & 15)))),
  ROTL32: word((a, b) => (a << (b & 31)) | (a >>> (-b & 31))),
  MUL8: lanes(8, Math.imul),
  MUL16: lanes(16, Math.imul),
  MUL32: word(Math.imul),
  AND: word((a, b) => a & b),
  OR: word((a, b) => a | b),
  XOR: word((a, b) => a ^ b),

  ADD8C: wideLanes(8, (a, b) => a + b),
  ADD16C: wideLanes(16, (a, b) => a + b),
  ADD32C: wideWord((a, b) => a + b),
  SUB8C: wideLanes(8, (a, b) => a - b),
  SUB16C: wideLanes(16, (a, b) => a - b),
  SUB32C: wideWord((a, b) => a - b),
  MUL8C: wideLanes(8, (a, b) => signed(a, 8) * signed(b, 8)),
  MUL16C: wideLanes(16, (a, b) => signed(a, 16) * signed(b, 16)),
  MUL32C: wideWord((a, b) => s32(a) * s32(b)),
  MULSU8C: wideLanes(8, (a, b) => signed(a, 8) * b),
  MULSU16C: wideLanes(16, (a, b) => signed(a, 16) * b),
  MULSU32C: wideWord((a, b) => s32(a) * b),
  MULU8C: wideLanes(8, (a, b) => a * b),
  MULU16C: wideLanes(16, (a, b) => a * b),
  MULU32C: wideWord((a, b) => a * b),

  ADD64: pair((a, b) => a + b),
  SUB64: pair((a, b) => a - b),
  SHLL64: pair((a, b) => a << (b & 63n)),
  SHRL64: pair((a, b) => a >> (b & 63n)),
  SHRA64: pair((a, b) => s64(a) >> (b & 63n)),
  ROTL64: pair((a, b) => rotateLeft64(a, b & 63n)),
  ROTR64: pair((a, b) => rotateLeft64(a, -b & 63n)),
  MUL64: pair((a, b) => a * b),

  ADD64C: widePair((a, b) => a + b),
  SUB64C: widePair((a, b) => a - b),
  MUL64C: widePair((a, b) => s64(a) * s64(b)),
  MULSU64C: widePair((a, b) => s64(a) * b),
  MULU64C: widePair((a, b) => a * b),
};

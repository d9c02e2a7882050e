// WebAssembly for the instructions of classes 4_2 and 4_4: 64-bit operands.   spec §5.5
import {WASM} from '../../wasm/opcodes.ts';
import {type Lower, type Lowering, pushPairA, pushPairB} from './lower.ts';

const {i64_add, i64_and, i64_mul, i64_shl, i64_shr_s, i64_shr_u, i64_sub} = WASM;

function binary(opcode: number): Lower {
  return (x) => {
    pushPairA(x);
    pushPairB(x);
    x.code.op(opcode);
  };
}

function withConstant64(x: Lowering, value: number, opcode: number): void {
  x.code.i64(value, 0);
  x.code.op(opcode);
}

/** The sum, then its carry. */
function addCarry(x: Lowering): void {
  const sum = x.pair;
  binary(i64_add)(x);
  x.code.tee(sum);
  x.code.get(sum);
  pushPairA(x);
  x.code.op(WASM.i64_lt_u);
  x.code.op(WASM.i64_extend_i32_u);
}

/** The difference, then all ones if it borrowed. */
function subtractBorrow(x: Lowering): void {
  binary(i64_sub)(x);
  x.code.i64(0, 0);
  pushPairA(x);
  pushPairB(x);
  x.code.op(WASM.i64_lt_u);
  x.code.op(WASM.i64_extend_i32_u);
  x.code.op(i64_sub);
}

/** Pushes the low or high half of an operand as an unsigned 64-bit number. */
function pushHalf(x: Lowering, push: (x: Lowering) => void, high: boolean): void {
  if (push === pushPairB && x.constant !== undefined) {
    x.code.i64(high ? x.constantHigh : x.constant, 0);
    return;
  }
  push(x);
  if (high) {
    withConstant64(x, 32, i64_shr_u);
  } else {
    x.code.op(WASM.i32_wrap_i64);
    x.code.op(WASM.i64_extend_i32_u);
  }
}

/**
 * The low 64 bits of the product, then the high ones from four products of halves. Unsigned first: a negative operand
 * counts 2^64 too much, so the other one is taken off the high half.
 */
function multiplyWide(signedA: boolean, signedB: boolean): Lower {
  return (x) => {
    const {code, pair: middle} = x;
    binary(i64_mul)(x);
    // middle = highA·lowB + high half of lowA·lowB; it stays below 2^64
    pushHalf(x, pushPairA, true);
    pushHalf(x, pushPairB, false);
    code.op(i64_mul);
    pushHalf(x, pushPairA, false);
    pushHalf(x, pushPairB, false);
    code.op(i64_mul);
    withConstant64(x, 32, i64_shr_u);
    code.op(i64_add);
    code.set(middle);
    // high half of (lowA·highB + low half of middle)
    pushHalf(x, pushPairA, false);
    pushHalf(x, pushPairB, true);
    code.op(i64_mul);
    code.get(middle);
    code.op(WASM.i32_wrap_i64);
    code.op(WASM.i64_extend_i32_u);
    code.op(i64_add);
    withConstant64(x, 32, i64_shr_u);
    code.get(middle);
    withConstant64(x, 32, i64_shr_u);
    code.op(i64_add);
    pushHalf(x, pushPairA, true);
    pushHalf(x, pushPairB, true);
    code.op(i64_mul);
    code.op(i64_add);
    if (signedA) subtractIfNegative(x, pushPairA, pushPairB);
    if (signedB) subtractIfNegative(x, pushPairB, pushPairA);
  };
}

function subtractIfNegative(x: Lowering, sign: (x: Lowering) => void, value: (x: Lowering) => void): void {
  sign(x);
  withConstant64(x, 63, i64_shr_s);
  value(x);
  x.code.op(i64_and);
  x.code.op(i64_sub);
}

export const LOWER_PAIRS: Readonly<Record<string, Lower>> = {
  ADD64: binary(i64_add),
  SUB64: binary(i64_sub),
  SHLL64: binary(i64_shl),
  SHRL64: binary(i64_shr_u),
  SHRA64: binary(i64_shr_s),
  ROTL64: binary(WASM.i64_rotl),
  ROTR64: binary(WASM.i64_rotr),
  MUL64: binary(i64_mul),

  ADD64C: addCarry,
  SUB64C: subtractBorrow,
  MUL64C: multiplyWide(true, true),
  MULSU64C: multiplyWide(true, false),
  MULU64C: multiplyWide(false, false),
};

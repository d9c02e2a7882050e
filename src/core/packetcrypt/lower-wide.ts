// WebAssembly for the instructions of class 2_2: one-word operands, lanes of twice the width.   spec §5.5
import {WASM} from '../wasm/opcodes.ts';
import {type Lower, type Lowering, pushA, pushB, pushShiftedB, withConstant} from './lower.ts';

const {i64_extend_i32_s, i64_extend_i32_u} = WASM;

/** Bytes: extended to 16-bit lanes of a vector, which is left with the result in its low 64 bits. */
function bytes(opcode: number, extendA: number, extendB: number): Lower {
  return (x) => {
    pushA(x);
    x.code.op(WASM.i32x4_splat);
    x.code.op(extendA);
    pushB(x);
    x.code.op(WASM.i32x4_splat);
    x.code.op(extendB);
    x.code.op(opcode);
  };
}

/** Pushes the half word of a or b at bit 0 or 16, extended to a word. */
function pushHalf(x: Lowering, push: () => void, at: number, isSigned: boolean): void {
  push();
  if (at === 16) withConstant(x, 16, isSigned ? WASM.i32_shr_s : WASM.i32_shr_u);
  else if (isSigned) x.code.op(WASM.i32_extend16_s);
  else withConstant(x, 0xffff, WASM.i32_and);
}

/** Half words: two words, the low lane's first. */
function halves(opcode: number, signedA: boolean, signedB: boolean): Lower {
  return (x) => {
    for (const at of [0, 16]) {
      pushHalf(x, () => pushA(x), at, signedA);
      if (x.constant === undefined) pushHalf(x, () => pushShiftedB(x, 0), at, signedB);
      else x.code.i32(signedB ? (x.constant << (16 - at)) >> 16 : (x.constant >>> at) & 0xffff);
      x.code.op(opcode);
    }
  };
}

/** Words: exact in 64 bits. */
function words(opcode: number, extendA: number, extendB: number): Lower {
  return (x) => {
    pushA(x);
    x.code.op(extendA);
    pushB(x);
    x.code.op(extendB);
    x.code.op(opcode);
  };
}

const BYTE_U = WASM.i16x8_extend_low_i8x16_u;
const BYTE_S = WASM.i16x8_extend_low_i8x16_s;

export const LOWER_WIDE: Readonly<Record<string, Lower>> = {
  ADD8C: bytes(WASM.i16x8_add, BYTE_U, BYTE_U),
  ADD16C: halves(WASM.i32_add, false, false),
  ADD32C: words(WASM.i64_add, i64_extend_i32_u, i64_extend_i32_u),
  SUB8C: bytes(WASM.i16x8_sub, BYTE_U, BYTE_U),
  SUB16C: halves(WASM.i32_sub, false, false),
  SUB32C: words(WASM.i64_sub, i64_extend_i32_u, i64_extend_i32_u),
  MUL8C: bytes(WASM.i16x8_mul, BYTE_S, BYTE_S),
  MUL16C: halves(WASM.i32_mul, true, true),
  MUL32C: words(WASM.i64_mul, i64_extend_i32_s, i64_extend_i32_s),
  MULSU8C: bytes(WASM.i16x8_mul, BYTE_S, BYTE_U),
  MULSU16C: halves(WASM.i32_mul, true, false),
  MULSU32C: words(WASM.i64_mul, i64_extend_i32_s, i64_extend_i32_u),
  MULU8C: bytes(WASM.i16x8_mul, BYTE_U, BYTE_U),
  MULU16C: halves(WASM.i32_mul, false, false),
  MULU32C: words(WASM.i64_mul, i64_extend_i32_u, i64_extend_i32_u),
};

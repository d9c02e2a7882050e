// WebAssembly for the instructions of class 2_2: one-word operands, lanes of twice the width.   spec §5.5
import {WASM} from '../../wasm/opcodes.ts';
import {type Lower, pushA, pushB} from './lower.ts';

const {i64_extend_i32_s, i64_extend_i32_u} = WASM;

/** Bytes or half words: extended to twice the width in a vector, which is left with the result in its low 64 bits. */
function lanes(opcode: number, extendA: number, extendB: number): Lower {
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
const HALF_U = WASM.i32x4_extend_low_i16x8_u;
const HALF_S = WASM.i32x4_extend_low_i16x8_s;

export const LOWER_WIDE: Readonly<Record<string, Lower>> = {
  ADD8C: lanes(WASM.i16x8_add, BYTE_U, BYTE_U),
  ADD16C: lanes(WASM.i32x4_add, HALF_U, HALF_U),
  ADD32C: words(WASM.i64_add, i64_extend_i32_u, i64_extend_i32_u),
  SUB8C: lanes(WASM.i16x8_sub, BYTE_U, BYTE_U),
  SUB16C: lanes(WASM.i32x4_sub, HALF_U, HALF_U),
  SUB32C: words(WASM.i64_sub, i64_extend_i32_u, i64_extend_i32_u),
  MUL8C: lanes(WASM.i16x8_mul, BYTE_S, BYTE_S),
  MUL16C: lanes(WASM.i32x4_mul, HALF_S, HALF_S),
  MUL32C: words(WASM.i64_mul, i64_extend_i32_s, i64_extend_i32_s),
  MULSU8C: lanes(WASM.i16x8_mul, BYTE_S, BYTE_U),
  MULSU16C: lanes(WASM.i32x4_mul, HALF_S, HALF_U),
  MULSU32C: words(WASM.i64_mul, i64_extend_i32_s, i64_extend_i32_u),
  MULU8C: lanes(WASM.i16x8_mul, BYTE_U, BYTE_U),
  MULU16C: lanes(WASM.i32x4_mul, HALF_U, HALF_U),
  MULU32C: words(WASM.i64_mul, i64_extend_i32_u, i64_extend_i32_u),
};

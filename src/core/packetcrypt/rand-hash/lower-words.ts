// WebAssembly for the instructions of class 2_1: one-word operands, one-word result.   spec §5.5
import {WASM} from '../../wasm/opcodes.ts';
import {
  type Lower,
  type Lowering,
  pushA,
  pushB,
  pushMaskedA,
  pushMaskedB,
  pushShiftedB,
  withConstant,
} from './lower.ts';
import {lowerConstantShift} from './lower-constant-shift.ts';

const {i32_add, i32_and, i32_mul, i32_or, i32_rotl, i32_shl, i32_shr_s, i32_shr_u, i32_sub, i32_xor} = WASM;

function binary(opcode: number): Lower {
  return (x) => {
    pushA(x);
    pushB(x);
    x.code.op(opcode);
  };
}

/** Operands as vectors, of which only the low word matters. */
function pushVectors(x: Lowering): void {
  pushA(x);
  x.code.op(WASM.i32x4_splat);
  pushB(x);
  x.code.op(WASM.i32x4_splat);
}

/** A vector instruction on the lanes of the word: fewer instructions, and faster to compile, than in one register. */
function lanes(opcode: number): Lower {
  return (x) => {
    pushVectors(x);
    x.code.op(opcode);
    x.code.lane(WASM.i32x4_extract_lane, 0);
  };
}

/** Leaves the low lane's shift count, then the high lane's. */
function pushCount16(x: Lowering, high: boolean): void {
  pushShiftedB(x, high ? 16 : 0);
  withConstant(x, 15, i32_and);
}

function shiftLeft16(x: Lowering): void {
  pushA(x);
  pushCount16(x, false);
  x.code.op(i32_shl);
  withConstant(x, 0xffff, i32_and);
  pushMaskedA(x, 0xffff0000);
  pushCount16(x, true);
  x.code.op(i32_shl);
  x.code.op(i32_or);
}

function shiftRight16(x: Lowering): void {
  pushMaskedA(x, 0xffff);
  pushCount16(x, false);
  x.code.op(i32_shr_u);
  pushA(x);
  pushCount16(x, true);
  x.code.op(i32_shr_u);
  withConstant(x, 0xffff0000, i32_and);
  x.code.op(i32_or);
}

function shiftRightSigned16(x: Lowering): void {
  pushA(x);
  x.code.op(WASM.i32_extend16_s);
  pushCount16(x, false);
  x.code.op(i32_shr_s);
  withConstant(x, 0xffff, i32_and);
  pushA(x);
  pushCount16(x, true);
  x.code.op(i32_shr_s);
  withConstant(x, 0xffff0000, i32_and);
  x.code.op(i32_or);
}

/** Rotates words that hold a lane twice; the rotation of such a word has the period of the lane. */
function rotate16(x: Lowering): void {
  pushMaskedA(x, 0xffff);
  withConstant(x, 0x00010001, i32_mul);
  pushB(x);
  x.code.op(i32_rotl);
  withConstant(x, 0xffff, i32_and);
  pushMaskedA(x, 0xffff0000);
  pushA(x);
  withConstant(x, 16, i32_shr_u);
  x.code.op(i32_or);
  pushShiftedB(x, 16);
  x.code.op(i32_rotl);
  withConstant(x, 0xffff0000, i32_and);
  x.code.op(i32_or);
}

/** 2^k for k = 0..7 as bytes, and 2^(7-k). */
const POWERS = [0x08040201, 0x80402010] as const;
const POWERS_DOWN = [0x10204080, 0x01020408] as const;

/** Leaves a vector whose low four bytes are the powers of two that the four counts in b select. */
function pushPowers(x: Lowering, [low, high]: readonly [number, number]): void {
  x.code.v128(low, high, 0, 0);
  pushMaskedB(x, 0x07070707);
  x.code.op(WASM.i32x4_splat);
  x.code.op(WASM.i8x16_swizzle);
}

/** Leaves the four 16-bit products of the bytes of a and powers of two. */
function pushProducts(x: Lowering, powers: readonly [number, number]): void {
  pushA(x);
  x.code.op(WASM.i32x4_splat);
  pushPowers(x, powers);
  x.code.op(WASM.i16x8_extmul_low_i8x16_u);
}

/** The vector's low four 16-bit lanes become the bytes of a word, through unsigned or signed saturation. */
function narrow(x: Lowering, opcode: number): void {
  x.code.tee(x.vector);
  x.code.get(x.vector);
  x.code.op(opcode);
  x.code.lane(WASM.i32x4_extract_lane, 0);
}

/** As narrow, of the low byte of every lane. */
function narrowLowBytes(x: Lowering): void {
  x.code.v128(0x00ff00ff, 0x00ff00ff, 0x00ff00ff, 0x00ff00ff);
  x.code.op(WASM.v128_and);
  narrow(x, WASM.i8x16_narrow_i16x8_u);
}

function multiply8(x: Lowering): void {
  pushVectors(x);
  x.code.op(WASM.i16x8_extmul_low_i8x16_u);
  narrowLowBytes(x);
}

function shiftLeft8(x: Lowering): void {
  pushProducts(x, POWERS);
  narrowLowBytes(x);
}

function shiftRight8(x: Lowering): void {
  pushProducts(x, POWERS_DOWN);
  withConstant(x, 7, WASM.i16x8_shr_u);
  narrow(x, WASM.i8x16_narrow_i16x8_u);
}

function shiftRightSigned8(x: Lowering): void {
  pushA(x);
  x.code.op(WASM.i32x4_splat);
  x.code.op(WASM.i16x8_extend_low_i8x16_s);
  pushPowers(x, POWERS_DOWN);
  x.code.op(WASM.i16x8_extend_low_i8x16_u);
  x.code.op(WASM.i16x8_mul);
  withConstant(x, 7, WASM.i16x8_shr_s);
  narrow(x, WASM.i8x16_narrow_i16x8_s);
}

function rotate8(x: Lowering): void {
  pushProducts(x, POWERS);
  x.code.tee(x.vector);
  x.code.get(x.vector);
  withConstant(x, 8, WASM.i16x8_shr_u);
  x.code.op(WASM.v128_or);
  narrowLowBytes(x);
}

/** With a constant count another form, without one `general`. */
function shift(width: 8 | 16, kind: 'SHLL' | 'SHRL' | 'SHRA' | 'ROTL', general: Lower): Lower {
  return (x) => {
    if (x.constant === undefined) general(x);
    else lowerConstantShift(x, width, kind, x.constant);
  };
}

export const LOWER_WORDS: Readonly<Record<string, Lower>> = {
  ADD8: lanes(WASM.i8x16_add),
  ADD16: lanes(WASM.i16x8_add),
  ADD32: binary(i32_add),
  SUB8: lanes(WASM.i8x16_sub),
  SUB16: lanes(WASM.i16x8_sub),
  SUB32: binary(i32_sub),
  SHLL8: shift(8, 'SHLL', shiftLeft8),
  SHLL16: shift(16, 'SHLL', shiftLeft16),
  SHLL32: binary(i32_shl),
  SHRL8: shift(8, 'SHRL', shiftRight8),
  SHRL16: shift(16, 'SHRL', shiftRight16),
  SHRL32: binary(i32_shr_u),
  SHRA8: shift(8, 'SHRA', shiftRightSigned8),
  SHRA16: shift(16, 'SHRA', shiftRightSigned16),
  SHRA32: binary(i32_shr_s),
  ROTL8: shift(8, 'ROTL', rotate8),
  ROTL16: shift(16, 'ROTL', rotate16),
  ROTL32: binary(i32_rotl),
  MUL8: multiply8,
  MUL16: lanes(WASM.i16x8_mul),
  MUL32: binary(i32_mul),
  AND: binary(i32_and),
  OR: binary(i32_or),
  XOR: binary(i32_xor),
};

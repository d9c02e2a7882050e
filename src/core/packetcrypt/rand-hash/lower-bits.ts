// WebAssembly for the instructions of class 1_1: counting bits and swapping bytes.   spec §5.5
import {WASM} from '../../wasm/opcodes.ts';
import {type Lower, type Lowering, pushA, pushMaskedA, withConstant} from './lower.ts';

const {i32_and, i32_clz, i32_ctz, i32_or, i32_popcnt, i32_rotl, i32_shl, i32_shr_u} = WASM;

function popcount8(x: Lowering): void {
  pushA(x);
  x.code.op(WASM.i32x4_splat);
  x.code.op(WASM.i8x16_popcnt);
  x.code.lane(WASM.i32x4_extract_lane, 0);
}

function popcount16(x: Lowering): void {
  pushMaskedA(x, 0xffff);
  x.code.op(i32_popcnt);
  pushA(x);
  withConstant(x, 16, i32_shr_u);
  x.code.op(i32_popcnt);
  withConstant(x, 16, i32_shl);
  x.code.op(i32_or);
}

/**
 * Counts zeros lane by lane: the lane is moved to one end of the word, and a sentinel bit behind it stops the count
 * at the lane's width.
 */
function countZeros(width: 8 | 16, leading: boolean): Lower {
  const sentinel = leading ? 2 ** (31 - width) : 2 ** width;
  return (x) => {
    for (let at = 0; at < 32; at += width) {
      const move = leading ? 32 - width - at : at;
      pushA(x);
      if (move > 0) withConstant(x, move, leading ? i32_shl : i32_shr_u);
      withConstant(x, sentinel, i32_or);
      x.code.op(leading ? i32_clz : i32_ctz);
      if (at > 0) {
        withConstant(x, at, i32_shl);
        x.code.op(i32_or);
      }
    }
  };
}

function one(opcode: number): Lower {
  return (x) => {
    pushA(x);
    x.code.op(opcode);
  };
}

function swapBytes16(x: Lowering): void {
  pushMaskedA(x, 0x00ff00ff);
  withConstant(x, 8, i32_shl);
  pushA(x);
  withConstant(x, 8, i32_shr_u);
  withConstant(x, 0x00ff00ff, i32_and);
  x.code.op(i32_or);
}

function swapBytes32(x: Lowering): void {
  pushMaskedA(x, 0x00ff00ff);
  withConstant(x, 24, i32_rotl);
  pushMaskedA(x, 0xff00ff00);
  withConstant(x, 8, i32_rotl);
  x.code.op(i32_or);
}

export const LOWER_BITS: Readonly<Record<string, Lower>> = {
  POPCNT8: popcount8,
  POPCNT16: popcount16,
  POPCNT32: one(i32_popcnt),
  CLZ8: countZeros(8, true),
  CLZ16: countZeros(16, true),
  CLZ32: one(i32_clz),
  CTZ8: countZeros(8, false),
  CTZ16: countZeros(16, false),
  CTZ32: one(i32_ctz),
  BSWAP16: swapBytes16,
  BSWAP32: swapBytes32,
};

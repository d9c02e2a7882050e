// RandHash, the interpreter.   spec §5
import {ADD8, ADD8C, 
  ADD16, ADD16C, ADD32, ADD32C, ADD64, ADD64C, AND, BSWAP16, BSWAP32, CLZ8, CLZ16, CLZ32, 
  CTZ8, CTZ16, CTZ32,IF_LIKELY, IN, LOOP, MAX_OPERATIONS, MEMORY, MUL8, MUL8C,MUL16, MUL16C, MUL32, MUL32C, MUL64, MUL64C, MULSU8C, 
  MULSU16C, MULSU32C, MULSU64C, MULU8C, MULU16C, MULU32C, MULU64C, OR, POPCNT8, POPCNT16, POPCNT32, ROTL8, ROTL16,
  ROTL32, ROTL64, ROTR64, SHLL8, SHLL16, SHLL32, SHLL64, SHRA8, SHRA16, SHRA32, SHRA64, 
  SHRL8, SHRL16, SHRL32, SHRL64,SUB8, SUB8C, SUB16, SUB16C, SUB32, SUB32C, SUB64, SUB64C, TOO_LONG, XOR,
} from "./instructions";
import { CODE, END_ARM, RECORD } from "./rand-hash-decode";

const HALF_BYTES: usize = 1024;
/** Most variables added to the output before the position is wrapped: what the slack holds. */
const CHUNK: usize = 256;

// 2^k and 2^(7-k) for k = 0..7.
const POWERS = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0);
const POWERS_DOWN = i8x16(-128, 64, 32, 16, 8, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0);

// Operands and results of one word in lane 0 of a vector.

// @ts-ignore: decorator
@inline
function vector(address: usize): v128 {
  return v128.load32_zero(address);
}

// @ts-ignore: decorator
@inline
function storeWord(address: usize, x: v128): void {
  v128.store_lane<u32>(address, x, 0);
}

// @ts-ignore: decorator
@inline
function storePair(address: usize, x: v128): void {
  v128.store_lane<u64>(address, x, 0);
}

/** The powers of two that the low three bits of each byte of b select. */
// @ts-ignore: decorator
@inline
function powers(table: v128, b: usize): v128 {
  return i8x16.swizzle(table, v128.and(vector(b), i8x16.splat(7)));
}

/** The products of the bytes of a and b, as 16-bit lanes. */
// @ts-ignore: decorator
@inline
function products(a: usize, b: v128): v128 {
  return i16x8.extmul_low_i8x16_u(vector(a), b);
}

// @ts-ignore: decorator
@inline
function lowBytes(x: v128): v128 {
  const low = v128.and(x, i16x8.splat(0xff));
  return i8x16.narrow_i16x8_u(low, low);
}

/** Carry of a 64 × 64 bit product: its high half.   Four products of halves; no sum exceeds 64 bits. */
function multiplyHigh(a: u64, b: u64): u64 {
  const lowA = a & 0xffffffff, highA = a >> 32, lowB = b & 0xffffffff, highB = b >> 32;
  const middle = highA * lowB + ((lowA * lowB) >> 32);
  const other = lowA * highB + (middle & 0xffffffff);
  return highA * highB + (middle >> 32) + (other >> 32);
}

/**
 * Adds everything from the end of the output to `position` to the words 1024 bytes lower and clears it, top down.
 * Returns the position wrapped to the output.
 */
function fold(output: usize, position: usize): usize {
  const end = output + HALF_BYTES;
  let at = output + ((position - output + 16) & ~15);
  const zero = i64x2.splat(0);
  do {
    at -= 16;
    v128.store(at - HALF_BYTES, i32x4.add(v128.load(at - HALF_BYTES), v128.load(at)));
    v128.store(at, zero);
  } while (at > end);
  return output + ((position - output) & (HALF_BYTES - 1));
}

/** Adds more variables than the slack holds; returns the new position. */
function addMany(output: usize, position: usize, first: usize, count: u32): usize {
  let to = position;
  for (let i: u32 = 0; i < count; i++) {
    store<u32>(to, load<u32>(to) + load<u32>(first + 4 * <usize>i));
    to = output + ((to + 4 - output) & (HALF_BYTES - 1));
  }
  return to;
}

/**
 * One cycle.   spec §5.2, §5.3
 *   decoded  made by decodeProgram
 *   memory   1024 bytes, the item's window
 *   input    1024 bytes
 *   output   1024 bytes, then 2048 bytes of slack: zero before and after
 * returns the number of operations, or TOO_LONG, after which output and slack are undefined
 */
export function interpretCycle(decoded: usize, memory: usize, input: usize, output: usize): i32 {
  const end = output + HALF_BYTES;
  let position = output;
  let operations: u32 = 1;
  let loopVariable: u32 = 0;
  let at = decoded + CODE;
  while (true) {
    const a = <usize>load<u32>(at, 4), b = <usize>load<u32>(at, 8), c = <usize>load<u32>(at, 12);
    const opcode = load<u32>(at);
    at += RECORD;
    switch (opcode) {
      case POPCNT8: storeWord(c, i8x16.popcnt(vector(a))); break;
      case POPCNT16: {
        const x = load<u32>(a);
        store<u32>(c, popcnt(x & 0xffff) | (popcnt(x >> 16) << 16));
        break;
      }
      case POPCNT32: store<u32>(c, popcnt(load<u32>(a))); break;
      case CLZ8: {
        const x = load<u32>(a), s: u32 = 1 << 23;
        store<u32>(c, clz((x << 24) | s) | (clz((x << 16) | s) << 8) | (clz((x << 8) | s) << 16) | (clz(x | s) << 24));
        break;
      }
      case CLZ16: {
        const x = load<u32>(a), s: u32 = 1 << 15;
        store<u32>(c, clz((x << 16) | s) | (clz(x | s) << 16));
        break;
      }
      case CLZ32: store<u32>(c, clz(load<u32>(a))); break;
      case CTZ8: {
        const x = load<u32>(a), s: u32 = 1 << 8;
        store<u32>(c, ctz(x | s) | (ctz((x >> 8) | s) << 8) | (ctz((x >> 16) | s) << 16) | (ctz((x >> 24) | s) << 24));
        break;
      }
      case CTZ16: {
        const x = load<u32>(a), s: u32 = 1 << 16;
        store<u32>(c, ctz(x | s) | (ctz((x >> 16) | s) << 16));
        break;
      }
      case CTZ32: store<u32>(c, ctz(load<u32>(a))); break;
      case BSWAP16: {
        const x = load<u32>(a);
        store<u32>(c, ((x & 0x00ff00ff) << 8) | ((x >> 8) & 0x00ff00ff));
        break;
      }
      case BSWAP32: {
        const x = load<u32>(a);
        store<u32>(c, rotl(x & 0x00ff00ff, 24) | rotl(x & 0xff00ff00, 8));
        break;
      }

      case ADD8: storeWord(c, i8x16.add(vector(a), vector(b))); break;
      case ADD16: storeWord(c, i16x8.add(vector(a), vector(b))); break;
      case ADD32: store<u32>(c, load<u32>(a) + load<u32>(b)); break;
      case SUB8: storeWord(c, i8x16.sub(vector(a), vector(b))); break;
      case SUB16: storeWord(c, i16x8.sub(vector(a), vector(b))); break;
      case SUB32: store<u32>(c, load<u32>(a) - load<u32>(b)); break;
      case SHLL8: storeWord(c, lowBytes(products(a, powers(POWERS, b)))); break;
      case SHLL16: {
        const x = load<u32>(a), y = load<u32>(b);
        store<u32>(c, ((x << (y & 15)) & 0xffff) | ((x & 0xffff0000) << ((y >> 16) & 15)));
        break;
      }
      case SHLL32: store<u32>(c, load<u32>(a) << load<u32>(b)); break;
      case SHRL8: storeWord(c, lowBytes(i16x8.shr_u(products(a, powers(POWERS_DOWN, b)), 7))); break;
      case SHRL16: {
        const x = load<u32>(a), y = load<u32>(b);
        store<u32>(c, ((x & 0xffff) >> (y & 15)) | ((x >> ((y >> 16) & 15)) & 0xffff0000));
        break;
      }
      case SHRL32: store<u32>(c, load<u32>(a) >> load<u32>(b)); break;
      case SHRA8: {
        const factors = i16x8.extend_low_i8x16_u(powers(POWERS_DOWN, b));
        storeWord(c, lowBytes(i16x8.shr_s(i16x8.mul(i16x8.extend_low_i8x16_s(vector(a)), factors), 7)));
        break;
      }
      case SHRA16: {
        const x = load<i32>(a), y = load<i32>(b);
        store<u32>(c, (((x << 16) >> 16 >> (y & 15)) & 0xffff) | ((x >> ((y >> 16) & 15)) & 0xffff0000));
        break;
      }
      case SHRA32: store<i32>(c, load<i32>(a) >> load<i32>(b)); break;
      case ROTL8: {
        const p = products(a, powers(POWERS, b));
        storeWord(c, lowBytes(v128.or(p, i16x8.shr_u(p, 8))));
        break;
      }
      case ROTL16: {
        const x = load<u32>(a), y = load<u32>(b), high = x & 0xffff0000;
        store<u32>(c, (rotl((x & 0xffff) * 0x10001, y) & 0xffff) | (rotl(high | (high >> 16), y >> 16) & 0xffff0000));
        break;
      }
      case ROTL32: store<u32>(c, rotl(load<u32>(a), load<u32>(b))); break;
      case MUL8: storeWord(c, lowBytes(products(a, vector(b)))); break;
      case MUL16: storeWord(c, i16x8.mul(vector(a), vector(b))); break;
      case MUL32: store<u32>(c, load<u32>(a) * load<u32>(b)); break;
      case AND: store<u32>(c, load<u32>(a) & load<u32>(b)); break;
      case OR: store<u32>(c, load<u32>(a) | load<u32>(b)); break;
      case XOR: store<u32>(c, load<u32>(a) ^ load<u32>(b)); break;

      case ADD8C: storePair(c, i16x8.add(i16x8.extend_low_i8x16_u(vector(a)), i16x8.extend_low_i8x16_u(vector(b)))); break;
      case ADD16C: storePair(c, i32x4.add(i32x4.extend_low_i16x8_u(vector(a)), i32x4.extend_low_i16x8_u(vector(b)))); break;
      case ADD32C: store<u64>(c, <u64>load<u32>(a) + <u64>load<u32>(b)); break;
      case SUB8C: storePair(c, i16x8.sub(i16x8.extend_low_i8x16_u(vector(a)), i16x8.extend_low_i8x16_u(vector(b)))); break;
      case SUB16C: storePair(c, i32x4.sub(i32x4.extend_low_i16x8_u(vector(a)), i32x4.extend_low_i16x8_u(vector(b)))); break;
      case SUB32C: store<u64>(c, <u64>load<u32>(a) - <u64>load<u32>(b)); break;
      case MUL8C: storePair(c, i16x8.extmul_low_i8x16_s(vector(a), vector(b))); break;
      case MUL16C: storePair(c, i32x4.extmul_low_i16x8_s(vector(a), vector(b))); break;
      case MUL32C: store<i64>(c, <i64>load<i32>(a) * <i64>load<i32>(b)); break;
      case MULSU8C: storePair(c, i16x8.mul(i16x8.extend_low_i8x16_s(vector(a)), i16x8.extend_low_i8x16_u(vector(b)))); break;
      case MULSU16C: storePair(c, i32x4.mul(i32x4.extend_low_i16x8_s(vector(a)), i32x4.extend_low_i16x8_u(vector(b)))); break;
      case MULSU32C: store<i64>(c, <i64>load<i32>(a) * <i64>load<u32>(b)); break;
      case MULU8C: storePair(c, i16x8.extmul_low_i8x16_u(vector(a), vector(b))); break;
      case MULU16C: storePair(c, i32x4.extmul_low_i16x8_u(vector(a), vector(b))); break;
      case MULU32C: store<u64>(c, <u64>load<u32>(a) * <u64>load<u32>(b)); break;

      case ADD64: store<u64>(c, load<u64>(a) + load<u64>(b)); break;
      case SUB64: store<u64>(c, load<u64>(a) - load<u64>(b)); break;
      case SHLL64: store<u64>(c, load<u64>(a) << load<u64>(b)); break;
      case SHRL64: store<u64>(c, load<u64>(a) >> load<u64>(b)); break;
      case SHRA64: store<i64>(c, load<i64>(a) >> load<i64>(b)); break;
      case ROTL64: store<u64>(c, rotl(load<u64>(a), load<u64>(b))); break;
      case ROTR64: store<u64>(c, rotr(load<u64>(a), load<u64>(b))); break;
      case MUL64: store<u64>(c, load<u64>(a) * load<u64>(b)); break;

      case ADD64C: {
        const x = load<u64>(a), sum = x + load<u64>(b);
        store<u64>(c, sum);
        store<u64>(c, u64(sum < x), 8);
        break;
      }
      case SUB64C: {
        const x = load<u64>(a), y = load<u64>(b);
        store<u64>(c, x - y);
        store<i64>(c, -i64(x < y), 8);
        break;
      }
      case MUL64C: {
        const x = load<i64>(a), y = load<i64>(b);
        store<u64>(c, x * y);
        store<u64>(c, multiplyHigh(x, y) - ((x >> 63) & y) - ((y >> 63) & x), 8);
        break;
      }
      case MULSU64C: {
        const x = load<i64>(a), y = load<i64>(b);
        store<u64>(c, x * y);
        store<u64>(c, multiplyHigh(x, y) - ((x >> 63) & y), 8);
        break;
      }
      case MULU64C: {
        const x = load<u64>(a), y = load<u64>(b);
        store<u64>(c, x * y);
        store<u64>(c, multiplyHigh(x, y), 8);
        break;
      }

      case IN: store<u32>(c, load<u32>(input + a)); break;
      case MEMORY: store<u32>(c, load<u32>(memory + ((a + b * loopVariable) & 1020))); break;
      case LOOP:
        store<u32>(a + RECORD, 0);
        loopVariable = 0;
        break;
      case IF_LIKELY:
        if ((load<u32>(a) & <u32>b) == 0) at = c;
        break;

      default: {
        operations += <u32>c;
        if (b <= CHUNK) {
          const last = a + 4 * b;
          let from = a;
          while (from + 16 <= last) {
            v128.store(position, i32x4.add(v128.load(position), v128.load(from)));
            position += 16;
            from += 16;
          }
          while (from < last) {
            store<u32>(position, load<u32>(position) + load<u32>(from));
            position += 4;
            from += 4;
          }
          if (position >= end) position = fold(output, position);
        } else {
          position = addMany(output, position, a, <u32>b);
        }
        if (opcode == END_ARM) {
          at = <usize>load<u32>(at, 8);
          break;
        }
        if (operations > MAX_OPERATIONS) return TOO_LONG;
        const times = load<u32>(at, 4), next = load<u32>(at) + 1;
        if (next < times) {
          store<u32>(at, next);
          loopVariable = next;
          at = <usize>load<u32>(at, 8);
        } else {
          at += RECORD;
          if (load<u32>(at - 4) != 0) return operations; // the outermost loop
        }
      }
    }
  }
}

/**
 * Two cycles: the first reads `first` and adds to `second`, the other the other way round. Both are 1024 bytes with
 * 2048 bytes of slack behind them, zero before and after.
 * returns 0, or TOO_LONG
 */
export function interpretProgram(decoded: usize, memory: usize, first: usize, second: usize): i32 {
  if (interpretCycle(decoded, memory, first, second) < 0) return TOO_LONG;
  return interpretCycle(decoded, memory, second, first) < 0 ? TOO_LONG : 0;
}

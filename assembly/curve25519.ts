// The curve step of a block hash as one fixed-base multiplication: X25519(a, X25519(b, base)) is the Montgomery
// u-coordinate of (a·b mod l)·B, since b·B lies in the subgroup of prime order l.   spec §3.5, §11.2
//
// The base point's multiples are kept in signed windows of WINDOW bits: slice w holds k·2^(WINDOW·w)·B for
// k = 0..2^(WINDOW−1) as (y+x, y−x, 2dxy), ten u32 limbs each, 40 bytes apart, entries 128 bytes apart.
// Windows are the outer loop and nonces the inner one, so that a slice stays in the cache for a whole batch.
import { addSubtract, doubleAddSubtract, multiply, pairUp } from "./generated/field25519";
import { BASE, CURVE, STATE_STRIDE } from "./layout";

export const WINDOW: usize = 12;
export const WINDOWS: usize = 22;
export const ENTRY: usize = 128;
export const SLICE: usize = ENTRY * 2049;

// A pair of points: X Y Z T, 80 bytes each. Digits of one scalar: 22 × i16, padded.
const POINT: usize = 320;
const DIGITS: usize = 48;

// Elements for one pair, counted from BASE.
const TEMP: usize = CURVE;
const YP: usize = TEMP, YM: usize = TEMP + 80, T2D: usize = TEMP + 160;
const A: usize = TEMP + 240, B: usize = TEMP + 320, C: usize = TEMP + 400;
const E: usize = TEMP + 480, F: usize = TEMP + 560, G: usize = TEMP + 640, H: usize = TEMP + 720;
const ONE: usize = TEMP + 800, TWO: usize = TEMP + 880, TWO_D: usize = TEMP + 960;
const WIDE: usize = TEMP + 1040; // words of a product and its folds, 448 bytes

// ---- scalars

// l = 2^252 + c
const C0: u64 = 0x5cf5d3ed, C1: u64 = 0x5812631a, C2: u64 = 0xa2f79cd6, C3: u64 = 0x14def9de;

/** out (countA + 4 words) = a·c. */
function timesC(out: usize, a: usize, countA: usize): void {
  let carry0: u64 = 0;
  for (let i: usize = 0; i < countA + 4; i++) store<u32>(out + 4 * i, 0);
  for (let i: usize = 0; i < countA; i++) {
    const x: u64 = load<u32>(a + 4 * i), at = out + 4 * i;
    carry0 = x * C0 + load<u32>(at); store<u32>(at, <u32>carry0);
    carry0 = x * C1 + load<u32>(at, 4) + (carry0 >> 32); store<u32>(at, <u32>carry0, 4);
    carry0 = x * C2 + load<u32>(at, 8) + (carry0 >> 32); store<u32>(at, <u32>carry0, 8);
    carry0 = x * C3 + load<u32>(at, 12) + (carry0 >> 32); store<u32>(at, <u32>carry0, 12);
    store<u32>(at, <u32>(carry0 >> 32), 16);
  }
}

/** Splits x (words) at bit 252: the part above goes to high (count words); words 0..7 keep the part below. */
function splitAt252(x: usize, high: usize, count: usize): void {
  for (let i: usize = 0; i < count; i++) {
    store<u32>(high + 4 * i, (load<u32>(x + 4 * (7 + i)) >> 28) | (load<u32>(x + 4 * (8 + i)) << 4));
  }
  store<u32>(x, load<u32>(x, 28) & 0x0fffffff, 28);
}

/**
 * out = a·b mod l for clamped scalars, 32 bytes, below 2^255 but not always below l.
 *   a, b  32 bytes as they stand in the state; clamping happens here
 */
export function multiplyScalars(out: usize, a: usize, b: usize): void {
  const product = BASE + WIDE, fold1 = product + 96, fold2 = product + 192, high = product + 288, last = product + 352;
  for (let i: usize = 0; i < 96; i += 8) store<u64>(product + i, 0);
  for (let i: usize = 0; i < 8; i++) {
    let x: u64 = load<u32>(a + 4 * i), carry: u64 = 0;
    if (i == 0) x &= 0xfffffff8;
    if (i == 7) x = (x & 0x7fffffff) | 0x40000000;
    for (let j: usize = 0; j < 8; j++) {
      let y: u64 = load<u32>(b + 4 * j);
      if (j == 0) y &= 0xfffffff8;
      if (j == 7) y = (y & 0x7fffffff) | 0x40000000;
      const at = product + 4 * (i + j);
      carry = x * y + load<u32>(at) + (carry >> 32);
      store<u32>(at, <u32>carry);
    }
    store<u32>(product + 4 * (i + 8), <u32>(carry >> 32));
  }
  // x = L0 + 2^252·H0 ≡ L0 − c·H0, and so on with c·H0 = L1 + 2^252·H1, c·H1 = L2 + 2^252·H2
  splitAt252(product, high, 9);
  store<u64>(fold1, 0, 48); store<u64>(fold1, 0, 56);
  timesC(fold1, high, 9);
  splitAt252(fold1, high, 5);
  store<u64>(fold2, 0, 32);
  timesC(fold2, high, 5);
  splitAt252(fold2, high, 1);
  timesC(last, high, 1);
  // L0 − L1 + L2 − c·H2 + 2l lies between 0 and 2^255.
  let carry: i64 = 0;
  for (let i: usize = 0; i < 8; i++) {
    const twoL: u64 = i == 0 ? 0xb9eba7da : i == 1 ? 0xb024c634 : i == 2 ? 0x45ef39ac : i == 3 ? 0x29bdf3bd : i == 7 ? 0x20000000 : 0;
    carry += <i64>twoL + <i64>load<u32>(product + 4 * i) - <i64>load<u32>(fold1 + 4 * i) + <i64>load<u32>(fold2 + 4 * i);
    if (i < 5) carry -= <i64>load<u32>(last + 4 * i);
    store<u32>(out + 4 * i, <u32>carry);
    carry >>= 32;
  }
  store<u64>(out, 0, 32);
}

/** Turns a scalar (40 bytes, top 8 zero) into WINDOWS signed digits of WINDOW bits, i16 each, in place of it or elsewhere. */
function recode(digits: usize, scalar: usize): void {
  let carry: i32 = 0;
  for (let w: usize = 0; w < WINDOWS; w++) {
    const bit = w * WINDOW;
    let digit = <i32>((load<u64>(scalar + (bit >> 3)) >> <u64>(bit & 7)) & ((1 << <u64>WINDOW) - 1)) + carry;
    carry = digit > (1 << <i32>(WINDOW - 1)) ? 1 : 0;
    digit -= carry << <i32>WINDOW;
    store<i16>(digits + 2 * w, <i16>digit);
  }
}

// ---- points

/** Puts the pair of entries for digits da, db into YP, YM, T2D, negated where the digit is negative. */
// @ts-ignore: decorator
@inline function choose(t: usize, slice: usize, da: i32, db: i32): void {
  const na = da >> 31, nb = db >> 31;
  const a = slice + ENTRY * <usize>((da ^ na) - na), b = slice + ENTRY * <usize>((db ^ nb) - nb);
  // Negation swaps y+x with y−x and turns 2dxy around.
  pairUp(t + YP, a + (<usize>na & 40), b + (<usize>nb & 40));
  pairUp(t + YM, a + 40 - (<usize>na & 40), b + 40 - (<usize>nb & 40));
  pairUp(t + T2D, a + 80, b + 80);
  const mask = i32x4(na, nb, na, nb);
  let p = v128.load(t + T2D);
  v128.store(t + T2D, v128.bitselect(i32x4.sub(i32x4(0x7ffffda, 0x7ffffda, 0x3fffffe, 0x3fffffe), p), p, mask));
  for (let i: usize = 16; i < 80; i += 16) {
    p = v128.load(t + T2D + i);
    v128.store(t + T2D + i, v128.bitselect(i32x4.sub(i32x4(0x7fffffe, 0x7fffffe, 0x3fffffe, 0x3fffffe), p), p, mask));
  }
}

/** First window: the entries themselves as extended points, X = 2(yp − ym), Y = 2(yp + ym), Z = 4, T = XY/Z. */
function startPoint(point: usize, slice: usize, da: i32, db: i32): void {
  const t = BASE;
  choose(t, slice, da, db);
  addSubtract(t + H, t + E, t + YP, t + YM);
  multiply(point, t + E, t + TWO);
  multiply(point + 80, t + H, t + TWO);
  multiply(point + 160, t + TWO, t + TWO);
  multiply(point + 240, t + H, t + E);
}

/** Adds the entries of two digits to a pair of points (unified, so doubling needs no case of its own). */
function addEntry(point: usize, slice: usize, da: i32, db: i32, withT: bool): void {
  const t = BASE;
  choose(t, slice, da, db);
  addSubtract(t + B, t + A, point + 80, point);
  multiply(t + A, t + A, t + YM);
  multiply(t + B, t + B, t + YP);
  multiply(t + C, point + 240, t + T2D);
  addSubtract(t + H, t + E, t + B, t + A);
  doubleAddSubtract(t + G, t + F, point + 160, t + C);
  multiply(point, t + F, t + E);
  multiply(point + 80, t + G, t + H);
  multiply(point + 160, t + F, t + G);
  if (withT) multiply(point + 240, t + H, t + E);
}

/** out = f^(2^255 − 21) = 1/f; uses A, B, C, E. */
function invert(out: usize, f: usize): void {
  const t = BASE, a = t + A, b = t + B, c = t + C, e = t + E;
  multiply(a, f, f);
  square(b, a, 2);
  multiply(b, f, b);
  multiply(a, a, b); // 2^4 − 5
  square(c, a, 1);
  multiply(b, b, c); // 2^5 − 1
  square(c, b, 5);
  multiply(b, c, b); // 2^10 − 1
  square(c, b, 10);
  multiply(c, c, b); // 2^20 − 1
  square(e, c, 20);
  multiply(c, e, c); // 2^40 − 1
  square(c, c, 10);
  multiply(b, c, b); // 2^50 − 1
  square(c, b, 50);
  multiply(c, c, b); // 2^100 − 1
  square(e, c, 100);
  multiply(c, e, c); // 2^200 − 1
  square(c, c, 50);
  multiply(b, c, b); // 2^250 − 1
  square(b, b, 5);
  multiply(out, b, a); // 2^255 − 21
}

function square(out: usize, f: usize, times: u32): void {
  multiply(out, f, f);
  for (; times > 1; times--) multiply(out, out, out);
}

/**
 * Replaces each of `count` pairs at `values` (80 bytes every `stride`) by its inverse; none may be zero.
 *   prefix  80·count bytes
 */
function invertAll(values: usize, stride: usize, count: u32, prefix: usize): void {
  copyPair(prefix, values);
  for (let i: usize = 1; i < count; i++) multiply(prefix + 80 * i, prefix + 80 * i - 80, values + stride * i);
  const t = BASE, inverse = t + G;
  invert(inverse, prefix + 80 * (<usize>count - 1));
  for (let i: usize = count - 1; i > 0; i--) {
    const value = values + stride * i;
    multiply(t + F, inverse, prefix + 80 * i - 80);
    multiply(inverse, inverse, value);
    copyPair(value, t + F);
  }
  copyPair(values, inverse);
}

function copyPair(to: usize, from: usize): void {
  for (let i: usize = 0; i < 80; i += 16) v128.store(to + i, v128.load(from + i));
}

/** Writes the canonical 32 bytes of lane `lane` (0 or 1) of a product.   RFC 7748 §5 */
function encode(out: usize, f: usize, lane: usize): void {
  f += 4 * lane;
  // q = 1 if the value is p or more: add 19 and see whether bit 255 is reached.
  let carry: u64 = 19;
  for (let i: usize = 0; i < 10; i++) carry = (carry + load<u32>(f + 8 * i)) >> (26 - (i & 1));
  carry *= 19;
  let bits: u64 = 0, held: u64 = 0;
  for (let i: usize = 0; i < 10; i++) {
    const width: u64 = 26 - (i & 1);
    carry += load<u32>(f + 8 * i);
    bits |= (carry & ((1 << width) - 1)) << held;
    held += width;
    carry >>= width;
    while (held >= 8 && (held > 37 || i == 9)) {
      store<u8>(out++, <u8>bits);
      bits >>= 8;
      held -= 8;
    }
  }
  store<u8>(out, <u8>bits);
}

function setConstants(): void {
  const t = BASE;
  for (let i: usize = 0; i < 240; i += 16) v128.store(t + ONE + i, i32x4.splat(0));
  v128.store(t + ONE, i32x4(1, 1, 0, 0));
  v128.store(t + TWO, i32x4(2, 2, 0, 0));
  v128.store(t + TWO_D, i32x4(0x2b2f159, 0x2b2f159, 0x1a6e509, 0x1a6e509));
  v128.store(t + TWO_D, i32x4(0x22add7a, 0x22add7a, 0x0d4141d, 0x0d4141d), 16);
  v128.store(t + TWO_D, i32x4(0x0038052, 0x0038052, 0x0f3d130, 0x0f3d130), 32);
  v128.store(t + TWO_D, i32x4(0x3407977, 0x3407977, 0x19ce331, 0x19ce331), 48);
  v128.store(t + TWO_D, i32x4(0x1c56dff, 0x1c56dff, 0x0901b67, 0x0901b67), 64);
}

// ---- the table

/** Writes lane 0 of a pair as ten limbs. */
function storeLane(out: usize, f: usize): void {
  for (let i: usize = 0; i < 10; i++) store<u32>(out + 4 * i, load<u32>(f + 8 * i));
}

/** Fills slice entries 1..2^(WINDOW−1) from the base in entry 1. work: (320 + 80)·2^(WINDOW−1) bytes. */
function buildSlice(slice: usize, work: usize): void {
  const count: u32 = 1 << <u32>(WINDOW - 1);
  startPoint(work, slice, 1, 1);
  for (let k: usize = 1; k < count; k++) {
    const point = work + POINT * k;
    for (let i: usize = 0; i < POINT; i += 16) v128.store(point + i, v128.load(point - POINT + i));
    addEntry(point, slice, 1, 1, true);
  }
  invertAll(work + 160, POINT, count, work + POINT * <usize>count);
  for (let k: usize = 0; k < count; k++) {
    const point = work + POINT * k;
    writeEntry(slice + ENTRY * (k + 1), point);
  }
}

/** Entry of the affine point X·Z, Y·Z, where Z already holds the inverse. */
function writeEntry(entry: usize, point: usize): void {
  const t = BASE;
  multiply(point, point, point + 160);
  multiply(point + 80, point + 80, point + 160);
  multiply(t + C, point, point + 80);
  multiply(t + T2D, t + C, t + TWO_D);
  addSubtract(t + YP, t + YM, point + 80, point);
  multiply(t + YP, t + YP, t + ONE);
  multiply(t + YM, t + YM, t + ONE);
  storeLane(entry, t + YP);
  storeLane(entry + 40, t + YM);
  storeLane(entry + 80, t + T2D);
}

/**
 * Builds all slices.
 *   table  WINDOWS·SLICE bytes; entry 1 of slice 0 holds the base point, everything else is zero
 *   work   TABLE_WORK bytes
 */
export function buildCurveTable(table: usize, work: usize): void {
  setConstants();
  const half: i32 = 1 << <i32>(WINDOW - 1);
  for (let w: usize = 0; w < WINDOWS; w++) {
    const slice = table + SLICE * w;
    store<u32>(slice, 1);
    store<u32>(slice, 1, 40);
    buildSlice(slice, work);
    if (w + 1 == WINDOWS) break;
    // 2^WINDOW times the base is twice the last entry.
    startPoint(work, slice, half, half);
    addEntry(work, slice, half, half, true);
    invertAll(work + 160, POINT, 1, work + POINT);
    writeEntry(slice + SLICE + ENTRY, work);
  }
}

/**
 * The curve step of `count` states (even).
 *   table  from buildCurveTable     work  (48 + 200)·count bytes
 */
export function smulStates(states: usize, count: u32, table: usize, work: usize): void {
  setConstants();
  const points = work + DIGITS * <usize>count, pairs = count >> 1, prefix = points + POINT * <usize>pairs;
  const scalar = BASE + WIDE + 400;
  for (let j: usize = 0; j < count; j++) {
    const state = states + STATE_STRIDE * j;
    multiplyScalars(scalar, state, state + 32);
    recode(work + DIGITS * j, scalar);
  }
  for (let w: usize = 0; w < WINDOWS; w++) {
    const slice = table + SLICE * w, withT = w + 1 < WINDOWS;
    for (let j: usize = 0; j < pairs; j++) {
      const digits = work + 2 * DIGITS * j + 2 * w;
      const da = <i32>load<i16>(digits), db = <i32>load<i16>(digits, DIGITS);
      if (w == 0) startPoint(points + POINT * j, slice, da, db);
      else addEntry(points + POINT * j, slice, da, db, withT);
    }
  }
  // u = (Z + Y)/(Z − Y); the point is never the neutral one, so Z ≠ Y.
  const t = BASE;
  for (let j: usize = 0; j < pairs; j++) {
    const point = points + POINT * j;
    addSubtract(t + A, t + B, point + 160, point + 80);
    multiply(point, t + A, t + ONE);
    multiply(point + 160, t + B, t + ONE);
  }
  invertAll(points + 160, POINT, pairs, prefix);
  for (let j: usize = 0; j < pairs; j++) {
    const point = points + POINT * j, state = states + 2 * STATE_STRIDE * j;
    multiply(t + C, point, point + 160);
    encode(state + 64, t + C, 0);
    encode(state + STATE_STRIDE + 64, t + C, 1);
  }
}

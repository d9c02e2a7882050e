// The curve step of a block hash as one fixed-base multiplication: X25519(a, X25519(b, base)) is the Montgomery
// u-coordinate of (a·b mod l)·B, since b·B lies in the subgroup of prime order l.   spec §3.5, §11.2
//
// The base point's multiples are kept in signed windows of WINDOW bits: slice w holds k·2^(WINDOW·w)·B for
// k = 0..2^(WINDOW−1) as (y+x, y−x, 2dxy), ten u32 limbs each, 40 bytes apart, entries 128 bytes apart.
// Windows are the outer loop and nonces the inner one, so that a slice stays in the cache for a whole batch.
import { add, addSubtract, doubleAddSubtract, multiply, pairUp, subtract } from "./generated/field25519";

export const WINDOW: u32 = 12;
export const WINDOWS: u32 = 22;
export const ENTRY: usize = 128;
export const SLICE: usize = ENTRY * ((1 << (WINDOW - 1)) + 1);

// Working memory of a batch, placed by the caller at \`work\`: 40 bytes of digits' scalar a nonce, then points.
const ELEMENT: usize = 80;
const POINT: usize = 4 * ELEMENT; // X Y Z T of two nonces

// Scratch elements for one pair, fixed addresses (see layout.ts for what lies below).
const TEMP: usize = 0xb800;
const YP: usize = TEMP, YM: usize = TEMP + 80, T2D: usize = TEMP + 160;
const A: usize = TEMP + 240, B: usize = TEMP + 320, C: usize = TEMP + 400;
const E: usize = TEMP + 480, F: usize = TEMP + 560, G: usize = TEMP + 640, H: usize = TEMP + 720;
const WIDE: usize = TEMP + 800; // 20 × u32 product, 13 × u32 folds

// ---- scalars

// l = 2^252 + c
const C0: u64 = 0x5cf5d3ed, C1: u64 = 0x5812631a, C2: u64 = 0xa2f79cd6, C3: u64 = 0x14def9de;

/** out (countA + 4 words) = a·c. */
function timesC(out: usize, a: usize, countA: u32): void {
  let carry0: u64 = 0;
  for (let i: u32 = 0; i < countA + 4; i++) store<u32>(out + 4 * i, 0);
  for (let i: u32 = 0; i < countA; i++) {
    const x: u64 = load<u32>(a + 4 * i), at = out + 4 * i;
    carry0 = x * C0 + load<u32>(at); store<u32>(at, <u32>carry0);
    carry0 = x * C1 + load<u32>(at, 4) + (carry0 >> 32); store<u32>(at, <u32>carry0, 4);
    carry0 = x * C2 + load<u32>(at, 8) + (carry0 >> 32); store<u32>(at, <u32>carry0, 8);
    carry0 = x * C3 + load<u32>(at, 12) + (carry0 >> 32); store<u32>(at, <u32>carry0, 12);
    store<u32>(at, <u32>(carry0 >> 32), 16);
  }
}

/** Splits x (words) at bit 252: the part above goes to high (count words); words 0..7 keep the part below. */
function splitAt252(x: usize, high: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    store<u32>(high + 4 * i, (load<u32>(x + 4 * (7 + i)) >> 28) | (load<u32>(x + 4 * (8 + i)) << 4));
  }
  store<u32>(x, load<u32>(x, 28) & 0x0fffffff, 28);
}

/**
 * out = a·b mod l for clamped scalars, 32 bytes, below 2^255 but not always below l.
 *   a, b  32 bytes as they stand in the state; clamping happens here
 */
export function multiplyScalars(out: usize, a: usize, b: usize): void {
  const product = WIDE, fold1 = WIDE + 96, fold2 = WIDE + 192, high = WIDE + 288, last = WIDE + 352;
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
  for (let w: u32 = 0; w < WINDOWS; w++) {
    const bit = w * WINDOW;
    let digit = <i32>((load<u64>(scalar + (bit >> 3)) >> (bit & 7)) & ((1 << WINDOW) - 1)) + carry;
    carry = digit > (1 << (WINDOW - 1)) ? 1 : 0;
    digit -= carry << WINDOW;
    store<i16>(digits + 2 * w, <i16>digit);
  }
}

// ---- points

/** Puts the pair of entries for digits da, db into YP, YM, T2D, negated where the digit is negative. */
// @ts-ignore: decorator
@inline function choose(slice: usize, da: i32, db: i32): void {
  const na = da >> 31, nb = db >> 31;
  const a = slice + ENTRY * <usize>((da ^ na) - na), b = slice + ENTRY * <usize>((db ^ nb) - nb);
  // Negation swaps y+x with y−x and turns 2dxy around.
  pairUp(YP, a + (<usize>na & 40), b + (<usize>nb & 40));
  pairUp(YM, a + 40 - (<usize>na & 40), b + 40 - (<usize>nb & 40));
  pairUp(T2D, a + 80, b + 80);
  const mask = i32x4(na, nb, na, nb);
  for (let i: usize = 0; i < 80; i += 16) {
    const even = i == 0 ? 0x7ffffda : 0x7fffffe;
    const x = v128.load(T2D + i);
    v128.store(T2D + i, v128.bitselect(i32x4.sub(i32x4(even, even, 0x3fffffe, 0x3fffffe), x), x, mask));
  }
}

/** First window: the entry itself as an extended point, scaled by 4. */
function startPoint(point: usize, slice: usize, da: i32, db: i32): void {
  choose(slice, da, db);
  addSubtract(H, E, YP, YM);
  for (let i: usize = 0; i < 80; i += 16) {
    const e = v128.load(E + i), h = v128.load(H + i);
    v128.store(point + i, e);
    v128.store(point + 80 + i, h);
    v128.store(point + 160 + i, i == 0 ? i32x4(2, 2, 0, 0) : i32x4.splat(0));
  }
  // X = e, Y = h, Z = 2, T = e·h/2; doubled throughout to stay integral would cost two products, so T takes the half.
  multiply(point + 240, point, point + 80);
  multiply(point + 240, point + 240, HALF);
  multiply(point, point, ONE);
  multiply(point + 80, point + 80, ONE);
}

const ONE: usize = TEMP + 1184;
const HALF: usize = ONE + 80;

/** point += table entries of the two digits. \`last\` leaves T out. */
function addEntry(point: usize, slice: usize, da: i32, db: i32, last: bool): void {
  choose(slice, da, db);
  const X = point, Y = point + 80, Z = point + 160, T = point + 240;
  addSubtract(B, A, Y, X);
  multiply(A, A, YM);
  multiply(B, B, YP);
  multiply(C, T, T2D);
  addSubtract(H, E, B, A);
  doubleAddSubtract(G, F, Z, C);
  multiply(X, F, E);
  multiply(Y, G, H);
  multiply(Z, F, G);
  if (!last) multiply(T, E, H);
}

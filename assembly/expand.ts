// The seed's pseudo-random bytes.   spec §1.2, §4.1

// Nonce words behind the number: "PC_EXPND".
const LABEL_LOW: i32 = 0x455f4350;
const LABEL_HIGH: i32 = 0x444e5058;

// Rotations of each 32-bit lane by 16 and 8 bits, as byte orders.
const BY_16 = i8x16(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
const BY_8 = i8x16(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);

// @ts-ignore: decorator
@inline
function rotate(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(x, bits), i32x4.shr_u(x, 32 - bits));
}

// @ts-ignore: decorator
@inline
function keyWord(seed: usize, word: usize): v128 {
  return v128.load_splat<u32>(seed + 4 * word);
}

/** Writes one word of four blocks: lane j belongs to block j, 64 bytes apart. */
// @ts-ignore: decorator
@inline
function scatter(out: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5), cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const ef = v128.shuffle<i32>(a, b, 2, 6, 3, 7), gh = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(out, v128.shuffle<i64>(ab, cd, 0, 2));
  v128.store(out, v128.shuffle<i64>(ab, cd, 1, 3), 64);
  v128.store(out, v128.shuffle<i64>(ef, gh, 0, 2), 128);
  v128.store(out, v128.shuffle<i64>(ef, gh, 1, 3), 192);
}

/**
 * Four blocks of 64 bytes: block j is the key stream of nonce `number + j` at block counter `counter + j·step`.
 *   step 0: expand(seed, number + j, 64), the generator's random numbers
 * Lanes are blocks.
 *   seed 32 bytes | out 256 bytes
 */
export function expandBlocks(seed: usize, number: u32, numberStep: u32, counter: u32, counterStep: u32, out: usize): void {
  const lanes = i32x4(0, 1, 2, 3);
  const x12Start = i32x4.add(i32x4.splat(counter), i32x4.mul(lanes, i32x4.splat(counterStep)));
  const x13Start = i32x4.add(i32x4.splat(number), i32x4.mul(lanes, i32x4.splat(numberStep)));
  let x0 = i32x4.splat(0x61707865), x1 = i32x4.splat(0x3320646e), x2 = i32x4.splat(0x79622d32), x3 = i32x4.splat(0x6b206574);
  let x4 = keyWord(seed, 0), x5 = keyWord(seed, 1), x6 = keyWord(seed, 2), x7 = keyWord(seed, 3);
  let x8 = keyWord(seed, 4), x9 = keyWord(seed, 5), x10 = keyWord(seed, 6), x11 = keyWord(seed, 7);
  let x12 = x12Start, x13 = x13Start, x14 = i32x4.splat(LABEL_LOW), x15 = i32x4.splat(LABEL_HIGH);
  for (let round = 0; round < 10; round++) {
    x0 = i32x4.add(x0, x4); x1 = i32x4.add(x1, x5); x2 = i32x4.add(x2, x6); x3 = i32x4.add(x3, x7);
    x12 = i8x16.swizzle(v128.xor(x12, x0), BY_16); x13 = i8x16.swizzle(v128.xor(x13, x1), BY_16);
    x14 = i8x16.swizzle(v128.xor(x14, x2), BY_16); x15 = i8x16.swizzle(v128.xor(x15, x3), BY_16);
    x8 = i32x4.add(x8, x12); x9 = i32x4.add(x9, x13); x10 = i32x4.add(x10, x14); x11 = i32x4.add(x11, x15);
    x4 = rotate(v128.xor(x4, x8), 12); x5 = rotate(v128.xor(x5, x9), 12);
    x6 = rotate(v128.xor(x6, x10), 12); x7 = rotate(v128.xor(x7, x11), 12);
    x0 = i32x4.add(x0, x4); x1 = i32x4.add(x1, x5); x2 = i32x4.add(x2, x6); x3 = i32x4.add(x3, x7);
    x12 = i8x16.swizzle(v128.xor(x12, x0), BY_8); x13 = i8x16.swizzle(v128.xor(x13, x1), BY_8);
    x14 = i8x16.swizzle(v128.xor(x14, x2), BY_8); x15 = i8x16.swizzle(v128.xor(x15, x3), BY_8);
    x8 = i32x4.add(x8, x12); x9 = i32x4.add(x9, x13); x10 = i32x4.add(x10, x14); x11 = i32x4.add(x11, x15);
    x4 = rotate(v128.xor(x4, x8), 7); x5 = rotate(v128.xor(x5, x9), 7);
    x6 = rotate(v128.xor(x6, x10), 7); x7 = rotate(v128.xor(x7, x11), 7);

    x0 = i32x4.add(x0, x5); x1 = i32x4.add(x1, x6); x2 = i32x4.add(x2, x7); x3 = i32x4.add(x3, x4);
    x15 = i8x16.swizzle(v128.xor(x15, x0), BY_16); x12 = i8x16.swizzle(v128.xor(x12, x1), BY_16);
    x13 = i8x16.swizzle(v128.xor(x13, x2), BY_16); x14 = i8x16.swizzle(v128.xor(x14, x3), BY_16);
    x10 = i32x4.add(x10, x15); x11 = i32x4.add(x11, x12); x8 = i32x4.add(x8, x13); x9 = i32x4.add(x9, x14);
    x5 = rotate(v128.xor(x5, x10), 12); x6 = rotate(v128.xor(x6, x11), 12);
    x7 = rotate(v128.xor(x7, x8), 12); x4 = rotate(v128.xor(x4, x9), 12);
    x0 = i32x4.add(x0, x5); x1 = i32x4.add(x1, x6); x2 = i32x4.add(x2, x7); x3 = i32x4.add(x3, x4);
    x15 = i8x16.swizzle(v128.xor(x15, x0), BY_8); x12 = i8x16.swizzle(v128.xor(x12, x1), BY_8);
    x13 = i8x16.swizzle(v128.xor(x13, x2), BY_8); x14 = i8x16.swizzle(v128.xor(x14, x3), BY_8);
    x10 = i32x4.add(x10, x15); x11 = i32x4.add(x11, x12); x8 = i32x4.add(x8, x13); x9 = i32x4.add(x9, x14);
    x5 = rotate(v128.xor(x5, x10), 7); x6 = rotate(v128.xor(x6, x11), 7);
    x7 = rotate(v128.xor(x7, x8), 7); x4 = rotate(v128.xor(x4, x9), 7);
  }
  x0 = i32x4.add(x0, i32x4.splat(0x61707865)); x1 = i32x4.add(x1, i32x4.splat(0x3320646e));
  x2 = i32x4.add(x2, i32x4.splat(0x79622d32)); x3 = i32x4.add(x3, i32x4.splat(0x6b206574));
  scatter(out, x0, x1, x2, x3);
  scatter(out + 16, i32x4.add(x4, keyWord(seed, 0)), i32x4.add(x5, keyWord(seed, 1)), i32x4.add(x6, keyWord(seed, 2)), i32x4.add(x7, keyWord(seed, 3)));
  scatter(out + 32, i32x4.add(x8, keyWord(seed, 4)), i32x4.add(x9, keyWord(seed, 5)), i32x4.add(x10, keyWord(seed, 6)), i32x4.add(x11, keyWord(seed, 7)));
  scatter(out + 48, i32x4.add(x12, x12Start), i32x4.add(x13, x13Start), i32x4.add(x14, i32x4.splat(LABEL_LOW)), i32x4.add(x15, i32x4.splat(LABEL_HIGH)));
}

/** expand(seed, 0, 256·chunks): seed 32 bytes, out 256·chunks bytes. */
export function expandChunks(seed: usize, chunks: u32, out: usize): void {
  for (let i: u32 = 0; i < chunks; i++) expandBlocks(seed, 0, 0, 4 * i, 1, out + 256 * <usize>i);
}

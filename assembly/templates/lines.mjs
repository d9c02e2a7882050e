// Pieces of unrolled AssemblyScript. The language has no macros, so the kernels that keep their whole state in locals are
// written out by the functions here.

const ROTATE_16 = 'v128(2,3,0,1, 6,7,4,5, 10,11,8,9, 14,15,12,13)';
const ROTATE_8 = 'v128(3,0,1,2, 7,4,5,6, 11,8,9,10, 15,12,13,14)';

export const range = (from, to) => Array.from({length: to - from}, (_, i) => from + i);
export const indent = (lines, by) => lines.map((line) => ' '.repeat(by) + line).join('\n');

const swizzle = (x, pattern) => `${x} = i8x16.swizzle(${x}, ${pattern});`;
const shift = (x, n) => `${x} = v128.or(i32x4.shl(${x}, ${n}), i32x4.shr_u(${x}, ${32 - n}));`;

/** Four ChaCha20 quarter rounds step by step, so that independent operations stand side by side. */
function quarters(q) {
  const out = [];
  const step = (a, b, d, rotate) => {
    for (const k of q) out.push(`x${k[a]} = i32x4.add(x${k[a]}, x${k[b]});`);
    for (const k of q) out.push(`x${k[d]} = v128.xor(x${k[d]}, x${k[a]});`);
    for (const k of q) out.push(rotate(`x${k[d]}`));
  };
  step(0, 1, 3, (x) => swizzle(x, ROTATE_16));
  step(2, 3, 1, (x) => shift(x, 12));
  step(0, 1, 3, (x) => swizzle(x, ROTATE_8));
  step(2, 3, 1, (x) => shift(x, 7));
  return out;
}

/** A column round and a diagonal round of ChaCha20 over x0..x15, lane = block. */
export function doubleRound() {
  return [
    ...quarters([
      [0, 4, 8, 12],
      [1, 5, 9, 13],
      [2, 6, 10, 14],
      [3, 7, 11, 15],
    ]),
    ...quarters([
      [0, 5, 10, 15],
      [1, 6, 11, 12],
      [2, 7, 8, 13],
      [3, 4, 9, 14],
    ]),
  ];
}

export const CHACHA_CONSTANTS = ['0x61707865', '0x3320646e', '0x79622d32', '0x6b206574'];

/**
 * One Poly1305 block at `pointer` into h0..h4 (radix 2^32, u64 limbs, carries left undone).
 * r is clamped, so q_i = 5·(r_i / 4) folds the modulus; limbs stay below 2^33.2 and column sums below 2^64.
 */
export function polyBlock(pointer) {
  return [...range(0, 4).map((i) => `h${i} += load<u32>(${pointer}, ${4 * i});`), 'h4 += 1;', ...polyMultiply()];
}

export function polyMultiply() {
  return [
    'let y0: u64 = h0 * r0 + h1 * q3 + h2 * q2 + h3 * q1 + h4 * q0;',
    'let y1: u64 = h0 * r1 + h1 * r0 + h2 * q3 + h3 * q2 + h4 * q1;',
    'let y2: u64 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * q3 + h4 * q2;',
    'let y3: u64 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * q3;',
    'let u5: u64 = h4 * rLow + (y3 >> 32);',
    'h0 = (y0 & 0xffffffff) + 5 * (u5 >> 2);',
    'h1 = (y1 & 0xffffffff) + (y0 >> 32);',
    'h2 = (y2 & 0xffffffff) + (y1 >> 32);',
    'h3 = (y3 & 0xffffffff) + (y2 >> 32);',
    'h4 = u5 & 3;',
  ];
}

/** 4×4 transposition of x[4g..4g+3] into t0..t3: t_b holds words 4g..4g+3 of block b. */
export function transposeGroup(g) {
  const [a, b, c, d] = range(4 * g, 4 * g + 4).map((i) => `x${i}`);
  return [
    `let a0 = v128.shuffle<i32>(${a}, ${b}, 0, 4, 1, 5);`,
    `let a1 = v128.shuffle<i32>(${c}, ${d}, 0, 4, 1, 5);`,
    `let a2 = v128.shuffle<i32>(${a}, ${b}, 2, 6, 3, 7);`,
    `let a3 = v128.shuffle<i32>(${c}, ${d}, 2, 6, 3, 7);`,
    'let t0 = v128.shuffle<i64>(a0, a1, 0, 2);',
    'let t1 = v128.shuffle<i64>(a0, a1, 1, 3);',
    'let t2 = v128.shuffle<i64>(a2, a3, 0, 2);',
    'let t3 = v128.shuffle<i64>(a2, a3, 1, 3);',
  ];
}

const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];
const B_ROTATE_24 = 'v128(3,4,5,6,7,0,1,2, 11,12,13,14,15,8,9,10)';
const B_ROTATE_16 = 'v128(2,3,4,5,6,7,0,1, 10,11,12,13,14,15,8,9)';

/** The twelve rounds of BLAKE2b on v0..v15 (i64x2: lane = message), message vectors 16 bytes apart at `message`. */
export function blake2bRounds(message) {
  const out = [];
  for (const round of range(0, 12)) {
    const s = SIGMA[round % 10];
    const half = (columns, offset) => {
      const load = (i) => `v128.load(${message}, ${16 * s[i]})`;
      const each = (f) => {
        for (const [i, c] of columns.entries()) out.push(f(...c.map((k) => `v${k}`), i));
      };
      each((a, b, _c, _d, i) => `${a} = i64x2.add(i64x2.add(${a}, ${load(offset + 2 * i)}), ${b});`);
      each((a, _b, _c, d) => `${d} = v128.xor(${d}, ${a}); ${d} = v128.shuffle<i32>(${d}, ${d}, 1, 0, 3, 2);`);
      each((_a, b, c, d) => `${c} = i64x2.add(${c}, ${d}); ${b} = v128.xor(${b}, ${c}); ${swizzle(b, B_ROTATE_24)}`);
      each((a, b, _c, _d, i) => `${a} = i64x2.add(i64x2.add(${a}, ${load(offset + 2 * i + 1)}), ${b});`);
      each((a, _b, _c, d) => `${d} = v128.xor(${d}, ${a}); ${swizzle(d, B_ROTATE_16)}`);
      each(
        (_a, b, c, d) =>
          `${c} = i64x2.add(${c}, ${d}); ${b} = v128.xor(${b}, ${c}); ${b} = v128.or(i64x2.shr_u(${b}, 63), i64x2.add(${b}, ${b}));`,
      );
    };
    half(
      [
        [0, 4, 8, 12],
        [1, 5, 9, 13],
        [2, 6, 10, 14],
        [3, 7, 11, 15],
      ],
      0,
    );
    half(
      [
        [0, 5, 10, 15],
        [1, 6, 11, 12],
        [2, 7, 8, 13],
        [3, 4, 9, 14],
      ],
      8,
    );
  }
  return out;
}

// Writes out multiplication modulo 2^255 − 19 of two field elements at a time: lane j of every vector belongs to element j.
//
// An element has ten limbs of 26, 25, 26, … bits (radix 2^25.5). A pair of elements takes 80 bytes: limb i of both side by
// side. Limbs are unsigned: signed 64-bit right shifts are emulated in SIMD. Bounds, even limbs (odd ones are half):
//   product        2^26 and a little
//   sum            2^27
//   difference     2^27.6, made positive by adding 2p
//   `g` of a product, which is multiplied by 19, must stay below 2^27.75; `f` may reach 2^28.3
import {indent, range} from './lines.mjs';

const bits = (i) => (i % 2 === 0 ? 26 : 25);

function multiplication() {
  const out = [];
  for (const i of range(0, 10)) {
    out.push(`const f${i} = v128.load64_zero(f, ${8 * i});`);
    if (i % 2 === 1) out.push(`const d${i} = i32x4.add(f${i}, f${i});`);
  }
  for (const i of range(0, 10)) out.push(`const g${i} = v128.load64_zero(g, ${8 * i});`);
  out.push('const nineteen = i32x4.splat(19);');
  for (const i of range(1, 10)) out.push(`const n${i} = i32x4.mul(g${i}, nineteen);`);
  for (const k of range(0, 10)) {
    const terms = range(0, 10).map((i) => {
      const j = (k - i + 10) % 10;
      const left = i % 2 === 1 && j % 2 === 1 ? `d${i}` : `f${i}`;
      return `i64x2.extmul_low_i32x4_u(${left}, ${i > k ? `n${j}` : `g${j}`})`;
    });
    out.push(`let h${k} = ${terms.reduce((sum, term) => `i64x2.add(${sum}, ${term})`)};`);
  }
  out.push('let c: v128;');
  const carry = (i) => {
    const next = (i + 1) % 10;
    out.push(`c = i64x2.shr_u(h${i}, ${bits(i)});`);
    out.push(`h${i} = v128.and(h${i}, i64x2.splat(${2 ** bits(i) - 1}));`);
    if (i === 9) out.push('h0 = i64x2.add(h0, i64x2.add(c, i64x2.add(i64x2.shl(c, 1), i64x2.shl(c, 4))));');
    else out.push(`h${next} = i64x2.add(h${next}, c);`);
  };
  for (const i of [0, 4, 1, 5, 2, 6, 3, 7, 4, 8, 5, 9, 0]) carry(i);
  for (const i of range(0, 5))
    out.push(`v128.store(out, v128.shuffle<i32>(h${2 * i}, h${2 * i + 1}, 0, 2, 4, 6), ${16 * i});`);
  return out;
}

// Limbs of 2p, the same for both lanes; limb pair i of the vector i.
const TWO_P = range(0, 5).map((i) => {
  const even = i === 0 ? 2 * (2 ** 26 - 19) : 2 * (2 ** 26 - 1);
  const odd = 2 * (2 ** 25 - 1);
  return `i32x4(${even}, ${even}, ${odd}, ${odd})`;
});

export function source() {
  const vectors = (f) =>
    indent(
      range(0, 5).map((i) => f(16 * i, i)),
      2,
    );
  return `// Written out by assembly/templates/field25519.mjs, which states layout and bounds.

/** out = f·g; may be the same as either. */
export function multiply(out: usize, f: usize, g: usize): void {
${indent(multiplication(), 2)}
}

/** out = f + g, not carried. */
// @ts-ignore: decorator
@inline export function add(out: usize, f: usize, g: usize): void {
${vectors((at) => `v128.store(out, i32x4.add(v128.load(f, ${at}), v128.load(g, ${at})), ${at});`)}
}

/** out = f − g, not carried; g is a product. */
// @ts-ignore: decorator
@inline export function subtract(out: usize, f: usize, g: usize): void {
${vectors((at, i) => `v128.store(out, i32x4.sub(i32x4.add(v128.load(f, ${at}), ${TWO_P[i]}), v128.load(g, ${at})), ${at});`)}
}

/** sum = f + g and difference = f − g in one pass. */
// @ts-ignore: decorator
@inline export function addSubtract(sum: usize, difference: usize, f: usize, g: usize): void {
${vectors((at, i) => `{ const a = v128.load(f, ${at}), b = v128.load(g, ${at}); v128.store(sum, i32x4.add(a, b), ${at}); v128.store(difference, i32x4.sub(i32x4.add(a, ${TWO_P[i]}), b), ${at}); }`)}
}

/** sum = 2f + g and difference = 2f − g in one pass. */
// @ts-ignore: decorator
@inline export function doubleAddSubtract(sum: usize, difference: usize, f: usize, g: usize): void {
${vectors((at, i) => `{ const t = v128.load(f, ${at}), a = i32x4.add(t, t), b = v128.load(g, ${at}); v128.store(sum, i32x4.add(a, b), ${at}); v128.store(difference, i32x4.sub(i32x4.add(a, ${TWO_P[i]}), b), ${at}); }`)}
}

/** Interleaves one element of each of two table entries (ten limbs each) into a pair. */
// @ts-ignore: decorator
@inline export function pairUp(out: usize, a: usize, b: usize): void {
  let p = v128.load(a), q = v128.load(b);
  v128.store(out, v128.shuffle<i32>(p, q, 0, 4, 1, 5));
  v128.store(out, v128.shuffle<i32>(p, q, 2, 6, 3, 7), 16);
  p = v128.load(a, 16); q = v128.load(b, 16);
  v128.store(out, v128.shuffle<i32>(p, q, 0, 4, 1, 5), 32);
  v128.store(out, v128.shuffle<i32>(p, q, 2, 6, 3, 7), 48);
  p = v128.load64_zero(a, 32); q = v128.load64_zero(b, 32);
  v128.store(out, v128.shuffle<i32>(p, q, 0, 4, 1, 5), 64);
}
`;
}

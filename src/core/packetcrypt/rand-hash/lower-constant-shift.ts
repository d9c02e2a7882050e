// Shifts and rotations of 8- and 16-bit lanes whose counts are known.
import {WASM} from '../../wasm/opcodes.ts';
import {type Lowering, pushA, withConstant} from './lower.ts';

/** One shift of the whole word and the bits of it that belong to the result. */
interface Term {
  /** Positive to the left, negative to the right. */
  readonly shift: number;
  mask: number;
}

/**
 * The word is shifted once for every different count, the bits that stayed within their lanes are kept, and the parts
 * are joined. An arithmetic shift then fills the top bits of the lanes that are negative.
 */
export function lowerConstantShift(
  x: Lowering,
  width: 8 | 16,
  kind: 'SHLL' | 'SHRL' | 'SHRA' | 'ROTL',
  counts: number,
): void {
  const lane = 2 ** width - 1;
  const terms: Term[] = [];
  let fill = 0;
  for (let at = 0; at < 32; at += width) {
    const count = (counts >>> at) & (width - 1);
    const left = (lane << count) & lane;
    const right = lane >>> count;
    if (kind === 'SHLL' || kind === 'ROTL') addTerm(terms, count, left << at);
    else addTerm(terms, -count, right << at);
    if (kind === 'ROTL' && count > 0) addTerm(terms, count - width, (lane >>> (width - count)) << at);
    fill |= (lane ^ right) << at;
  }
  pushTerms(x, terms);
  if (kind === 'SHRA' && fill !== 0) pushFill(x, width, fill);
}

function addTerm(terms: Term[], shift: number, mask: number): void {
  const same = terms.find((term) => term.shift === shift);
  if (same === undefined) terms.push({shift, mask});
  else same.mask |= mask;
}

function pushTerms(x: Lowering, terms: readonly Term[]): void {
  for (const [i, {shift, mask}] of terms.entries()) {
    pushA(x);
    if (shift > 0) withConstant(x, shift, WASM.i32_shl);
    if (shift < 0) withConstant(x, -shift, WASM.i32_shr_u);
    if (mask !== -1) withConstant(x, mask, WASM.i32_and);
    if (i > 0) x.code.op(WASM.i32_or);
  }
}

/** Sets the bits of `fill` in the lanes whose sign is set: sign bits spread over their lanes, and masked. */
function pushFill(x: Lowering, width: 8 | 16, fill: number): void {
  pushA(x);
  withConstant(x, width - 1, WASM.i32_shr_u);
  withConstant(x, width === 8 ? 0x01010101 : 0x00010001, WASM.i32_and);
  withConstant(x, 2 ** width - 1, WASM.i32_mul);
  withConstant(x, fill, WASM.i32_and);
  x.code.op(WASM.i32_or);
}

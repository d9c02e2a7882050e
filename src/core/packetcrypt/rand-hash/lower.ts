import type {CodeWriter} from '../../wasm/code-writer.ts';
import {WASM} from '../../wasm/opcodes.ts';

/** What the lowering of one arithmetic instruction works with. Results are left on the WebAssembly stack. */
export interface Lowering {
  readonly code: CodeWriter;
  /** Local holding the one-word operand a. */
  readonly a: number;
  /** Local holding the one-word operand b, unless b is a constant. */
  readonly b: number;
  /** Constant operand b as signed word, and its high word for pairs. */
  readonly constant: number | undefined;
  readonly constantHigh: number;
  /** Locals holding 64-bit operands. */
  readonly aPair: number;
  readonly bPair: number;
  /** Scratch locals. */
  readonly pair: number;
  readonly vector: number;
}

export type Lower = (x: Lowering) => void;

export function pushA(x: Lowering): void {
  x.code.get(x.a);
}

export function pushB(x: Lowering): void {
  if (x.constant === undefined) x.code.get(x.b);
  else x.code.i32(x.constant);
}

export function pushPairA(x: Lowering): void {
  x.code.get(x.aPair);
}

export function pushPairB(x: Lowering): void {
  if (x.constant === undefined) x.code.get(x.bPair);
  else x.code.i64(x.constant, x.constantHigh);
}

/** Applies a binary instruction to the top of the stack and a constant. */
export function withConstant(x: Lowering, constant: number, opcode: number): void {
  x.code.i32(constant);
  x.code.op(opcode);
}

/** Pushes b moved right by `shift` bits; computed now if b is a constant. */
export function pushShiftedB(x: Lowering, shift: number): void {
  if (x.constant !== undefined) {
    x.code.i32(x.constant >>> shift);
    return;
  }
  pushB(x);
  if (shift > 0) withConstant(x, shift, WASM.i32_shr_u);
}

/** Pushes b AND mask; computed now if b is a constant. */
export function pushMaskedB(x: Lowering, mask: number): void {
  if (x.constant !== undefined) {
    x.code.i32(x.constant & mask);
    return;
  }
  pushB(x);
  withConstant(x, mask, WASM.i32_and);
}

/** Pushes a AND mask. */
export function pushMaskedA(x: Lowering, mask: number): void {
  pushA(x);
  withConstant(x, mask, WASM.i32_and);
}

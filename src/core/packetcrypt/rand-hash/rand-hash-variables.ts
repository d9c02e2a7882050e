import type {CodeWriter} from '../../wasm/code-writer.ts';
import {I32, I64, WASM} from '../../wasm/opcodes.ts';
import {type Locals, NO_LOCAL} from './rand-hash-locals.ts';

/** Where a variable is: a word in an i32 local, or the low or high half of an i64 local. */
export const WORD = 0;
export const LOW = 1;
const HIGH = 2;

/** What is known of the interpreter's stack of variables at the current place of the program. */
export class Variables {
  /** For each stack position the local of the variable, NO_LOCAL for markers and for what is never needed again. */
  readonly stack: number[] = [];
  /** And the part of that local. */
  readonly parts: number[] = [];
  private readonly code: CodeWriter;
  private readonly locals: Locals;
  private readonly reads: Uint8Array;
  private defined = 0;

  /** `isRead` tells of each variable, in the order of definition, whether it is ever an operand. */
  constructor(code: CodeWriter, locals: Locals, isRead: Uint8Array) {
    this.code = code;
    this.locals = locals;
    this.reads = isRead;
  }

  /** Opens a frame: pushes its marker and returns the marker's position. */
  openFrame(): number {
    this.parts.push(WORD);
    return this.stack.push(NO_LOCAL) - 1;
  }

  closeFrame(marker: number): void {
    this.stack.length = marker;
    this.parts.length = marker;
  }

  /** The i64 on the stack becomes its low or high word. */
  wordOfPair(part: number): void {
    const {code} = this;
    if (part === HIGH) {
      code.i64(32, 0);
      code.op(WASM.i64_shr_u);
    }
    code.op(WASM.i32_wrap_i64);
  }

  /** The local of a one-word operand; halves of pairs are taken out into `scratch`. */
  wordOperand(register: number, scratch: number): number {
    const local = this.stack[register]!;
    const part = this.parts[register]!;
    if (part === WORD) return local;
    this.code.get(local);
    this.wordOfPair(part);
    this.code.set(scratch);
    return scratch;
  }

  /** The local of a pair; words that were not made together are joined in `scratch`. */
  pairOperand(register: number, scratch: number): number {
    const {code} = this;
    const high = this.stack[register]!;
    const low = this.stack[register - 1]!;
    if (high === low && this.parts[register] === HIGH) return high;
    code.get(high);
    if (this.parts[register] === WORD) code.op(WASM.i64_extend_i32_u);
    if (this.parts[register] === HIGH) {
      code.i64(0, -1);
      code.op(WASM.i64_and);
    } else {
      code.i64(32, 0);
      code.op(WASM.i64_shl);
    }
    code.get(low);
    if (this.parts[register - 1] === HIGH) {
      code.i64(32, 0);
      code.op(WASM.i64_shr_u);
    } else {
      if (this.parts[register - 1] === LOW) code.op(WASM.i32_wrap_i64);
      code.op(WASM.i64_extend_i32_u);
    }
    code.op(WASM.i64_or);
    code.set(scratch);
    return scratch;
  }

  newWord(isNeeded: boolean): number {
    const local = isNeeded ? this.locals.take(I32) : NO_LOCAL;
    this.stack.push(local);
    this.parts.push(WORD);
    this.defined += 1;
    return local;
  }

  newPair(isNeeded: boolean): number {
    const local = isNeeded ? this.locals.take(I64) : NO_LOCAL;
    this.stack.push(local, local);
    this.parts.push(LOW, HIGH);
    this.defined += 2;
    return local;
  }

  /** Whether any of the next `count` variables is an operand later. */
  isRead(count: number): boolean {
    for (let i = 0; i < count; i++) if (this.reads[this.defined + i] === 1) return true;
    return false;
  }
}

// The stack machine that scripts run on.   chain spec §3.12
import {ScriptError} from './errors.ts';
import {execute} from './execute.ts';
import type {ScriptFlags} from './flags.ts';
import {decodeNumber, encodeNumber, FALSE, isTrue, TRUE} from './numbers.ts';
import {isDisabled, OP} from './opcodes.ts';
import {isMinimalPush, readOp} from './parse.ts';
import type {ScriptKind, SignatureChecks} from './signature-checks.ts';

export const MAX_SCRIPT_BYTES = 10_000;
export const MAX_ITEM_BYTES = 520;
const MAX_STACK_ITEMS = 1000;
const MAX_OPERATIONS = 201;

/** One run of one script. The stack belongs to the caller and is left as the script leaves it. */
export class Machine {
  readonly script: Uint8Array;
  readonly stack: Uint8Array[];
  readonly flags: ScriptFlags;
  readonly checks: SignatureChecks;
  readonly kind: ScriptKind;
  /** Items put aside. */
  readonly altStack: Uint8Array[] = [];
  /** Per open branch whether it is taken, and how many of them are not. */
  readonly #branches: boolean[] = [];
  #skipped = 0;
  #operations = 0;
  #codeStart = 0;
  #code: Uint8Array;
  /** Behind the opcode that is executed. */
  #position = 0;

  constructor(script: Uint8Array, stack: Uint8Array[], flags: ScriptFlags, checks: SignatureChecks, kind: ScriptKind) {
    this.script = script;
    this.stack = stack;
    this.flags = flags;
    this.checks = checks;
    this.kind = kind;
    this.#code = script;
  }

  /** Runs the script to its end. Throws ScriptError. */
  run(): void {
    const {script, flags} = this;
    if (script.length > MAX_SCRIPT_BYTES) throw new ScriptError('SCRIPT_SIZE', {length: script.length});
    const minimal = flags.has('MINIMALDATA');
    const constant = flags.has('CONST_SCRIPTCODE') && this.kind === 'legacy';
    while (this.#position < script.length) {
      const op = readOp(script, this.#position);
      if (op === undefined) throw new ScriptError('BAD_OPCODE', {position: this.#position});
      const {opcode, data} = op;
      this.#position = op.end;
      if (data !== undefined && data.length > MAX_ITEM_BYTES) throw new ScriptError('PUSH_SIZE', {length: data.length});
      if (opcode > OP.OP_16) this.count(1);
      if (isDisabled(opcode)) throw new ScriptError('DISABLED_OPCODE', {opcode});
      if (constant && opcode === OP.CODESEPARATOR) throw new ScriptError('OP_CODESEPARATOR');
      if (data !== undefined) {
        if (this.#skipped > 0) continue;
        if (minimal && !isMinimalPush(op)) throw new ScriptError('MINIMALDATA');
        this.stack.push(data);
      } else if (this.#skipped === 0 || isBranching(opcode)) {
        execute(this, opcode);
      }
      if (this.stack.length + this.altStack.length > MAX_STACK_ITEMS) throw new ScriptError('STACK_SIZE');
    }
    if (this.#branches.length > 0) throw new ScriptError('UNBALANCED_CONDITIONAL');
  }

  /** Counts operations; OP_CHECKMULTISIG counts its keys too. */
  count(operations: number): void {
    this.#operations += operations;
    if (this.#operations > MAX_OPERATIONS) throw new ScriptError('OP_COUNT');
  }

  get isSkipping(): boolean {
    return this.#skipped > 0;
  }

  openBranch(isTaken: boolean): void {
    this.#branches.push(isTaken);
    if (!isTaken) this.#skipped++;
  }

  turnBranch(): void {
    const top = this.#branches.length - 1;
    if (top < 0) throw new ScriptError('UNBALANCED_CONDITIONAL');
    const isTaken = !this.#branches[top];
    this.#branches[top] = isTaken;
    this.#skipped += isTaken ? -1 : 1;
  }

  closeBranch(): void {
    const isTaken = this.#branches.pop();
    if (isTaken === undefined) throw new ScriptError('UNBALANCED_CONDITIONAL');
    if (!isTaken) this.#skipped--;
  }

  /** What signatures sign begins behind here. */
  separateCode(): void {
    this.#codeStart = this.#position;
    this.#code = this.script.subarray(this.#codeStart);
  }

  /** The script from the last executed OP_CODESEPARATOR on; the same array until the next one. */
  get code(): Uint8Array {
    return this.#code;
  }

  /** Throws 'INVALID_STACK_OPERATION' unless the stack holds so many items. */
  need(items: number): void {
    if (this.stack.length < items) throw new ScriptError('INVALID_STACK_OPERATION', {items, got: this.stack.length});
  }

  /** The item `depth` below the top, 0 being the top. */
  peek(depth: number = 0): Uint8Array {
    this.need(depth + 1);
    return this.stack[this.stack.length - 1 - depth]!;
  }

  pop(): Uint8Array {
    this.need(1);
    return this.stack.pop()!;
  }

  /** Takes the item `depth` below the top out of the stack. */
  take(depth: number): Uint8Array {
    this.need(depth + 1);
    return this.stack.splice(this.stack.length - 1 - depth, 1)[0]!;
  }

  push(...items: readonly Uint8Array[]): void {
    for (const item of items) this.stack.push(item);
  }

  pushNumber(value: number): void {
    this.stack.push(encodeNumber(value));
  }

  pushBoolean(value: boolean): void {
    this.stack.push(value ? TRUE : FALSE);
  }

  numberAt(depth: number, maxBytes?: number): number {
    return decodeNumber(this.peek(depth), this.flags.has('MINIMALDATA'), maxBytes);
  }

  popNumber(): number {
    const value = this.numberAt(0);
    this.stack.pop();
    return value;
  }

  popBoolean(): boolean {
    return isTrue(this.pop());
  }
}

/** Opcodes that matter in branches that are not taken too. OP_VERIF is illegal even there. */
function isBranching(opcode: number): boolean {
  return opcode >= OP.IF && opcode <= OP.ENDIF && opcode !== OP.VOTE;
}

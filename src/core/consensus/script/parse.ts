// Reading scripts without running them.
import {concatBytes, readU16, readU32} from '../../bytes/index.ts';
import {checkBytes} from '../../errors.ts';
import {OP} from './opcodes.ts';

export interface ScriptOp {
  readonly opcode: number;
  /** What it pushes, a view of the script; `undefined` for opcodes above PUSHDATA4. */
  readonly data: Uint8Array | undefined;
  readonly start: number;
  /** Where the next one begins. */
  readonly end: number;
}

const EMPTY = new Uint8Array(0);

/** The opcode at `start`, `undefined` when its data is cut short. `start` must lie inside the script. */
export function readOp(script: Uint8Array, start: number): ScriptOp | undefined {
  const opcode = script[start]!;
  if (opcode > OP.PUSHDATA4) return {opcode, data: undefined, start, end: start + 1};
  if (opcode === 0) return {opcode, data: EMPTY, start, end: start + 1};
  const sizeBytes = opcode < OP.PUSHDATA1 ? 0 : opcode === OP.PUSHDATA1 ? 1 : opcode === OP.PUSHDATA2 ? 2 : 4;
  const from = start + 1 + sizeBytes;
  if (from > script.length) return undefined;
  let size = opcode;
  if (sizeBytes === 1) size = script[start + 1]!;
  else if (sizeBytes === 2) size = readU16(script, start + 1);
  else if (sizeBytes === 4) size = readU32(script, start + 1);
  const end = from + size;
  return end > script.length ? undefined : {opcode, data: script.subarray(from, end), start, end};
}

/** All opcodes, `undefined` for a script that cannot be read to its end. */
export function parseScript(script: Uint8Array): ScriptOp[] | undefined {
  checkBytes('script', script);
  const ops: ScriptOp[] = [];
  for (let at = 0; at < script.length; ) {
    const op = readOp(script, at);
    if (op === undefined) return undefined;
    ops.push(op);
    at = op.end;
  }
  return ops;
}

/** True for a script of pushes only. OP_RESERVED counts as one. */
export function isPushOnly(script: Uint8Array): boolean {
  return parseScript(script)?.every(({opcode}) => opcode <= OP.OP_16) ?? false;
}

/** True unless a shorter opcode pushes the same bytes, numbers 0 to 16 apart: those of one byte must use their own opcode. */
export function isCanonicalPush({opcode, data}: ScriptOp): boolean {
  if (data === undefined || opcode === 0) return true;
  if (opcode < OP.PUSHDATA1) return data.length !== 1 || data[0]! > 16;
  if (opcode === OP.PUSHDATA1) return data.length >= OP.PUSHDATA1;
  return data.length > (opcode === OP.PUSHDATA2 ? 0xff : 0xffff);
}

/** True when no other opcode pushes the same bytes in a shorter form.   BIP 62, rules 3 and 4 */
export function isMinimalPush({opcode, data}: ScriptOp): boolean {
  if (data === undefined) return true;
  if (data.length === 0) return opcode === 0;
  if (data.length === 1 && ((data[0]! >= 1 && data[0]! <= 16) || data[0] === 0x81)) return false;
  if (data.length < OP.PUSHDATA1) return opcode === data.length;
  if (data.length <= 0xff) return opcode === OP.PUSHDATA1;
  return data.length > 0xffff || opcode === OP.PUSHDATA2;
}

/** HASH160, a push of 20 bytes, EQUAL, and nothing else: a vote behind them makes it another script.   chain spec §3.10.1 */
export function isPayToScriptHash(script: Uint8Array): boolean {
  return script.length === 23 && script[0] === OP.HASH160 && script[1] === 20 && script[22] === OP.EQUAL;
}

export interface WitnessProgram {
  readonly version: number;
  /** 2 to 40 bytes */
  readonly program: Uint8Array;
}

/** A small number and a direct push of 2 to 40 bytes.   BIP 141 */
export function witnessProgramOf(script: Uint8Array): WitnessProgram | undefined {
  const {length} = script;
  if (length < 4 || length > 42 || script[1] !== length - 2) return undefined;
  const opcode = script[0]!;
  if (opcode !== 0 && (opcode < OP.OP_1 || opcode > OP.OP_16)) return undefined;
  return {version: opcode === 0 ? 0 : opcode - OP.OP_1 + 1, program: script.subarray(2)};
}

/** A script without what begins at one of `ops`; the script itself when there are none. */
export function withoutOps(script: Uint8Array, ops: readonly ScriptOp[]): Uint8Array {
  if (ops.length === 0) return script;
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const {start, end} of ops) {
    parts.push(script.subarray(at, start));
    at = end;
  }
  return concatBytes(...parts, script.subarray(at));
}

// What kind of output script it is, votes aside.   chain spec §1.6
import {copyBytes} from '../../bytes/index.ts';
import {OP} from './opcodes.ts';
import {isCanonicalPush, isPayToScriptHash, parseScript, type ScriptOp} from './parse.ts';

const MAX_NULL_DATA_BYTES = 80;

/** A kind of script; `data` is the hash of the first four, copied. */
export type ScriptClass =
  | {
      readonly name: 'pubkeyhash' | 'scripthash' | 'witness_v0_keyhash' | 'witness_v0_scripthash';
      readonly data: Uint8Array;
    }
  | {readonly name: 'pubkey'; readonly data: Uint8Array}
  | {readonly name: 'multisig'; readonly required: number; readonly keys: readonly Uint8Array[]}
  | {readonly name: 'nulldata' | 'nonstandard'};

/** Opcodes before the last votes: an OP_VOTE and two opcodes before it, as long as the script ends so. */
function endOfPlain(ops: readonly ScriptOp[]): number {
  let end = ops.length;
  while (end >= 3 && ops[end - 1]!.opcode === OP.VOTE && ops.slice(end - 3, end - 1).every(isCanonicalPush)) end -= 3;
  return end;
}

/** The script without the votes at its end, as a copy; all of it where it cannot be read. */
export function withoutVotes(script: Uint8Array): Uint8Array {
  const ops = parseScript(script);
  return copyBytes(script, 0, ops?.[endOfPlain(ops)]?.start);
}

function hashTemplate(script: Uint8Array): ScriptClass | undefined {
  const {length} = script;
  const startsWith = (...bytes: number[]): boolean => bytes.every((byte, i) => script[i] === byte);
  if (
    length === 25 &&
    startsWith(OP.DUP, OP.HASH160, 20) &&
    script[23] === OP.EQUALVERIFY &&
    script[24] === OP.CHECKSIG
  ) {
    return {name: 'pubkeyhash', data: copyBytes(script, 3, 23)};
  }
  if (isPayToScriptHash(script)) return {name: 'scripthash', data: copyBytes(script, 2, 22)};
  if (length === 22 && startsWith(OP.OP_0, 20)) return {name: 'witness_v0_keyhash', data: copyBytes(script, 2)};
  if (length === 34 && startsWith(OP.OP_0, 32)) return {name: 'witness_v0_scripthash', data: copyBytes(script, 2)};
  return undefined;
}

/** What an opcode pushes if it has the length of a key; it need not be one. */
function keyOf({opcode, data}: ScriptOp): Uint8Array | undefined {
  return data !== undefined && opcode === data.length && (opcode === 33 || opcode === 65) ? data : undefined;
}

function smallNumber(op: ScriptOp | undefined): number {
  return op !== undefined && op.opcode >= OP.OP_1 && op.opcode <= OP.OP_16 ? op.opcode - OP.OP_1 + 1 : 0;
}

function multisig(ops: readonly ScriptOp[]): ScriptClass | undefined {
  if (ops.at(-1)?.opcode !== OP.CHECKMULTISIG) return undefined;
  const required = smallNumber(ops[0]);
  const keys = ops.slice(1, -2).map(keyOf);
  if (required === 0 || smallNumber(ops.at(-2)) !== keys.length || required > keys.length) return undefined;
  if (!keys.every((key) => key !== undefined)) return undefined;
  return {name: 'multisig', required, keys: keys.map((key) => copyBytes(key))};
}

/** The class of an output script, its votes at the end left out. Keys need not be points. */
export function classifyScript(script: Uint8Array): ScriptClass {
  const all = parseScript(script);
  if (all === undefined) return {name: 'nonstandard'};
  const end = endOfPlain(all);
  const template = hashTemplate(script.subarray(0, all[end]?.start));
  if (template !== undefined) return template;
  const ops = all.slice(0, end);
  const [first, second] = ops;
  if (first?.opcode === OP.RETURN) {
    const isData = ops.length === 1 || (ops.length === 2 && isNullData(second!));
    return {name: isData ? 'nulldata' : 'nonstandard'};
  }
  const key = first === undefined ? undefined : keyOf(first);
  if (key !== undefined && ops.length === 2 && second!.opcode === OP.CHECKSIG) {
    return {name: 'pubkey', data: copyBytes(key)};
  }
  return multisig(ops) ?? {name: 'nonstandard'};
}

function isNullData({opcode, data}: ScriptOp): boolean {
  return data === undefined ? opcode <= OP.OP_16 : data.length <= MAX_NULL_DATA_BYTES;
}

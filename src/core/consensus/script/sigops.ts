// How many signature operations a transaction may cost, counted without running its scripts.   chain spec §3.12; BIP 141
import {isCoinbase, type Transaction, type TxInput} from '../../primitives/index.ts';
import type {ScriptFlags} from './flags.ts';
import {OP} from './opcodes.ts';
import {isPayToScriptHash, isPushOnly, parseScript, readOp, witnessProgramOf} from './parse.ts';

/** Most that a block may cost. */
export const MAX_SIGOP_COST = 80_000;
/** What an operation outside witness programs costs. */
const LEGACY_COST = 4;
/** Keys that OP_CHECKMULTISIG counts for when their number is not looked at. */
const MAX_KEYS = 20;

/**
 * Signature operations of a script, as far as it can be read.
 *
 * exact  the number before OP_CHECKMULTISIG says how many keys count; otherwise, and without one, it counts as 20
 */
export function countSigops(script: Uint8Array, exact: boolean): number {
  let count = 0;
  let before = -1;
  for (let at = 0; at < script.length; ) {
    const op = readOp(script, at);
    if (op === undefined) break;
    const {opcode, end} = op;
    if (opcode === OP.CHECKSIG || opcode === OP.CHECKSIGVERIFY) count++;
    if (opcode === OP.CHECKMULTISIG || opcode === OP.CHECKMULTISIGVERIFY) {
      count += exact && before >= OP.OP_1 && before <= OP.OP_16 ? before - OP.OP_1 + 1 : MAX_KEYS;
    }
    before = opcode;
    at = end;
  }
  return count;
}

/** Operations of the script behind a script hash: what the signature script pushes last. 0 for other coins. */
export function scriptHashSigops({script}: TxInput, spent: Uint8Array): number {
  if (!isPayToScriptHash(spent) || !isPushOnly(script)) return 0;
  const last = parseScript(script)!.at(-1);
  return last?.data === undefined ? 0 : countSigops(last.data, true);
}

function programSigops(script: Uint8Array, witness: readonly Uint8Array[]): number {
  const program = witnessProgramOf(script);
  if (program === undefined || program.version !== 0) return 0;
  if (program.program.length === 20) return 1;
  return program.program.length === 32 && witness.length > 0 ? countSigops(witness.at(-1)!, true) : 0;
}

/** Operations of a witness program, the coin's own or a nested one. */
function witnessSigops({script, witness}: TxInput, spent: Uint8Array): number {
  if (witnessProgramOf(spent) !== undefined) return programSigops(spent, witness);
  const isNested = isPayToScriptHash(spent) && script.length > 0 && isPushOnly(script);
  return isNested ? programSigops(script.subarray(1), witness) : 0;
}

/** Operations outside witness programs and script hashes, in all scripts of a transaction. */
export function legacySigops({inputs, outputs}: Transaction): number {
  let count = 0;
  for (const {script} of inputs) count += countSigops(script, false);
  for (const {script} of outputs) count += countSigops(script, false);
  return count;
}

/**
 * Cost of a transaction's signature operations.
 *
 * spentScripts  script of the coin that each input spends; not looked at for a coinbase
 */
export function sigopCost(transaction: Transaction, spentScripts: readonly Uint8Array[], flags: ScriptFlags): number {
  let cost = LEGACY_COST * legacySigops(transaction);
  if (isCoinbase(transaction)) return cost;
  for (const [number, input] of transaction.inputs.entries()) {
    const spent = spentScripts[number]!;
    if (flags.has('P2SH')) cost += LEGACY_COST * scriptHashSigops(input, spent);
    if (flags.has('WITNESS')) cost += witnessSigops(input, spent);
  }
  return cost;
}

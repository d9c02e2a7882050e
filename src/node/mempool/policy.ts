// What is relayed, by itself: the shape of a transaction, its outputs and what they are worth.   chain spec §4.3
import {varintSize} from '../../core/bytes/index.ts';
import {
  type Coin,
  classifyScript,
  isPushOnly,
  scriptHashSigops,
  UNITS_PER_PKT,
  witnessProgramOf,
} from '../../core/consensus/index.ts';
import type {Transaction, TransactionSize, TxOutput} from '../../core/primitives/index.ts';
import {PolicyError} from './errors.ts';

/** Units per 1000 virtual bytes that are asked of a transaction at least. */
export const MIN_RELAY_FEE = 1000n;
export const MAX_STANDARD_WEIGHT = 400_000;
/** A quarter of a block. */
export const MAX_STANDARD_SIGOP_COST = 20_000;
const MAX_INPUTS_WITHOUT_WITNESS = 500;
const MAX_SIGNATURE_SCRIPT = 1650;
const MAX_MULTISIG_KEYS = 3;
const MAX_SCRIPT_HASH_SIGOPS = 15;
/** What spending an output costs later: an input with a signature and a key, as script or as witness. */
const SPEND_BYTES = 148;
const SPEND_WITNESS_BYTES = 67;
const DUST_FACTOR = 3n;
const VALUE_BYTES = 8;

/** Fee for `vsize` virtual bytes at a rate in units per 1000 of them; at least 1 where the rate is above 0. */
export function feeAt(rate: bigint, vsize: number): bigint {
  const fee = (rate * BigInt(vsize)) / 1000n;
  return fee === 0n && rate > 0n ? 1n : fee;
}

/** True for an output that costs more than a third of its value to spend.   chain spec §4.3 */
export function isDust({value, script}: TxOutput, relayFee: bigint = MIN_RELAY_FEE): boolean {
  const bytes = VALUE_BYTES + varintSize(script.length) + script.length;
  const total = bytes + (witnessProgramOf(script) === undefined ? SPEND_BYTES : SPEND_WITNESS_BYTES);
  return (value * 1000n) / (DUST_FACTOR * BigInt(total)) < relayFee;
}

function checkInputShapes({inputs}: Transaction): void {
  if (inputs.length > MAX_INPUTS_WITHOUT_WITNESS && inputs.some(({witness}) => witness.length === 0)) {
    throw new PolicyError('many-inputs', {inputs: inputs.length});
  }
  for (const [input, {script}] of inputs.entries()) {
    if (script.length > MAX_SIGNATURE_SCRIPT) {
      throw new PolicyError('signature-script-size', {input, bytes: script.length});
    }
    if (!isPushOnly(script)) throw new PolicyError('signature-script-form', {input});
  }
}

/** True for an output that carries data instead of money. */
function checkOutputShape(output: TxOutput, number: number, relayFee: bigint): boolean {
  const found = classifyScript(output.script);
  if (found.name === 'nonstandard') throw new PolicyError('output-form', {output: number});
  if (found.name === 'multisig' && found.keys.length > MAX_MULTISIG_KEYS) {
    throw new PolicyError('multisig-keys', {output: number, keys: found.keys.length});
  }
  if (found.name === 'nulldata') return true;
  if (isDust(output, relayFee)) throw new PolicyError('dust', {output: number, value: output.value});
  return false;
}

/** Throws PolicyError unless the transaction is of a kind that is relayed. */
export function checkStandard(transaction: Transaction, {weight}: TransactionSize, relayFee: bigint): void {
  const {version, outputs} = transaction;
  if (version < 1 || version > 2) throw new PolicyError('version', {version});
  if (weight > MAX_STANDARD_WEIGHT) throw new PolicyError('weight', {weight});
  checkInputShapes(transaction);
  let data = 0;
  for (const [number, output] of outputs.entries()) {
    if (checkOutputShape(output, number, relayFee)) data++;
    if (data > 1) throw new PolicyError('null-data-count', {output: number});
  }
}

/** Throws PolicyError unless the coins that a transaction spends are of kinds that are relayed. */
export function checkStandardInputs({inputs}: Transaction, coins: readonly Coin[]): void {
  for (const [number, {script}] of coins.entries()) {
    const {name} = classifyScript(script);
    if (name === 'nonstandard' || name === 'nulldata') throw new PolicyError('input-form', {input: number});
    const sigops = scriptHashSigops(inputs[number]!, script);
    if (sigops > MAX_SCRIPT_HASH_SIGOPS) throw new PolicyError('script-hash-sigops', {input: number, sigops});
  }
}

/** A transaction with less than the minimum fee needs this priority: one PKT for a day of 144 blocks in 250 bytes. */
export const MIN_FREE_PRIORITY: bigint = (UNITS_PER_PKT * 144n) / 250n;
/** Larger ones are never relayed for less than the minimum fee. */
export const MAX_FREE_BYTES = 49_000;
/** What is taken off for each input, so that spending many small coins does not lower the priority. */
const INPUT_DISCOUNT = 41;
const MAX_INPUT_SCRIPT_DISCOUNT = 110;

/**
 * Value of the coins times their age in blocks, per byte; coins of the pool have no age.
 *
 * height  of the block that the transaction would be in
 */
export function priority(transaction: Transaction, size: number, coins: readonly Coin[], height: number): bigint {
  let aged = 0n;
  for (const coin of coins) aged += coin.value * BigInt(Math.max(0, height - coin.height));
  let bytes = size;
  for (const {script} of transaction.inputs) {
    bytes -= INPUT_DISCOUNT + Math.min(MAX_INPUT_SCRIPT_DISCOUNT, script.length);
  }
  return bytes > 0 ? aged / BigInt(bytes) : 0n;
}

// What can be said of a transaction without the chain.   chain spec §1.5, §3.6, §3.11
import {hashKey} from '../bytes/index.ts';
import {encodeTransaction, isCoinbase, NULL_INDEX, type Transaction} from '../primitives/index.ts';
import {RuleError} from './errors.ts';
import {MAX_UNITS} from './subsidy.ts';

const MAX_TRANSACTION_BYTES = 1_000_000;
const MIN_COINBASE_SCRIPT = 2;
const MAX_COINBASE_SCRIPT = 100;

/** A key for maps of outpoints. */
export function outpointKey(txid: Uint8Array, index: number): string {
  return `${hashKey(txid)}${index}`;
}

/** Sum of the outputs; each and every partial sum must be an amount.   chain spec §1.5 */
export function checkOutputs({outputs}: Transaction): bigint {
  let sum = 0n;
  for (const [index, {value}] of outputs.entries()) {
    if (value < 0n) throw new RuleError('ErrNegativeTxOutValue', {index, value});
    if (value > MAX_UNITS) throw new RuleError('ErrOversizeTxOutValue', {index, value});
    sum += value;
    if (sum > MAX_UNITS) throw new RuleError('ErrOversizeTxOutValue', {index, sum});
  }
  return sum;
}

/** Throws RuleError unless the transaction is sane by itself. */
export function checkTransaction(transaction: Transaction): void {
  const {inputs, outputs} = transaction;
  if (inputs.length === 0) throw new RuleError('ErrNoTxInputs');
  if (outputs.length === 0) throw new RuleError('ErrNoTxOutputs');
  const bytes = encodeTransaction(transaction, false).length;
  if (bytes > MAX_TRANSACTION_BYTES) throw new RuleError('ErrTxTooBig', {bytes});
  checkOutputs(transaction);
  const seen = new Set<string>();
  for (const {txid, index} of inputs) {
    const key = outpointKey(txid, index);
    if (seen.has(key)) throw new RuleError('ErrDuplicateTxInputs', {index});
    seen.add(key);
  }
  if (isCoinbase(transaction)) {
    const {length} = inputs[0]!.script;
    if (length < MIN_COINBASE_SCRIPT || length > MAX_COINBASE_SCRIPT) {
      throw new RuleError('ErrBadCoinbaseScriptLen', {length});
    }
    return;
  }
  for (const [number, {txid, index}] of inputs.entries()) {
    if (index === NULL_INDEX && txid.every((byte) => byte === 0)) throw new RuleError('ErrBadTxInput', {number});
  }
}

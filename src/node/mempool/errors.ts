// Why the pool refuses a transaction that breaks no rule of the chain, or none that holds everywhere: one table with what each
// costs the peer that sent it and the code of the reject message.   chain spec §4.3
import {CodedError, type ErrorRow} from '../../core/errors.ts';

const INVALID = 0x10;
const DUPLICATE = 0x12;
const NONSTANDARD = 0x40;
const DUST = 0x41;
const INSUFFICIENT_FEE = 0x42;

interface PolicyRow extends ErrorRow {
  readonly penalty: number;
  /** Code of the reject message. */
  readonly reject: number;
}

export type PolicyCode =
  | 'coinbase'
  | 'already-known'
  | 'already-mined'
  | 'missing-inputs'
  | 'orphan-size'
  | 'version'
  | 'weight'
  | 'many-inputs'
  | 'signature-script-size'
  | 'signature-script-form'
  | 'output-form'
  | 'multisig-keys'
  | 'null-data-count'
  | 'dust'
  | 'input-form'
  | 'script-hash-sigops'
  | 'sigop-cost'
  | 'script-policy'
  | 'not-final'
  | 'sequence-locked'
  | 'immature'
  | 'steward-expired'
  | 'fee-low'
  | 'fee-high'
  | 'priority-low'
  | 'free-limit'
  | 'pool-full'
  | 'conflict'
  | 'replacement-evictions'
  | 'replacement-spends-conflict'
  | 'replacement-new-input'
  | 'replacement-fee-rate'
  | 'replacement-fee'
  | 'chain-too-long'
  | 'overloaded'
  | 'closed';

function refusal(reject: number, text: string, penalty = 0): PolicyRow {
  return {penalty, text, reject};
}

/** Nothing here is held against a peer whose tip may differ from ours. */
export const POLICY_ERRORS: Readonly<Record<PolicyCode, PolicyRow>> = Object.freeze({
  coinbase: refusal(INVALID, 'transaction is an individual coinbase', 100),
  'already-known': refusal(DUPLICATE, 'already have transaction'),
  'already-mined': refusal(DUPLICATE, 'transaction already exists'),
  'missing-inputs': refusal(DUPLICATE, 'orphan transaction references outputs of unknown or fully-spent transaction'),
  'orphan-size': refusal(NONSTANDARD, 'orphan transaction is larger than max allowed size of 100000 bytes'),
  version: refusal(NONSTANDARD, 'transaction version is not in the valid range of 1-2'),
  weight: refusal(NONSTANDARD, 'weight of transaction is larger than max allowed weight of 400000'),
  'many-inputs': refusal(NONSTANDARD, 'transaction has more than 500 inputs and one of them without witness'),
  'signature-script-size': refusal(NONSTANDARD, 'signature script is larger than the maximum of 1650 bytes'),
  'signature-script-form': refusal(NONSTANDARD, 'signature script is not push only'),
  'output-form': refusal(NONSTANDARD, 'non-standard script form'),
  'multisig-keys': refusal(NONSTANDARD, 'multi-signature script with more than 3 public keys'),
  'null-data-count': refusal(NONSTANDARD, 'more than one transaction output in a nulldata script'),
  dust: refusal(DUST, 'transaction output is dust'),
  'input-form': refusal(NONSTANDARD, 'transaction input has a non-standard script form'),
  'script-hash-sigops': refusal(NONSTANDARD, 'transaction input has more than 15 signature operations'),
  'sigop-cost': refusal(NONSTANDARD, 'sigop cost is too high'),
  'script-policy': refusal(NONSTANDARD, 'a script that blocks may contain but that is not relayed'),
  'not-final': refusal(NONSTANDARD, 'transaction is not finalized'),
  'sequence-locked': refusal(NONSTANDARD, "transaction's sequence locks on inputs not met"),
  immature: refusal(INVALID, 'transaction spends an output of a coinbase before it is mature'),
  'steward-expired': refusal(INVALID, 'transaction spends a payment to the network steward after it has expired'),
  'fee-low': refusal(INSUFFICIENT_FEE, 'fees which are under the required amount'),
  'fee-high': refusal(INVALID, 'fees far above what anyone asks; allow high fees if this is meant'),
  'priority-low': refusal(INSUFFICIENT_FEE, 'fees which are under the required amount, and insufficient priority'),
  'free-limit': refusal(INSUFFICIENT_FEE, 'rejected by the rate limiter due to low fees'),
  'pool-full': refusal(INSUFFICIENT_FEE, 'the pool is full; fees which are under its present minimum'),
  conflict: refusal(DUPLICATE, 'output already spent by a transaction in the memory pool'),
  'replacement-evictions': refusal(NONSTANDARD, 'replacement transaction evicts more transactions than permitted'),
  'replacement-spends-conflict': refusal(INVALID, 'replacement transaction spends a transaction that it replaces'),
  'replacement-new-input': refusal(
    NONSTANDARD,
    'replacement transaction spends new unconfirmed input not found in conflicting transactions',
  ),
  'replacement-fee-rate': refusal(INSUFFICIENT_FEE, 'replacement transaction has an insufficient fee rate'),
  'replacement-fee': refusal(INSUFFICIENT_FEE, 'replacement transaction has an insufficient absolute fee'),
  'chain-too-long': refusal(NONSTANDARD, 'too many or too large unconfirmed ancestors or descendants'),
  overloaded: refusal(NONSTANDARD, 'too many transactions wait to be checked'),
  closed: refusal(NONSTANDARD, 'the pool has been closed'),
});

/** The pool does not want a transaction. */
export class PolicyError extends CodedError<PolicyCode> {
  constructor(code: PolicyCode, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(code, POLICY_ERRORS[code], details, cause);
  }

  /** Charged to the sender, 0–100. */
  get penalty(): number {
    return POLICY_ERRORS[this.code].penalty;
  }

  /** Code of the reject message. */
  get reject(): number {
    return POLICY_ERRORS[this.code].reject;
  }
}

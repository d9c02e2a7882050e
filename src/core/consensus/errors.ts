// Why blocks and transactions are refused: one table of rule names, with what each costs the peer that sent the data and the
// code of the peer protocol's reject message.   chain spec Appendix B
import {CodedError, type ErrorRow} from '../errors.ts';

/** Codes of reject messages. @public */
export const REJECT_MALFORMED = 0x01;
export const REJECT_INVALID = 0x10;
export const REJECT_OBSOLETE = 0x11;
export const REJECT_DUPLICATE = 0x12;
export const REJECT_CHECKPOINT = 0x43;

interface RuleRow extends ErrorRow {
  readonly penalty: number;
  /** Code of the reject message. */
  readonly reject: number;
  /** True where the same hash may be fine later or in another message, so that it must not be remembered as invalid. */
  readonly passing?: true;
}

function invalid(text: string, penalty = 100): RuleRow {
  return {penalty, text, reject: REJECT_INVALID};
}

/** Refusals that say nothing final about the block's hash. */
function passing(text: string, penalty: number, reject: number = REJECT_INVALID): RuleRow {
  return {penalty, text, reject, passing: true};
}

export type RuleName =
  | 'ErrDuplicateBlock'
  | 'ErrBlockTooBig'
  | 'ErrBlockWeightTooHigh'
  | 'ErrBlockVersionTooOld'
  | 'ErrTimeTooOld'
  | 'ErrTimeTooNew'
  | 'ErrUnexpectedDifficulty'
  | 'ErrBadPow'
  | 'ErrPowCannotVerify'
  | 'ErrBadMerkleRoot'
  | 'ErrBadCheckpoint'
  | 'ErrForkTooOld'
  | 'ErrCheckpointTimeTooOld'
  | 'ErrDifficultyTooLow'
  | 'ErrNoTransactions'
  | 'ErrNoTxInputs'
  | 'ErrNoTxOutputs'
  | 'ErrTxTooBig'
  | 'ErrNegativeTxOutValue'
  | 'ErrOversizeTxOutValue'
  | 'ErrDuplicateTxInputs'
  | 'ErrBadTxInput'
  | 'ErrMissingTxOut'
  | 'ErrUnfinalizedTx'
  | 'ErrDuplicateTx'
  | 'ErrImmatureSpend'
  | 'ErrNetworkStewardOldSpend'
  | 'ErrSpendTooHigh'
  | 'ErrBadFees'
  | 'ErrTooManySigOps'
  | 'ErrFirstTxNotCoinbase'
  | 'ErrMultipleCoinbases'
  | 'ErrBadCoinbaseScriptLen'
  | 'ErrBadCoinbaseValue'
  | 'ErrBadCoinbaseNetworkSteward'
  | 'ErrMissingCoinbaseHeight'
  | 'ErrBadCoinbaseHeight'
  | 'ErrScriptMalformed'
  | 'ErrScriptValidation'
  | 'ErrUnexpectedWitness'
  | 'ErrInvalidWitnessCommitment'
  | 'ErrWitnessCommitmentMismatch'
  | 'ErrPreviousBlockUnknown'
  | 'ErrInvalidAncestorBlock';

export const RULES: Readonly<Record<RuleName, RuleRow>> = Object.freeze({
  ErrDuplicateBlock: passing('already have block', 0, REJECT_DUPLICATE),
  ErrBlockTooBig: invalid('the block without witnesses is larger than 1,000,000 bytes'),
  ErrBlockWeightTooHigh: invalid('the weight of the block is above 4,000,000'),
  ErrBlockVersionTooOld: {penalty: 100, text: 'the version of the block is below 4', reject: REJECT_OBSOLETE},
  ErrTimeTooOld: invalid('the time is not above the median time of the blocks before'),
  ErrTimeTooNew: passing('the time is more than 720 seconds ahead; the block may become valid', 0),
  ErrUnexpectedDifficulty: invalid('the bits are not those that the chain requires'),
  ErrBadPow: passing('the PacketCrypt proof is wrong', 100),
  ErrPowCannotVerify: passing('a parent of an announcement is not known yet', 0),
  ErrBadMerkleRoot: invalid('the merkle root does not match the transactions'),
  ErrBadCheckpoint: {penalty: 100, text: 'the block contradicts a checkpoint', reject: REJECT_CHECKPOINT},
  ErrForkTooOld: {penalty: 100, text: 'the block forks off before the last checkpoint', reject: REJECT_CHECKPOINT},
  ErrCheckpointTimeTooOld: {
    penalty: 100,
    text: 'the time is before that of the last checkpoint',
    reject: REJECT_CHECKPOINT,
  },
  ErrDifficultyTooLow: {
    penalty: 100,
    text: 'the bits are easier than anything reachable since the last checkpoint',
    reject: REJECT_CHECKPOINT,
  },
  ErrNoTransactions: invalid('the block has no transactions'),
  ErrNoTxInputs: invalid('a transaction has no inputs'),
  ErrNoTxOutputs: invalid('a transaction has no outputs'),
  ErrTxTooBig: invalid('a transaction without witnesses is larger than 1,000,000 bytes'),
  ErrNegativeTxOutValue: invalid('the value of an output is negative'),
  ErrOversizeTxOutValue: invalid('the value of an output or their sum is above the largest amount'),
  ErrDuplicateTxInputs: invalid('a transaction spends the same output twice'),
  ErrBadTxInput: invalid('an input of a transaction that is no coinbase has the null outpoint'),
  ErrMissingTxOut: invalid('an output that is spent does not exist or is spent already'),
  ErrUnfinalizedTx: invalid('a transaction is not final yet, or an input is spent before its relative lock time'),
  ErrDuplicateTx: invalid('the block has the same transaction twice'),
  ErrImmatureSpend: invalid('an output of a coinbase is spent before it is mature'),
  ErrNetworkStewardOldSpend: invalid('a payment to the network steward is spent after it has expired'),
  ErrSpendTooHigh: invalid('a transaction spends more than its inputs hold'),
  ErrBadFees: invalid('the fees of the block are above the largest amount'),
  ErrTooManySigOps: invalid('the signature operations of the block cost more than 80,000'),
  ErrFirstTxNotCoinbase: invalid('the first transaction is no coinbase'),
  ErrMultipleCoinbases: invalid('the block has more than one coinbase'),
  ErrBadCoinbaseScriptLen: invalid('the script of the coinbase has not 2 to 100 bytes'),
  ErrBadCoinbaseValue: invalid('the coinbase pays more than subsidy and fees'),
  ErrBadCoinbaseNetworkSteward: invalid('the coinbase does not pay the network steward exactly'),
  ErrMissingCoinbaseHeight: invalid('the coinbase declares no height'),
  ErrBadCoinbaseHeight: invalid('the coinbase declares another height'),
  ErrScriptMalformed: invalid('a script cannot be read'),
  ErrScriptValidation: invalid('a script fails'),
  ErrUnexpectedWitness: invalid('the block has witnesses but commits to none'),
  ErrInvalidWitnessCommitment: invalid('the witness of the coinbase is not one item of 32 bytes'),
  ErrWitnessCommitmentMismatch: invalid('the witness commitment does not match the transactions'),
  ErrPreviousBlockUnknown: passing('the parent of the block is not known', 0),
  ErrInvalidAncestorBlock: invalid('an ancestor of the block is invalid'),
});

/** A block or transaction breaks a rule. */
export class RuleError extends CodedError<RuleName> {
  constructor(code: RuleName, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(code, RULES[code], details, cause);
  }

  /** Charged to the sender, 0–100. */
  get penalty(): number {
    return RULES[this.code].penalty;
  }

  /** True when the block's hash must not be remembered as invalid for it. */
  get isPassing(): boolean {
    return RULES[this.code].passing === true;
  }
}

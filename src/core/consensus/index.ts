// Owns: the rules of the chain as pure functions: what makes a header, transaction or block valid, what a block changes; scripts
// and their addresses.
// Does not own: where blocks and coins are kept (node), what proves work (packetcrypt), what peers relay (mempool policy).
// Main steps for a block: checkBlock (by itself) → checkHeader, checkNotTooNew (its place) → proof → checkWitnessCommitment →
// connectBlock (coins, coinbase, steward) → scripts.
export {decodeAddress, decodeAnyAddress, encodeAddress} from './address.ts';
export {ADDRESS_ERRORS, AddressError, type AddressErrorCode} from './address-errors.ts';
export {type CheckedBlock, checkBlock, MAX_BLOCK_WEIGHT, MAX_STRIPPED_BYTES} from './check-block.ts';
export {checkHeader, checkNotTooNew, checkSinceCheckpoint, type HeaderContext} from './check-header.ts';
export {checkSigops, checkTransactionScripts} from './check-scripts.ts';
export {checkOutputs, checkTransaction, outpointKey} from './check-transaction.ts';
export {declaredHeight} from './coinbase.ts';
export {type Coin, type CoinAt, isExpired} from './coins.ts';
export {
  type BlockChanges,
  type BlockContext,
  connectBlock,
  type PlacedCoin,
  type SpendingTransaction,
} from './connect-block.ts';
export {RULES, RuleError, type RuleName} from './errors.ts';
export {isFinal, isUnlocked, type LockOrigin, type SequenceLock, sequenceLock} from './lock-times.ts';
export {
  type AncestorAt,
  areAllowedBits,
  blockWorkUnits,
  type ChainPoint,
  medianTime,
  requiredBits,
  retarget,
} from './required-bits.ts';
export {SCRIPT_ERRORS, ScriptError, type ScriptErrorCode} from './script/errors.ts';
export {CONSENSUS_SCRIPT_FLAGS, POLICY_SCRIPT_FLAGS, type ScriptFlag, type ScriptFlags} from './script/flags.ts';
export {OP} from './script/opcodes.ts';
export {
  isCanonicalPush,
  isPayToScriptHash,
  isPushOnly,
  parseScript,
  readOp,
  type ScriptOp,
  type WitnessProgram,
  witnessProgramOf,
} from './script/parse.ts';
export {classifyScript, type ScriptClass, withoutVotes} from './script/script-class.ts';
export {PLAIN_VERIFIER, type SignatureVerifier} from './script/signature-checks.ts';
export {
  SIGHASH_ALL,
  SIGHASH_ANYONECANPAY,
  SIGHASH_NONE,
  SIGHASH_SINGLE,
  SignatureHashes,
} from './script/signature-hash.ts';
export {countSigops, legacySigops, MAX_SIGOP_COST, scriptHashSigops, sigopCost} from './script/sigops.ts';
export {type SpentCoin, verifyInput} from './script/verify-input.ts';
export {
  type AllTallies,
  type CandidateKey,
  candidateKey,
  nextStewardState,
  type StewardState,
  type StewardStep,
  type Tally,
  tallyChanges,
} from './steward.ts';
export {MAX_UNITS, stewardShare, subsidy, totalMoney, UNITS_PER_PKT} from './subsidy.ts';
export {findVote, isUnspendable, type Vote} from './votes.ts';
export {encodeWif} from './wif.ts';
export {checkWitnessCommitment, findWitnessCommitment, witnessCommitment} from './witness-commitment.ts';

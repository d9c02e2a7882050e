// Scripts and signature operations of a whole block: the last and dearest check.   chain spec §3.12
import type {Block} from '../primitives/index.ts';
import type {SpendingTransaction} from './connect-block.ts';
import {RuleError} from './errors.ts';
import {ScriptError} from './script/errors.ts';
import {CONSENSUS_SCRIPT_FLAGS, type ScriptFlags} from './script/flags.ts';
import {PLAIN_VERIFIER, type SignatureVerifier} from './script/signature-checks.ts';
import {SignatureHashes} from './script/signature-hash.ts';
import {MAX_SIGOP_COST, sigopCost} from './script/sigops.ts';
import {verifyInput} from './script/verify-input.ts';

/** Throws RuleError 'ErrTooManySigOps' when the signature operations of a block cost more than they may. */
export function checkSigops({transactions}: Block, spending: readonly SpendingTransaction[]): void {
  let cost = sigopCost(transactions[0]!, [], CONSENSUS_SCRIPT_FLAGS);
  for (const {transaction, coins} of spending) {
    const scripts = coins.map(({script}) => script);
    cost += sigopCost(transaction, scripts, CONSENSUS_SCRIPT_FLAGS);
    if (cost > MAX_SIGOP_COST) throw new RuleError('ErrTooManySigOps', {cost});
  }
  if (cost > MAX_SIGOP_COST) throw new RuleError('ErrTooManySigOps', {cost});
}

/**
 * Runs the scripts of all inputs of a transaction, by default under the rules of blocks. Throws RuleError 'ErrScriptValidation',
 * its cause a ScriptError.
 */
export function checkTransactionScripts(
  {transaction, coins}: SpendingTransaction,
  verifier: SignatureVerifier = PLAIN_VERIFIER,
  flags: ScriptFlags = CONSENSUS_SCRIPT_FLAGS,
): void {
  const hashes = new SignatureHashes(transaction);
  for (const [input, coin] of coins.entries()) {
    try {
      verifyInput(hashes, input, coin, flags, verifier);
    } catch (error) {
      if (error instanceof ScriptError) throw new RuleError('ErrScriptValidation', {input, script: error.code}, error);
      throw error;
    }
  }
}

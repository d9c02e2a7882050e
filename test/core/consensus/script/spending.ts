import {ScriptError} from '../../../../src/core/consensus/script/errors.ts';
import type {ScriptFlag} from '../../../../src/core/consensus/script/flags.ts';
import type {SignatureVerifier} from '../../../../src/core/consensus/script/signature-checks.ts';
import {SignatureHashes} from '../../../../src/core/consensus/script/signature-hash.ts';
import {verifyInput} from '../../../../src/core/consensus/script/verify-input.ts';
import {NULL_INDEX, SEQUENCE_FINAL, type Transaction, transactionId} from '../../../../src/core/primitives/index.ts';

/** Codes that any test of this process has seen; what is missing in the end is not tested. */
export const seenCodes: Set<string> = new Set();

/** What a call was refused with, 'OK' when it was not. */
export function codeOf(call: () => void): string {
  try {
    call();
    return 'OK';
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    seenCodes.add(error.code);
    return error.code;
  }
}

export interface Spending {
  readonly transaction: Transaction;
  readonly coin: {readonly script: Uint8Array; readonly value: bigint};
}

export interface SpendingOptions {
  readonly witness?: readonly Uint8Array[];
  readonly value?: bigint;
  readonly version?: number;
  readonly sequence?: number;
  readonly lockTime?: number;
}

/** A transaction that spends a coin with this script, which another transaction makes: those of Bitcoin Core's script vectors. */
export function spend(signatureScript: Uint8Array, script: Uint8Array, options: SpendingOptions = {}): Spending {
  const {witness = [], value = 0n, version = 1, sequence = SEQUENCE_FINAL, lockTime = 0} = options;
  const empty = new Uint8Array(0);
  const coin = {script, value};
  const crediting: Transaction = {
    version: 1,
    inputs: [
      {
        txid: new Uint8Array(32),
        index: NULL_INDEX,
        script: Uint8Array.of(0, 0),
        sequence: SEQUENCE_FINAL,
        witness: [],
      },
    ],
    outputs: [coin],
    lockTime: 0,
  };
  const input = {txid: transactionId(crediting), index: 0, script: signatureScript, sequence, witness};
  return {transaction: {version, inputs: [input], outputs: [{value, script: empty}], lockTime}, coin};
}

/** What spending a coin comes to. */
export function verdict(
  {transaction, coin}: Spending,
  flags: Iterable<ScriptFlag>,
  verifier?: SignatureVerifier,
): string {
  return codeOf(() => verifyInput(new SignatureHashes(transaction), 0, coin, new Set(flags), verifier));
}

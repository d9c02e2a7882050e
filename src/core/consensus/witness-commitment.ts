// Commitment of a block to its witnesses.   chain spec §3.12, BIP 141
import {concatBytes, equalBytes} from '../bytes/index.ts';
import {dsha256} from '../crypto/index.ts';
import {hasWitness, merkleRoot, type Transaction, witnessId} from '../primitives/index.ts';
import {RuleError} from './errors.ts';

const PREFIX = Uint8Array.of(0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed);
const COMMITMENT_BYTES = 32;
const ZERO = new Uint8Array(32);

/** The 32 bytes that the last matching output of a coinbase commits to. */
export function findWitnessCommitment({outputs}: Transaction): Uint8Array | undefined {
  const match = outputs.findLast(
    ({script}) =>
      script.length >= PREFIX.length + COMMITMENT_BYTES && equalBytes(script.subarray(0, PREFIX.length), PREFIX),
  );
  return match?.script.subarray(PREFIX.length, PREFIX.length + COMMITMENT_BYTES);
}

/** What a block with these transactions commits to; the coinbase counts as 32 zero bytes. */
export function witnessCommitment(transactions: readonly Transaction[], reserved: Uint8Array): Uint8Array {
  const ids = transactions.map((transaction, i) => (i === 0 ? ZERO : witnessId(transaction)));
  return dsha256(concatBytes(merkleRoot(ids), reserved));
}

/** Throws RuleError unless the witnesses of a block are committed to, or there are none. */
export function checkWitnessCommitment(transactions: readonly Transaction[]): void {
  const coinbase = transactions[0]!;
  const committed = findWitnessCommitment(coinbase);
  if (committed === undefined) {
    if (transactions.some(hasWitness)) throw new RuleError('ErrUnexpectedWitness');
    return;
  }
  const {witness} = coinbase.inputs[0]!;
  if (witness.length !== 1 || witness[0]!.length !== 32) {
    throw new RuleError('ErrInvalidWitnessCommitment', {items: witness.length});
  }
  if (!equalBytes(witnessCommitment(transactions, witness[0]!), committed)) {
    throw new RuleError('ErrWitnessCommitmentMismatch');
  }
}

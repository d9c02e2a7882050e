// What can be said of a block without the chain, cheap things first.   chain spec §3.1
import {equalBytes, hashKey} from '../bytes/index.ts';
import type {Network} from '../params/index.ts';
import {type Block, blockSize, isCoinbase, merkleRoot, transactionId} from '../primitives/index.ts';
import {checkTransaction} from './check-transaction.ts';
import {declaredHeight} from './coinbase.ts';
import {RuleError} from './errors.ts';
import {areAllowedBits} from './required-bits.ts';

export const MAX_BLOCK_WEIGHT = 4_000_000;
export const MAX_STRIPPED_BYTES = 1_000_000;

/** Facts about a block that the checks establish and later steps need. */
export interface CheckedBlock {
  readonly block: Block;
  /** Transaction ids in order. */
  readonly txids: readonly Uint8Array[];
  /** The height that the coinbase declares. */
  readonly declaredHeight: number;
}

/**
 * Checks everything that needs no chain: bits, size, transactions, merkle root, declared height.
 * Throws RuleError. Time is linear in the size of the block.
 */
export function checkBlock(network: Network, block: Block): CheckedBlock {
  const {header, transactions} = block;
  if (!areAllowedBits(network.difficulty, header.bits))
    throw new RuleError('ErrUnexpectedDifficulty', {bits: header.bits});
  const [coinbase] = transactions;
  if (coinbase === undefined) throw new RuleError('ErrNoTransactions');
  if (!isCoinbase(coinbase)) throw new RuleError('ErrFirstTxNotCoinbase');
  if (transactions.slice(1).some(isCoinbase)) throw new RuleError('ErrMultipleCoinbases');
  const {stripped, weight} = blockSize(block);
  if (stripped > MAX_STRIPPED_BYTES) throw new RuleError('ErrBlockTooBig', {bytes: stripped});
  if (weight > MAX_BLOCK_WEIGHT) throw new RuleError('ErrBlockWeightTooHigh', {weight});
  for (const transaction of transactions) checkTransaction(transaction);
  const txids = transactions.map(transactionId);
  // A repeated transaction at the end leaves the merkle root as it is, so duplicates are looked for first.
  if (new Set(txids.map((id) => hashKey(id))).size !== txids.length) throw new RuleError('ErrDuplicateTx');
  if (!equalBytes(merkleRoot(txids), header.merkleRoot)) throw new RuleError('ErrBadMerkleRoot');
  const height = declaredHeight(coinbase.inputs[0]!.script);
  if (height === undefined) throw new RuleError('ErrMissingCoinbaseHeight');
  return {block, txids, declaredHeight: height};
}

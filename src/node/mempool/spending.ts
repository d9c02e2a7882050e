// Whether a transaction may be in the next block, its scripts aside.   chain spec §3.9, §3.11
import {
  type Coin,
  checkOutputs,
  isExpired,
  isFinal,
  isUnlocked,
  MAX_UNITS,
  RuleError,
  sequenceLock,
} from '../../core/consensus/index.ts';
import type {Network} from '../../core/params/index.ts';
import type {Transaction} from '../../core/primitives/index.ts';
import {PolicyError} from './errors.ts';
import type {PoolChain} from './pool-chain.ts';

/** The block after the tip, as far as transactions depend on it. */
export interface NextBlock {
  readonly network: Network;
  readonly height: number;
  /** Median time of the tip. */
  readonly medianTime: number;
  readonly medianTimeAt: (height: number) => number;
}

export function nextBlock(chain: PoolChain): NextBlock {
  const {network, tip, medianTime} = chain;
  return {
    network,
    height: tip.height + 1,
    medianTime,
    medianTimeAt: (height) => chain.medianTimeAt(height) ?? medianTime,
  };
}

/** Throws PolicyError 'not-final' or 'sequence-locked'. */
export function checkLocks(next: NextBlock, transaction: Transaction, coins: readonly Coin[]): void {
  if (!isFinal(transaction, next.height, next.medianTime)) {
    throw new PolicyError('not-final', {lockTime: transaction.lockTime, height: next.height});
  }
  const lock = sequenceLock(transaction, (input) => {
    const {height} = coins[input]!;
    return {height, medianTime: next.medianTimeAt(Math.max(height - 1, 0))};
  });
  if (!isUnlocked(lock, next.height, next.medianTime)) {
    throw new PolicyError('sequence-locked', {untilHeight: lock.height, untilTime: lock.time});
  }
}

/** Throws PolicyError 'immature' or 'steward-expired'. */
export function checkAges({network, height}: NextBlock, coins: readonly Coin[]): void {
  for (const [input, coin] of coins.entries()) {
    const {coinbaseMaturity} = network.money;
    if (coin.isCoinbase && height - coin.height < coinbaseMaturity) {
      throw new PolicyError('immature', {input, created: coin.height, height});
    }
    if (isExpired(network.money, coin, height)) {
      throw new PolicyError('steward-expired', {input, created: coin.height, height});
    }
  }
}

/** What a transaction leaves to the miner, units. Throws RuleError where it spends more than it has. */
export function feeOf(transaction: Transaction, coins: readonly Coin[]): bigint {
  let total = 0n;
  for (const {value} of coins) {
    total += value;
    if (total > MAX_UNITS) throw new RuleError('ErrOversizeTxOutValue', {sum: total});
  }
  const fee = total - checkOutputs(transaction);
  if (fee < 0n) throw new RuleError('ErrSpendTooHigh', {inputs: total, fee});
  return fee;
}

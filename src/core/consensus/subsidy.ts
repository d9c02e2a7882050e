// What a block may create.   chain spec §1.5, §3.7
import {checkInteger} from '../errors.ts';
import type {MoneyParams} from '../params/index.ts';

export const UNITS_PER_PKT: bigint = 2n ** 30n;
/** No amount and no sum of outputs may be above it. */
export const MAX_UNITS: bigint = 6_000_000_000n * UNITS_PER_PKT;
const FIRST_SUBSIDY = 4166n * UNITS_PER_PKT;

function period(money: MoneyParams, height: number): bigint {
  checkInteger('height', height, 0, 0x7fffffff);
  return BigInt(Math.floor(height / money.subsidyPeriod));
}

/** One floor at the end: rounding each period from the one before is wrong from the second on. */
function periodSubsidy(index: bigint): bigint {
  return (9n ** index * FIRST_SUBSIDY) / 10n ** index;
}

/** Units that block `height` creates. */
export function subsidy(money: MoneyParams, height: number): bigint {
  return periodSubsidy(period(money, height));
}

/** The steward's share of a subsidy: 51/256. */
export function stewardShare(money: MoneyParams, height: number): bigint {
  return (subsidy(money, height) * 51n) / 256n;
}

/** Units created by blocks 0..height-1; the genesis block counts although its outputs cannot be spent. */
export function totalMoney(money: MoneyParams, height: number): bigint {
  const last = period(money, height);
  const blocks = BigInt(money.subsidyPeriod);
  let total = periodSubsidy(last) * (BigInt(height) - last * blocks);
  for (let i = 0n; i < last; i++) {
    const created = periodSubsidy(i);
    if (created === 0n) break;
    total += created * blocks;
  }
  return total;
}

// From fractions of a block to what its coinbase pays: small amounts wait until they are worth an output.
import {apportion} from './fixed.ts';

export interface PlanInput {
  /** Units of 10^-18, one whole in all. */
  readonly fractions: ReadonlyMap<string, bigint>;
  /** Units that the block pays to the pool. */
  readonly reward: bigint;
  /** Units owed from earlier blocks; negative where an address holds what belongs to others. */
  readonly balances: ReadonlyMap<string, bigint>;
  /** Units; less than this waits. */
  readonly minimum: bigint;
  readonly maxOutputs: number;
  /** Holds what waits. */
  readonly defaultAddress: string;
}

export interface Plan {
  /** Units by address; sums to the reward. */
  readonly map: ReadonlyMap<string, bigint>;
  /** Units that are due and wait. */
  readonly waiting: ReadonlyMap<string, bigint>;
}

/** Units by address that a block's reward is worth to them. */
export function earnedOf(fractions: ReadonlyMap<string, bigint>, reward: bigint): Map<string, bigint> {
  return apportion(reward, fractions);
}

function duesOf({fractions, reward, balances, defaultAddress}: PlanInput): [string, bigint][] {
  const dues = new Map(balances);
  for (const [address, units] of earnedOf(fractions, reward)) dues.set(address, (dues.get(address) ?? 0n) + units);
  dues.delete(defaultAddress);
  return [...dues].filter(([, units]) => units > 0n);
}

/** The largest first, ties by address. */
function compareDues([a, x]: [string, bigint], [b, y]: [string, bigint]): number {
  if (x !== y) return x > y ? -1 : 1;
  return a < b ? -1 : 1;
}

/**
 * Pays what is due where it is enough for an output, the largest first as far as there is room; the default address gets the
 * rest and owes it. Where more is due than the block has, all get less in proportion, and what is missing waits.
 */
export function planPayouts(input: PlanInput): Plan {
  const {reward, minimum, maxOutputs, defaultAddress} = input;
  const dues = duesOf(input).sort(compareDues);
  const paid = dues.filter(([, units]) => units >= minimum).slice(0, Math.max(0, maxOutputs - 1));
  const total = paid.reduce((sum, [, units]) => sum + units, 0n);
  const map = total > reward ? apportion(reward, new Map(paid)) : new Map(paid);
  if (total < reward) map.set(defaultAddress, reward - total);
  const waiting = new Map(dues.map(([address, units]) => [address, units - (map.get(address) ?? 0n)]));
  for (const [address, units] of waiting) if (units === 0n) waiting.delete(address);
  return {map, waiting};
}

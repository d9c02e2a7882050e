// From what is earned to fractions of a block.   pool spec §9.5
import type {Paid, PartPaid} from './books.ts';
import {apportion, ONE, toDouble18, toFixed18} from './fixed.ts';
import type {PaymakerSettings} from './settings.ts';

export type MapSettings = Pick<
  PaymakerSettings,
  'poolFee' | 'poolFeeAddress' | 'defaultAddress' | 'blockPayoutFraction'
>;

export interface PayoutMap {
  /** Units of 10^-18; sums to one whole exactly. */
  readonly fractions: ReadonlyMap<string, bigint>;
  /** As it is shown: fee first, then the largest first. */
  readonly shown: ReadonlyMap<string, number>;
  readonly warnings: readonly string[];
}

function addTo<Value extends number | bigint>(
  map: Map<string, Value>,
  address: string,
  value: Value,
  zero: Value,
): void {
  map.set(address, (((map.get(address) ?? zero) as number) + (value as number)) as Value);
}

function warningsOf({shares, anns}: Paid): string[] {
  return (
    [
      ['block', shares],
      ['ann', anns],
    ] as const
  )
    .filter(([, {unpaid}]) => unpaid > 0)
    .map(
      ([name, {unpaid}]) =>
        `Ran out of ${name} shares to pay paying [${Number((100 * unpaid).toFixed(2))}%] to defaultAddress`,
    );
}

/** Weights of both parts brought to one measure, which needs no division. */
function exactWeights({shares, anns}: Paid, settings: MapSettings): Map<string, bigint> {
  const weights = new Map<string, bigint>();
  const blockFraction = toFixed18(settings.blockPayoutFraction);
  const put = ({credits, left}: PartPaid, factor: bigint): void => {
    for (const [address, credit] of credits!) addTo(weights, address, credit * factor, 0n);
    if (left > 0n) addTo(weights, settings.defaultAddress, left * factor, 0n);
  };
  put(shares, blockFraction * (anns.size === 0n ? 1n : anns.size));
  put(anns, (ONE - blockFraction) * (shares.size === 0n ? 1n : shares.size));
  return weights;
}

function doubleFractions({shares, anns}: Paid, settings: MapSettings): Map<string, number> {
  const sums = new Map<string, number>();
  for (const {paid} of [shares, anns]) for (const [address, part] of paid) addTo(sums, address, part, 0);
  const unpaid = shares.unpaid + anns.unpaid;
  if (unpaid > 0) addTo(sums, settings.defaultAddress, unpaid, 0);
  return sums;
}

/** Fee first, then by size; equals stay as they came. */
function inOrder(fractions: ReadonlyMap<string, number>, feeAddress: string | undefined): Map<string, number> {
  const entries = [...fractions].sort(([a, x], [b, y]) => Number(b === feeAddress) - Number(a === feeAddress) || y - x);
  return new Map(entries);
}

export function payoutMap(paid: Paid, settings: MapSettings): PayoutMap {
  const {poolFee, poolFeeAddress} = settings;
  const warnings = warningsOf(paid);
  const fee = poolFeeAddress === undefined ? 0 : poolFee;
  if (paid.shares.credits === undefined) {
    const sums = doubleFractions(paid, settings);
    for (const [address, part] of sums) sums.set(address, part * (1 - fee));
    if (fee > 0) addTo(sums, poolFeeAddress!, fee, 0);
    const weights = new Map([...sums].map(([address, part]) => [address, toFixed18(part)]));
    return {fractions: apportion(ONE, weights), shown: inOrder(sums, fee > 0 ? poolFeeAddress : undefined), warnings};
  }
  const exactFee = toFixed18(fee);
  const fractions = apportion(ONE - exactFee, exactWeights(paid, settings));
  if (exactFee > 0n) addTo(fractions, poolFeeAddress!, exactFee, 0n);
  const shown = new Map([...fractions].map(([address, part]) => [address, toDouble18(part)]));
  return {fractions, shown: inOrder(shown, fee > 0 ? poolFeeAddress : undefined), warnings};
}

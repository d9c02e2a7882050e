// Whom the miner's part of a block pays, exactly and always the same.   chain spec §4.5
import {encodeHex} from '../../core/bytes/index.ts';
import {checkBytes} from '../../core/errors.ts';

/** One payee and its share, any non-negative decimal number as text: weights are exact, never doubles. */
export interface PayoutWeight {
  readonly script: Uint8Array;
  readonly weight: string;
}

export interface Payout {
  readonly script: Uint8Array;
  /** Units. */
  readonly value: bigint;
}

/** Digits behind the point that count. */
const DIGITS = 18;
/** As JavaScript and other programs write numbers: 12, 0.5, 1e-7, 1.5E+3. */
const DECIMAL = /^(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

/** A decimal number times 10^18, further digits cut off. Throws RangeError for text that is no such number. */
export function parseWeight(text: string): bigint {
  const match = DECIMAL.exec(text);
  if (match === null) throw new RangeError(`"weight" expected a decimal number of at least 0, got ${text}`);
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const shift = DIGITS + Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction);
  if (shift > 100) throw new RangeError(`"weight" expected at most 10^82, got ${text}`);
  return shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift);
}

interface Share {
  readonly script: Uint8Array;
  readonly order: string;
  value: bigint;
  /** What the division left over, of the total. */
  readonly rest: bigint;
}

function byScript(a: Share, b: Share): number {
  return a.order < b.order ? -1 : a.order > b.order ? 1 : 0;
}

/**
 * Divides the miner's part of a block.
 *
 * weights    payees with a share above 0; those of the same script are added up
 * minerPart  subsidy without the steward's share, units
 * fees       of the transactions in the block; they go to the largest payout
 * isDust     amounts too small to be paid; their sum goes to the largest payout
 * returns    payouts in order of their scripts; together exactly minerPart + fees
 * throws     RangeError when no weight is above 0
 */
export function dividePayouts(
  weights: readonly PayoutWeight[],
  minerPart: bigint,
  fees: bigint,
  isDust: (payout: Payout) => boolean,
): Payout[] {
  const sums = new Map<string, {script: Uint8Array; weight: bigint}>();
  let total = 0n;
  for (const {script, weight} of weights) {
    checkBytes('script', script);
    const value = parseWeight(weight);
    const order = encodeHex(script);
    sums.set(order, {script, weight: (sums.get(order)?.weight ?? 0n) + value});
    total += value;
  }
  if (total === 0n) throw new RangeError('"weights" expected at least one above 0, got none');
  const shares = [...sums].map(([order, {script, weight}]): Share => {
    const product = minerPart * weight;
    return {script, order, value: product / total, rest: product % total};
  });
  giveRemainder(shares, minerPart);
  const largest = shares.reduce((best, share) => (isLarger(share, best) ? share : best));
  const paid = shares.filter((share) => share === largest || !isDust(share));
  const dropped = minerPart - paid.reduce((sum, {value}) => sum + value, 0n);
  largest.value += dropped + fees;
  return paid.sort(byScript).map(({script, value}) => ({script, value}));
}

function isLarger(a: Share, b: Share): boolean {
  return a.value > b.value || (a.value === b.value && byScript(a, b) < 0);
}

/** The units that rounding down left, one each to the largest fractions; the lower script first where they are equal. */
function giveRemainder(shares: readonly Share[], minerPart: bigint): void {
  let left = minerPart - shares.reduce((sum, {value}) => sum + value, 0n);
  const order = [...shares].sort((a, b) => (a.rest > b.rest ? -1 : a.rest < b.rest ? 1 : byScript(a, b)));
  for (const share of order) {
    if (left === 0n) return;
    share.value++;
    left--;
  }
}

// Fractions with 18 digits: all sums that money depends on are whole numbers.

/** One whole. */
export const ONE: bigint = 10n ** 18n;
const DIGITS = 18;

/** The decimal number that a double is written as, in units of 10^-18; digits beyond are cut off. */
export function toFixed18(value: number): bigint {
  const [, sign, whole, fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  if (whole === undefined) throw new RangeError(`"value" expected a finite number, got ${value}`);
  const shift = DIGITS + Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction);
  const size = shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift);
  return sign === '-' ? -size : size;
}

/** The nearest double. */
export function toDouble18(value: bigint): number {
  return Number(value) / Number(ONE);
}

/** A double as a fraction of two whole numbers, exactly. */
export function ratioOf(value: number): {readonly over: bigint; readonly under: bigint} {
  let under = 1n;
  let left = value;
  while (!Number.isInteger(left)) {
    left *= 2;
    under *= 2n;
  }
  return {over: BigInt(left), under};
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * Divides `total` in proportion to weights; the parts sum to it exactly. What rounding leaves goes to the largest remainders,
 * ties by name, so that the order of the weights does not matter. Weights of 0 get nothing.
 */
export function apportion(total: bigint, weights: ReadonlyMap<string, bigint>): Map<string, bigint> {
  let sum = 0n;
  for (const weight of weights.values()) sum += weight;
  const parts = new Map<string, bigint>();
  if (sum === 0n) return parts;
  const remainders: {name: string; remainder: bigint}[] = [];
  let left = total;
  for (const [name, weight] of weights) {
    if (weight === 0n) continue;
    const part = (total * weight) / sum;
    parts.set(name, part);
    left -= part;
    remainders.push({name, remainder: (total * weight) % sum});
  }
  remainders.sort((a, b) =>
    a.remainder === b.remainder ? compareTexts(a.name, b.name) : a.remainder > b.remainder ? -1 : 1,
  );
  for (const {name} of remainders.slice(0, Number(left))) parts.set(name, parts.get(name)! + 1n);
  for (const [name, part] of parts) if (part === 0n) parts.delete(name);
  return parts;
}

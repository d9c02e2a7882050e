import fc from 'fast-check';

/** Runs a property over random inputs; prints the seed, and PROPERTY_SEED=… / PROPERTY_RUNS=… repeat or extend it. */
export function checkProperty<Inputs extends [unknown, ...unknown[]]>(
  property: fc.IProperty<Inputs>,
  runs: number = 300,
): void {
  const wanted = process.env['PROPERTY_SEED'];
  const seed = wanted === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(wanted);
  console.log(`property seed ${seed}`);
  fc.assert(property, {seed, numRuns: Number(process.env['PROPERTY_RUNS'] ?? runs)});
}

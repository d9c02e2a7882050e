import fc from 'fast-check';

/** Runs a property over random inputs; prints the seed, and PROPERTY_SEED=… / PROPERTY_RUNS=… repeat or extend it. */
export function checkProperty<Inputs extends [unknown, ...unknown[]]>(
  property: fc.IProperty<Inputs>,
  runs: number = 300,
): void {
  fc.assert(property, parameters(runs));
}

/** The same for properties that wait for something. */
export async function checkAsyncProperty<Inputs extends [unknown, ...unknown[]]>(
  property: fc.IAsyncProperty<Inputs>,
  runs: number = 300,
): Promise<void> {
  await fc.assert(property, parameters(runs));
}

function parameters(runs: number): {seed: number; numRuns: number} {
  const wanted = process.env['PROPERTY_SEED'];
  const seed = wanted === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(wanted);
  console.log(`property seed ${seed}`);
  return {seed, numRuns: Number(process.env['PROPERTY_RUNS'] ?? runs)};
}

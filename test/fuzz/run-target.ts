import {Random} from './random.ts';
import type {FuzzTarget} from './target.ts';

export interface FuzzResult {
  readonly cases: number;
  readonly seconds: number;
  /** The case that took longest. */
  readonly slowestMs: number;
}

/** The numbers a case is made from. */
function caseSeed(seed: number, index: number): number {
  return new Random(seed ^ Math.imul(index + 1, 0x85ebca6b)).word();
}

/**
 * Runs cases `first` to `first + count - 1` of a target. A failure names seed, target and case, which make the same case
 * again.
 */
export async function runTarget(
  target: FuzzTarget,
  seed: number,
  count: number,
  first: number = 0,
  progress?: (done: number) => void,
): Promise<FuzzResult> {
  const begun = performance.now();
  let slowestMs = 0;
  let before = begun;
  for (let index = first; index < first + count; index++) {
    try {
      const under = target.run(new Random(caseSeed(seed, index)));
      if (under !== undefined) await under;
    } catch (error) {
      const where = `FUZZ_SEED=${seed} FUZZ_TARGET='${target.name}' FUZZ_CASE=${index}`;
      throw new Error(`${target.name}: ${error instanceof Error ? error.message : String(error)}\n  again: ${where}`, {
        cause: error,
      });
    }
    const now = performance.now();
    slowestMs = Math.max(slowestMs, now - before);
    before = now;
    if (progress !== undefined && index % 64 === 0) progress(index + 1 - first);
  }
  return {cases: count, seconds: (performance.now() - begun) / 1000, slowestMs};
}

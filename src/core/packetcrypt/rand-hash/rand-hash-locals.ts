import {I32, I64, V128} from '../../wasm/opcodes.ts';

// Locals of a compiled cycle: its parameters, the running output address and the end of the output.
export const MEMORY_BASE = 0;
export const INPUT = 1;
export const OUTPUT = 2;
export const POSITION = 3;
export const OUTPUT_END = 4;
const PARAMETERS = 3;

/** Stands for a local where none is needed. */
export const NO_LOCAL = -1;

/**
 * The typed locals of a function, given out in the manner of a stack for each type: what a frame took is taken again
 * after its end.
 */
export class Locals {
  /** Types behind the parameters, in the order of their indices. */
  readonly types: number[] = [I32, I32];
  private readonly pools: Readonly<Record<number, number[]>> = {[I32]: [], [I64]: [], [V128]: []};
  private readonly used: Record<number, number> = {[I32]: 0, [I64]: 0, [V128]: 0};

  take(type: number): number {
    const pool = this.pools[type]!;
    const at = this.used[type]!++;
    if (at === pool.length) pool.push(PARAMETERS + this.types.push(type) - 1);
    return pool[at]!;
  }

  inUse(): readonly [words: number, pairs: number] {
    return [this.used[I32]!, this.used[I64]!];
  }

  release([words, pairs]: readonly [words: number, pairs: number]): void {
    this.used[I32] = words;
    this.used[I64] = pairs;
  }

  /** Runs of equal types, as a function declares them. */
  declaration(): [count: number, type: number][] {
    const runs: [number, number][] = [];
    for (const type of this.types) {
      const last = runs.at(-1);
      if (last?.[1] === type) last[0] += 1;
      else runs.push([1, type]);
    }
    return runs;
  }
}

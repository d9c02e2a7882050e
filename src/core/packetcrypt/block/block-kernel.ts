import {wasmBase64} from '../../wasm/generated/block.ts';
import {compileKernel, instantiateKernel} from '../../wasm/load-kernel.ts';

/** What assembly/block.ts exports. Arguments are addresses or u32 numbers; u64 are bigint. */
export interface BlockExports {
  blake2bPair(a: number, b: number, length: number, digestSize: number, outA: number, outB: number): void;
  buildCurveTable(table: number, work: number): void;
  smulStates(states: number, count: number, table: number, work: number): void;
  beginHeader(headerHash: number): void;
  firstItem(): bigint;
  setFirstItem(announcement: number): void;
  cheapHeaderNonce(header: number, from: number, count: number, work: number): number;
  startStates(states: number, count: number, nonce: number): void;
  takeItems(
    states: number,
    count: number,
    total: bigint,
    order: number,
    set: number,
    direct: number,
    numbers: number,
    missing: number,
  ): number;
  cycleStates(states: number, count: number, last: number): void;
  hashEntryPairs(pairs: number, count: number, parents: number, work: number): void;
  finishStates(states: number, count: number, exponent: number, mantissa: number, hits: number): number;
}

/** The block kernel over a shared memory; `base` is where the thread's region begins (block-memory.ts). */
export function instantiateBlockKernel(memory: WebAssembly.Memory, base: number): BlockExports {
  return instantiateKernel<BlockExports>(compileKernel('block', wasmBase64), memory, base);
}

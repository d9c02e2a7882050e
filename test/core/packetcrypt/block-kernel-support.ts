import {AnnouncementStore} from '../../../src/core/packetcrypt/block/announcement-store.ts';
import {type BlockExports, instantiateBlockKernel} from '../../../src/core/packetcrypt/block/block-kernel.ts';
import {threadBase} from '../../../src/core/packetcrypt/block/block-memory.ts';

/** A block kernel with its curve table, over the memory of a small store. */
export interface BlockKernel {
  readonly exports: BlockExports;
  readonly bytes: Uint8Array;
  /** Where the region of its thread begins. */
  readonly base: number;
  readonly curveTable: number;
}

export function openBlockKernel(): BlockKernel {
  const {memory, plan} = new AnnouncementStore(16, 1).shared;
  const base = threadBase(0);
  return {
    exports: instantiateBlockKernel(memory, base),
    bytes: new Uint8Array(memory.buffer),
    base,
    curveTable: plan.curveTable,
  };
}

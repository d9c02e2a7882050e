import {
  type AnnouncementExports,
  AnnouncementKernel,
} from '../../../src/core/packetcrypt/announcement/announcement-kernel.ts';
import {CHECKER_PAGES} from '../../../src/core/packetcrypt/announcement/announcement-memory.ts';

/** Calls of the kernel functions that cost, since the last reset. */
interface KernelCounts {
  generateProgram: number;
  interpretProgram: number;
  updateBatch: number;
  proveItems: number;
  blake2bPair: number;
}

export interface ObservedKernel {
  readonly kernel: AnnouncementKernel;
  readonly counts: KernelCounts;
}

/** A checker's kernel that counts what it is asked for; single functions may be replaced. */
export function observeKernel(
  replace: (exports: AnnouncementExports) => Partial<AnnouncementExports> = () => ({}),
): ObservedKernel {
  const real = new AnnouncementKernel(CHECKER_PAGES);
  const counts: KernelCounts = {
    generateProgram: 0,
    interpretProgram: 0,
    updateBatch: 0,
    proveItems: 0,
    blake2bPair: 0,
  };
  const exports: AnnouncementExports = {...real.exports, ...replace(real.exports)};
  for (const name of Object.keys(counts) as (keyof KernelCounts)[]) {
    const call = exports[name] as (...args: number[]) => number;
    exports[name] = ((...args: number[]) => {
      counts[name]++;
      return call(...args);
    }) as never;
  }
  const kernel = Object.create(real, {exports: {value: exports}}) as AnnouncementKernel;
  return {kernel, counts};
}

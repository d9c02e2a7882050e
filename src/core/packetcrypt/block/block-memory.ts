// Where things lie in the shared memory of block mining: one region per thread, the curve table, two orders of the set, and
// as many announcements as still fit below 4 GiB.
import {CURVE_TABLE_BYTES} from './curve-table.ts';

const MIB = 1024 * 1024;
const PAGE = 65536;
// One page below 4 GiB: a typed array has at most 2^32 − 1 bytes.
const MEMORY_LIMIT = 65535 * PAGE;

export const ANN_SLOT_BYTES = 1024;
export const BLOCK_BATCH = 256;
export const BLOCK_STATE_STRIDE = 2112;

/** Offsets in a thread's region; below 0xc000 the kernel works (assembly/layout.ts). */
export const THREAD_INPUT = 0xc000;
export const THREAD_WORK = 0xc200;
export const THREAD_NUMBERS = 0xc800;
export const THREAD_MISSING = 0xcc00;
export const THREAD_HITS = 0xd800;
export const THREAD_STATES = 0x10000;
export const THREAD_CURVE_WORK = 0x94000;
const THREAD_BYTES: number = MIB;
export const MAX_BLOCK_THREADS = 64;

export interface BlockMemoryPlan {
  readonly threads: number;
  /** Announcements the store holds at most. */
  readonly capacity: number;
  readonly curveTable: number;
  /** Addresses of the two orders, capacity × u32 each: one in use, one being made. */
  readonly orders: readonly [number, number];
  /** Address of slot 0 and number of slots in this memory; further slots lie in shards of their own. */
  readonly slots: number;
  readonly directSlots: number;
  readonly pages: number;
}

export function threadBase(thread: number): number {
  return (thread + 1) * THREAD_BYTES;
}

/** Lays out a memory for `capacity` announcements and `threads` threads, the one that manages the set included. */
export function planBlockMemory(capacity: number, threads: number): BlockMemoryPlan {
  const align = (at: number): number => Math.ceil(at / 4096) * 4096;
  const curveTable = threadBase(threads);
  const orderA = align(curveTable + CURVE_TABLE_BYTES);
  const orderB = align(orderA + 4 * capacity);
  const slots = align(orderB + 4 * capacity);
  const room = Math.floor((MEMORY_LIMIT - slots) / ANN_SLOT_BYTES);
  if (room < 0) throw new RangeError(`"capacity" expected at most 500000000 announcements, got ${capacity}`);
  const directSlots = Math.min(capacity, room);
  const pages = Math.ceil((slots + directSlots * ANN_SLOT_BYTES) / PAGE);
  return {threads, capacity, curveTable, orders: [orderA, orderB], slots, directSlots, pages};
}

import {assert, checkBytes, checkInteger} from '../../errors.ts';
import {instantiateBlockKernel} from './block-kernel.ts';
import {
  ANN_SLOT_BYTES,
  type BlockMemoryPlan,
  MAX_BLOCK_THREADS,
  planBlockMemory,
  THREAD_STATES,
  threadBase,
} from './block-memory.ts';
import {baseEntry, CURVE_ENTRY_BYTES} from './curve-table.ts';

/** Announcements of one shard beyond the shared WebAssembly memory: 1 GiB. */
const SHARD_SLOTS = 1 << 20;

/** What a thread needs to see the same store; may be posted to other threads. */
export interface SharedStore {
  readonly memory: WebAssembly.Memory;
  readonly plan: BlockMemoryPlan;
  readonly shards: readonly SharedArrayBuffer[];
}

/**
 * The bytes of an announcement set, outside the JS heap and visible to all threads of a block miner. Slots keep their place;
 * the set of the moment is an order over slots. The first slots lie in the WebAssembly memory that the kernels read directly
 * (at most 4 GiB), the others in shards of 1 GiB from which a thread fetches what it needs.
 */
export class AnnouncementStore {
  readonly shared: SharedStore;
  readonly #direct: Uint8Array;
  readonly #shards: Uint8Array[];

  /**
   * Reserves address space; pages are taken up as they are written.
   *   capacity  announcements, 1..500,000,000     threads  1..64
   */
  constructor(capacity: number, threads: number) {
    checkInteger('capacity', capacity, 1, 500_000_000);
    checkInteger('threads', threads, 1, MAX_BLOCK_THREADS);
    const plan = planBlockMemory(capacity, threads);
    const memory = new WebAssembly.Memory({initial: plan.pages, maximum: plan.pages, shared: true});
    const shards: SharedArrayBuffer[] = [];
    for (let at = plan.directSlots; at < capacity; at += SHARD_SLOTS) {
      shards.push(new SharedArrayBuffer(Math.min(SHARD_SLOTS, capacity - at) * ANN_SLOT_BYTES));
    }
    this.shared = {memory, plan, shards};
    this.#direct = new Uint8Array(memory.buffer, plan.slots, plan.directSlots * ANN_SLOT_BYTES);
    this.#shards = shards.map((shard) => new Uint8Array(shard));
    new Uint32Array(memory.buffer, plan.curveTable + CURVE_ENTRY_BYTES, 30).set(baseEntry());
    instantiateBlockKernel(memory, threadBase(0)).buildCurveTable(plan.curveTable, threadBase(0) + THREAD_STATES);
  }

  get capacity(): number {
    return this.shared.plan.capacity;
  }

  /** View of a slot's 1024 bytes. */
  slot(slot: number): Uint8Array {
    return storeSlot(this.shared.plan, this.#direct, this.#shards, slot);
  }

  write(slot: number, announcement: Uint8Array): void {
    checkBytes('announcement', announcement, ANN_SLOT_BYTES);
    this.slot(slot).set(announcement);
  }

  /** View of order 0 or 1: slot of announcement i of the set. */
  order(which: 0 | 1): Uint32Array {
    return new Uint32Array(this.shared.memory.buffer, this.shared.plan.orders[which], this.capacity);
  }
}

/** View of a slot, wherever it lies. */
export function storeSlot(
  plan: BlockMemoryPlan,
  direct: Uint8Array,
  shards: readonly Uint8Array[],
  slot: number,
): Uint8Array {
  if (slot < plan.directSlots) return direct.subarray(slot * ANN_SLOT_BYTES, (slot + 1) * ANN_SLOT_BYTES);
  const far = slot - plan.directSlots;
  const shard = shards[Math.floor(far / SHARD_SLOTS)];
  assert(shard !== undefined && slot < plan.capacity, 'a slot number lies below the capacity');
  const at = (far % SHARD_SLOTS) * ANN_SLOT_BYTES;
  return shard.subarray(at, at + ANN_SLOT_BYTES);
}

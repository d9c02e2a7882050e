import {copyBytes} from '../../bytes/index.ts';
import {checkBytes, checkInteger, checkU32} from '../../errors.ts';
import {MAX_TARGET} from '../difficulty.ts';
import {type SharedStore, storeSlot} from './announcement-store.ts';
import {type BlockExports, instantiateBlockKernel} from './block-kernel.ts';
import {
  ANN_SLOT_BYTES,
  BLOCK_BATCH,
  BLOCK_STATE_STRIDE,
  THREAD_CURVE_WORK,
  THREAD_HITS,
  THREAD_INPUT,
  THREAD_MISSING,
  THREAD_NUMBERS,
  THREAD_STATES,
  THREAD_WORK,
  threadBase,
} from './block-memory.ts';

const HEADER_BYTES = 80;
/** Header nonces looked at for a cheap first cycle: about one in a thousand is of the cheapest kind. */
const HEADER_NONCES = 4096;

/** A header to mine on. */
export interface BlockWork {
  /** 80 bytes; the nonce field is chosen by the search. */
  readonly header: Uint8Array;
  /** Compact effective target, strict form, exponent 3..32.   spec §9.4 */
  readonly target: number;
  /** Announcements in the set and which of the store's two orders lists them. */
  readonly total: number;
  readonly order: 0 | 1;
  /** First header nonce to look at; give every thread 4096 of its own. */
  readonly headerNonce: number;
  /** Header nonces to choose from, 4096 by default. */
  readonly headerNonces?: number;
}

/** A hash that met the target. */
export interface BlockFind {
  readonly header: Uint8Array;
  readonly nonce2: number;
  /** Numbers of the four announcements in the set, in the order of access. */
  readonly selected: readonly [number, number, number, number];
  readonly hash: Uint8Array;
}

/** Throws TypeError or RangeError for a target that the kernel cannot search for: exponent 3..32, sign clear, at most 0x207fffff. */
export function checkBlockTarget(target: number): void {
  checkInteger('target', target, 0x03000000, MAX_TARGET);
  checkInteger('target mantissa', target & 0xffffff, 0, 0x7fffff);
}

/**
 * One thread's search for block hashes over a shared set.   spec §8.5
 *
 * `step()` tries 256 nonces (about 3 ms) and returns what met the target; no nonce is left out or tried twice. When nonce2
 * is used up the search moves on to another header nonce.
 */
export class BlockSearch {
  readonly #store: SharedStore;
  readonly #kernel: BlockExports;
  readonly #base: number;
  readonly #bytes: Uint8Array;
  readonly #direct: Uint8Array;
  readonly #shards: readonly Uint8Array[];
  readonly #missing: Uint32Array;
  readonly #numbers: Uint32Array;
  readonly #hits: Uint32Array;
  readonly #selected: Uint32Array = new Uint32Array(4 * BLOCK_BATCH);
  #work: BlockWork | undefined;
  #nonce2 = 0;
  #headerNonce = 0;
  #first = 0;

  constructor(store: SharedStore, thread: number) {
    checkInteger('thread', thread, 0, store.plan.threads - 1);
    this.#store = store;
    this.#base = threadBase(thread);
    this.#kernel = instantiateBlockKernel(store.memory, this.#base);
    const buffer = store.memory.buffer;
    this.#bytes = new Uint8Array(buffer);
    this.#direct = new Uint8Array(buffer, store.plan.slots, store.plan.directSlots * ANN_SLOT_BYTES);
    this.#shards = store.shards.map((shard) => new Uint8Array(shard));
    this.#missing = new Uint32Array(buffer, this.#base + THREAD_MISSING, 2 * BLOCK_BATCH);
    this.#numbers = new Uint32Array(buffer, this.#base + THREAD_NUMBERS, BLOCK_BATCH);
    this.#hits = new Uint32Array(buffer, this.#base + THREAD_HITS, BLOCK_BATCH);
  }

  setWork(work: BlockWork): void {
    checkBytes('header', work.header, HEADER_BYTES);
    checkInteger('total', work.total, 1, this.#store.plan.capacity);
    checkBlockTarget(work.target);
    checkU32('headerNonce', work.headerNonce);
    this.#work = {...work, header: copyBytes(work.header)};
    this.#headerNonce = work.headerNonce;
    this.#beginHeader();
  }

  #beginHeader(): void {
    const work = this.#work!;
    const input = this.#base + THREAD_INPUT;
    const scratch = this.#base + THREAD_WORK;
    this.#bytes.fill(0, input, input + 128);
    this.#bytes.set(work.header, input);
    this.#kernel.cheapHeaderNonce(input, this.#headerNonce, work.headerNonces ?? HEADER_NONCES, scratch);
    this.#headerNonce = (this.#headerNonce + 64 * HEADER_NONCES) >>> 0;
    work.header.set(this.#bytes.subarray(input, input + HEADER_BYTES));
    this.#kernel.blake2bPair(input, input, HEADER_BYTES, 32, scratch, scratch);
    this.#kernel.beginHeader(scratch);
    this.#first = Number(BigInt.asUintN(64, this.#kernel.firstItem()) % BigInt(work.total));
    const slot = new Uint32Array(this.#store.memory.buffer, this.#store.plan.orders[work.order])[this.#first]!;
    const states = this.#base + THREAD_STATES;
    this.#bytes.set(storeSlot(this.#store.plan, this.#direct, this.#shards, slot), states);
    this.#kernel.setFirstItem(states);
    this.#nonce2 = 0;
  }

  /** Tries the next 256 nonces. Throws Error when no work is set. */
  step(): BlockFind[] {
    const work = this.#work;
    if (work === undefined) throw new Error('no work set');
    if (this.#nonce2 > 0xffffffff) this.#beginHeader();
    const kernel = this.#kernel;
    const base = this.#base;
    const states = base + THREAD_STATES;
    kernel.startStates(states, BLOCK_BATCH, this.#nonce2);
    for (let k = 1; k < 4; k++) {
      this.#takeItems(work, states);
      this.#selected.set(this.#numbers, k * BLOCK_BATCH);
      kernel.cycleStates(states, BLOCK_BATCH, k === 3 ? 1 : 0);
    }
    kernel.smulStates(states, BLOCK_BATCH, this.#store.plan.curveTable, base + THREAD_CURVE_WORK);
    const {target} = work;
    const found = kernel.finishStates(states, BLOCK_BATCH, target >>> 24, target & 0x7fffff, base + THREAD_HITS);
    const finds: BlockFind[] = [];
    for (let i = 0; i < found; i++) finds.push(this.#find(work, this.#hits[i]!));
    this.#nonce2 += BLOCK_BATCH;
    return finds;
  }

  #takeItems(work: BlockWork, states: number): void {
    const {plan} = this.#store;
    const missing = this.#kernel.takeItems(
      states,
      BLOCK_BATCH,
      BigInt(work.total),
      plan.orders[work.order],
      plan.slots,
      plan.directSlots,
      this.#base + THREAD_NUMBERS,
      this.#base + THREAD_MISSING,
    );
    for (let i = 0; i < missing; i++) {
      const at = states + this.#missing[2 * i]! * BLOCK_STATE_STRIDE + 32;
      this.#bytes.set(storeSlot(plan, this.#direct, this.#shards, this.#missing[2 * i + 1]!), at);
    }
  }

  #find(work: BlockWork, index: number): BlockFind {
    const at = this.#base + THREAD_STATES + index * BLOCK_STATE_STRIDE;
    const number = (k: number): number => this.#selected[k * BLOCK_BATCH + index]!;
    return {
      header: work.header.slice(),
      nonce2: this.#nonce2 + index,
      selected: [this.#first, number(1), number(2), number(3)],
      hash: this.#bytes.slice(at, at + 32),
    };
  }
}

import {readU32} from '../../bytes/index.ts';
import {checkBytes} from '../../errors.ts';
import {ANN_BYTES, annParentBlockHeight, annWorkBits} from '../announcement/announcement.ts';
import {finish, orderSteps, pickSteps, TREE_HASH_BYTES, wordsOf} from '../proof/proof-order.ts';
import {type HashPairs, ProofTree, TREE_ENTRY_BYTES} from '../proof/proof-tree.ts';
import type {AnnouncementClass} from './announcement-choice.ts';
import type {AnnouncementStore} from './announcement-store.ts';
import {type BlockExports, instantiateBlockKernel} from './block-kernel.ts';
import {THREAD_INPUT, THREAD_STATES, THREAD_WORK, threadBase} from './block-memory.ts';

/** What became of announcements handed to a set. */
export interface AddResult {
  readonly added: number;
  readonly duplicates: number;
  /** Not taken because the store is full, or has MAX_CLASSES classes. */
  readonly refused: number;
}

/** A set made ready for mining: its tree, and how many announcements stand in the order. */
export interface PreparedSet extends DraftSet {
  readonly order: 0 | 1;
}

/** A set whose tree is there, but not its place in the store. */
export interface DraftSet {
  readonly count: number;
  readonly tree: ProofTree;
  /** Slot of announcement i. */
  readonly slots: Uint32Array;
}

const EMPTY = 0xffffffff;
/** No class, and how many there can be: an honest network has a few hundred at a time. */
const NO_CLASS = 0xffff;
const MAX_CLASSES = 0xffff;
const PAIR_BATCH = 2048;

function classKey(parentBlockHeight: number, workBits: number): string {
  return `${parentBlockHeight} ${workBits}`;
}

/** Room for entries at most 3/4 full, a power of two. */
function tableSize(capacity: number): number {
  return 2 ** Math.ceil(Math.log2((capacity * 4) / 3 + 1));
}

/**
 * Which announcements a store holds, by class, without duplicates; makes them ready for mining.   spec §8.1–8.3
 *
 * Two announcements count as the same when the first 8 bytes of their hashes agree: the tree holds only one of them.
 * Outside the store it takes about 50 bytes an announcement, off the JS heap.
 */
export class AnnouncementSet {
  readonly #store: AnnouncementStore;
  readonly #kernel: BlockExports;
  readonly #base: number;
  readonly #memory: Uint8Array;
  readonly #hashes: Uint8Array;
  readonly #classOf: Uint16Array;
  readonly #table: Uint32Array;
  readonly #free: Uint32Array;
  #freeCount: number;
  #size = 0;
  readonly #classes: {parentBlockHeight: number; workBits: number; count: number}[] = [];
  /** Numbers of the classes in use by parent height and work bits, and the numbers given up. */
  readonly #classNumbers = new Map<string, number>();
  readonly #freeClasses: number[] = [];
  /** Announcements of a class mostly come together. */
  #lastClass = 0;
  readonly #prepared: (PreparedSet | undefined)[] = [undefined, undefined];
  /** Slots that a draft under way may list. */
  #drafting: Uint32Array | undefined;
  /** Slots dropped while an order still lists them. */
  #dropped: number[] = [];

  /** thread: the region of the store's memory that this set works in. */
  constructor(store: AnnouncementStore, thread: number) {
    this.#store = store;
    this.#base = threadBase(thread);
    this.#kernel = instantiateBlockKernel(store.shared.memory, this.#base);
    this.#memory = new Uint8Array(store.shared.memory.buffer);
    this.#hashes = new Uint8Array(TREE_HASH_BYTES * store.capacity);
    this.#classOf = new Uint16Array(store.capacity).fill(NO_CLASS);
    this.#table = new Uint32Array(tableSize(store.capacity)).fill(EMPTY);
    this.#free = new Uint32Array(store.capacity);
    for (let i = 0; i < store.capacity; i++) this.#free[i] = store.capacity - 1 - i;
    this.#freeCount = store.capacity;
  }

  get size(): number {
    return this.#size;
  }

  get classes(): AnnouncementClass[] {
    return this.#classes.filter(({count}) => count > 0).map((entry) => ({...entry}));
  }

  /** Takes announcements (1024 bytes each, one after another, already found valid). Throws TypeError, RangeError. */
  add(anns: Uint8Array): AddResult {
    checkBytes('anns', anns);
    if (anns.length % ANN_BYTES !== 0) {
      throw new RangeError(`"anns" expected a multiple of 1024 bytes, got ${anns.length}`);
    }
    const count = anns.length / ANN_BYTES;
    let added = 0;
    let refused = 0;
    for (let i = 0; i < count; i += 2) {
      const size = Math.min(2, count - i);
      this.#hashPair(anns.subarray(i * ANN_BYTES, (i + size) * ANN_BYTES));
      for (let k = 0; k < size; k++) {
        if (this.#freeCount === 0) {
          refused++;
          continue;
        }
        const ann = anns.subarray((i + k) * ANN_BYTES, (i + k + 1) * ANN_BYTES);
        const result = this.#insert(ann, this.#base + THREAD_WORK + TREE_HASH_BYTES * k);
        if (result === 'added') added++;
        else if (result === 'refused') refused++;
      }
    }
    return {added, refused, duplicates: count - added - refused};
  }

  /** compress32 of one or two announcements, to THREAD_WORK. */
  #hashPair(anns: Uint8Array): void {
    const [a, out] = [this.#base + THREAD_STATES, this.#base + THREAD_WORK];
    this.#memory.set(anns, a);
    const b = anns.length > ANN_BYTES ? a + ANN_BYTES : a;
    this.#kernel.blake2bPair(a, b, ANN_BYTES, 32, out, out + TREE_HASH_BYTES);
  }

  #insert(ann: Uint8Array, hashAt: number): 'added' | 'duplicate' | 'refused' {
    const low = readU32(this.#memory, hashAt);
    const high = readU32(this.#memory, hashAt + 4);
    const place = this.#find(low, high);
    if (this.#table[place] !== EMPTY) return 'duplicate';
    const number = this.#classNumber(annParentBlockHeight(ann), annWorkBits(ann));
    if (number === NO_CLASS) return 'refused';
    const slot = this.#free[--this.#freeCount]!;
    this.#store.write(slot, ann);
    this.#hashes.set(this.#memory.subarray(hashAt, hashAt + TREE_HASH_BYTES), TREE_HASH_BYTES * slot);
    this.#table[place] = slot;
    this.#classOf[slot] = number;
    this.#classes[number]!.count++;
    this.#size++;
    return 'added';
  }

  /** Place in the table where an announcement with this key is, or would go. */
  #find(low: number, high: number): number {
    const mask = this.#table.length - 1;
    for (let place = low & mask; ; place = (place + 1) & mask) {
      const slot = this.#table[place]!;
      if (slot === EMPTY) return place;
      const at = TREE_HASH_BYTES * slot;
      if (readU32(this.#hashes, at) === low && readU32(this.#hashes, at + 4) === high) return place;
    }
  }

  /** Number of a class, a new one if need be; NO_CLASS when there are too many. */
  #classNumber(parentBlockHeight: number, workBits: number): number {
    const last = this.#classes[this.#lastClass];
    if (
      last !== undefined &&
      last.count > 0 &&
      last.parentBlockHeight === parentBlockHeight &&
      last.workBits === workBits
    )
      return this.#lastClass;
    const key = classKey(parentBlockHeight, workBits);
    const same = this.#classNumbers.get(key);
    if (same !== undefined) {
      this.#lastClass = same;
      return same;
    }
    const number = this.#freeClasses.pop() ?? this.#classes.length;
    if (number >= MAX_CLASSES) return NO_CLASS;
    this.#classes[number] = {parentBlockHeight, workBits, count: 0};
    this.#classNumbers.set(key, number);
    return number;
  }

  /** Gives up all announcements of the classes that `unwanted` names. Slots that are being mined on are freed later. */
  drop(unwanted: (entry: AnnouncementClass) => boolean): number {
    const doomed = this.#classes.map((entry) => entry.count > 0 && unwanted({...entry}));
    if (!doomed.includes(true)) return 0;
    let count = 0;
    for (let slot = 0; slot < this.#classOf.length; slot++) {
      const number = this.#classOf[slot]!;
      if (number === NO_CLASS || !doomed[number]) continue;
      this.#classOf[slot] = NO_CLASS;
      this.#dropped.push(slot);
      count++;
    }
    this.#size -= count;
    doomed.forEach((gone, number) => {
      if (!gone) return;
      const entry = this.#classes[number]!;
      entry.count = 0;
      this.#classNumbers.delete(classKey(entry.parentBlockHeight, entry.workBits));
      this.#freeClasses.push(number);
    });
    this.#rebuildTable();
    this.#freeDropped();
    return count;
  }

  #rebuildTable(): void {
    this.#table.fill(EMPTY);
    for (let slot = 0; slot < this.#classOf.length; slot++) {
      if (this.#classOf[slot] === NO_CLASS) continue;
      const at = TREE_HASH_BYTES * slot;
      this.#table[this.#find(readU32(this.#hashes, at), readU32(this.#hashes, at + 4))] = slot;
    }
  }

  #freeDropped(): void {
    if (this.#dropped.length === 0) return;
    const inUse = new Uint8Array(this.#classOf.length);
    for (const slots of [...this.#prepared.map((prepared) => prepared?.slots), this.#drafting])
      for (const slot of slots ?? []) inUse[slot] = 1;
    const kept: number[] = [];
    for (const slot of this.#dropped) {
      if (inUse[slot] === 1) kept.push(slot);
      else this.#free[this.#freeCount++] = slot;
    }
    this.#dropped = kept;
  }

  /**
   * Writes the order of the chosen classes and builds their tree. An even number gives up its last announcement: the network
   * refuses proofs of it (spec §8.2).
   *
   * which   the order to write; the other one may be mined on meanwhile
   * returns undefined when no announcement is chosen
   */
  prepare(which: 0 | 1, chosen: (entry: AnnouncementClass) => boolean): PreparedSet | undefined {
    this.#prepared[which] = undefined;
    this.#freeDropped();
    const draft = finish(this.draftSteps(chosen));
    return draft && this.install(which, draft);
  }

  /**
   * The first part of `prepare`, in steps of some milliseconds between which announcements may be added and dropped. One at a
   * time: a draft begun later makes this one useless, and so does `abandon`.
   */
  *draftSteps(chosen: (entry: AnnouncementClass) => boolean): Generator<undefined, DraftSet | undefined> {
    const wanted = this.#classes.map((entry) => entry.count > 0 && chosen({...entry}));
    const all = new Uint32Array(this.#size);
    let found = 0;
    for (let slot = 0; slot < this.#classOf.length; slot++) {
      const number = this.#classOf[slot]!;
      if (number !== NO_CLASS && wanted[number]) all[found++] = slot;
    }
    const slots = all.subarray(0, found);
    this.#drafting = slots;
    yield;
    const hashes = yield* pickSteps(this.#hashes, slots);
    let order = yield* orderSteps(hashes);
    if (order.length % 2 === 0) order = order.subarray(0, Math.max(0, order.length - 1));
    if (order.length === 0) return undefined;
    const listed = new Uint32Array(order.length);
    for (let i = 0; i < order.length; i++) listed[i] = slots[order[i]!]!;
    yield;
    const tree = yield* ProofTree.buildSteps(yield* pickSteps(hashes, order), this.#hashPairs);
    return {count: order.length, tree, slots: listed};
  }

  /** The second part: writes the order of a draft, which is then ready to be mined. */
  install(which: 0 | 1, draft: DraftSet): PreparedSet {
    const slots = this.#store.order(which).subarray(0, draft.count);
    slots.set(draft.slots);
    const prepared = {...draft, slots, order: which};
    this.#prepared[which] = prepared;
    this.abandon();
    return prepared;
  }

  /** Gives up a draft under way. */
  abandon(): void {
    this.#drafting = undefined;
    this.#freeDropped();
  }

  readonly #hashPairs: HashPairs = (pairs, parents) => {
    const [words, memory] = [wordsOf(parents), wordsOf(this.#memory)];
    const input = this.#base + THREAD_STATES;
    const output = input + 2 * TREE_ENTRY_BYTES * PAIR_BATCH;
    const total = pairs.length / (2 * TREE_ENTRY_BYTES);
    for (let first = 0; first < total; first += PAIR_BATCH) {
      const count = Math.min(PAIR_BATCH, total - first);
      const from = 2 * TREE_ENTRY_BYTES * first;
      this.#memory.set(pairs.subarray(from, from + 2 * TREE_ENTRY_BYTES * count), input);
      this.#kernel.hashEntryPairs(input, count, output, this.#base + THREAD_INPUT);
      for (let i = 0; i < count; i++) {
        const at = (output + TREE_ENTRY_BYTES * i) >>> 2;
        const to = 12 * (first + i);
        for (let k = 0; k < 8; k++) words[to + k] = memory[at + k]!;
      }
    }
  };
}

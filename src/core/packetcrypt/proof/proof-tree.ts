// The announcement proof tree: building, and writing proofs.   spec §8.3, §8.6
//
// An entry is 48 bytes: hash 32 | start u64 | end u64. Layer 0 is the zero entry and one entry per announcement; every
// layer of odd length above one entry ends in a padding entry of 48 bytes 0xff.
import {copyBytes, readU64, Writer} from '../../bytes/index.ts';
import {compress32} from '../../crypto/index.ts';
import {checkBytes, checkInteger} from '../../errors.ts';
import {finish, TREE_HASH_BYTES, wordsOf} from './proof-order.ts';
import {type ProofPlace, walkProof} from './proof-walk.ts';

export const TREE_ENTRY_BYTES = 48;
/** Announcements of one proof. */
export const PROOF_ANNS = 4;
const PAIR_BYTES = 2 * TREE_ENTRY_BYTES;
const END_OFFSET = 40;
const LEAF_BATCH = 2048;
/** The same layout in 32-bit words. */
const ENTRY_WORDS = 12;
const START_WORD = 8;
const END_WORD = 10;
/** Entries between two yields: some milliseconds. */
const STEP_ENTRIES = 8 * LEAF_BATCH;

/**
 * Writes the hashes of many parents: compress32 of every 96-byte pair of `pairs` goes to the first 32 bytes of the
 * 48-byte entry of the same number in `parents`. Replaceable by a faster version.
 */
export type HashPairs = (pairs: Uint8Array, parents: Uint8Array) => void;

export function hashPairsPlainly(pairs: Uint8Array, parents: Uint8Array): void {
  for (let pair = 0; pair < pairs.length / PAIR_BYTES; pair++) {
    parents.set(compress32(pairs.subarray(PAIR_BYTES * pair, PAIR_BYTES * (pair + 1))), TREE_ENTRY_BYTES * pair);
  }
}

/** Entries of all layers of a tree over `leafEntries`, paddings included.   spec §8.3 */
export function entryCount(leafEntries: number): number {
  checkInteger('leafEntries', leafEntries, 1, 2 ** 52);
  let total = 0;
  let layer = leafEntries;
  while (layer > 1) {
    layer += layer % 2;
    total += layer;
    layer /= 2;
  }
  return total + 1;
}

/** Fills every parent from its pair: hash, start of the left, end of the right.   spec §8.3 */
function makeParents(pairs: Uint8Array, parents: Uint8Array, hashPairs: HashPairs): void {
  hashPairs(pairs, parents);
  const [from, to] = [wordsOf(pairs), wordsOf(parents)];
  for (let pair = 0; pair < pairs.length / PAIR_BYTES; pair++) {
    const [in0, out0] = [2 * ENTRY_WORDS * pair, ENTRY_WORDS * pair];
    to[out0 + START_WORD] = from[in0 + START_WORD]!;
    to[out0 + START_WORD + 1] = from[in0 + START_WORD + 1]!;
    to[out0 + END_WORD] = from[in0 + ENTRY_WORDS + END_WORD]!;
    to[out0 + END_WORD + 1] = from[in0 + ENTRY_WORDS + END_WORD + 1]!;
  }
}

/** A layer of `count` entries, with room for its padding entry, which is filled in. */
function createLayer(count: number): Uint8Array {
  const padded = count === 1 ? 1 : count + (count % 2);
  const layer = new Uint8Array(TREE_ENTRY_BYTES * padded);
  layer.fill(0xff, TREE_ENTRY_BYTES * count);
  return layer;
}

/** Throws RangeError unless the hashes are in tree order: ascending, all different, none 0 or 2^64 - 1. */
function checkOrder(words: Uint32Array): void {
  let previousHigh = 0;
  let previousLow = 0;
  for (let at = 0; at < words.length; at += 8) {
    const low = words[at]!;
    const high = words[at + 1]!;
    const ascending = high > previousHigh || (high === previousHigh && low > previousLow);
    if (!ascending || (high === 0xffffffff && low === 0xffffffff)) {
      throw new RangeError(`"hashes" expected in tree order, got another at number ${at / 8}`);
    }
    previousHigh = high;
    previousLow = low;
  }
}

/** The tree over a set of announcements. Holds 48 bytes per announcement beside the hashes it is given. */
export class ProofTree {
  /** Number of announcements. */
  readonly count: number;
  readonly #hashes: Uint8Array;
  /** Layers 1 and up; layer 0 is derived from the hashes. */
  readonly #layers: readonly Uint8Array[];

  private constructor(hashes: Uint8Array, layers: readonly Uint8Array[]) {
    this.count = hashes.length / TREE_HASH_BYTES;
    this.#hashes = hashes;
    this.#layers = layers;
  }

  /**
   * Builds the tree.   spec §8.3
   *
   * hashes  32 bytes (annHash) per announcement, at least one, in the order of orderAnnouncements; kept, not copied
   * throws  RangeError for hashes out of order
   */
  static build(hashes: Uint8Array, hashPairs: HashPairs = hashPairsPlainly): ProofTree {
    return finish(ProofTree.buildSteps(hashes, hashPairs));
  }

  /** build in steps of some milliseconds. */
  static *buildSteps(hashes: Uint8Array, hashPairs: HashPairs): Generator<undefined, ProofTree> {
    checkBytes('hashes', hashes);
    if (hashes.length === 0 || hashes.length % TREE_HASH_BYTES !== 0) {
      throw new RangeError(`"hashes" expected 32 bytes for each announcement, got length ${hashes.length}`);
    }
    const words = wordsOf(hashes);
    checkOrder(words);
    const entries = hashes.length / TREE_HASH_BYTES + 1;
    const layers: Uint8Array[] = [];
    let count = Math.ceil(entries / 2);
    let layer = createLayer(count);
    const batch = new Uint32Array(ENTRY_WORDS * LEAF_BATCH);
    for (let first = 0; first < entries; first += LEAF_BATCH) {
      const size = Math.min(LEAF_BATCH, entries - first);
      const padded = size + (size % 2);
      for (let i = 0; i < padded; i++) writeLeaf(words, first + i, batch, ENTRY_WORDS * i);
      const pairs = new Uint8Array(batch.buffer, 0, TREE_ENTRY_BYTES * padded);
      makeParents(pairs, layer.subarray((TREE_ENTRY_BYTES * first) / 2), hashPairs);
      if (first % STEP_ENTRIES === 0) yield;
    }
    layers.push(layer);
    while (count > 1) {
      count = Math.ceil(count / 2);
      const parents = createLayer(count);
      for (let first = 0; first < count; first += STEP_ENTRIES) {
        const size = Math.min(STEP_ENTRIES, count - first);
        const pairs = layer.subarray(PAIR_BYTES * first, PAIR_BYTES * (first + size));
        makeParents(pairs, parents.subarray(TREE_ENTRY_BYTES * first), hashPairs);
        yield;
      }
      layers.push(parents);
      layer = parents;
    }
    return new ProofTree(hashes, layers);
  }

  /** One entry, 48 bytes, a copy. Level 0 are the leaves; padding entries included. */
  entry(level: number, index: number): Uint8Array {
    checkInteger('level', level, 0, this.#layers.length);
    if (level === 0) {
      checkInteger('index', index, 0, this.count + ((this.count + 1) % 2));
      const entry = new Uint32Array(ENTRY_WORDS);
      writeLeaf(wordsOf(this.#hashes), index, entry, 0);
      return new Uint8Array(entry.buffer);
    }
    const layer = this.#layers[level - 1]!;
    checkInteger('index', index, 0, layer.length / TREE_ENTRY_BYTES - 1);
    return copyBytes(layer, TREE_ENTRY_BYTES * index, TREE_ENTRY_BYTES * (index + 1));
  }

  /** The entry at the top; its hash covers all others. */
  get rootEntry(): Uint8Array {
    return this.entry(this.#layers.length, 0);
  }

  /** The committed 32 bytes: hash of the root entry.   spec §8.3 */
  get root(): Uint8Array {
    return compress32(this.rootEntry);
  }

  /**
   * The proof that four announcements stand in the tree.   spec §8.6
   *
   * selected  their numbers, 0..count-1, repetitions allowed. See isProvable for the ones verifiers refuse.
   */
  prove(selected: readonly number[]): Uint8Array {
    if (selected.length !== PROOF_ANNS) {
      throw new RangeError(`"selected" expected ${PROOF_ANNS} numbers, got ${selected.length}`);
    }
    for (const number of selected) checkInteger('selected', number, 0, this.count - 1);
    const writer = new Writer();
    const write = ({level, slot, kind, rangeSent}: ProofPlace): void => {
      if (kind === 'padding') return;
      const entry = this.entry(level, Number(slot));
      if (rangeSent) writer.u64(readU64(entry, END_OFFSET) - readU64(entry, TREE_HASH_BYTES));
      if (kind === 'provided') writer.bytes(entry.subarray(0, TREE_HASH_BYTES));
    };
    const leaves = selected.map((number) => BigInt(number) + 1n);
    walkProof(BigInt(this.count) + 1n, leaves, write);
    return writer.finish();
  }
}

/** Writes the leaf entry of slot `index`: zero entry, announcement or padding. All in words. */
function writeLeaf(hashes: Uint32Array, index: number, into: Uint32Array, at: number): void {
  const from = 8 * (index - 1);
  if (from >= hashes.length) {
    into.fill(0xffffffff, at, at + ENTRY_WORDS);
    return;
  }
  if (index === 0) into.fill(0, at, at + END_WORD);
  else {
    for (let k = 0; k < 8; k++) into[at + k] = hashes[from + k]!;
    into[at + START_WORD] = hashes[from]!;
    into[at + START_WORD + 1] = hashes[from + 1]!;
  }
  const next = from + 8;
  const isLast = next >= hashes.length;
  into[at + END_WORD] = isLast ? 0xffffffff : hashes[next]!;
  into[at + END_WORD + 1] = isLast ? 0xffffffff : hashes[next + 1]!;
}

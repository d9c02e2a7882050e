// Which announcements stand in the proof tree, and in which order.   spec §8.2
import {checkBytes} from '../../errors.ts';

export const TREE_HASH_BYTES = 32;
const DIGIT_VALUES = 65536;

/** Hashes looked at between two yields of a generator. */
const STEP = 131_072;

/** The bytes as little-endian 32-bit words: a view, or a copy where they are not aligned. Kernels run on such machines only. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 2);
}

/** Runs a generator to its end at once. */
export function finish<Result>(steps: Generator<undefined, Result>): Result {
  for (;;) {
    const {done, value} = steps.next();
    if (done === true) return value;
  }
}

/** Numbers and what they are sorted by, in place of hashes: small enough to stay near the processor. */
interface Keys {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  readonly index: Uint32Array;
}

/** Honest hashes give a dozen to a bucket; more than this is sorted in another way, so that nothing becomes quadratic. */
const LARGE_BUCKET = 96;

/** Stable, in place. */
function sortBucket({high, low, index}: Keys, from: number, to: number): void {
  if (to - from > LARGE_BUCKET) {
    sortLargeBucket({high, low, index}, from, to);
    return;
  }
  for (let i = from + 1; i < to; i++) {
    const [h, l, n] = [high[i]!, low[i]!, index[i]!];
    let at = i;
    for (; at > from && (high[at - 1]! > h || (high[at - 1] === h && low[at - 1]! > l)); at--) {
      high[at] = high[at - 1]!;
      low[at] = low[at - 1]!;
      index[at] = index[at - 1]!;
    }
    high[at] = h;
    low[at] = l;
    index[at] = n;
  }
}

function sortLargeBucket({high, low, index}: Keys, from: number, to: number): void {
  const places = Array.from({length: to - from}, (_, i) => from + i);
  places.sort((a, b) => high[a]! - high[b]! || low[a]! - low[b]!);
  for (const part of [high, low, index])
    part.set(
      places.map((place) => part[place]!),
      from,
    );
}

/**
 * orderAnnouncements in steps of some milliseconds. Hashes are spread evenly, so one pass by the upper 16 bits leaves buckets of a
 * few; passes over all eight bytes took three times as long at a million.
 */
export function* orderSteps(hashes: Uint8Array): Generator<undefined, Uint32Array> {
  checkBytes('hashes', hashes);
  if (hashes.length % TREE_HASH_BYTES !== 0) {
    throw new RangeError(`"hashes" expected a multiple of ${TREE_HASH_BYTES} bytes, got length ${hashes.length}`);
  }
  const words = wordsOf(hashes);
  const count = hashes.length / TREE_HASH_BYTES;
  const starts = new Uint32Array(DIGIT_VALUES + 1);
  for (let i = 0; i < count; i++) {
    starts[(words[8 * i + 1]! >>> 16) + 1]!++;
    if (i % STEP === STEP - 1) yield;
  }
  for (let value = 0; value < DIGIT_VALUES; value++) starts[value + 1]! += starts[value]!;
  const next = starts.slice();
  const keys: Keys = {high: new Uint32Array(count), low: new Uint32Array(count), index: new Uint32Array(count)};
  for (let i = 0; i < count; i++) {
    const high = words[8 * i + 1]!;
    const place = next[high >>> 16]!++;
    keys.high[place] = high;
    keys.low[place] = words[8 * i]!;
    keys.index[place] = i;
    if (i % STEP === STEP - 1) yield;
  }
  for (let value = 0; value < DIGIT_VALUES; value++) {
    sortBucket(keys, starts[value]!, starts[value + 1]!);
    if (value % 8192 === 8191) yield;
  }
  return withoutRepetitions(keys);
}

function withoutRepetitions({high, low, index}: Keys): Uint32Array {
  let kept = 0;
  let previousLow = 0; // the number 0 may not occur, so starting from it drops it
  let previousHigh = 0;
  for (let i = 0; i < index.length; i++) {
    const [nextHigh, nextLow] = [high[i]!, low[i]!];
    const isLast = nextLow === 0xffffffff && nextHigh === 0xffffffff;
    if (isLast || (nextLow === previousLow && nextHigh === previousHigh)) continue;
    index[kept++] = index[i]!;
    previousLow = nextLow;
    previousHigh = nextHigh;
  }
  return index.subarray(0, kept);
}

/**
 * Numbers of the announcements to use, in tree order: ascending by the first 8 hash bytes as a little-endian number,
 * of equal ones only the first, none whose number is 0 or 2^64 - 1. Linear in the number of announcements.
 *
 * hashes  32 bytes per announcement (annHash), one after another
 */
export function orderAnnouncements(hashes: Uint8Array): Uint32Array {
  return finish(orderSteps(hashes));
}

/** pickHashes in steps of some milliseconds. */
export function* pickSteps(hashes: Uint8Array, order: Uint32Array): Generator<undefined, Uint8Array> {
  const words = wordsOf(hashes);
  const picked = new Uint32Array(8 * order.length);
  for (let i = 0; i < order.length; i++) {
    const from = 8 * order[i]!;
    const to = 8 * i;
    for (let k = 0; k < 8; k++) picked[to + k] = words[from + k]!;
    if (i % STEP === STEP - 1) yield;
  }
  return new Uint8Array(picked.buffer);
}

/** The hashes numbered by `order`, one after another: what a tree is built from. */
export function pickHashes(hashes: Uint8Array, order: Uint32Array): Uint8Array {
  return finish(pickSteps(hashes, order));
}

/**
 * True when the proof of these announcements is acceptable: the last one of an even set stands beside padding, and
 * the network refuses its proof. Sets of odd size have no such announcement, so prefer them.   spec §8.2
 */
export function isProvable(count: number, selected: readonly number[]): boolean {
  return count % 2 === 1 || !selected.includes(count - 1);
}

// Which announcements stand in the proof tree, and in which order.   spec §8.2
import {readU32} from '../../bytes/index.ts';
import {checkBytes} from '../../errors.ts';

export const TREE_HASH_BYTES = 32;
const DIGIT_VALUES = 65536;

/** One stable pass of a radix sort: `order` is rearranged by a 16-bit digit of every hash. */
function sortByDigit(hashes: Uint8Array, digitOffset: number, order: Uint32Array, sorted: Uint32Array): void {
  const starts = new Uint32Array(DIGIT_VALUES + 1);
  const digit = (index: number): number => {
    const offset = TREE_HASH_BYTES * index + digitOffset;
    return hashes[offset]! | (hashes[offset + 1]! << 8);
  };
  for (const index of order) starts[digit(index) + 1]!++;
  for (let value = 0; value < DIGIT_VALUES; value++) starts[value + 1]! += starts[value]!;
  for (const index of order) sorted[starts[digit(index)]!++] = index;
}

/**
 * Numbers of the announcements to use, in tree order: ascending by the first 8 hash bytes as a little-endian number,
 * of equal ones only the first, none whose number is 0 or 2^64 - 1. Linear in the number of announcements.
 *
 * hashes  32 bytes per announcement (annHash), one after another
 */
export function orderAnnouncements(hashes: Uint8Array): Uint32Array {
  checkBytes('hashes', hashes);
  if (hashes.length % TREE_HASH_BYTES !== 0) {
    throw new RangeError(`"hashes" expected a multiple of ${TREE_HASH_BYTES} bytes, got length ${hashes.length}`);
  }
  const count = hashes.length / TREE_HASH_BYTES;
  let order = new Uint32Array(count).map((_, index) => index);
  let sorted = new Uint32Array(count);
  for (let digitOffset = 0; digitOffset < 8; digitOffset += 2) {
    sortByDigit(hashes, digitOffset, order, sorted);
    [order, sorted] = [sorted, order];
  }
  let kept = 0;
  let previousLow = 0; // the number 0 may not occur, so starting from it drops it
  let previousHigh = 0;
  for (const index of order) {
    const low = readU32(hashes, TREE_HASH_BYTES * index);
    const high = readU32(hashes, TREE_HASH_BYTES * index + 4);
    const last = low === 0xffffffff && high === 0xffffffff;
    if (last || (low === previousLow && high === previousHigh)) continue;
    order[kept++] = index;
    previousLow = low;
    previousHigh = high;
  }
  return order.subarray(0, kept);
}

/** The hashes numbered by `order`, one after another: what a tree is built from. */
export function pickHashes(hashes: Uint8Array, order: Uint32Array): Uint8Array {
  const picked = new Uint8Array(TREE_HASH_BYTES * order.length);
  for (let i = 0; i < order.length; i++) {
    const from = TREE_HASH_BYTES * order[i]!;
    picked.set(hashes.subarray(from, from + TREE_HASH_BYTES), TREE_HASH_BYTES * i);
  }
  return picked;
}

/**
 * True when the proof of these announcements is acceptable: the last one of an even set stands beside padding, and
 * the network refuses its proof. Sets of odd size have no such announcement, so prefer them.   spec §8.2
 */
export function isProvable(count: number, selected: readonly number[]): boolean {
  return count % 2 === 1 || !selected.includes(count - 1);
}

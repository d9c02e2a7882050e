// Kernel for block hashes: many nonces of one header at a time, cycle by cycle, so that cache misses of the announcement set
// overlap and one slice of the curve table serves the whole batch.   spec §3.6, §8.5
import { buildCurveTable, smulStates } from "./curve25519";
import { expandBlocks } from "./expand";
import { blake2bPair } from "./generated/blake2b";
import { cryptState, oneTimeKeys } from "./generated/crypto-cycle";
import { BASE, ONE_TIME_KEYS, STATE_STRIDE, TEMPLATE } from "./layout";
import { copy, expand, makeFuzzable, meets } from "./state";

export { blake2bPair, buildCurveTable, smulStates };

/** Prepares the state common to all nonces of a header. headerHash: 32 bytes. */
export function beginHeader(headerHash: usize): void {
  expand(headerHash, 0, BASE + TEMPLATE, 8);
  store<u64>(BASE + TEMPLATE, 0);
  makeFuzzable(BASE + TEMPLATE);
}

/** Number of the announcement that every nonce of the header reads first, before the modulo. */
export function firstItem(): u64 {
  return load<u64>(BASE + TEMPLATE, 16);
}

/**
 * What the first cycle will cost, in arbitrary units: it is the same for every nonce of a header, and a short message that is
 * decrypted costs least (only its tag is needed).   spec §3.4
 */
// @ts-ignore: decorator
@inline function firstCost(data: u32): u32 {
  const additional = (data >> 13) & 7, length = min<u32>(((data >> 17) & 127) | 32, 125 - additional);
  const blocks = additional + length;
  // 63 blocks of 16 bytes stand before offset 1056; those behind it need the stream.
  const streamed = (data >> 12) & 1 ? (blocks > 63 ? blocks - 63 : 0) : length;
  return blocks * 3 + ((streamed + 15) >> 4) * 100;
}

/**
 * Tries `count` header nonces from `from` on and returns the one whose first cycle is cheapest.
 *   header  80 bytes, readable and zero up to 128; its nonce field is overwritten
 *   work    320 bytes
 */
export function cheapHeaderNonce(header: usize, from: u32, count: u32, work: usize): u32 {
  let best = from, bestCost: u32 = u32.MAX_VALUE;
  for (const stop = from + count; from != stop; from++) {
    store<u32>(header, from, 76);
    blake2bPair(header, header, 80, 32, work, work);
    expandBlocks(work, 0, 0, 0, 1, work + 64);
    const cost = firstCost(load<u32>(work, 80));
    if (cost >= bestCost) continue;
    best = from;
    bestCost = cost;
  }
  store<u32>(header, best, 76);
  return best;
}

/** Puts the first announcement into the common state. */
export function setFirstItem(announcement: usize): void {
  copy(BASE + TEMPLATE + 32, announcement, 1024);
}

/** Starts nonces nonce, nonce + 1, … and runs their first cycle. count: a multiple of 4. */
export function startStates(states: usize, count: u32, nonce: u32): void {
  for (let j: usize = 0; j < count; j++) {
    const state = states + STATE_STRIDE * j;
    copy(state, BASE + TEMPLATE, 2048);
    store<u32>(state, nonce + <u32>j);
  }
  cryptAll(states, count, 1056);
}

/**
 * Puts the announcement that each state reads next in place. Announcement i of the set lies in slot order[i]; slots from
 * `direct` on are kept outside this memory and are left to the caller.
 *   order    u32 each          set     slot 0, 1024 bytes a slot
 *   numbers  u32 each, out: number of the announcement that each state took
 *   missing  u32 pairs (state, slot), out
 * returns how many are missing
 */
export function takeItems(
  states: usize, count: u32, total: u64, order: usize, set: usize, direct: u32, numbers: usize, missing: usize,
): u32 {
  let left: u32 = 0;
  for (let j: usize = 0; j < count; j++) {
    const state = states + STATE_STRIDE * j;
    const number = <u32>(load<u64>(state, 16) % total);
    store<u32>(numbers + 4 * j, number);
    const slot = load<u32>(order + 4 * <usize>number);
    if (slot < direct) {
      copy(state + 32, set + 1024 * <usize>slot, 1024);
    } else {
      store<u32>(missing + 8 * left, <u32>j);
      store<u32>(missing + 8 * left, slot, 4);
      left++;
    }
  }
  return left;
}

/** Runs a cycle of all states, their announcements in place at offset 32. The last cycle is complete. */
export function cycleStates(states: usize, count: u32, last: bool): void {
  for (let j: usize = 0; j < count; j++) makeFuzzable(states + STATE_STRIDE * j);
  cryptAll(states, count, last ? 0 : 1056);
}

function cryptAll(states: usize, count: u32, from: usize): void {
  const keys = BASE + ONE_TIME_KEYS;
  for (let j: usize = 0; j < count; j += 4) {
    const group = states + STATE_STRIDE * j;
    oneTimeKeys(group);
    for (let k: usize = 0; k < 4; k++) cryptState(group + STATE_STRIDE * k, keys + 32 * k, from, 2048);
  }
}

/**
 * Hashes all states; a hash meets the target when bytes exponent..31 are zero and the three below are less than the mantissa.
 * hits: u32 index of each state that does. returns their number
 */
export function finishStates(states: usize, count: u32, exponent: u32, mantissa: u32, hits: usize): u32 {
  let found: u32 = 0;
  for (let j: usize = 0; j < count; j += 2) {
    const a = states + STATE_STRIDE * j, b = a + STATE_STRIDE;
    blake2bPair(a, b, 2048, 32, a, b);
    if (meets(a, exponent, mantissa)) store<u32>(hits + 4 * found++, <u32>j);
    if (meets(b, exponent, mantissa)) store<u32>(hits + 4 * found++, <u32>j + 1);
  }
  return found;
}

/**
 * compress32 of `count` pairs of tree entries, 96 bytes each, to the first 32 of every 48 bytes at `parents`.   spec §8.3
 *   work  256 bytes
 */
export function hashEntryPairs(pairs: usize, count: u32, parents: usize, work: usize): void {
  for (let k: usize = 0; k < 256; k += 16) v128.store(work + k, i64x2.splat(0));
  for (let i: usize = 0; i < count; i += 2) {
    const a = pairs + 96 * i, b = i + 1 < <usize>count ? a + 96 : a, out = parents + 48 * i;
    for (let k: usize = 0; k < 96; k += 16) {
      v128.store(work + k, v128.load(a + k));
      v128.store(work + k, v128.load(b + k), 128);
    }
    blake2bPair(work, work + 128, 96, 32, out, b == a ? out : out + 48);
  }
}

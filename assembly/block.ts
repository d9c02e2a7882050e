// Kernel for block hashes: many nonces of one header at a time, cycle by cycle, so that cache misses of the announcement set
// overlap and one slice of the curve table serves the whole batch.   spec §3.6, §8.5
import { buildCurveTable, smulStates } from "./curve25519";
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

/** Data word of the first cycle: what it will cost is known from it (spec §3.1). */
export function firstData(): u32 {
  return load<u32>(BASE + TEMPLATE, 12);
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

/** Writes the number of the announcement that each state reads next, modulo `total`, u32 each. */
export function nextItems(states: usize, count: u32, total: u64, numbers: usize): void {
  for (let j: usize = 0; j < count; j++) store<u32>(numbers + 4 * j, <u32>(load<u64>(states + STATE_STRIDE * j, 16) % total));
}

/** The same where the whole set lies in this memory: copies the announcements as well. */
export function takeItems(states: usize, count: u32, total: u32, set: usize): void {
  for (let j: usize = 0; j < count; j++) {
    const state = states + STATE_STRIDE * j;
    copy(state + 32, set + 1024 * <usize>(load<u64>(state, 16) % <u64>total), 1024);
  }
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

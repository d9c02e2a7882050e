// Announcement hashes of many nonces of one job, cycle by cycle, so that the items they need can be made in between; and the
// checks of announcements that follow.   spec §6, §7
import { blake2bPair } from "./generated/blake2b";
import { cryptState, oneTimeKeys } from "./generated/crypto-cycle";
import { BASE, ONE_TIME_KEYS, STATE_STRIDE, TEMPLATE } from "./layout";
import { copy, makeFuzzable, meets } from "./state";

/** A cycle of any number of states; their region is readable up to a multiple of four. Bytes before `from` stay encrypted. */
export function cryptStates(states: usize, count: usize, from: usize): void {
  const keys = BASE + ONE_TIME_KEYS;
  for (let j: usize = 0; j < count; j += 4) {
    const group = states + STATE_STRIDE * j, size = min<usize>(4, count - j);
    oneTimeKeys(group);
    for (let k: usize = 0; k < size; k++) cryptState(group + STATE_STRIDE * k, keys + 32 * k, from, 2048);
  }
}

/** Starts a state for each soft nonce (u32) and runs its first cycle; the first item is part of the template. */
export function startBatch(states: usize, count: u32, softNonces: usize): void {
  for (let j: usize = 0; j < count; j++) {
    const state = states + STATE_STRIDE * j;
    copy(state, BASE + TEMPLATE, 2048);
    store<u32>(state, load<u32>(softNonces + 4 * j));
  }
  cryptStates(states, count, 1056);
}

/** Numbers (u32) of the items that the states read next. */
export function batchItems(states: usize, count: u32, numbers: usize): void {
  for (let j: usize = 0; j < count; j++) store<u32>(numbers + 4 * j, load<u32>(states + STATE_STRIDE * j, 16) & 8191);
}

/** Updates each state with its item of a table; `numbers` as batchItems left them. The last update decrypts everything. */
export function updateBatch(states: usize, count: u32, table: usize, numbers: usize, last: bool): void {
  for (let j: usize = 0; j < count; j++) {
    const state = states + STATE_STRIDE * j;
    copy(state + 32, table + 1024 * load<u32>(numbers + 4 * j), 1024);
    makeFuzzable(state);
  }
  cryptStates(states, count, last ? 0 : 1056);
}

/** compress32 of each whole state into its first 32 bytes.   spec §3.3 final */
export function finishBatch(states: usize, count: u32): void {
  for (let j: usize = 0; j < count; j += 2) {
    const a = states + STATE_STRIDE * j, b = j + 1 < count ? a + STATE_STRIDE : a;
    blake2bPair(a, b, 2048, 32, a, b);
  }
}

/** Indices (u32) of the states whose hash meets a target; returns their number. */
export function batchHits(states: usize, count: u32, exponent: u32, mantissa: u32, hits: usize): u32 {
  let found: u32 = 0;
  for (let j: usize = 0; j < count; j++) {
    if (meets(states + STATE_STRIDE * j, exponent, mantissa)) store<u32>(hits + 4 * found++, <u32>j);
  }
  return found;
}

/** Decrypts an announcement in place with its final state.   spec §2.1. returns true if the prefix is zero */
export function openAnnouncement(ann: usize, state: usize): bool {
  for (let k: usize = 0; k < 832; k += 16) v128.store(ann + k, v128.xor(v128.load(ann + k, 88), v128.load(state + k)), 88);
  let rest: u64 = 0;
  for (let k: usize = 0; k < 40; k += 8) {
    const word = load<u64>(ann + k, 984) ^ load<u64>(state + k, 832);
    store<u64>(ann + k, word, 984);
    rest |= word;
  }
  return rest == 0;
}

/**
 * Climbs the branches of two opened announcements from the items they prove.   spec §7 step 6
 *   annA, itemA, numberA  announcement, 1024-byte item and its number; likewise B, which may be the same
 * returns bit 0 set if A's branch leads to its root, bit 1 for B
 */
export function proveItems(annA: usize, itemA: usize, numberA: u32, annB: usize, itemB: usize, numberB: u32, work: usize): u32 {
  const a = work, b = work + 128;
  let atA = a + ((numberA & 1) << 6), atB = b + ((numberB & 1) << 6);
  blake2bPair(itemA, itemB, 1024, 64, atA, atB);
  for (let level: usize = 0; level < 13; level++) {
    copy(a + 64 - (atA - a), annA + 88 + 64 * level, 64);
    copy(b + 64 - (atB - b), annB + 88 + 64 * level, 64);
    numberA >>= 1;
    numberB >>= 1;
    const upA = a + ((numberA & 1) << 6), upB = b + ((numberB & 1) << 6);
    blake2bPair(a, b, 128, 64, upA, upB);
    atA = upA;
    atB = upB;
  }
  return <u32>equal64(atA, annA + 920) | (<u32>equal64(atB, annB + 920) << 1);
}

function equal64(p: usize, q: usize): bool {
  let difference: u64 = 0;
  for (let k: usize = 0; k < 64; k += 8) difference |= load<u64>(p + k) ^ load<u64>(q + k);
  return difference == 0;
}

// Kernel for announcements: item tables, their Merkle tree, the nonce search, and the same steps for batches of states
// that belong to different announcements (validation) or to a table that is filled as it is read.
import { cryptStates, finishBatch } from "./batch";
import { blake2bPair } from "./generated/blake2b";
import { cryptState, oneTimeKeys } from "./generated/crypto-cycle";
import { BASE, HALF_STRIDE, HALVES, ITEM_TEMPLATE, ONE_TIME_KEYS, STATES, STATE_STRIDE, TEMPLATE } from "./layout";
import { copy, expand, makeFuzzable, meets } from "./state";

export { batchHits, batchItems, finishBatch, openAnnouncement, proveItems, startBatch, updateBatch } from "./batch";
export { generateProgram } from "./rand-gen";
export { interpretProgram } from "./rand-hash";
export { decodeProgram } from "./rand-hash-decode";
export { blake2bPair, cryptStates, expand };

const ITEM_MASK: u32 = 8191;

/** A cycle of up to four consecutive states. Bytes outside [from, to) need not be decrypted. */
// @ts-ignore: decorator
@inline function cryptGroup(states: usize, count: u32, from: usize, to: usize): void {
  oneTimeKeys(states);
  for (let j: usize = 0; j < <usize>count; j++) cryptState(states + j * STATE_STRIDE, BASE + ONE_TIME_KEYS + 32 * j, from, to);
}

// ---- items and tables, spec §5.6, §6

/** The state every item of a table starts from; the item number goes into its first 8 bytes. */
export function beginItems(itemSeed: usize): void {
  expand(itemSeed, 0, BASE + ITEM_TEMPLATE, 8);
  store<u64>(BASE + ITEM_TEMPLATE, 0);
  makeFuzzable(BASE + ITEM_TEMPLATE);
}

/** Fills buffer pair `slot` (0..3) with the initial state of item `n`, ready for its program. */
export function loadItem(slot: usize, n: u32): void {
  const half = BASE + HALVES + 2 * HALF_STRIDE * slot;
  copy(half, BASE + ITEM_TEMPLATE, 1024);
  copy(half + HALF_STRIDE, BASE + ITEM_TEMPLATE + 1024, 1024);
  store<u64>(half, n);
}

/** Copies the halves of buffer pair `slot` after its program ran to 2048 bytes at `kept`. */
export function keepHalves(slot: usize, kept: usize): void {
  const half = BASE + HALVES + 2 * HALF_STRIDE * slot;
  copy(kept, half, 1024);
  copy(kept + 1024, half + HALF_STRIDE, 1024);
}

/** Takes the state of an item after its program ran from buffer pair `slot`, for storeItems. */
export function takeHalves(slot: usize): void {
  const half = BASE + HALVES + 2 * HALF_STRIDE * slot, state = BASE + STATES + slot * STATE_STRIDE;
  copy(state, half, 1024);
  copy(state + 1024, half + HALF_STRIDE, 1024);
  makeFuzzable(state);
}

/** The same from halves kept for an item whose number is less by `difference`, of a program that never reads the number. */
export function takeKept(slot: usize, kept: usize, difference: u32): void {
  const state = BASE + STATES + slot * STATE_STRIDE;
  copy(state, kept, 2048);
  store<u32>(state, load<u32>(state) + difference);
  makeFuzzable(state);
}

/** Encrypts the states taken for slots 0..count-1; the items go to the addresses at `outs` (u32 each). */
export function storeItems(count: u32, outs: usize): void {
  cryptGroup(BASE + STATES, count, 0, 1024);
  for (let j: usize = 0; j < <usize>count; j++) copy(load<u32>(outs + 4 * j), BASE + STATES + j * STATE_STRIDE, 1024);
}

/** Merkle tree over a table of 8192 items: 16383 hashes of 64 bytes, leaves first, root last.   spec §6 step 3 */
export function buildTree(table: usize, tree: usize): void {
  for (let i: usize = 0; i < 8192; i += 2) {
    blake2bPair(table + 1024 * i, table + 1024 * i + 1024, 1024, 64, tree + 64 * i, tree + 64 * i + 64);
  }
  let from = tree, to = tree + 8192 * 64;
  for (let count: u32 = 4096; count > 1; count >>= 1) {
    for (let i: u32 = 0; i < count; i += 2, from += 256, to += 128) blake2bPair(from, from + 128, 128, 64, to, to + 64);
  }
  blake2bPair(from, from, 128, 64, to, to);
}

// ---- search, spec §6 step 6

/**
 * Prepares the state common to all nonces of a job, but for the first item, and returns the number of that item (it is the
 * same for all). annHash1: its first 32 bytes.
 */
export function beginSearch(annHash1: usize): u32 {
  expand(annHash1, 0, BASE + TEMPLATE, 8);
  store<u64>(BASE + TEMPLATE, 0);
  makeFuzzable(BASE + TEMPLATE);
  return itemNumber(BASE + TEMPLATE);
}

/** Data word of the first cycle: what the cycle will cost is known from it.   spec §3 */
export function firstData(): u32 {
  return load<u32>(BASE + TEMPLATE, 12);
}

export function setFirstItem(item: usize): void {
  copy(BASE + TEMPLATE + 32, item, 1024);
}

// @ts-ignore: decorator
@inline function itemNumber(state: usize): u32 {
  return load<u32>(state, 16) & ITEM_MASK;
}

/** Writes the announcement of a nonce that met its target.   spec §6 assembly, §2.1 */
export function assemble(out: usize, header: usize, softNonce: u32, tree: usize, item: usize, state: usize): void {
  copy(out, header, 64);
  v128.store(out, v128.load(header, 64), 64);
  store<u64>(out, load<u64>(header, 80), 80);
  store<u32>(out, (load<u32>(header) & 0xff) | (softNonce << 8));
  let branch = out + 88, layer = tree, secret = state;
  for (let width: usize = 8192; width > 1; width >>= 1) {
    const sibling = layer + 64 * (item ^ 1);
    for (let k: usize = 0; k < 64; k += 16) {
      v128.store(branch + k, v128.xor(v128.load(sibling + k), v128.load(secret + k)));
    }
    branch += 64;
    secret += 64;
    layer += 64 * width;
    item >>= 1;
  }
  copy(branch, layer, 64);
  for (let k: usize = 0; k < 40; k += 8) store<u64>(branch + 64 + k, load<u64>(secret + k));
}

/**
 * Tries soft nonces [first, first + count), count a multiple of 4; announcements that meet the target go to `out`, one
 * after another, 1024 bytes each.
 *   table, tree   of the second and of the first table
 *   header        88 bytes, soft nonce zero
 * returns the number of announcements written
 */
export function search(
  table: usize, tree: usize, header: usize, first: u32, count: u32, exponent: u32, mantissa: u32, out: usize,
): u32 {
  let found: u32 = 0;
  for (const stop = first + count; first < stop; first += 4) {
    for (let j: usize = 0; j < 4; j++) {
      const state = BASE + STATES + j * STATE_STRIDE;
      copy(state, BASE + TEMPLATE, 2048);
      store<u32>(state, first + <u32>j);
    }
    cryptGroup(BASE + STATES, 4, 1056, 2048);
    for (let k = 0; k < 2; k++) {
      for (let j: usize = 0; j < 4; j++) takeItem(BASE + STATES + j * STATE_STRIDE, table);
      cryptGroup(BASE + STATES, 4, 1056, 2048);
    }
    const i0 = takeItem(BASE + STATES, table), i1 = takeItem(BASE + STATES + STATE_STRIDE, table);
    const i2 = takeItem(BASE + STATES + 2 * STATE_STRIDE, table), i3 = takeItem(BASE + STATES + 3 * STATE_STRIDE, table);
    cryptGroup(BASE + STATES, 4, 0, 2048);
    finishBatch(BASE + STATES, 4);
    for (let j: usize = 0; j < 4; j++) {
      const state = BASE + STATES + j * STATE_STRIDE;
      if (!meets(state, exponent, mantissa)) continue;
      const item = j == 0 ? i0 : j == 1 ? i1 : j == 2 ? i2 : i3;
      assemble(out + 1024 * found, header, first + <u32>j, tree, item, state);
      found++;
    }
  }
  return found;
}

// @ts-ignore: decorator
@inline function takeItem(state: usize, table: usize): u32 {
  const item = itemNumber(state);
  copy(state + 32, table + 1024 * item, 1024);
  makeFuzzable(state);
  return item;
}

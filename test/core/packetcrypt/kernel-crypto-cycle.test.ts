import {deepEqual, equal} from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {test} from 'node:test';
import {readU32} from '../../../src/core/bytes/index.ts';
import {AnnouncementKernel} from '../../../src/core/packetcrypt/announcement/announcement-kernel.ts';
import {
  BATCH,
  DIGEST_A,
  HALF_STRIDE,
  HALVES,
  MINER_PAGES,
  NUMBERS,
  STATE_STRIDE,
  STATES,
  TABLE,
} from '../../../src/core/packetcrypt/announcement/announcement-memory.ts';
import {
  BLOCK_STATE_STRIDE,
  THREAD_CURVE_WORK,
  THREAD_HITS,
  THREAD_STATES,
} from '../../../src/core/packetcrypt/block/block-memory.ts';
import * as plain from '../../../src/core/packetcrypt/index.ts';
import {openBlockKernel} from './block-kernel-support.ts';
import {type CryptoCycleImplementation, cryptoCycleVectors, OutsideContract} from './crypto-cycle-suite.ts';

const kernel = new AnnouncementKernel(MINER_PAGES);
const {exports: announce, bytes, words} = kernel;
const block = openBlockKernel();

/** The kernels take only data words that makeFuzzable leaves: version and F zero, at least 32 units. */
function isFuzzable(state: Uint8Array): boolean {
  const data = readU32(state, 12);
  return data >>> 24 === 0 && ((data >>> 17) & 127) >= 32;
}

/** smul of two states at a time: the second one is a copy. */
function smulWithKernel(state: Uint8Array): void {
  const at = block.base + THREAD_STATES;
  for (const k of [0, 1]) block.bytes.set(state, at + k * BLOCK_STATE_STRIDE);
  block.exports.smulStates(at, 2, block.curveTable, block.base + THREAD_CURVE_WORK);
  deepEqual(
    block.bytes.slice(at, at + 2048),
    block.bytes.slice(at + BLOCK_STATE_STRIDE, at + BLOCK_STATE_STRIDE + 2048),
  );
  state.set(block.bytes.subarray(at, at + 2048));
}

const announceImplementation: CryptoCycleImplementation = {
  makeFuzzable(state) {
    bytes.set(state.subarray(0, 1024), HALVES);
    bytes.set(state.subarray(1024), HALVES + HALF_STRIDE);
    announce.takeHalves(0);
    state.set(bytes.subarray(STATES, STATES + 2048));
  },
  crypt(state) {
    if (!isFuzzable(state)) throw new OutsideContract();
    bytes.set(state, BATCH);
    announce.cryptStates(BATCH, 1, 0);
    state.set(bytes.subarray(BATCH, BATCH + 2048));
  },
  initState(seed, nonce) {
    // Item numbers are u32.
    if (nonce > 0xffffffffn) throw new OutsideContract();
    bytes.set(seed, DIGEST_A);
    announce.beginItems(DIGEST_A);
    announce.loadItem(0, Number(nonce));
    const state = new Uint8Array(2048);
    state.set(bytes.subarray(HALVES, HALVES + 1024));
    state.set(bytes.subarray(HALVES + HALF_STRIDE, HALVES + HALF_STRIDE + 1024), 1024);
    return state;
  },
  itemNumber(state) {
    bytes.set(state, BATCH);
    announce.batchItems(BATCH, 1, NUMBERS);
    equal(words[NUMBERS / 4], Number(plain.itemNumber(state) & 8191n));
    return plain.itemNumber(state);
  },
  update(state, item) {
    bytes.set(state, BATCH);
    bytes.set(item, TABLE + 1024 * 5);
    words[NUMBERS / 4] = 5;
    announce.updateBatch(BATCH, 1, TABLE, NUMBERS, 1);
    state.set(bytes.subarray(BATCH, BATCH + 2048));
  },
  smul: smulWithKernel,
  finalize(state) {
    bytes.set(state, BATCH);
    announce.finishBatch(BATCH, 1);
    state.set(bytes.subarray(BATCH, BATCH + 2048));
  },
};

// 73 crypt cases have fewer than 32 units, a version or the failed bit, and so have all aead cases; 6 init cases have a nonce
// above 32 bits.
cryptoCycleVectors(
  'announcement kernel',
  announceImplementation,
  ['crypt', 'makeFuzzable', 'update', 'init', 'smul', 'final', 'hash4'],
  {crypt: 73, init: 6},
);

/** Runs a step on four states, the first of them the given one, and puts its result back. */
function amongFour(state: Uint8Array, step: (states: number) => void): void {
  const at = block.base + THREAD_STATES;
  block.bytes.set(state, at);
  for (let k = 1; k < 4; k++) block.bytes.set(randomBytes(2048), at + k * BLOCK_STATE_STRIDE);
  step(at);
  state.set(block.bytes.subarray(at, at + 2048));
}

cryptoCycleVectors(
  'block kernel',
  {
    ...announceImplementation,
    update(state, item) {
      state.set(item, 32);
      amongFour(state, (states) => block.exports.cycleStates(states, 4, 1));
    },
    finalize(state) {
      amongFour(state, (states) => block.exports.finishStates(states, 4, 3, 1, block.base + THREAD_HITS));
    },
  },
  ['update', 'smul', 'final', 'hash4'],
);

test('states of a group do not disturb each other; what may be skipped is all that differs', () => {
  for (let count = 1; count <= 9; count++) {
    const states = Array.from({length: count}, () => {
      const state = new Uint8Array(randomBytes(2048));
      plain.makeFuzzable(state);
      return state;
    });
    const expected = states.map((state) => {
      const copy = state.slice();
      plain.crypt(copy);
      return copy;
    });
    for (const from of [0, 1056]) {
      for (const [j, state] of states.entries()) bytes.set(state, BATCH + STATE_STRIDE * j);
      announce.cryptStates(BATCH, count, from);
      for (const [j, state] of expected.entries()) {
        const got = kernel.copyOut(BATCH + STATE_STRIDE * j, 2048);
        const decrypting = (readU32(state, 12) & 0x1000) !== 0;
        // spec §3.4: bytes 32..1055 are overwritten by the next item, so their decryption may be left out
        if (from > 0 && decrypting) got.set(state.subarray(32, 1056), 32);
        deepEqual(got, state);
      }
    }
  }
});

test('the curve step of many states at once', () => {
  const COUNT = 64;
  const at = block.base + THREAD_STATES;
  const states = Array.from({length: COUNT}, (_, i) => {
    const state = new Uint8Array(randomBytes(2048));
    if (i < 4) state.fill(i % 2 === 0 ? 0 : 0xff, 0, 32);
    if (i < 2) state.fill(0xff, 32, 64);
    return state;
  });
  for (const [i, state] of states.entries()) block.bytes.set(state, at + i * BLOCK_STATE_STRIDE);
  block.exports.smulStates(at, COUNT, block.curveTable, block.base + THREAD_CURVE_WORK);
  for (const [i, state] of states.entries()) {
    plain.smul(state);
    deepEqual(block.bytes.slice(at + i * BLOCK_STATE_STRIDE, at + i * BLOCK_STATE_STRIDE + 2048), state);
  }
});

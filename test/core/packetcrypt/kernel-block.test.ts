import {deepEqual, equal} from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {test} from 'node:test';
import {copyBytes, readU64} from '../../../src/core/bytes/index.ts';
import {AnnouncementStore, type SharedStore} from '../../../src/core/packetcrypt/block/announcement-store.ts';
import {
  BLOCK_STATE_STRIDE,
  THREAD_CURVE_WORK,
  THREAD_HITS,
  THREAD_INPUT,
  THREAD_STATES,
  THREAD_WORK,
} from '../../../src/core/packetcrypt/block/block-memory.ts';
import {type BlockFind, BlockSearch} from '../../../src/core/packetcrypt/block/block-search.ts';
import {
  type BlockWork,
  blockWork,
  type HashPairs,
  hashPairsPlainly,
  meetsTarget,
} from '../../../src/core/packetcrypt/index.ts';
import {openBlockKernel} from './block-kernel-support.ts';
import {blockWorkVectors} from './block-suite.ts';
import {proofTreeVectors} from './proof-tree-suite.ts';

const {exports, bytes, base, curveTable} = openBlockKernel();
const STATES = base + THREAD_STATES;
const LANES = 8;

/** One nonce among others of the same header, announcements put in place as the cycles ask for them. */
function workWithKernel(
  header: Uint8Array,
  nonce2: number,
  count: number,
  annAt: (number: number) => Uint8Array,
): BlockWork {
  const lane = nonce2 % LANES;
  const state = (j: number): number => STATES + BLOCK_STATE_STRIDE * j;
  const take = (raw: bigint): Uint8Array => annAt(Number(raw % BigInt(count)));
  bytes.fill(0, base + THREAD_INPUT, base + THREAD_INPUT + 128);
  bytes.set(header, base + THREAD_INPUT);
  const digest = base + THREAD_WORK;
  exports.blake2bPair(base + THREAD_INPUT, base + THREAD_INPUT, 80, 32, digest, digest);
  exports.beginHeader(digest);
  const itemNumbers = [BigInt.asUintN(64, exports.firstItem())];
  bytes.set(take(itemNumbers[0]!), STATES);
  exports.setFirstItem(STATES);
  exports.startStates(STATES, LANES, (nonce2 - lane) >>> 0);
  for (let k = 1; k < 4; k++) {
    itemNumbers.push(readU64(bytes, state(lane) + 16));
    for (let j = 0; j < LANES; j++) bytes.set(take(readU64(bytes, state(j) + 16)), state(j) + 32);
    exports.cycleStates(STATES, LANES, k === 3 ? 1 : 0);
  }
  exports.smulStates(STATES, LANES, curveTable, base + THREAD_CURVE_WORK);
  exports.finishStates(STATES, LANES, 3, 1, base + THREAD_HITS);
  return {workHash: bytes.slice(state(lane), state(lane) + 32), itemNumbers};
}

blockWorkVectors('kernel', workWithKernel);

const hashPairs: HashPairs = (pairs, parents) => {
  const count = pairs.length / 96;
  const room = 2048;
  for (let first = 0; first < count; first += room) {
    const size = Math.min(room, count - first);
    bytes.set(pairs.subarray(96 * first, 96 * (first + size)), STATES);
    exports.hashEntryPairs(STATES, size, STATES + 96 * room, base + THREAD_INPUT);
    for (let i = 0; i < size; i++) {
      const at = STATES + 96 * room + 48 * i;
      parents.set(bytes.subarray(at, at + 32), 48 * (first + i));
    }
  }
};

proofTreeVectors('kernel', hashPairs);

test('pairs of entries, odd and even numbers of them', () => {
  for (const count of [1, 2, 3, 64, 65]) {
    const pairs = new Uint8Array(randomBytes(96 * count));
    const [expected, got] = [new Uint8Array(48 * count), new Uint8Array(48 * count)];
    hashPairsPlainly(pairs, expected);
    hashPairs(pairs, got);
    deepEqual(got, expected);
  }
});

// ---- the search over a shared set

const COUNT = 37;
const anns = Array.from({length: COUNT}, () => new Uint8Array(randomBytes(1024)));
/** Announcement i of the set lies in slot ORDER[i]. */
const ORDER = Array.from({length: COUNT}, (_, i) => (i * 11 + 5) % COUNT);

/** A store with the announcements; all but `direct` of them lie outside the kernel's memory. */
function openStore(direct: number): SharedStore {
  const store = new AnnouncementStore(COUNT, 2);
  const {memory, plan} = store.shared;
  const far = new SharedArrayBuffer(1024 * (COUNT - direct));
  for (const [i, ann] of anns.entries()) {
    const slot = ORDER[i]!;
    if (slot < direct) store.write(slot, ann);
    else new Uint8Array(far, 1024 * (slot - direct), 1024).set(ann);
  }
  store.order(1).set(ORDER);
  return {memory, plan: {...plan, directSlots: direct}, shards: [far]};
}

function checkFind(find: BlockFind, header: Uint8Array, target: number): void {
  const expected = blockWork(find.header, find.nonce2, COUNT, (number) => anns[number]!);
  deepEqual(find.hash, expected.workHash);
  deepEqual(
    [...find.selected],
    expected.itemNumbers.map((number) => Number(number % BigInt(COUNT))),
  );
  equal(meetsTarget(find.hash, target), true);
  deepEqual(copyBytes(find.header, 0, 76), header.subarray(0, 76));
}

test('the header given, a Buffer, stays as it is', () => {
  const header = randomBytes(80);
  const before = header.toString('hex');
  new BlockSearch(openStore(COUNT), 0).setWork({header, target: 0x207fffff, total: COUNT, order: 1, headerNonce: 1});
  equal(header.toString('hex'), before);
});

for (const direct of [COUNT, 9]) {
  test(`block search, ${direct} of ${COUNT} announcements in the kernel's memory`, () => {
    const store = openStore(direct);
    const header = new Uint8Array(randomBytes(80));
    for (const [target, nonces] of [
      [0x207fffff, 1],
      [0x2007ffff, 4096],
    ] as const) {
      const search = new BlockSearch(store, 1);
      search.setWork({header, target, total: COUNT, order: 1, headerNonce: 12345, headerNonces: nonces});
      const finds = [...search.step(), ...search.step()];
      equal(finds.length > 0, true);
      for (const find of finds) checkFind(find, header, target);
      const found = new Set(finds.map(({nonce2}) => nonce2));
      equal(found.size, finds.length);
      const mined = finds[0]!.header;
      const headerNonce = new DataView(mined.buffer).getUint32(76, true);
      equal(headerNonce >= 12345 && headerNonce < 12345 + nonces, true);
      // None left out, seen on the first nonces of both steps.
      for (const nonce2 of [0, 1, 2, 3, 60, 61, 62, 63, 255, 256, 257, 511]) {
        const {workHash} = blockWork(mined, nonce2, COUNT, (number) => anns[number]!);
        equal(found.has(nonce2), meetsTarget(workHash, target));
      }
    }
  });
}

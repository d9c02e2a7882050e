import {deepEqual, equal} from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {test} from 'node:test';
import {AnnouncementKernel} from '../../../src/core/packetcrypt/announcement/announcement-kernel.ts';
import {
  BATCH,
  DECODED_1,
  DIGEST_A,
  FOUND,
  HEADER,
  IMAGE_1,
  KEPT_2,
  LIST,
  MINER_PAGES,
  NUMBERS,
  STATE_STRIDE,
  TABLE,
  TREE,
} from '../../../src/core/packetcrypt/announcement/announcement-memory.ts';
import {
  compileImage,
  ItemMaker,
  ItemTable,
  imageProgram,
  interpretImage,
  type LoadedProgram,
  makeImage,
} from '../../../src/core/packetcrypt/announcement/item-table.ts';
import {annCrypt, makeItem, makeProgram, meetsTarget, TABLE_ITEMS} from '../../../src/core/packetcrypt/index.ts';
import {announcementTableVectors, announcementWorkVectors, type TableUnderTest} from './announcement-work-suite.ts';

type Load = (kernel: AnnouncementKernel, count: number) => LoadedProgram;

const LOADERS: Readonly<Record<string, Load>> = {
  'interpreted on the kernel': (kernel, count) => interpretImage(kernel, IMAGE_1, count, DECODED_1),
  compiled: (kernel, count) => {
    const program = compileImage(kernel, IMAGE_1, count);
    if (program === undefined) throw new Error('the program cannot be compiled');
    return program;
  },
};

/** A kernel with the empty table of a seed. */
class KernelTable implements TableUnderTest {
  readonly kernel: AnnouncementKernel;
  readonly table: ItemTable;
  readonly words: Uint32Array;

  constructor(seed: Uint8Array, load: Load, kernel: AnnouncementKernel = new AnnouncementKernel(MINER_PAGES)) {
    this.kernel = kernel;
    this.table = new ItemTable(new ItemMaker(kernel, KEPT_2));
    kernel.bytes.set(seed, DIGEST_A);
    const count = makeImage(kernel, DIGEST_A, IMAGE_1);
    this.words = imageProgram(kernel, IMAGE_1, count).slice();
    this.table.begin(load(kernel, count), seed.slice(32));
  }

  readonly item = (number: number): Uint8Array => {
    equal(this.table.ensure(Uint32Array.of(number)), true);
    return this.kernel.copyOut(TABLE + 1024 * number, 1024);
  };
}

/** One nonce through the steps of a batch; its neighbours in the batch are other nonces. */
function workInBatch(hash1: Uint8Array, softNonce: number, under: TableUnderTest) {
  const {kernel, table} = under as KernelTable;
  const {exports, bytes, words} = kernel;
  const COUNT = 6;
  const lane = softNonce % COUNT;
  bytes.set(hash1, DIGEST_A);
  const first = exports.beginSearch(DIGEST_A);
  table.ensure(Uint32Array.of(first));
  exports.setFirstItem(TABLE + 1024 * first);
  for (let j = 0; j < COUNT; j++) words[LIST / 4 + j] = (softNonce + j - lane) & 0xffffff;
  exports.startBatch(BATCH, COUNT, LIST);
  const items = [first];
  for (let k = 1; k < 4; k++) {
    exports.batchItems(BATCH, COUNT, NUMBERS);
    const numbers = words.slice(NUMBERS / 4, NUMBERS / 4 + COUNT);
    items.push(numbers[lane]!);
    table.ensure(numbers);
    words.set(numbers, NUMBERS / 4);
    exports.updateBatch(BATCH, COUNT, TABLE, NUMBERS, k === 3 ? 1 : 0);
  }
  exports.finishBatch(BATCH, COUNT);
  return {workHash: kernel.copyOut(BATCH + STATE_STRIDE * lane, 32), items};
}

for (const [name, load] of Object.entries(LOADERS)) {
  announcementWorkVectors(name, {openTable: (seed) => new KernelTable(seed, load), work: workInBatch});

  const kernel = new AnnouncementKernel(MINER_PAGES);
  announcementTableVectors(name, {
    makeTable: (seed) => {
      const {table} = new KernelTable(seed, load, kernel);
      while (!table.complete) equal(table.fill(1000), true);
      return kernel.copyOut(TABLE, 1024 * TABLE_ITEMS);
    },
    makeTree: (table) => {
      kernel.bytes.set(table, TABLE);
      kernel.exports.buildTree(TABLE, TREE);
      const hashes = kernel.copyOut(TREE, 64 * (2 * TABLE_ITEMS - 1));
      return {
        layer: (level) => {
          // Layer k begins behind 8192 + 4096 + … hashes.
          const begin = 2 * TABLE_ITEMS - (2 * TABLE_ITEMS) / 2 ** level;
          return hashes.slice(64 * begin, 64 * (begin + TABLE_ITEMS / 2 ** level));
        },
        branch: (leaf) => assembled(kernel, leaf).slice(88, 920),
      };
    },
  });
}

/** The announcement that `assemble` writes for a leaf, decrypted again. */
function assembled(kernel: AnnouncementKernel, leaf: number): Uint8Array {
  const state = new Uint8Array(randomBytes(2048));
  const header = new Uint8Array(randomBytes(88));
  kernel.bytes.set(state, BATCH);
  kernel.bytes.set(header, HEADER);
  kernel.exports.assemble(FOUND, HEADER, 0x123456, TREE, leaf, BATCH);
  const ann = kernel.copyOut(FOUND, 1024);
  annCrypt(ann, state);
  header.set([0x56, 0x34, 0x12], 1);
  deepEqual(ann.subarray(0, 88), header);
  deepEqual(ann.subarray(984), new Uint8Array(40));
  return ann;
}

test('items of random seeds, made in any order, are those of the plain version', () => {
  for (let round = 0; round < 6; round++) {
    const seed = new Uint8Array(randomBytes(64));
    const program = makeProgram(seed.subarray(0, 32));
    const tables = Object.values(LOADERS).map((load) => new KernelTable(seed, load));
    // 1792 windows: the same window from both ends, and neighbours.
    for (const number of [8191, 0, 1792, 1791, 3584, 5376, 7168, 1, 6400 + round]) {
      const expected = makeItem(number, seed.subarray(32), program);
      for (const table of tables) deepEqual(table.item(number), expected, `seed ${Buffer.from(seed).toString('hex')}`);
    }
  }
});

test('batchHits finds what meets a target', () => {
  const kernel = new AnnouncementKernel(MINER_PAGES);
  const COUNT = 64;
  for (const target of [0x207fffff, 0x20010000, 0x2000ffff, 0x1f7fffff, 0x1d00ffff, 0x03000001, 0x037fffff]) {
    const hashes = Array.from({length: COUNT}, (_, j) => {
      const hash = new Uint8Array(randomBytes(32));
      const exponent = target >>> 24;
      if (j % 2 === 0) hash.fill(0, exponent);
      // The mantissa itself, one less, one more: only less meets it.
      if (j % 8 === 0) hash.set(bytesOf((target & 0x7fffff) + [-1, 0, 1][(j / 8) % 3]!), exponent - 3);
      return hash;
    });
    for (const [j, hash] of hashes.entries()) kernel.bytes.set(hash, BATCH + STATE_STRIDE * j);
    const found = kernel.exports.batchHits(BATCH, COUNT, target >>> 24, target & 0x7fffff, LIST);
    const expected = hashes.flatMap((hash, j) => (meetsTarget(hash, target) ? [j] : []));
    deepEqual([...kernel.words.subarray(LIST / 4, LIST / 4 + found)], expected);
  }
});

function bytesOf(mantissa: number): Uint8Array {
  return Uint8Array.of(mantissa & 0xff, (mantissa >> 8) & 0xff, mantissa >> 16);
}

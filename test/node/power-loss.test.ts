// A power failure takes what had not reached the disk: batches that were not durable, ends of files that were not synced. What is
// left must be an earlier state of the same chain, or be told as damaged.
import {deepEqual, equal, ok, rejects} from 'node:assert/strict';
import {closeSync, openSync, readdirSync, statSync, truncateSync, writeSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {type TestContext, test} from 'node:test';
import {encodeHex} from '../../src/core/bytes/index.ts';
import {createPktreg} from '../../src/core/params/index.ts';
import {type Block, blockHash, type Transaction, transactionId} from '../../src/core/primitives/index.ts';
import {Chain} from '../../src/node/chain/chain.ts';
import {ChainIndexes} from '../../src/node/chain/indexes/index.ts';
import {StoredBlocks} from '../../src/node/chain/stored-blocks.ts';
import {type KeyValueStore, type StoreChange, StoreError} from '../../src/service/stores/key-value-store.ts';
import {createMemoryStore} from '../../src/service/stores/memory-store.ts';
import {branch, genesisOf, mineOn} from '../support/easy-blocks.ts';
import {seeded} from '../support/peer-lab.ts';

const SHORT = createPktreg({money: {coinbaseMaturity: 5, stewardExpiry: 60}});
const GENESIS = genesisOf(SHORT);
const ROUNDS = 12;
/** Small enough that files end and begin within a run. */
const FILE_BYTES = 20_000;
const PARTS = ['bodies', 'proofs'] as const;

type Sizes = ReadonlyMap<string, number>;

function sizesOf(path: string): Sizes {
  const files = PARTS.flatMap((part) => readdirSync(join(path, part)).map((name) => join(path, part, name)));
  return new Map(files.map((file) => [file, statSync(file).size]));
}

/** A disk that remembers what has reached it. */
class Disk {
  readonly path: string;
  readonly #batches: (readonly StoreChange[])[] = [];
  #synced: Sizes = new Map();
  /** What was certain after each batch since the disk was opened. */
  #moments: {readonly batches: number; readonly durable: number; readonly synced: Sizes}[] = [];
  store: KeyValueStore = createMemoryStore();

  constructor(path: string) {
    this.path = path;
  }

  /** The chain of this disk, with indexes. */
  async open(): Promise<{readonly chain: Chain; readonly indexes: ChainIndexes; readonly close: () => Promise<void>}> {
    const {store} = this;
    let durableBatches = this.#batches.length;
    this.#moments = [];
    const noting: KeyValueStore = {
      ...store,
      write: async (changes, durable = false) => {
        await store.write(changes);
        this.#batches.push(changes);
        if (durable) durableBatches = this.#batches.length;
        this.#moments.push({batches: this.#batches.length, durable: durableBatches, synced: this.#synced});
      },
    };
    const blocks = await StoredBlocks.open({path: this.path, magic: SHORT.magic, store: noting, fileBytes: FILE_BYTES});
    const {sync} = blocks;
    this.#synced = sizesOf(this.path);
    blocks.sync = async () => {
      await sync.call(blocks);
      this.#synced = sizesOf(this.path);
    };
    const nothing = (): Promise<void> => Promise.resolve();
    const options = {network: SHORT, store: noting, blocks, nowSeconds: () => 2_000_000_000};
    const chain = await Chain.open({...options, checkProof: nothing, checkScripts: nothing});
    const enabled = new Set(['transactions', 'filters'] as const);
    const indexes = await ChainIndexes.open({chain, store: noting, enabled});
    const close = async (): Promise<void> => {
      await chain.close();
      await indexes.close();
      await blocks.close();
    };
    return {chain, indexes, close};
  }

  /** The power fails at a random moment since the start: of what had not reached the disk then a random part is left. */
  async fail(random: () => number): Promise<void> {
    const moment = this.#moments[Math.floor(random() * this.#moments.length)];
    if (moment === undefined) return;
    const {batches, durable, synced: sizes} = moment;
    this.#batches.length = durable + Math.floor(random() * (batches - durable + 1));
    this.#synced = sizes;
    this.store = createMemoryStore();
    for (const batch of this.#batches) await this.store.write(batch);
    for (const [file, size] of sizesOf(this.path)) {
      const synced = this.#synced.get(file) ?? 0;
      const left = synced + Math.floor(random() * (size - synced + 1));
      truncateSync(file, left);
      // A file may have its length and not its content.
      if (random() < 0.5) truncateSync(file, size);
    }
  }
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'pkt-power-'));
  t.after(() => rm(path, {recursive: true, force: true}));
  return path;
}

async function dump({entries}: KeyValueStore, prefixes: string): Promise<string[]> {
  const lines: string[] = [];
  for (const prefix of prefixes) {
    const from = Uint8Array.of(prefix.charCodeAt(0));
    for await (const [key, value] of entries({from, to: Uint8Array.of(from[0]! + 1)})) {
      lines.push(`${encodeHex(key)} ${encodeHex(value)}`);
    }
  }
  return lines;
}

function spend(block: Block): Transaction {
  const input = {
    txid: transactionId(block.transactions[0]!),
    index: 0,
    script: new Uint8Array(0),
    sequence: 1,
    witness: [],
  };
  return {version: 1, inputs: [input], outputs: [{value: 5n, script: Uint8Array.of(0x51)}], lockTime: 0};
}

/** A tree of blocks: a trunk, and branches that overtake each other; some blocks spend. */
function blockTree(): Block[] {
  const trunk = branch({network: SHORT, tag: 0}, GENESIS, 0, 20);
  const blocks = [...trunk];
  for (let tag = 1; tag <= 6; tag++) {
    const at = 10 + tag;
    const first = mineOn({network: SHORT, tag}, trunk[at - 1]!, at + 1, [spend(trunk[tag]!)]);
    blocks.push(first, ...branch({network: SHORT, tag}, first, at + 1, 10 + tag));
  }
  return blocks;
}

test('after a power failure the chain is an earlier state of itself, and ends where one ends that saw none', async (t) => {
  const blocks = blockTree();
  const whole = new Disk(await folder(t));
  const undisturbed = await whole.open();
  for (const block of blocks) await undisturbed.chain.accept(block);
  await undisturbed.indexes.settled();
  const expected = await dump(whole.store, 'ct');
  await undisturbed.close();

  const random = seeded(7);
  let lost = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const disk = new Disk(await folder(t));
    let from = 0;
    for (let failures = 0; failures < 3; failures++) {
      const node = await disk.open();
      const end = from + Math.floor(random() * (blocks.length - from));
      // Not waited for one by one: groups are cut as well.
      await Promise.all(blocks.slice(from, end).map((block) => node.chain.accept(block)));
      const before = node.chain.height;
      await node.close();
      await disk.fail(random);
      const again = await disk.open();
      const {tip} = again.chain;
      if (tip.height < before) lost++;
      await again.indexes.settled();
      // The same coins as a chain that took the blocks of this tip alone.
      const straight = new Disk(await folder(t));
      const reference = await straight.open();
      for (let height = 1; height <= tip.height; height++) {
        await reference.chain.accept((await again.chain.block(again.chain.hashAt(height)!))!);
      }
      await reference.indexes.settled();
      deepEqual(reference.chain.tip, tip);
      deepEqual(await dump(disk.store, 'ct'), await dump(straight.store, 'ct'), `round ${round}`);
      await reference.close();
      await again.close();
      from = 0;
      while (from < blocks.length && again.chain.find(blockHash(blocks[from]!.header)) !== undefined) from++;
    }
    const last = await disk.open();
    for (const block of blocks.slice(from)) {
      if (last.chain.find(blockHash(block.header)) === undefined) await last.chain.accept(block);
    }
    await last.indexes.settled();
    deepEqual(await dump(disk.store, 'ct'), expected, `round ${round}`);
    deepEqual(await dump(disk.store, 'ix'), await dump(whole.store, 'ix'), `indexes of round ${round}`);
    await last.close();
  }
  ok(lost > ROUNDS);
  t.diagnostic(`${lost} of ${3 * ROUNDS} failures took blocks of the best chain`);
});

test('the index lost its last batches and the files did not: the blocks come again', async (t) => {
  const path = await folder(t);
  const blocks = branch({network: SHORT, tag: 0}, GENESIS, 0, 30);
  const disk = new Disk(path);
  const first = await disk.open();
  for (const block of blocks.slice(0, 10)) await first.chain.accept(block);
  await first.indexes.settled();
  const early = createMemoryStore();
  const all = {from: Uint8Array.of(0), to: Uint8Array.of(0xff)};
  for await (const [key, value] of disk.store.entries(all)) await early.write([{key, value}]);
  for (const block of blocks.slice(10)) await first.chain.accept(block);
  await first.close();
  disk.store = early;
  const second = await disk.open();
  equal(second.chain.height, 10);
  for (const block of blocks.slice(10)) equal(await second.chain.accept(block), true);
  for (const block of blocks) deepEqual(await second.chain.block(blockHash(block.header)), block);
  await second.close();
});

test('files that lost what had been synced are told as damaged', async (t) => {
  for (const part of PARTS) {
    const path = await folder(t);
    const disk = new Disk(path);
    const first = await disk.open();
    for (const block of branch({network: SHORT, tag: 0}, GENESIS, 0, 30)) await first.chain.accept(block);
    await first.close();
    const newest = join(path, part, readdirSync(join(path, part)).sort().at(-1)!);
    const {size} = statSync(newest);
    ok(size > 100);
    const isDamaged = (error: unknown): boolean => error instanceof StoreError && error.code === 'store-damaged';
    const handle = openSync(newest, 'r+');
    writeSync(handle, Uint8Array.of(0xff), 0, 1, size - 20);
    closeSync(handle);
    await rejects(disk.open(), isDamaged, 'altered');
    truncateSync(newest, size - 10);
    await rejects(disk.open(), isDamaged, 'cut');
    await rm(newest);
    await rejects(disk.open(), isDamaged, 'gone');
  }
});

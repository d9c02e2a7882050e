import {deepEqual, equal, rejects} from 'node:assert/strict';
import {mkdtemp, readdir, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {type TestContext, test} from 'node:test';
import {encodeHex} from '../../src/core/bytes/index.ts';
import {createPktreg} from '../../src/core/params/index.ts';
import {
  type Block,
  blockHash,
  encodeFilter,
  filterHash,
  filterHeader,
  filterScripts,
  type Transaction,
  transactionId,
} from '../../src/core/primitives/index.ts';
import {Chain} from '../../src/node/chain/chain.ts';
import {ChainIndexes, IndexError, type IndexName} from '../../src/node/chain/indexes/index.ts';
import {StoredBlocks} from '../../src/node/chain/stored-blocks.ts';
import type {KeyValueStore} from '../../src/service/stores/key-value-store.ts';
import {createMemoryStore} from '../../src/service/stores/memory-store.ts';
import {branch, genesisOf, mineOn} from '../support/easy-blocks.ts';

const SHORT = createPktreg({money: {coinbaseMaturity: 5, stewardExpiry: 60}});
const genesis = genesisOf(SHORT);
const ALL: readonly IndexName[] = ['transactions', 'addresses', 'filters'];
const ALICE = Uint8Array.from([0, 20, ...new Uint8Array(20).fill(1)]);
const BOB = Uint8Array.from([0, 20, ...new Uint8Array(20).fill(2)]);

interface Place {
  readonly path: string;
  readonly store: KeyValueStore;
}

async function place(t: TestContext): Promise<Place> {
  const path = await mkdtemp(join(tmpdir(), 'pkt-indexes-'));
  t.after(() => rm(path, {recursive: true, force: true}));
  return {path, store: createMemoryStore()};
}

async function openChain(t: TestContext, {path, store}: Place, fileBytes?: number): Promise<Chain> {
  const more = fileBytes === undefined ? {} : {fileBytes};
  const blocks = await StoredBlocks.open({path, magic: SHORT.magic, store, ...more});
  t.after(() => blocks.close());
  return await Chain.open({
    network: SHORT,
    store,
    blocks,
    nowSeconds: () => 2_000_000_000,
    checkProof: () => Promise.resolve(),
    checkScripts: () => Promise.resolve(),
  });
}

async function openIndexes(
  t: TestContext,
  chain: Chain,
  {store}: Place,
  names: readonly IndexName[] = ALL,
): Promise<ChainIndexes> {
  const indexes = await ChainIndexes.open({chain, store, enabled: new Set(names)});
  t.after(() => indexes.close());
  return indexes;
}

function pay(txid: Uint8Array, index: number, script: Uint8Array): Transaction {
  return {
    version: 1,
    inputs: [{txid, index, script: new Uint8Array(0), sequence: 0xffffffff, witness: []}],
    outputs: [{value: 100n, script}],
    lockTime: 0,
  };
}

/** Ten blocks, one that pays Alice, one in which that coin goes to Bob and on to Alice; then a better branch without them. */
function story(): {old: Block[]; better: Block[]; paid: Transaction; passed: Transaction; back: Transaction} {
  const common = branch({network: SHORT, tag: 0}, genesis, 0, 10);
  const paid = pay(transactionId(common[0]!.transactions[0]!), 0, ALICE);
  const passed = pay(transactionId(paid), 0, BOB);
  const back = pay(transactionId(passed), 0, ALICE);
  const eleven = mineOn({network: SHORT, tag: 0}, common[9]!, 11, [paid]);
  const twelve = mineOn({network: SHORT, tag: 0}, eleven, 12, [passed, back]);
  const better = branch({network: SHORT, tag: 1}, common[9]!, 10, 3);
  return {old: [...common, eleven, twelve], better, paid, passed, back};
}

const all = {skip: 0, count: 100, reverse: false};

async function dump(store: KeyValueStore): Promise<string[]> {
  const lines: string[] = [];
  for await (const [key, value] of store.entries({from: Uint8Array.of(0), to: Uint8Array.of(255)})) {
    if ([0x78, 0x61, 0x67, 0x6b].includes(key[0]!)) lines.push(`${encodeHex(key)} ${encodeHex(value)}`);
  }
  return lines;
}

test('indexes find transactions and filters, and follow a reorganisation', async (t) => {
  const at = await place(t);
  const chain = await openChain(t, at);
  const indexes = await openIndexes(t, chain, at);
  const {old, better, paid, passed, back} = story();
  for (const block of old) await chain.accept(block);
  const found = await indexes.transaction(transactionId(passed));
  deepEqual(found, {transaction: passed, blockHash: blockHash(old[11]!.header), height: 12});
  equal(await indexes.transaction(new Uint8Array(32)), undefined);
  deepEqual(await indexes.transactionsOf(ALICE, all), [paid, passed, back].map(transactionId));
  deepEqual(await indexes.transactionsOf(BOB, all), [passed, back].map(transactionId));
  deepEqual(await indexes.transactionsOf(ALICE, {skip: 1, count: 1, reverse: true}), [transactionId(passed)]);
  const last = old[11]!;
  const hash = blockHash(last.header);
  const scripts = filterScripts(last.transactions, [ALICE, BOB]);
  const filter = encodeFilter(hash, scripts);
  deepEqual(await indexes.filter(hash), filter);
  const before = (await indexes.filterHeader(last.header.previous))!;
  deepEqual(await indexes.filterHeader(hash), filterHeader(filterHash(filter), before));
  for (const block of better) await chain.accept(block);
  equal(chain.height, 13);
  equal(await indexes.transaction(transactionId(paid)), undefined);
  deepEqual(await indexes.transactionsOf(ALICE, all), []);
  equal(await indexes.filter(hash), undefined);

  const other = await place(t);
  const fresh = await openChain(t, other);
  for (const block of [...old.slice(0, 10), ...better]) await fresh.accept(block);
  await (await openIndexes(t, fresh, other)).settled();
  deepEqual(await dump(at.store), await dump(other.store));
});

test('an index can be added later, dropped, and added again', async (t) => {
  const at = await place(t);
  const {old, paid} = story();
  const chain = await openChain(t, at);
  for (const block of old) await chain.accept(block);
  const none = await openIndexes(t, chain, at, []);
  const isOff = (error: unknown): boolean => error instanceof IndexError && error.code === 'index-off';
  await rejects(none.transaction(transactionId(paid)), isOff);
  await none.close();
  const some = await openIndexes(t, chain, at, ['transactions']);
  equal((await some.transaction(transactionId(paid)))!.height, 11);
  await rejects(some.transactionsOf(ALICE, all), isOff);
  equal(some.heightOf('transactions'), 12);
  await some.close();
  const dropped = await openIndexes(t, chain, at, []);
  deepEqual(await dump(at.store), []);
  await dropped.close();
  const again = await openIndexes(t, chain, at);
  equal((await again.transactionsOf(ALICE, all)).length, 3);
});

test('an index that was interrupted goes on where it was', async (t) => {
  const at = await place(t);
  const {old, better} = story();
  const chain = await openChain(t, at);
  const first = await openIndexes(t, chain, at);
  for (const block of old) await chain.accept(block);
  await first.close();
  // The chain moves to another branch while no index follows.
  for (const block of better) await chain.accept(block);
  const second = await openIndexes(t, chain, at);
  await second.settled();
  deepEqual(await second.transactionsOf(ALICE, all), []);
  equal(second.heightOf('filters'), 13);
  equal(second.lowestHeight, 13);
});

test('an index needs the blocks above what it has in the store, also when it has read further', async (t) => {
  const at = await place(t);
  const chain = await openChain(t, at);
  for (const block of branch({network: SHORT, tag: 0}, genesis, 0, 10)) await chain.accept(block);
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let holds = false;
  const store = {
    ...at.store,
    write: async (...args: Parameters<typeof at.store.write>) => {
      if (holds) await held;
      await at.store.write(...args);
    },
  };
  const indexes = await openIndexes(t, chain, {...at, store}, ['transactions']);
  await indexes.settled();
  equal(indexes.lowestHeight, 10);
  holds = true;
  for (const block of branch({network: SHORT, tag: 0}, (await chain.block(chain.tip.hash))!, 10, 10))
    await chain.accept(block);
  while (indexes.heightOf('transactions') === 10) await new Promise((resolve) => setImmediate(resolve));
  equal(indexes.lowestHeight, 10);
  release();
  await indexes.settled();
  equal(indexes.lowestHeight, 20);
});

test('proofs alone can be dropped; with the blocks goes what they undo; an index says what it lacks', async (t) => {
  const at = await place(t);
  const chain = await openChain(t, at, 20_000);
  const blocks = branch({network: SHORT, tag: 0}, genesis, 0, 60);
  for (const block of blocks) await chain.accept(block);
  const hash = (height: number): Uint8Array => blockHash(blocks[height - 1]!.header);
  const files = (part: string): Promise<number> => readdir(join(at.path, part)).then(({length}) => length);
  const proofs = await files('proofs');
  await chain.prune('proofs', 20);
  equal((await files('proofs')) < proofs - 5, true);
  equal(await chain.block(hash(5)), undefined);
  deepEqual((await chain.blockBody(hash(5)))!.transactions, blocks[4]!.transactions);
  deepEqual(await chain.block(hash(45)), blocks[44]);
  equal(chain.isWhole, true);
  await chain.prune('bodies', 70);
  equal(chain.isWhole, true, 'less than what is to be kept');
  const bodies = await files('bodies');
  equal(bodies, 1, 'the file that is written to stays');
  await chain.prune('bodies', 20);
  equal(chain.isWhole, true);

  // Another life of the chain with smaller files.
  await chain.close();
  const again = await openChain(t, at, 600);
  equal(again.height, 60);
  const more = branch({network: SHORT, tag: 0}, blocks[59]!, 60, 40);
  for (const block of more) await again.accept(block);
  await again.prune('bodies', 20, () => 5);
  equal(again.isWhole, true, 'what is still needed stays');
  // Asked when its turn has come: what waits before it may need more, or less.
  let needed = 5;
  const waiting = again.prune('bodies', 20, () => needed);
  needed = Number.POSITIVE_INFINITY;
  await waiting;
  equal(again.isWhole, false);
  equal(await again.blockBody(hash(5)), undefined);
  equal(await again.spentBy(hash(5)), undefined);
  deepEqual((await again.block(blockHash(more[30]!.header)))!, more[30]);
  const indexes = await openIndexes(t, again, at, ['transactions']);
  await rejects(indexes.settled(), (error) => error instanceof IndexError && error.code === 'index-needs-blocks');
  // The chain itself goes on, also over a reorganisation of the blocks that are kept.
  const side = branch({network: SHORT, tag: 1}, more[34]!, 95, 6);
  for (const block of side) await again.accept(block);
  equal(again.height, 101);
  deepEqual(again.tip.hash, blockHash(side[5]!.header));
  await again.close();
  const third = await openChain(t, at, 600);
  equal(third.height, 101);
});

test('a tip that comes as the indexes have just ended is heard of', async (t) => {
  const blocks = branch({network: SHORT, tag: 0}, genesis, 0, 60);
  const at = await place(t);
  const chain = await openChain(t, at);
  const indexes = await openIndexes(t, chain, at);
  for (const [i, block] of blocks.entries()) {
    await chain.accept(block);
    // Every distance, in turns of the queue of promises, between the end of the work and the next tip.
    for (let turn = 0; turn < i % 20; turn++) await Promise.resolve();
    const settled = indexes.settled();
    for (let turn = 0; turn < i % 7; turn++) await Promise.resolve();
    await settled;
    for (let turn = 0; turn < i % 4; turn++) await Promise.resolve();
  }
  await indexes.settled();
  for (const name of ALL) equal(indexes.heightOf(name), 60, name);
});

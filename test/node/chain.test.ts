import {deepEqual, equal, notEqual, rejects} from 'node:assert/strict';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {type TestContext, test} from 'node:test';
import {encodeHex} from '../../src/core/bytes/index.ts';
import {checkSigops, checkTransactionScripts, RuleError} from '../../src/core/consensus/index.ts';
import {createPktreg, type Network, PKT, PKTREG} from '../../src/core/params/index.ts';
import {
  type Block,
  blockHash,
  decodeBlock,
  type Transaction,
  transactionId,
  WireError,
} from '../../src/core/primitives/index.ts';
import {Chain} from '../../src/node/chain/chain.ts';
import {ChainError} from '../../src/node/chain/errors.ts';
import {StoredBlocks} from '../../src/node/chain/stored-blocks.ts';
import type {KeyValueStore} from '../../src/service/stores/key-value-store.ts';
import {openLevelStore} from '../../src/service/stores/level-store.ts';
import {createMemoryStore} from '../../src/service/stores/memory-store.ts';
import {branch, genesisOf, mineOn} from '../support/easy-blocks.ts';
import {type ScenarioStep, scenarioFile, stepBytes} from '../support/scenarios.ts';

const ANYONE = Uint8Array.of(0x51);
const NOW = 2_000_000_000;

const shown = (hash: Uint8Array): string => encodeHex(hash.slice().reverse());

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'pkt-chain-'));
  t.after(() => rm(path, {recursive: true, force: true}));
  return path;
}

interface Opened {
  readonly chain: Chain;
  readonly store: KeyValueStore;
  readonly events: string[];
}

/** A chain whose proofs and scripts are not looked at: these tests are about everything else. */
async function openChain(
  t: TestContext,
  network: Network,
  store = createMemoryStore(),
  path?: string,
): Promise<Opened> {
  const blocks = await StoredBlocks.open({path: path ?? (await folder(t)), magic: network.magic, store});
  t.after(() => blocks.close());
  const events: string[] = [];
  const chain = await Chain.open({
    network,
    store,
    blocks,
    nowSeconds: () => NOW,
    checkProof: () => Promise.resolve(),
    checkScripts: (block, spending) => {
      checkSigops(block, spending);
      for (const transaction of spending) checkTransactionScripts(transaction);
      return Promise.resolve();
    },
  });
  chain.subscribe(({type, place: {height}}) => {
    if (type !== 'tip') events.push(`${type === 'connected' ? '+' : '-'}${height}`);
  });
  return {chain, store, events};
}

/** Everything the store holds under a prefix, as text. */
async function dump(store: KeyValueStore, prefix: string): Promise<string[]> {
  const from = Uint8Array.of(prefix.charCodeAt(0));
  const lines: string[] = [];
  for await (const [key, value] of store.entries({from, to: Uint8Array.of(from[0]! + 1)})) {
    lines.push(`${encodeHex(key)} ${encodeHex(value)}`);
  }
  return lines;
}

async function code(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'accepted';
  } catch (error) {
    if (error instanceof RuleError || error instanceof WireError) return error.code;
    throw error;
  }
}

/** What ours says where the reference says something of the same meaning, or keeps a block for later. */
const OTHERWISE: Readonly<Record<string, string>> = {
  'block with an unknown parent': 'ErrPreviousBlockUnknown',
  'transaction without inputs': 'too-large',
  'transaction whose version bytes spell EPTF': 'partial-transaction',
};

async function checkStep(chain: Chain, step: ScenarioStep): Promise<void> {
  const bytes = stepBytes(step);
  const result = await code(Promise.resolve().then(() => chain.accept(decodeBlock(bytes))));
  equal(result, OTHERWISE[step.name] ?? (step.accepted ? 'accepted' : step.reason), step.name);
  equal(shown(chain.tip.hash), step.tip, step.name);
  const {steward, against} = await chain.steward();
  if (step.steward !== undefined) equal(encodeHex(steward), step.steward, step.name);
  if (step.votesAgainst !== undefined) equal(against.toString(), step.votesAgainst, step.name);
}

const PKT_WITHOUT_CHECKPOINTS: Network = {...PKT, checkpoints: []};

for (const [number, count] of [160, 107].entries()) {
  const {name, steps} = scenarioFile.scenarios[number]!;
  test(`on the rules of pkt, ${name}: every block has its verdict, tip, steward and count`, async (t) => {
    const {chain} = await openChain(t, PKT_WITHOUT_CHECKPOINTS);
    equal(steps.length, count);
    for (const step of steps) await checkStep(chain, step);
  });
}

test('the count of votes does not depend on branches seen before', async (t) => {
  const {blocks, votesAgainstInOrder} = scenarioFile.counterAfterReorganisation;
  const {steps} = scenarioFile.scenarios[1]!;
  const before = steps.slice(0, steps.findIndex(({height}) => height === 102) + 1);
  const inOrder = await openChain(t, PKT_WITHOUT_CHECKPOINTS);
  for (const step of before) await checkStep(inOrder.chain, step);
  for (const [i, step] of blocks.entries()) {
    await inOrder.chain.accept(decodeBlock(stepBytes(step)));
    equal((await inOrder.chain.steward()).against.toString(), votesAgainstInOrder[i], step.name);
  }
  const reorganised = await openChain(t, PKT_WITHOUT_CHECKPOINTS);
  for (const step of steps) await checkStep(reorganised.chain, step);
  for (const step of blocks) await reorganised.chain.accept(decodeBlock(stepBytes(step)));
  deepEqual(reorganised.chain.tip, inOrder.chain.tip);
  deepEqual(await reorganised.chain.steward(), await inOrder.chain.steward());
  for (const prefix of ['c', 't']) deepEqual(await dump(reorganised.store, prefix), await dump(inOrder.store, prefix));
});

const genesis = genesisOf(PKTREG);

async function acceptAll(chain: Chain, blocks: readonly Block[]): Promise<void> {
  for (const block of blocks) await chain.accept(block);
}

const SHORT = createPktreg({money: {coinbaseMaturity: 5, stewardExpiry: 60}});

/** A transaction that spends the miner's output of a block's coinbase. */
function spend(block: Block, value: bigint): Transaction {
  const txid = transactionId(block.transactions[0]!);
  const input = {txid, index: 0, script: new Uint8Array(0), sequence: 0xffffffff, witness: []};
  return {version: 1, inputs: [input], outputs: [{value, script: ANYONE}], lockTime: 0};
}

for (const depth of [1, 3, 50]) {
  test(`a reorganisation of ${depth} blocks ends where a node ends that never saw the old branch`, async (t) => {
    const common = branch({network: SHORT, tag: 0}, genesis, 0, 10);
    const top = common.at(-1)!;
    const [a, b] = [1, 2].map((tag) => {
      const first = mineOn({network: SHORT, tag}, top, 11, [spend(common[tag]!, 100n * BigInt(tag))]);
      return [first, ...branch({network: SHORT, tag}, first, 11, depth - (tag === 1 ? 1 : 0))];
    }) as [Block[], Block[]];
    const seen = await openChain(t, SHORT);
    await acceptAll(seen.chain, [...common, ...a]);
    equal(seen.chain.height, 10 + depth);
    await acceptAll(seen.chain, b.slice(0, -1));
    deepEqual(seen.chain.tip.hash, blockHash(a.at(-1)!.header), 'equal work: the first seen stays');
    seen.events.length = 0;
    equal(await seen.chain.accept(b.at(-1)!), true);
    const heights = Array.from({length: depth}, (_, i) => 11 + i);
    const expected = [...heights.toReversed().map((h) => `-${h}`), ...heights.map((h) => `+${h}`), `+${11 + depth}`];
    deepEqual(seen.events, expected);
    const fresh = await openChain(t, SHORT);
    await acceptAll(fresh.chain, [...common, ...b]);
    deepEqual(seen.chain.tip, fresh.chain.tip);
    for (const prefix of ['c', 't']) deepEqual(await dump(seen.store, prefix), await dump(fresh.store, prefix));
  });
}

test('a branch with a bad block: the old branch stays, the bad block and what follows are invalid', async (t) => {
  const common = branch({network: SHORT, tag: 0}, genesis, 0, 10);
  const {chain, store} = await openChain(t, SHORT);
  await acceptAll(chain, [...common, ...branch({network: SHORT, tag: 1}, common.at(-1)!, 10, 2)]);
  const coins = await dump(store, 'c');
  const good = mineOn({network: SHORT, tag: 2}, common.at(-1)!, 11);
  const bad = mineOn({network: SHORT, tag: 2, steward: ANYONE}, good, 12);
  await acceptAll(chain, [good, bad]);
  const next = mineOn({network: SHORT, tag: 2}, bad, 13);
  equal(await code(chain.accept(next)), 'ErrBadCoinbaseNetworkSteward');
  equal(chain.height, 12);
  deepEqual(await dump(store, 'c'), coins);
  equal(await code(chain.accept(mineOn({network: SHORT, tag: 3}, bad, 13))), 'ErrInvalidAncestorBlock');
  equal(await code(chain.accept(next)), 'ErrDuplicateBlock');
});

test('of a branch that turns bad, the good part becomes the chain when it is better', async (t) => {
  const common = branch({network: SHORT, tag: 0}, genesis, 0, 10);
  const {chain} = await openChain(t, SHORT);
  await acceptAll(chain, [...common, ...branch({network: SHORT, tag: 1}, common.at(-1)!, 10, 3)]);
  const good = branch({network: SHORT, tag: 2}, common.at(-1)!, 10, 3);
  await acceptAll(chain, good);
  const better = mineOn({network: SHORT, tag: 2}, good.at(-1)!, 14);
  const worse = mineOn({network: SHORT, tag: 2, steward: ANYONE}, good.at(-1)!, 14);
  equal(await code(chain.accept(worse)), 'ErrBadCoinbaseNetworkSteward');
  equal(chain.height, 13);
  equal(await chain.accept(better), true);
  equal(chain.height, 14);
});

test('a block out of place is refused and not remembered as invalid', async (t) => {
  const {chain} = await openChain(t, SHORT);
  const [one, two] = branch({network: SHORT, tag: 0}, genesis, 0, 2) as [Block, Block];
  equal(await code(chain.accept(two)), 'ErrPreviousBlockUnknown');
  await acceptAll(chain, [one, two]);
  equal(await code(chain.accept(two)), 'ErrDuplicateBlock');
  const late = {...two, header: {...two.header, time: NOW + 721}};
  equal(await code(chain.accept(late)), 'ErrTimeTooNew');
  equal(await code(chain.accept(late)), 'ErrTimeTooNew');
  equal(await code(chain.accept(mineOn({network: SHORT, tag: 1}, one, 3))), 'ErrBadCoinbaseHeight');
});

test('a proof that fails never spoils the block of that hash', async (t) => {
  const store = createMemoryStore();
  const blocks = await StoredBlocks.open({path: await folder(t), magic: SHORT.magic, store});
  t.after(() => blocks.close());
  let good = false;
  const chain = await Chain.open({
    network: SHORT,
    store,
    blocks,
    nowSeconds: () => NOW,
    checkProof: () => (good ? Promise.resolve() : Promise.reject(new RuleError('ErrBadPow'))),
    checkScripts: () => Promise.resolve(),
  });
  const [block] = branch({network: SHORT, tag: 0}, genesis, 0, 1);
  equal(await code(chain.accept(block!)), 'ErrBadPow');
  good = true;
  equal(await chain.accept(block!), true);
});

test('a chain on disk goes on where it was, and only for its own network', async (t) => {
  const path = await folder(t);
  const blocks = branch({network: SHORT, tag: 0}, genesis, 0, 30);
  const store = await openLevelStore(join(path, 'index'));
  const first = await openChain(t, SHORT, store, join(path, 'blocks'));
  await acceptAll(first.chain, blocks.slice(0, 20));
  const coins = await dump(store, 'c');
  await first.chain.close();
  await rejects(first.chain.accept(blocks[20]!), (error) => error instanceof ChainError && error.code === 'closed');
  await store.close();
  const again = await openLevelStore(join(path, 'index'));
  const second = await openChain(t, SHORT, again, join(path, 'blocks'));
  deepEqual(second.chain.tip, first.chain.tip);
  deepEqual(await dump(again, 'c'), coins);
  await acceptAll(second.chain, blocks.slice(20));
  equal(second.chain.height, 30);
  deepEqual(await second.chain.block(blockHash(blocks[7]!.header)), blocks[7]);
  notEqual(second.chain.hashAt(30), undefined);
  equal(second.chain.hashAt(31), undefined);
  const wrong = openChain(t, PKT, again, join(path, 'blocks'));
  await rejects(wrong, (error) => error instanceof ChainError && error.code === 'wrong-network');
  await again.close();
});

test('a block that was stored and not connected, because the disk was full, is connected at the next start', async (t) => {
  const path = await folder(t);
  const whole = createMemoryStore();
  let full = false;
  const store: KeyValueStore = {
    ...whole,
    write: (changes, durable) => (full && durable ? Promise.reject(new Error('no space left')) : whole.write(changes)),
  };
  const blocks = branch({network: SHORT, tag: 0}, genesis, 0, 4);
  const first = await openChain(t, SHORT, store, path);
  await acceptAll(first.chain, blocks.slice(0, 3));
  const coins = await dump(whole, 'c');
  full = true;
  await rejects(first.chain.accept(blocks[3]!), /no space left/);
  equal(first.chain.height, 3);
  deepEqual(await dump(whole, 'c'), coins);
  full = false;
  const second = await openChain(t, SHORT, store, path);
  deepEqual(second.chain.tip.hash, blockHash(blocks[3]!.header));
  const fresh = await openChain(t, SHORT);
  await acceptAll(fresh.chain, blocks);
  deepEqual(await dump(whole, 'c'), await dump(fresh.store, 'c'));
});

test('a block whose parent could not be written is refused, and the chain opens again', async (t) => {
  const path = await folder(t);
  const whole = createMemoryStore();
  let full = false;
  const store: KeyValueStore = {
    ...whole,
    write: (changes) => (full ? Promise.reject(new Error('no space left')) : whole.write(changes)),
  };
  const blocks = branch({network: SHORT, tag: 0}, genesis, 0, 4);
  const first = await openChain(t, SHORT, store, path);
  await acceptAll(first.chain, blocks.slice(0, 2));
  full = true;
  await rejects(first.chain.accept(blocks[2]!), /no space left/);
  full = false;
  equal(await code(first.chain.accept(blocks[3]!)), 'ErrPreviousBlockUnknown');
  const second = await openChain(t, SHORT, store, path);
  deepEqual(second.chain.tip, {hash: blockHash(blocks[1]!.header), height: 2});
  for (const {chain} of [first, second]) {
    await acceptAll(chain, blocks.slice(2));
    equal(chain.height, 4);
  }
  equal(first.chain.refusedBlocks, 1);
  equal(second.chain.refusedBlocks, 0);
});

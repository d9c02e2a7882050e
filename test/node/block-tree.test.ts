import {deepEqual, equal, notEqual, rejects, throws} from 'node:assert/strict';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {type TestContext, test} from 'node:test';
import {RuleError} from '../../src/core/consensus/index.ts';
import {createPktreg, type Network, PKT} from '../../src/core/params/index.ts';
import {type Block, blockHash, encodeBlock, encodeHeader, transactionId} from '../../src/core/primitives/index.ts';
import {Chain, type ChainOptions} from '../../src/node/chain/chain.ts';
import type {ProofContext} from '../../src/node/chain/proof-ahead.ts';
import {StoredBlocks} from '../../src/node/chain/stored-blocks.ts';
import {createMemoryStore} from '../../src/service/stores/memory-store.ts';
import {branch, genesisOf, mineOn} from '../support/easy-blocks.ts';

const SHORT = createPktreg({money: {coinbaseMaturity: 5, stewardExpiry: 60}});
const NOW = 2_000_000_000;
const genesis = genesisOf(SHORT);

async function openChain(t: TestContext, more: Partial<ChainOptions> = {}, network: Network = SHORT): Promise<Chain> {
  const path = await mkdtemp(join(tmpdir(), 'pkt-tree-'));
  t.after(() => rm(path, {recursive: true, force: true}));
  const store = createMemoryStore();
  const blocks = await StoredBlocks.open({path, magic: network.magic, store});
  t.after(() => blocks.close());
  return await Chain.open({
    network,
    store,
    blocks,
    nowSeconds: () => NOW,
    checkProof: () => Promise.resolve(),
    checkScripts: () => Promise.resolve(),
    ...more,
  });
}

const isRule =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof RuleError && error.code === code;

/** 40 blocks, and a branch of 3 that leaves at 30. */
async function grown(t: TestContext): Promise<{chain: Chain; main: Block[]; side: Block[]}> {
  const chain = await openChain(t);
  const main = branch({network: SHORT, tag: 0}, genesis, 0, 40);
  const side = branch({network: SHORT, tag: 1}, main[29]!, 30, 3);
  for (const block of [...main, ...side]) await chain.accept(block);
  return {chain, main, side};
}

test('headers answer for the best chain and for branches', async (t) => {
  const {chain, main, side} = await grown(t);
  const top = blockHash(main[39]!.header);
  deepEqual(chain.headerAt(40), encodeHeader(main[39]!.header));
  equal(chain.headerAt(41), undefined);
  const entry = chain.find(blockHash(side[2]!.header))!;
  deepEqual([entry.height, entry.isBest, entry.state], [33, false, 'stored']);
  deepEqual([chain.find(top)!.isBest, chain.find(top)!.state], [true, 'connected']);
  equal(chain.find(new Uint8Array(32)), undefined);
  deepEqual(chain.ancestorHash(entry.hash, 31), blockHash(side[0]!.header));
  deepEqual(chain.ancestorHash(entry.hash, 30), blockHash(main[29]!.header));
  deepEqual(chain.ancestorHash(entry.hash, 3), blockHash(main[2]!.header));
  equal(chain.ancestorHash(entry.hash, 34), undefined);
  deepEqual(
    chain.branchTips().map(({height, isBest}) => [height, isBest]),
    [
      [40, true],
      [33, false],
    ],
  );
  equal(chain.medianTime, main[19]!.header.time);
  equal(chain.medianTimeAt(20), main[9]!.header.time);
  equal(chain.nextBits(NOW), 0x207fffff);
});

test('locators find the fork, headers follow it', async (t) => {
  const {chain, main, side} = await grown(t);
  const locator = chain.locator();
  deepEqual(locator[0], chain.tip.hash);
  deepEqual(locator.at(-1), blockHash(genesis.header));
  equal(locator.length, 15);
  equal(chain.forkHeight(locator), 40);
  const other = [blockHash(side[2]!.header), new Uint8Array(32), blockHash(main[4]!.header)];
  equal(chain.forkHeight(other), 5);
  equal(chain.forkHeight([]), 0);
  deepEqual(
    chain.headersAfter(other, undefined, 2),
    [6, 7].map((height) => chain.headerAt(height)),
  );
  deepEqual(chain.headersAfter(other, chain.hashAt(6), 100), [chain.headerAt(6)]);
  equal(chain.headersAfter(other, undefined, 2000).length, 35);
});

test('a run of headers is held to the rules of headers and kept apart', async (t) => {
  const {chain, main} = await grown(t);
  const more = branch({network: SHORT, tag: 0}, main[39]!, 40, 100);
  const run = chain.branchFrom(chain.tip.hash)!;
  for (const {header} of more.slice(0, 90)) run.add(encodeHeader(header));
  deepEqual([run.count, run.height, run.baseHeight], [90, 130, 40]);
  deepEqual(run.tipHash, blockHash(more[89]!.header));
  deepEqual(run.hashAt(41), blockHash(more[0]!.header));
  deepEqual(run.hashAt(7), chain.hashAt(7));
  equal(run.hashAt(131), undefined);
  deepEqual(run.headerAt(130), encodeHeader(more[89]!.header));
  equal(chain.height, 40);
  equal(chain.find(run.tipHash), undefined);
  const next = more[90]!.header;
  throws(() => run.add(encodeHeader(more[91]!.header)), isRule('ErrPreviousBlockUnknown'));
  throws(() => run.add(encodeHeader({...next, bits: 0x2000ffff})), isRule('ErrUnexpectedDifficulty'));
  throws(() => run.add(encodeHeader({...next, time: genesis.header.time})), isRule('ErrTimeTooOld'));
  equal(run.count, 90);
  for (const block of more.slice(0, 50)) await chain.accept(block);
  const {work} = run;
  run.rebase();
  deepEqual([run.count, run.baseHeight, run.height], [40, 90, 130]);
  equal(run.work, work);
  run.add(encodeHeader(next));
  equal(run.height, 131);
  equal(chain.branchFrom(run.tipHash), undefined);
});

test('blocks that wait are taken together, each with its own answer', async (t) => {
  const chain = await openChain(t);
  const main = branch({network: SHORT, tag: 0}, genesis, 0, 200);
  const bad = mineOn({network: SHORT, tag: 9, steward: Uint8Array.of(0x51)}, main[99]!, 101);
  const events: string[] = [];
  chain.subscribe(({type, place}) => events.push(`${type} ${place.height}`));
  const answers = await Promise.allSettled(
    [...main.slice(0, 150), bad, mineOn({network: SHORT, tag: 9}, bad, 102), ...main.slice(150)].map((block) =>
      chain.accept(block),
    ),
  );
  equal(chain.height, 200);
  equal(answers.filter(({status}) => status === 'fulfilled').length, 202);
  equal(events.filter((event) => event.startsWith('connected')).length, 200);
  equal(events.at(-1), 'tip 200');
  equal(
    events.some((event) => event.startsWith('disconnected')),
    false,
  );
});

test('other work has its turn between blocks, and the chain stands still meanwhile', async (t) => {
  const chain = await openChain(t);
  const main = branch({network: SHORT, tag: 0}, genesis, 0, 3);
  const first = chain.accept(main[0]!);
  const work = chain.exclusive(async () => {
    const {height} = chain;
    await new Promise((resolve) => setImmediate(resolve));
    return [height, chain.height];
  });
  const second = chain.accept(main[1]!);
  deepEqual(await work, [1, 1]);
  deepEqual([await first, await second], [true, true]);
  await chain.close();
  await rejects(
    chain.exclusive(() => Promise.resolve()),
    /closed/,
  );
});

test('coins, bodies and what a block spent are given for the tip', async (t) => {
  const {chain, main} = await grown(t);
  const txid = transactionId(main[4]!.transactions[0]!);
  const [coin, none] = await chain.coins([
    {txid, index: 0},
    {txid, index: 7},
  ]);
  deepEqual([coin!.height, coin!.isCoinbase, none], [5, true, undefined]);
  const hash = blockHash(main[4]!.header);
  deepEqual(await chain.blockBytes(hash), encodeBlock(main[4]!));
  deepEqual(await chain.blockBody(hash), {header: main[4]!.header, transactions: main[4]!.transactions});
  deepEqual(await chain.spentBy(hash), []);
  equal(await chain.blockBody(new Uint8Array(32)), undefined);
});

test('a block is tried on the tip without being taken', async (t) => {
  const {chain, main} = await grown(t);
  const next = mineOn({network: SHORT, tag: 0}, main[39]!, 41);
  await chain.tryBlock(next);
  equal(chain.height, 40);
  await rejects(chain.tryBlock(main[39]!), isRule('ErrPreviousBlockUnknown'));
  const wrong = mineOn({network: SHORT, tag: 0, steward: Uint8Array.of(0x51)}, main[39]!, 41);
  await rejects(chain.tryBlock(wrong), isRule('ErrBadCoinbaseNetworkSteward'));
  equal(await chain.accept(next), true);
});

test('a proof checked ahead counts where the block then stands, and nowhere else', async (t) => {
  const asked: number[] = [];
  const refuse = {now: false};
  const chain = await openChain(t, {
    checkProof: (_block, {height, ancestorHash}: ProofContext) => {
      asked.push(height);
      notEqual(ancestorHash(height - 1), undefined);
      return refuse.now ? Promise.reject(new RuleError('ErrBadPow')) : Promise.resolve();
    },
  });
  const [one, two, three] = branch({network: SHORT, tag: 0}, genesis, 0, 3) as [Block, Block, Block];
  const hashes = [genesis, one, two].map(({header}) => blockHash(header));
  const ahead = (block: Block, height: number): ReturnType<Chain['verifyAhead']> =>
    chain.verifyAhead(block, {height, ancestorHash: (at) => hashes[at]});
  const [first, second] = [ahead(one, 1), ahead(two, 2)];
  equal(await chain.accept(one, first), true);
  equal(await chain.accept(two, second), true);
  deepEqual(asked, [1, 2], 'each proof was looked at once');
  refuse.now = true;
  const refused = ahead(three, 3);
  refuse.now = false;
  await rejects(chain.accept(three, refused), isRule('ErrBadPow'));
  hashes[2] = new Uint8Array(32);
  const elsewhere = ahead(three, 3);
  equal(await chain.accept(three, elsewhere), true);
  deepEqual(asked, [1, 2, 3, 3, 3], 'what was told of another branch does not count');
});

test('a chain is current by its checkpoints and its age, a private one always', async (t) => {
  const own = await openChain(t);
  equal(own.isCurrent(NOW), true);
  const pkt = await openChain(t, {}, {...PKT, checkpoints: []});
  const {time} = genesisOf(PKT).header;
  equal(pkt.isCurrent(time + 86_400), true);
  equal(pkt.isCurrent(time + 86_401), false);
  const behind = await openChain(t, {}, PKT);
  equal(behind.isCurrent(time), false);
});

// What blocks and reorganisations do to the pool.
import {deepEqual, equal} from 'node:assert/strict';
import {test} from 'node:test';
import {stewardShare} from '../../../src/core/consensus/index.ts';
import {PKT} from '../../../src/core/params/index.ts';
import {decodeBlock, type Transaction, transactionId} from '../../../src/core/primitives/index.ts';
import {ChainFollower, type Returning} from '../../../src/node/mempool/chain-follower.ts';
import {Orphans} from '../../../src/node/mempool/orphans.ts';
import {PoolGraph} from '../../../src/node/mempool/pool-graph.ts';
import {nextBlock} from '../../../src/node/mempool/spending.ts';
import {FakeChain} from '../../support/fake-chain.ts';
import {input, output, PoolFixture, transaction} from '../../support/pool-fixture.ts';

function child(parent: Transaction, fee = 1000n): Transaction {
  return transaction([input({txid: transactionId(parent)})], [output(parent.outputs[0]!.value - fee)]);
}

function holds(fixture: PoolFixture, ...expected: readonly Transaction[]): void {
  const shown = (txid: Uint8Array): string => Buffer.from(txid).toString('hex');
  deepEqual(fixture.pool.txids().map(shown).sort(), expected.map((each) => shown(transactionId(each))).sort());
}

/** What was queued behind a block is done when this is. */
const settled = (fixture: PoolFixture): Promise<void> => fixture.pool.maintain();

test('a block takes what it mined, its rivals, and nothing else', async () => {
  const fixture = new PoolFixture();
  const a = transaction([fixture.coin()], [output(990_000n)]);
  const b = child(a);
  const spent = fixture.coin();
  const rival = transaction([spent], [output(990_000n)]);
  const heir = child(rival);
  for (const each of [a, b, rival, heir]) equal(await fixture.offer(each), 'accepted');
  await fixture.chain.mine([], [a, transaction([spent], [output(5n)])]);
  holds(fixture, b);
  deepEqual(
    fixture.removals().map(({reason}) => reason),
    ['mined', 'conflict', 'conflict'],
  );
  const entry = fixture.pool.get(transactionId(b))!;
  equal(entry.ancestors.count, 1);
  equal(entry.parents.size, 0);
  equal(entry.coins[0]!.height, 1002);
  await fixture.chain.mine([b]);
  equal(fixture.pool.count, 0);
  equal(fixture.pool.bytes, 0);
  equal(fixture.pool.memoryBytes, 0);
});

test('orphans of a block come in, and its own leave', async () => {
  const fixture = new PoolFixture();
  const a = transaction([fixture.coin()], [output(990_000n)]);
  const b = child(a);
  const c = child(b);
  const rival = {...b, lockTime: 1};
  equal(await fixture.offer(b), 'orphan');
  equal(await fixture.offer(c), 'orphan');
  await fixture.chain.mine([a]);
  await settled(fixture);
  holds(fixture, b, c);
  const late = new PoolFixture({chain: fixture.chain});
  equal(await late.offer(child(c)), 'orphan');
  await fixture.chain.mine([b, c]);
  await settled(late);
  equal(late.pool.orphanCount, 0);
  equal(late.pool.count, 1);
  equal(await late.offer(rival), 'orphan');
});

test('transactions of blocks taken back return, parents first', async () => {
  const fixture = new PoolFixture();
  const a = transaction([fixture.coin()], [output(990_000n)]);
  const b = child(a);
  const c = child(b);
  const d = child(c);
  await fixture.chain.mine([a, b], [c]);
  equal(await fixture.offer(d, {source: 'local'}), 'accepted');
  const before = fixture.pool.get(transactionId(d))!.timeMs;
  fixture.nowMs += 60_000;
  await fixture.chain.reorganise(2, [], [], []);
  await settled(fixture);
  holds(fixture, a, b, c, d);
  equal(fixture.pool.get(transactionId(d))!.ancestors.count, 4);
  equal(fixture.pool.get(transactionId(d))!.timeMs, before);
  equal(fixture.pool.get(transactionId(d))!.isLocal, true);
  equal(fixture.pool.dueForRebroadcast(fixture.nowMs + 3_600_000).length, 1);
});

test('what the new branch has or contradicts does not return', async () => {
  const fixture = new PoolFixture();
  const a = transaction([fixture.coin()], [output(990_000n)]);
  const b = child(a);
  const spent = fixture.coin();
  const old = transaction([spent], [output(990_000n)]);
  const heir = child(old);
  await fixture.chain.mine([a, b, old]);
  equal(await fixture.offer(heir), 'accepted');
  await fixture.chain.reorganise(1, [a], [transaction([spent], [output(1n)])]);
  await settled(fixture);
  holds(fixture, b);
  equal(fixture.pool.get(transactionId(b))!.coins[0]!.height, 1001);
});

test('policy applies to what returns', async () => {
  const fixture = new PoolFixture();
  const odd = transaction([fixture.coin()], [output(990_000n, Uint8Array.of(0x51))]);
  await fixture.chain.mine([odd]);
  await fixture.chain.reorganise(1, [], []);
  await settled(fixture);
  equal(fixture.pool.count, 0);
});

test('coinbases of blocks taken back are gone, with what spends them', async () => {
  const fixture = new PoolFixture();
  const coinbase = transaction(
    [input({txid: new Uint8Array(32), index: 0xffffffff, script: Uint8Array.of(1, 2), witness: []})],
    [output(990_000n)],
  );
  fixture.chain.addCoin(coinbase.inputs[0]!, {});
  await fixture.chain.mine([coinbase]);
  equal(await fixture.offer(child(coinbase)), 'accepted');
  await fixture.chain.reorganise(1, [], []);
  await settled(fixture);
  equal(fixture.pool.count, 0);
  equal(fixture.removals()[0]!.reason, 'reorganised');
});

test('a lower tip makes unripe what was ripe', async () => {
  const fixture = new PoolFixture();
  await fixture.chain.mine([], [], []);
  const locked = transaction([fixture.coin({}, {sequence: 0})], [output(990_000n)], 1003);
  const timed = transaction([fixture.coin({}, {sequence: 0})], [output(990_000n)], 1_600_000_000 + 60 * 1003 - 1);
  const relative = transaction([fixture.coin({height: 1000}, {sequence: 4})], [output(990_000n)]);
  const young = transaction([fixture.coin({height: 904, isCoinbase: true})], [output(990_000n)]);
  const fine = transaction([fixture.coin({}, {sequence: 0})], [output(990_000n)], 1002);
  // Its coin will be in the next block at the earliest, whichever that is.
  const heir = transaction([input({txid: transactionId(fine), sequence: 0})], [output(980_000n)]);
  for (const each of [locked, timed, relative, young, fine, heir]) equal(await fixture.offer(each), 'accepted');
  await fixture.chain.reorganise(1);
  holds(fixture, fine, heir);
  deepEqual(new Set(fixture.removals().map(({reason}) => reason)), new Set(['invalid']));
});

test('what returns of blocks taken back is bounded: the oldest come first', () => {
  let returned: readonly Returning[] = [];
  const follower = new ChainFollower(new PoolGraph(), new Orphans(), {
    next: () => nextBlock(new FakeChain()),
    onRemoved: () => {},
    onBlock: () => {},
    onSettled: (returning) => {
      returned = returning;
    },
  });
  const place = {height: 1001, hash: new Uint8Array(32)};
  // One array for all, so that twenty-four megabytes take up one.
  const witness = [new Uint8Array(1_000_000)];
  for (const value of [2n, 1n]) {
    const large = Array.from({length: 12}, (_, index) =>
      transaction([input({txid: new Uint8Array(32).fill(9), index, witness})], [output(value)]),
    );
    const block = {...decodeBlock(PKT.genesis), transactions: large};
    follower.follow({type: 'disconnected', block, place});
  }
  follower.follow({type: 'tip', place});
  deepEqual(
    returned.map(({transaction: {outputs}}) => outputs[0]!.value),
    [...new Array<bigint>(12).fill(1n), ...new Array<bigint>(7).fill(2n)],
  );
});

test('payments to the steward leave when they expire', async () => {
  const fixture = new PoolFixture({chain: new FakeChain(PKT, 130_598)});
  const value = stewardShare(PKT.money, 1000);
  const payment = transaction([fixture.coin({height: 1000, value, isCoinbase: true})], [output(value - 1000n)]);
  equal(await fixture.offer(payment), 'accepted');
  await fixture.chain.mine([]);
  holds(fixture, payment);
  await fixture.chain.mine([]);
  holds(fixture);
});

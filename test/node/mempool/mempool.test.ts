import {deepEqual, equal} from 'node:assert/strict';
import {test} from 'node:test';
import {type Transaction, transactionId} from '../../../src/core/primitives/index.ts';
import {RollingFee} from '../../../src/node/mempool/rolling-fee.ts';
import {ANYONE, input, output, PoolFixture, transaction} from '../../support/pool-fixture.ts';

const PEER = {source: 'peer', peer: 'alice'} as const;

/** Spends the first output of another transaction, all but a fee. */
function child(parent: Transaction, fee = 1000n, index = 0): Transaction {
  return transaction([input({txid: transactionId(parent), index})], [output(parent.outputs[index]!.value - fee)]);
}

/** A transaction that may be replaced. */
function replaceable(fixture: PoolFixture, fee = 1000n, outputs = 1): Transaction {
  const spent = fixture.coin({}, {sequence: 0xfffffffd});
  const each = (1_000_000n - fee) / BigInt(outputs);
  return transaction(
    [spent],
    Array.from({length: outputs}, () => output(each)),
  );
}

/** The same inputs, another fee. */
function replacing(old: Transaction, fee: bigint): Transaction {
  return {...old, outputs: [output(1_000_000n - fee)]};
}

test('entries know their family, and the sums add up', async () => {
  const fixture = new PoolFixture();
  const a = transaction([fixture.coin()], [output(400_000n), output(500_000n)]);
  const b = child(a);
  const c = transaction([...child(b).inputs, ...child(a, 0n, 1).inputs], [output(800_000n)]);
  for (const each of [a, b, c]) equal(await fixture.offer(each), 'accepted');
  const {pool} = fixture;
  const [entryA, entryB, entryC] = [a, b, c].map((each) => pool.get(transactionId(each))!);
  equal(entryA!.descendants.count, 3);
  equal(entryC!.ancestors.count, 3);
  equal(entryC!.ancestors.fees, 100_000n + 1000n + entryC!.fee);
  deepEqual([...entryC!.parents], [entryB, entryA]);
  equal(pool.count, 3);
  equal(
    pool.bytes,
    [...pool.entries()].reduce((sum, {size}) => sum + size, 0),
  );
  deepEqual(pool.txids(), [a, b, c].map(transactionId));
  equal(pool.spender(b.inputs[0]!), entryB);
  const coins = await pool.coins([
    {txid: transactionId(a), index: 0},
    {txid: transactionId(c), index: 0},
    {txid: transactionId(c), index: 1},
    a.inputs[0]!,
  ]);
  deepEqual(
    coins.map((coin) => coin?.value),
    [undefined, 800_000n, undefined, undefined],
  );
  equal(coins[1]!.height, 1001);
});

test('orphans wait for their parents', async () => {
  const fixture = new PoolFixture();
  const a = transaction([fixture.coin()], [output(990_000n)]);
  const b = child(a);
  const c = child(b);
  const result = await fixture.pool.accept(c, PEER);
  deepEqual(result, {status: 'orphan', missing: [transactionId(b)]});
  equal(await fixture.offer(c), 'already-known');
  equal(await fixture.offer(b), 'orphan');
  equal(fixture.pool.orphanCount, 2);
  equal(fixture.pool.has(transactionId(c)), true);
  const taken = await fixture.pool.accept(a, PEER);
  equal(taken.status, 'accepted');
  deepEqual(
    taken.status === 'accepted' && taken.resolved.map(({txid, refusal}) => [txid, refusal]),
    [b, c].map((each) => [transactionId(each), undefined]),
  );
  equal(fixture.pool.orphanCount, 0);
  equal(fixture.pool.count, 3);
});

test('an orphan of two that come one after the other is not forgotten', async () => {
  const fixture = new PoolFixture();
  const a = transaction([fixture.coin()], [output(400_000n), output(500_000n)]);
  // The one that spends the other is looked at first.
  const b = child(a, 1000n, 1);
  const c = transaction([...child(a).inputs, ...child(b).inputs], [output(800_000n)]);
  for (const each of [c, b]) equal(await fixture.offer(each), 'orphan');
  equal(await fixture.offer(a), 'accepted');
  equal(fixture.pool.orphanCount, 0);
  equal(fixture.pool.count, 3);
});

test('what comes by another way is no orphan any more', async () => {
  const fixture = new PoolFixture();
  const spent = input({txid: new Uint8Array(32).fill(5)});
  const orphan = transaction([spent], [output(990_000n)]);
  equal(await fixture.offer(orphan), 'orphan');
  fixture.chain.addCoin(spent, {script: ANYONE});
  equal(await fixture.offer(orphan, {source: 'local'}), 'accepted');
  equal(fixture.pool.orphanCount, 0);
  equal(fixture.pool.count, 1);
});

test('an orphan that turns out bad names its peer', async () => {
  const fixture = new PoolFixture();
  const a = transaction([fixture.coin()], [output(990_000n)]);
  equal(await fixture.offer(child(a, -5n), {source: 'peer', peer: 'mallory'}), 'orphan');
  const taken = await fixture.pool.accept(a, PEER);
  const [resolved] = taken.status === 'accepted' ? taken.resolved : [];
  equal(resolved?.peer, 'mallory');
  equal(resolved?.refusal?.code, 'ErrSpendTooHigh');
  equal(fixture.pool.orphanCount, 0);
});

test('who is no peer leaves no orphans, and hopeless ones are refused', async () => {
  const fixture = new PoolFixture();
  const a = transaction([fixture.coin()], [output(990_000n)]);
  equal(await fixture.offer(child(a), {source: 'local'}), 'missing-inputs');
  equal(await fixture.offer(a), 'accepted');
  const beyond = transaction([input({txid: transactionId(a), index: 1})], [output(1000n)]);
  equal(await fixture.offer(beyond), 'missing-inputs');
});

test('orphans are bounded: in size, number, age and by peer', async () => {
  const fixture = new PoolFixture();
  let number = 0;
  const orphan = (outputs = 1): Transaction => {
    const txid = new Uint8Array(32).fill(0xee);
    txid.set([number & 255, number >> 8]);
    number++;
    return transaction(
      [input({txid})],
      Array.from({length: outputs}, () => output(1000n)),
    );
  };
  equal(await fixture.offer(orphan(2323)), 'orphan');
  equal(await fixture.offer(orphan(2325)), 'weight');
  const quiet = orphan();
  equal(await fixture.offer(quiet, {source: 'peer', peer: 'quiet'}), 'orphan');
  for (let i = 0; i < 150; i++) await fixture.offer(orphan(), {source: 'peer', peer: 'noisy'});
  equal(fixture.pool.orphanCount, 100);
  equal(fixture.pool.has(transactionId(quiet)), true);
  fixture.pool.removePeer('noisy');
  equal(fixture.pool.orphanCount, 2);
  fixture.nowMs += 15 * 60_000;
  await fixture.pool.maintain();
  equal(fixture.pool.orphanCount, 0);
});

test('orphans above 100 kB are refused where the network takes all kinds', async () => {
  const fixture = new PoolFixture({relayNonStandard: true});
  const make = (outputs: number): Transaction =>
    transaction(
      [input({txid: new Uint8Array(32).fill(outputs & 255)})],
      Array.from({length: outputs}, () => output(1000n)),
    );
  equal(await fixture.offer(make(2324)), 'orphan');
  equal(await fixture.offer(make(2325)), 'orphan-size');
});

test('replacement is for those who said so', async () => {
  const fixture = new PoolFixture();
  const fixed = transaction([fixture.coin({}, {sequence: 0xfffffffe})], [output(999_000n)]);
  equal(await fixture.offer(fixed), 'accepted');
  equal(await fixture.offer(replacing(fixed, 9000n)), 'conflict');
  const open = replaceable(fixture);
  equal(await fixture.offer(open), 'accepted');
  equal(await fixture.offer(replacing(open, 9000n)), 'accepted');
  deepEqual(fixture.removals(), [{txid: transactionId(open), reason: 'replaced'}]);
  // What depends on a transaction that may be replaced may be replaced too.
  const parent = replaceable(fixture);
  const heir = child(parent);
  equal(await fixture.offer(parent), 'accepted');
  equal(await fixture.offer(heir), 'accepted');
  equal(await fixture.offer({...heir, outputs: [output(900_000n)]}), 'accepted');
});

test('a replacement pays more in all, and for every byte', async () => {
  const fixture = new PoolFixture();
  const open = replaceable(fixture, 1000n, 3);
  equal(await fixture.offer(open), 'accepted');
  equal(await fixture.offer(child(open, 5000n)), 'accepted');
  // Smaller, so a better rate than the one it conflicts with, but less than both pay together.
  equal(await fixture.offer(replacing(open, 6000n)), 'replacement-fee');
  const {vsize} = fixture.pool.get(transactionId(open))!;
  equal(await fixture.offer(replacing(open, 400n)), 'replacement-fee-rate');
  // On top of their fees it pays for itself: 99 virtual bytes with one output.
  const own = vsize - 2 * 43;
  equal(await fixture.offer(replacing(open, 5999n + BigInt(own))), 'replacement-fee');
  equal(await fixture.offer(replacing(open, 6000n + BigInt(own))), 'accepted');
  equal(fixture.pool.count, 1);
  equal(fixture.removals().length, 2);
});

test('a replacement evicts at most 100', async () => {
  for (const [children, expected] of [
    [[24, 24, 24, 24], 'accepted'],
    [[24, 24, 24, 24, 0], 'replacement-evictions'],
  ] as const) {
    const fixture = new PoolFixture();
    const inputs = [];
    for (const count of children) {
      const parent = replaceable(fixture, 10_000n, Math.max(count, 1));
      inputs.push(...parent.inputs);
      equal(await fixture.offer(parent), 'accepted');
      for (let i = 0; i < count; i++) equal(await fixture.offer(child(parent, 1000n, i)), 'accepted');
    }
    const value = BigInt(inputs.length) * 1_000_000n;
    equal(await fixture.offer(transaction(inputs, [output(value - 900_000n)])), expected);
  }
});

test('a replacement may not spend what it replaces, nor new unconfirmed coins', async () => {
  const fixture = new PoolFixture();
  const open = replaceable(fixture);
  const other = transaction([fixture.coin()], [output(990_000n)]);
  equal(await fixture.offer(open), 'accepted');
  equal(await fixture.offer(other), 'accepted');
  const itself = transaction([...open.inputs, ...child(open).inputs], [output(1_500_000n)]);
  equal(await fixture.offer(itself), 'replacement-spends-conflict');
  const fresh = transaction([...open.inputs, ...child(other).inputs], [output(1_500_000n)]);
  equal(await fixture.offer(fresh), 'replacement-new-input');
  const confirmed = transaction([...open.inputs, fixture.coin()], [output(1_500_000n)]);
  equal(await fixture.offer(confirmed), 'accepted');
});

test('25 in a line, 25 below one, 101,000 virtual bytes', async () => {
  const fixture = new PoolFixture();
  let last = transaction([fixture.coin()], [output(990_000n)]);
  for (let i = 0; i < 25; i++) {
    equal(await fixture.offer(last), 'accepted');
    last = child(last);
  }
  equal(await fixture.offer(last), 'chain-too-long');
  const wide = transaction(
    [fixture.coin()],
    Array.from({length: 25}, () => output(39_000n)),
  );
  equal(await fixture.offer(wide), 'accepted');
  for (let i = 0; i < 24; i++) equal(await fixture.offer(child(wide, 1000n, i)), 'accepted');
  equal(await fixture.offer(child(wide, 1000n, 24)), 'chain-too-long');
  const large = transaction(
    [fixture.coin({value: 2n ** 40n})],
    Array.from({length: 2300}, () => output(100_000n)),
  );
  equal(await fixture.offer(large), 'accepted');
  const wideChild = transaction(
    [input({txid: transactionId(large)})],
    Array.from({length: 60}, () => output(1000n)),
  );
  equal(await fixture.offer(wideChild), 'chain-too-long');
  equal(await fixture.offer(child(large)), 'accepted');
});

test('a replacement does not count what it evicts as relatives', async () => {
  const fixture = new PoolFixture();
  const wide = transaction(
    [fixture.coin()],
    Array.from({length: 25}, () => output(39_000n)),
  );
  equal(await fixture.offer(wide), 'accepted');
  const open = (fee: bigint): Transaction =>
    transaction([input({txid: transactionId(wide), sequence: 2 ** 31})], [output(39_000n - fee)]);
  equal(await fixture.offer(open(1000n)), 'accepted');
  for (let i = 1; i < 24; i++) equal(await fixture.offer(child(wide, 1000n, i)), 'accepted');
  equal(await fixture.offer(open(3000n)), 'accepted');
});

test('a full pool keeps what pays best, with its children, and asks for more', async () => {
  const fixture = new PoolFixture({maxMemoryBytes: 45_000});
  const make = (fee: bigint): Transaction => transaction([fixture.coin()], [output(1_000_000n - fee)]);
  const poor = make(200n);
  equal(await fixture.offer(poor), 'accepted');
  const saved = make(190n);
  equal(await fixture.offer(saved), 'accepted');
  equal(await fixture.offer(child(saved, 50_000n)), 'accepted');
  equal(fixture.pool.minimumFee, 1000n);
  while (fixture.removals().length === 0) equal(await fixture.offer(make(10_000n)), 'accepted');
  deepEqual(fixture.removals(), [{txid: transactionId(poor), reason: 'evicted'}]);
  equal(fixture.pool.memoryBytes <= 45_000, true);
  const {vsize} = [...fixture.pool.entries()][0]!;
  equal(fixture.pool.minimumFee, BigInt(Math.ceil((200 / vsize) * 1000 + 1000)));
  equal(await fixture.offer(make(200n)), 'pool-full');
  equal(await fixture.offer(make(5000n)), 'pool-full');
  while (fixture.removals().length < 4) equal(await fixture.offer(make(20_000n)), 'accepted');
  equal(fixture.pool.has(transactionId(saved)), true);
});

test('the minimum sinks again, from the next block on', () => {
  const hour = 3_600_000;
  const rolling = new RollingFee(1000);
  rolling.raise(63_000, 0);
  equal(rolling.rate(1, 24 * hour), 64_000);
  rolling.blockConnected(24 * hour);
  equal(rolling.rate(1, 36 * hour), 32_000);
  equal(rolling.rate(0.4, 42 * hour), 16_000);
  equal(rolling.rate(0.1, 45 * hour), 8000);
  rolling.raise(3000, 45 * hour);
  equal(rolling.rate(0.1, 48 * hour), 4000);
  equal(rolling.rate(0.1, 54 * hour), 1000);
  equal(rolling.rate(0.1, 60 * hour), 0);
});

test('two weeks are enough', async () => {
  const fixture = new PoolFixture();
  const a = transaction([fixture.coin()], [output(990_000n)]);
  equal(await fixture.offer(a), 'accepted');
  fixture.nowMs += 14 * 24 * 3_600_000 - 1;
  equal(await fixture.offer(child(a)), 'accepted');
  await fixture.pool.maintain();
  equal(fixture.pool.count, 2);
  fixture.nowMs += 1;
  await fixture.pool.maintain();
  deepEqual(
    fixture.removals().map(({reason}) => reason),
    ['expired', 'expired'],
  );
});

test('own transactions are announced again until they are mined', async () => {
  const fixture = new PoolFixture();
  const own = transaction([fixture.coin()], [output(990_000n)]);
  const other = transaction([fixture.coin()], [output(990_000n)]);
  equal(await fixture.offer(own, {source: 'local'}), 'accepted');
  equal(await fixture.offer(other), 'accepted');
  const due = (minutes: number): number => fixture.pool.dueForRebroadcast(fixture.nowMs + minutes * 60_000).length;
  equal(due(14), 0);
  equal(due(15), 1);
  equal(due(29), 0);
  equal(due(30), 1);
  equal(await fixture.offer(other, {source: 'local'}), 'already-known');
  equal(due(60), 2);
  await fixture.chain.mine([own]);
  equal(due(100), 1);
});

test('many at once are taken one after another, and too many refused', async () => {
  const fixture = new PoolFixture();
  const offers = Array.from({length: 1010}, () => transaction([fixture.coin()], [output(990_000n)]));
  const results = await Promise.all(offers.map((each) => fixture.offer(each)));
  equal(results.filter((result) => result === 'accepted').length, 1000);
  equal(results.filter((result) => result === 'overloaded').length, 10);
  equal(fixture.scriptChecks, 1000);
  const maintained = fixture.pool.maintain();
  await fixture.pool.close();
  await maintained;
  await fixture.pool.maintain();
  equal(await fixture.offer(offers.at(-1)!), 'closed');
});

test('of two that spend the same coin at once the first is taken', async () => {
  const fixture = new PoolFixture();
  const spent = fixture.coin();
  const results = await Promise.all(
    [990_000n, 980_000n].map((value) => fixture.offer(transaction([spent], [output(value)]))),
  );
  deepEqual(results, ['accepted', 'conflict']);
});

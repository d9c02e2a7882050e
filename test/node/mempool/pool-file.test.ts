import {deepEqual, equal} from 'node:assert/strict';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {type TestContext, test} from 'node:test';
import {transactionId} from '../../../src/core/primitives/index.ts';
import {decodePool, encodePool} from '../../../src/node/mempool/pool-file.ts';
import {FakeChain} from '../../support/fake-chain.ts';
import {input, output, PoolFixture, START_MS, transaction} from '../../support/pool-fixture.ts';
import {refuses} from '../../support/refusal.ts';

async function poolPath(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pkt-pool-'));
  t.after(() => rm(folder, {recursive: true, force: true}));
  return join(folder, 'mempool.dat');
}

test('every change of the file is found', () => {
  const {inputs} = transaction([input({txid: new Uint8Array(32).fill(1)})], []);
  const records = [{transaction: transaction(inputs, [output(5n)]), timeMs: START_MS, isLocal: true}];
  const bytes = encodePool(7, records);
  deepEqual(decodePool(7, bytes), records);
  refuses(() => decodePool(8, bytes), 'pool-file-of-other-network');
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.slice();
    changed[at] = changed[at]! ^ 1;
    refuses(() => decodePool(7, changed), 'pool-file-damaged');
    refuses(() => decodePool(7, bytes.subarray(0, at)), 'pool-file-damaged');
  }
});

test('the pool is there again after a restart, with its times', async (t) => {
  const path = await poolPath(t);
  const chain = new FakeChain();
  const first = new PoolFixture({chain, path});
  await first.pool.load();
  const a = transaction([first.coin()], [output(990_000n)]);
  const b = transaction([input({txid: transactionId(a)})], [output(980_000n)]);
  const mined = transaction([first.coin()], [output(1n, Uint8Array.of(0x51))]);
  equal(await first.offer(a), 'accepted');
  first.nowMs += 1000;
  equal(await first.offer(b, {source: 'local'}), 'accepted');
  await first.pool.close();
  await chain.mine([mined]);

  const second = new PoolFixture({chain, path});
  second.nowMs = START_MS + 3_600_000;
  deepEqual(await second.pool.load(), {taken: 2, refused: 0});
  deepEqual(
    [...second.pool.entries()].map(({timeMs, isLocal, ancestors}) => [timeMs, isLocal, ancestors.count]),
    [
      [START_MS, false, 1],
      [START_MS + 1000, true, 2],
    ],
  );
  equal(second.pool.dueForRebroadcast(second.nowMs + 3_600_000).length, 1);
  await second.pool.close();

  const late = new PoolFixture({chain, path});
  late.nowMs = START_MS + 14 * 24 * 3_600_000;
  deepEqual(await late.pool.load(), {taken: 0, refused: 2});
  deepEqual(late.warnings, []);
});

test('what was not loaded when the pool is closed is kept', async (t) => {
  const path = await poolPath(t);
  const chain = new FakeChain();
  const first = new PoolFixture({chain, path});
  await first.pool.load();
  for (let i = 0; i < 5; i++) equal(await first.offer(transaction([first.coin()], [output(990_000n)])), 'accepted');
  await first.pool.close();
  let checks = 0;
  const second: PoolFixture = new PoolFixture({
    chain,
    path,
    checkScripts: async () => {
      // Closed while the second of five is looked at.
      if (++checks === 2) closing = second.pool.close();
      await Promise.resolve();
    },
  });
  let closing: Promise<void> | undefined;
  deepEqual(await second.pool.load(), {taken: 2, refused: 0});
  await closing;
  const third = new PoolFixture({chain, path});
  deepEqual(await third.pool.load(), {taken: 5, refused: 0});
});

test('a damaged file is passed over with a warning', async (t) => {
  const path = await poolPath(t);
  await writeFile(path, 'nonsense');
  const fixture = new PoolFixture({path});
  deepEqual(await fixture.pool.load(), {taken: 0, refused: 0});
  equal(fixture.warnings.length, 1);
  equal(await fixture.offer(transaction([fixture.coin()], [output(990_000n)])), 'accepted');
  await fixture.pool.close();
  equal(decodePool(fixture.chain.network.magic, new Uint8Array(await readFile(path))).length, 1);
});

test('it is saved every five minutes, and never before it was loaded', async (t) => {
  const path = await poolPath(t);
  const chain = new FakeChain();
  const fixture = new PoolFixture({chain, path});
  const saved = async (): Promise<number> => {
    const bytes = await readFile(path).catch(() => undefined);
    return bytes === undefined ? -1 : decodePool(chain.network.magic, new Uint8Array(bytes)).length;
  };
  equal(await fixture.offer(transaction([fixture.coin()], [output(990_000n)])), 'accepted');
  fixture.nowMs += 300_000;
  await fixture.pool.maintain();
  equal(await saved(), -1);
  await fixture.pool.load();
  fixture.nowMs += 299_999;
  await fixture.pool.maintain();
  equal(await saved(), -1);
  fixture.nowMs += 1;
  await fixture.pool.maintain();
  equal(await saved(), 1);

  const unloaded = new PoolFixture({chain, path});
  await unloaded.pool.close();
  equal(await saved(), 1);
});

import {deepEqual, equal, match} from 'node:assert/strict';
import {readFile, writeFile} from 'node:fs/promises';
import {test} from 'node:test';
import {annMetrics} from '../../../src/apps/miner/ann/ann-metrics.ts';
import {BatchQueue} from '../../../src/apps/miner/ann/batches.ts';
import {chooseWork} from '../../../src/apps/miner/ann/choose-work.ts';
import {Pacer} from '../../../src/apps/miner/ann/pacer.ts';
import {DataUse} from '../../../src/apps/miner/data-use.ts';
import type {PauseReason} from '../../../src/apps/miner/pauses.ts';
import type {SpawnThread} from '../../../src/core/engines/index.ts';
import {spawnNodeThread} from '../../../src/service/threads/node-threads.ts';
import {listeningLog, openAnnMiner} from '../../support/ann-lab.ts';
import {FakePool, HOSTILE_MODES} from '../../support/fake-pool.ts';
import {eventually, testFolder} from '../../support/pool-lab.ts';

const ANN = new Uint8Array(1024);

test('what is on parents that the pool takes no more is given up without sending, and counted', async (t) => {
  const queue = new BatchQueue();
  queue.add(7, ANN);
  queue.flush();
  queue.add(7, ANN);
  queue.add(9, ANN);
  equal(queue.dropBelow(8), 2);
  equal(queue.dropBelow(10), 1);
  equal(queue.take(), undefined);

  const pool = await FakePool.open(t);
  // Two uploads hang; the others wait in the queue.
  pool.handlerMode = 'hang';
  const {miner} = openAnnMiner(t, [pool.url], {uploadTimeoutMs: 60_000});
  await eventually('batches wait', () => (miner.pools[0]?.handlers[0]?.waiting ?? 0) > 0);
  const parent = miner.work!.parentBlockHeight;
  pool.height += 20;
  await eventually('they are given up', () => miner.pools[0]!.counts.expired > 0);
  pool.handlerMode = 'accept';
  equal(pool.posts.filter(({parentHeight}) => parentHeight === parent).length <= 2, true);
  const {lost, overload} = miner.figures().pools[0]!;
  deepEqual([lost >= miner.pools[0]!.counts.expired, overload], [true, 0]);
});

test('a queue that is full gives up the oldest', () => {
  const queue = new BatchQueue(2);
  for (const height of [1, 2, 3]) equal(queue.add(height, ANN), 0);
  equal(queue.flush(), 1);
  equal(queue.take()?.parentHeight, 3);
});

test('uploads go out evenly: never more than twice the mean, never above the cap', async () => {
  for (const capPerSecond of [undefined, 300_000]) {
    let nowMs = 1000;
    const waiting: {readonly atMs: number; readonly go: () => void}[] = [];
    const pacer = new Pacer({
      now: () => nowMs,
      sleep: (ms) => new Promise((go) => waiting.push({atMs: nowMs + ms, go})),
      ...(capPerSecond !== undefined && {capPerSecond}),
    });
    const sent: {readonly atMs: number; readonly bytes: number}[] = [];
    const upload = async (): Promise<void> => {
      for await (const {length: bytes} of pacer.pieces(new Uint8Array(1_000_000))) sent.push({atMs: nowMs, bytes});
    };
    const uploads: Promise<void>[] = [];
    const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    // A batch every five seconds, for a minute; then until all is sent.
    for (let step = 0; step < 12_000 && (step < 6000 || waiting.length > 0); step++) {
      if (step < 6000) pacer.offer(2000);
      if (step % 500 === 499 && step < 6000) uploads.push(upload());
      nowMs += 10;
      for (const due of waiting.filter(({atMs}) => atMs <= nowMs)) {
        waiting.splice(waiting.indexOf(due), 1);
        due.go();
      }
      await settle();
    }
    await Promise.all(uploads);
    equal(
      sent.reduce((sum, {bytes}) => sum + bytes, 0),
      12_000_000,
    );
    const between = (from: number, to: number): number =>
      sent.reduce((sum, {atMs, bytes}) => sum + (atMs >= from && atMs < to ? bytes : 0), 0);
    for (let second = 15_000; second < 55_000; second += 500) {
      const mean = between(second - 9000, second + 1000) / 10;
      const burst = between(second, second + 1000);
      equal(burst <= 2 * mean, true, `${burst} against ${mean} at ${second}`);
      if (capPerSecond !== undefined) equal(burst <= capPerSecond + 16_384, true);
    }
  }
});

test('a cap holds, and what does not fit is given up and counted', async (t) => {
  const pool = await FakePool.open(t);
  const uploadCap = 100_000;
  const {miner, said} = openAnnMiner(t, [pool.url], {uploadCap, uploadTimeoutMs: 60_000});
  const begun = performance.now();
  await eventually('it is told', () => said.some(({message}) => message.includes('bandwidth cap')));
  await eventually('something has arrived', () => pool.pieces.length > 20);
  const bytes = pool.pieces.reduce((sum, piece) => sum + piece.bytes, 0);
  const seconds = (performance.now() - begun) / 1000;
  equal(bytes <= uploadCap * (seconds + 1), true, `${bytes} in ${seconds}`);
  equal(miner.status.uploadBytesPerSecond <= uploadCap * 1.1, true);
});

test('every way in which a pool can be wrong leaves the miner mining for the others', async (t) => {
  const good = await FakePool.open(t);
  const bad = await FakePool.open(t);
  const {miner} = openAnnMiner(t, [good.url, bad.url], {uploadTimeoutMs: 1500});
  await eventually('both are mined for', () => miner.pools.every(({counts}) => counts.accepted > 0));
  const counts = () =>
    miner.pools.map((pool) => pool.counts) as [(typeof miner.pools)[0]['counts'], (typeof miner.pools)[0]['counts']];
  for (const mode of HOSTILE_MODES) {
    const [before, badBefore] = counts();
    bad.handlerMode = mode;
    await eventually(`${mode}: it is not believed`, () => {
      const [, {lost, refused}] = counts();
      return lost + refused > badBefore.lost + badBefore.refused;
    });
    await eventually(`${mode}: the other gets its part`, () => counts()[0].accepted > before.accepted);
    bad.handlerMode = 'accept';
    await eventually(`${mode}: it is taken back`, () => counts()[1].accepted > badBefore.accepted);
  }
  for (const mode of HOSTILE_MODES.filter((name) => name !== 'trickle')) {
    bad.masterMode = mode;
    const [before] = counts();
    await eventually(`${mode}: the pool is dead`, () => miner.pools[1]!.state === 'dead');
    equal(miner.pools[1]!.reason === undefined, false);
    await eventually(`${mode}: the other goes on`, () => counts()[0].accepted > before.accepted);
    bad.masterMode = 'normal';
    await eventually(`${mode}: the pool is back`, () => miner.pools[1]!.state === 'mining');
  }
  // Handlers are not told apart from what was lost on the way: everything found has become something.
  equal(counts()[0].lost + counts()[0].refused, 0);
});

test('a pool cannot stop the others by what it asks for', async (t) => {
  const good = await FakePool.open(t);
  const greedy = await FakePool.open(t);
  const {miner} = openAnnMiner(t, [good.url, greedy.url]);
  for (const annTarget of [0, 0x03000001, 0xffffffff, 0x01ffffff]) {
    greedy.config = {annTarget};
    const before = miner.pools[0]!.counts.accepted;
    await eventually(`target ${annTarget}`, () => miner.pools[0]!.counts.accepted > before + 100);
    equal(miner.work!.workBits, 0x2001ffff);
  }
  greedy.config = {currentHeight: 0x7fffffff};
  const before = miner.pools[0]!.counts.accepted;
  await eventually('a chain of its own', () => miner.pools[0]!.counts.accepted > before + 100);
  equal(chooseWork([{state: undefined, isLive: false}], -1), undefined);
});

test('invalid announcements are shown by host; a switched-off number is never contacted', async (t) => {
  const pool = await FakePool.open(t);
  pool.handlerMode = 'invalid';
  const off = 'http://invalid/submit';
  pool.config = {submitAnnUrls: [`${pool.url.replace('/master', '')}/h0/submit`, off]};
  const {miner, said} = openAnnMiner(t, [pool.url]);
  await eventually('some are invalid', () => miner.pools[0]!.counts.invalid > 0);
  await eventually('it counts as mining all the same', () => miner.pools[0]!.state === 'mining');
  const [handler, switchedOff] = miner.pools[0]!.handlers;
  const {host} = new URL(pool.url);
  equal(handler!.host, host);
  equal(handler!.counts.invalid > 0, true);
  deepEqual([switchedOff!.state, switchedOff!.counts.invalid], ['off', 0]);
  equal(switchedOff!.counts.rejected > 0, true);
  equal(
    said.some(({message, fields}) => message.includes('invalid') && fields['host'] === host),
    true,
  );
  const text = await annMetrics(miner).metrics();
  match(text, new RegExp(`pkt_ann_handler_invalid_total\\{pool="[^"]+",host="${host}"\\} [1-9]`));
  match(text, /pkt_ann_pool_up\{pool="[^"]+"\} 1/);
});

test('a miner rests and goes on', async (t) => {
  const pool = await FakePool.open(t);
  let reason: PauseReason;
  const {miner} = openAnnMiner(t, [pool.url], {pause: () => Promise.resolve(reason)});
  await eventually('it mines', () => miner.pools[0]!.counts.accepted > 0);
  reason = 'on battery';
  await eventually('it rests', () => miner.paused === 'on battery');
  await eventually('no hash is tried', async () => {
    const before = miner.status.hashes;
    await new Promise((resolve) => setTimeout(resolve, 400));
    return miner.status.hashes === before;
  });
  const {accepted} = miner.pools[0]!.counts;
  pool.height++;
  reason = undefined;
  await eventually('it goes on', () => miner.pools[0]!.counts.accepted > accepted + 100);
  equal(miner.work!.parentBlockHeight, pool.height - 2);
});

test('threads without progress are started anew', async (t) => {
  const pool = await FakePool.open(t);
  let spawned = 0;
  // The first threads never do anything.
  const spawn: SpawnThread = (kind) => {
    if (spawned++ > 0) return spawnNodeThread(kind);
    return {post: () => {}, onMessage: () => {}, onCrash: () => {}, terminate: () => Promise.resolve()};
  };
  const {miner, said} = openAnnMiner(t, [pool.url], {spawn, watchdogMs: 1500});
  await eventually('it mines', () => miner.pools[0]!.counts.accepted > 0);
  equal(spawned >= 2 && miner.status.restarts >= 1, true);
  equal(
    said.some(({level, message}) => level === 'error' && message.includes('started anew')),
    true,
  );
});

test('data used is counted over restarts, also after damage', async () => {
  const dir = await testFolder('data-use');
  const {log, said} = listeningLog();
  const first = await DataUse.open(dir, log);
  first.add(1000, 10);
  await first.close();
  const second = await DataUse.open(dir, log);
  second.add(1, 1);
  deepEqual([second.totals.sent, second.totals.received, second.totals.since], [1001, 11, first.totals.since]);
  await second.close();
  const path = `${dir}/data-use.json`;
  equal(JSON.parse(await readFile(path, 'utf8')).sent, 1001);
  for (const damage of ['', '{"sent":', '{"sent":-0.5,"received":1,"since":"x"}', 'x'.repeat(10_000)]) {
    said.length = 0;
    await writeFile(path, damage);
    const third = await DataUse.open(dir, log);
    equal(third.totals.sent, 0);
    equal(said.length, 1);
    await third.close();
  }
});

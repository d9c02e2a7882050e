import {deepEqual, equal, match} from 'node:assert/strict';
import {test} from 'node:test';
import {statisticsLine} from '../../../src/apps/miner/ann/statistics.ts';
import {openAnnMiner} from '../../support/ann-lab.ts';
import {FakePool} from '../../support/fake-pool.ts';
import {eventually} from '../../support/pool-lab.ts';

test('three pools at once: one answers, one is overloaded, one dies and comes back, and the line says so', async (t) => {
  const [good, busy, mortal] = [await FakePool.open(t, 2), await FakePool.open(t), await FakePool.open(t)];
  busy.handlerMode = 'overloaded';
  const {miner, said} = openAnnMiner(t, [good.url, busy.url, mortal.url]);
  const states = (): string[] => miner.pools.map(({state}) => state);
  const is = (...wanted: string[]): boolean => states().join() === wanted.join();
  deepEqual(states(), ['connecting', 'connecting', 'connecting']);

  await eventually('each in its state', () => is('mining', 'overloaded', 'mining'));
  await eventually('all have answered', () => miner.pools.every(({counts: c}) => c.accepted + c.overload > 0));
  const line = statisticsLine(miner.figures());
  match(line, /overflow: \[0, [1-9]\d*, 0\] /);
  match(line, /accept\/reject: \[[1-9]\d*\/0, 0\/0, [1-9]\d*\/0\] /);
  match(line, / - goodrate: \[100%, 0%, 100%\]$/);

  await mortal.kill();
  await eventually('the dead one is known to be dead', () => is('mining', 'overloaded', 'dead'));
  equal(miner.pools[2]!.reason !== undefined, true);
  miner.figures();
  const [before, lost] = [miner.pools[0]!.counts.accepted, miner.pools[2]!.counts.lost];
  await eventually('announcements for it are lost', () => miner.pools[2]!.counts.lost > lost);
  await eventually('the others go on', () => miner.pools[0]!.counts.accepted > before + 200);
  match(statisticsLine(miner.figures()), /overflow: \[0, \d+, [1-9]\d*\] .*goodrate: \[100%, \d+%, 0%\]$/);

  const acceptedBefore = miner.pools[2]!.counts.accepted;
  await mortal.revive();
  await eventually('it is mined for again', () => is('mining', 'overloaded', 'mining'));
  await eventually('and accepts again', () => miner.pools[2]!.counts.accepted > acceptedBefore);
  busy.handlerMode = 'accept';
  await eventually('the busy one too', () => is('mining', 'mining', 'mining'));

  equal(miner.pools[0]!.counts.lost + miner.pools[0]!.counts.rejected, 0);
  // Both handlers of the first pool had their part.
  deepEqual([...new Set(good.posts.map(({handler}) => handler))].sort(), [0, 1]);
  const told = said.map(({message, fields}) => `${message} ${String(fields['pool'])}`);
  for (const wanted of [`pool is overloaded ${busy.url}`, `pool is dead ${mortal.url}`, `pool is mining ${mortal.url}`])
    equal(told.includes(wanted), true, wanted);
});

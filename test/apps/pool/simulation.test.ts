import {deepEqual, equal, match, ok} from 'node:assert/strict';
import {test} from 'node:test';
import {plotPool} from '../../../src/apps/pool/simulation/plot.ts';
import {minerCounts, type PoolPlan, saturation, simulatePool} from '../../../src/apps/pool/simulation/pool-model.ts';

const PLAN: PoolPlan = {
  miners: 10,
  minerAnns: 1000,
  minerMbit: 20,
  annHandlers: 2,
  handlerAnns: 50_000,
  handlerMbit: 1000,
  blockMiners: 1,
  cached: false,
  masters: 1,
  masterAnswers: 10_000,
  paymakerEvents: 20_000,
};

test('a pool with room takes everything, and an overloaded one what it can', () => {
  const small = simulatePool(PLAN);
  ok(small.takenPart > 0.99, String(small.takenPart));
  equal(small.limit, undefined);
  deepEqual(simulatePool(PLAN), small, 'the same plan, the same outcome');
  const crowded = simulatePool({...PLAN, miners: 1000});
  equal(crowded.limit, 'judging');
  ok(crowded.taken > 0.98 * 100_000 && crowded.taken <= 100_000 * 1.005, String(crowded.taken));
  ok(crowded.p99Seconds > small.p99Seconds);
  equal(crowded.handlersNeeded, 20);
});

test('what gives way first is what was made too small', () => {
  for (const [more, limit] of [
    [{handlerAnns: 1000}, 'judging'],
    [{handlerMbit: 20}, 'handler network'],
    [{blockMiners: 100}, 'handler network'],
    [{minerMbit: 2}, 'miner network'],
    [{paymakerEvents: 5}, 'paymaker'],
    [{miners: 21_000, minerAnns: 1}, 'connections'],
    [{miners: 30_000, minerAnns: 1, annHandlers: 8, masters: 1}, 'connections'],
  ] as const) {
    equal(simulatePool({...PLAN, ...more}).limit, limit, JSON.stringify(more));
  }
  ok(simulatePool({...PLAN, paymakerEvents: 5}).paymakerLagSeconds > 10);
  ok(simulatePool({...PLAN, blockMiners: 100, cached: true}).limit === undefined);
});

test('twice the handlers bear twice the miners', () => {
  const one = saturation(PLAN, 100_000);
  const two = saturation({...PLAN, annHandlers: 4}, 100_000);
  equal(one.limit, 'judging');
  ok(Math.abs(one.miners - 100) <= 10, String(one.miners));
  ok(Math.abs(two.miners / one.miners - 2) < 0.15, `${one.miners} ${two.miners}`);
  deepEqual(saturation(PLAN, 5), {miners: 5, limit: undefined});
});

test('counts of miners, and the picture', () => {
  deepEqual(minerCounts(100), [1, 2, 3, 6, 10, 18, 32, 56, 100]);
  const outcomes = minerCounts(10_000).map((miners) => simulatePool({...PLAN, miners}));
  const picture = plotPool(outcomes, 100, 'two <handlers>');
  match(picture, /^<svg [^>]*>\n<title>two &lt;handlers><\/title>/);
  match(picture, /saturated at 100</);
  ok(!picture.includes('NaN') && !picture.includes('undefined'));
});

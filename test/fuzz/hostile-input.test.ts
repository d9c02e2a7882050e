import assert from 'node:assert/strict';
import {test} from 'node:test';
import {runTarget} from './run-target.ts';
import {FUZZ_TARGETS} from './targets.ts';

const {FUZZ_SEED, FUZZ_TARGET, FUZZ_CASE} = process.env;
const seed = Number(FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
console.log(`fuzz seed ${seed}`);

// FUZZ_SEED repeats a run, FUZZ_TARGET and FUZZ_CASE one case of it; scripts/fuzz.mjs runs millions.
for (const target of FUZZ_TARGETS) {
  if (FUZZ_TARGET !== undefined && FUZZ_TARGET !== target.name) continue;
  test(`hostile input, ${target.name}`, {timeout: 120_000}, async (context) => {
    const [first, count] = FUZZ_CASE === undefined ? [0, target.cases] : [Number(FUZZ_CASE), 1];
    const {cases, seconds, slowestMs} = await runTarget(target, seed, count, first);
    context.diagnostic(`${cases} cases, ${seconds.toFixed(2)} s, slowest ${slowestMs.toFixed(1)} ms`);
  });
}

test('a normal run makes at least 100,000 cases', () => {
  assert.ok(FUZZ_TARGETS.reduce((sum, {cases}) => sum + cases, 0) >= 100_000);
  assert.equal(new Set(FUZZ_TARGETS.map(({name}) => name)).size, FUZZ_TARGETS.length);
});

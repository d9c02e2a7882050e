import {deepEqual, equal, ok} from 'node:assert/strict';
import {test} from 'node:test';
import {crashNode} from '../support/crash-lab.ts';

test('a node that is killed again and again ends where one ends that was not (scripts/crash.mjs does more rounds)', async (t) => {
  const report = await crashNode({rounds: 10, seed: 3, deadlineMs: 300_000, say: (line) => t.diagnostic(line)});
  deepEqual(report.differences, []);
  equal(report.rounds, 10);
  equal(report.rests, 2);
  ok(report.reorganisations > 0);
});

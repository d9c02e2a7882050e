import {deepEqual, equal, match, notEqual} from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {CASE_COUNT, ELSEWHERE, unlistedRules} from '../../support/block-cases.ts';
import {NodeProcess} from '../../support/node-process.ts';
import {type CaseRow, replayCases} from '../../support/replay-cases.ts';

test('every rule has a case, or a reason and a test elsewhere', () => {
  deepEqual(unlistedRules(), []);
  for (const [name, entry] of Object.entries(ELSEWHERE)) {
    if (entry.test !== undefined) match(readFileSync(entry.test, 'utf8'), new RegExp(`'${name}'`), name);
    else notEqual(entry.why.indexOf('no node of this project'), -1, name);
  }
});

test('a node refuses every bad block by name and takes its twin', async (t) => {
  const node = await NodeProcess.start();
  t.after(() => node.stop());
  const client = await node.client();
  const rows: CaseRow[] = [];
  const nowSeconds = Math.floor(Date.now() / 1000);
  for await (const row of replayCases((method, params) => client.call(method, params), nowSeconds)) rows.push(row);
  deepEqual(
    rows.filter(({isRight}) => !isRight),
    [],
  );
  equal(rows.length, CASE_COUNT);
  // What is wrong with a proof is never held against the hash.
  deepEqual(
    rows.filter(({hasSameHash}) => hasSameHash).map(({rule}) => rule),
    ['ErrBadPow', 'ErrBadPow', 'ErrBadPow', 'ErrPowCannotVerify'],
  );
  equal(await node.stop(), 0);
});

import {deepEqual, equal, match} from 'node:assert/strict';
import {test} from 'node:test';
import {jsonLines, runCli} from '../support/run-cli.ts';

const QUICK = ['demo', '--bits', '207fffff', '--announcements', '40', '--block-hashes', '3000'];

test('the main job mines and proves a chain of blocks and ends with a summary', async () => {
  const {code, stdout} = await runCli([...QUICK, '--until-block', '3']);
  equal(code, 0);
  for (const height of [200003, 200004, 200005]) match(stdout, new RegExp(`Block ${height} is proved and verified`));
  const last = stdout.trimEnd().split('\n').at(-1)!;
  const [summary] = jsonLines<Record<string, number | boolean>>(last);
  deepEqual(
    [summary!['height'], summary!['blocks'], summary!['announcements'], summary!['verified']],
    [200005, 3, 120, true],
  );
  equal(Number.isInteger(summary!['shares']), true);
});

test('Ctrl-C ends the main job before it is done', async () => {
  const {code, stdout} = await runCli(['demo', '--announcements', '1000000'], (child) => {
    setTimeout(() => child.kill('SIGINT'), 1500);
  });
  deepEqual([code, stdout], [130, '']);
});

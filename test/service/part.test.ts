import {deepEqual, equal, match, ok, rejects} from 'node:assert/strict';
import {readFile} from 'node:fs/promises';
import {type TestContext, test} from 'node:test';
import {setTimeout as sleep} from 'node:timers/promises';
import {NO_LOG} from '../../src/service/logs/log.ts';
import {PartError} from '../../src/service/processes/errors.ts';
import {Part, type PartOptions} from '../../src/service/processes/part.ts';
import {PartGroup} from '../../src/service/processes/part-group.ts';
import {testFolder} from '../support/pool-lab.ts';

/** Runs until its parent closes the channel. */
const OBEDIENT =
  "console.log('ready {\"port\":7}'); process.on('disconnect', () => { console.log('bye'); process.exit(); });";

async function openPart(
  t: TestContext,
  code: string,
  more: Partial<PartOptions> = {},
): Promise<{part: Part; dir: string; failures: PartError[]}> {
  const dir = await testFolder('part');
  const failures: PartError[] = [];
  const part = new Part({
    name: 'one',
    command: ['-e', code],
    saysReady: true,
    logDir: dir,
    log: NO_LOG,
    backOffMs: 1,
    onFailure: (error) => failures.push(error),
    ...more,
  });
  t.after(() => part.stop());
  return {part, dir, failures};
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(10);
}

test('a part that is killed is started again; it stops in order when it is told to', async (t) => {
  const ready: unknown[] = [];
  const {part, dir, failures} = await openPart(t, OBEDIENT, {onReady: (about) => ready.push(about)});
  part.start();
  await until(() => ready.length === 1);
  equal(part.state, 'running');
  const {pid} = part;
  process.kill(pid!, 'SIGKILL');
  await until(() => ready.length === 2);
  ok(part.pid !== pid);
  equal(part.restarts, 1);
  deepEqual(ready, [{port: 7}, {port: 7}]);
  await part.stop();
  equal(part.state, 'stopped');
  equal(part.pid, undefined);
  match(await readFile(`${dir}/one.log`, 'utf8'), /ready .*\nready .*\nbye\n$/);
  deepEqual(failures, []);
});

test('a part that refuses what it is told is not started again', async (t) => {
  const {part, failures} = await openPart(t, "console.error('no such key'); process.exit(2)");
  part.start();
  await until(() => failures.length > 0);
  equal(failures[0]!.code, 'part-refuses');
  deepEqual(failures[0]!.details['lines'], ['no such key']);
  equal(part.state, 'failed');
  equal(part.restarts, 0);
});

test('a part that cannot stay up is given up after some starts', async (t) => {
  const {part, failures} = await openPart(t, "console.error('boom'); process.exit(70)");
  part.start();
  await until(() => failures.length > 0);
  equal(failures[0]!.code, 'part-crashes');
  ok(part.restarts >= 3);
});

test('a part that does not get ready, or does not stop, is killed', async (t) => {
  const {part} = await openPart(t, 'setInterval(() => {}, 1000)', {readyMs: 50, stopMs: 50});
  part.start();
  await until(() => part.restarts > 0);
  await part.stop();
  equal(part.state, 'stopped');
});

test('a stopped group starts nothing more', async () => {
  const dir = await testFolder('group');
  const group = new PartGroup({main: '-e', logDir: dir, log: NO_LOG, onFailure: () => {}});
  deepEqual(await group.start('a', [OBEDIENT]), {port: 7});
  await rejects(group.start('b', ['process.exit(2)']), {code: 'part-refuses'});
  await group.stopAll();
  deepEqual(
    group.reports.map(({name, state}) => [name, state]),
    [
      ['a', 'stopped'],
      ['b', 'stopped'],
    ],
  );
  await rejects(group.start('c', [OBEDIENT]), PartError);
});

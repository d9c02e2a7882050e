import {deepEqual, equal, match} from 'node:assert/strict';
import {writeFile} from 'node:fs/promises';
import {createInterface} from 'node:readline';
import {test} from 'node:test';
import {EXISTING_POOL_TOML} from '../support/pool-configs.ts';
import {runCli, withFolder} from '../support/run-cli.ts';

/** The same on this machine, with a master that is not there. */
function local(dir: string): string {
  return EXISTING_POOL_TOML.replace('/var/lib/pool', dir)
    .replace('http://pool.example/master', 'http://127.0.0.1:1/master')
    .replace('0.0.0.0:8081', '127.0.0.1:0')
    .replace('10.0.0.5:6666', '127.0.0.1:0')
    .replace('10.0.0.6:6667', '127.0.0.1:9');
}

test('pkt pool annhandler runs with the file of an existing one', async () => {
  await withFolder(async (path) => {
    await writeFile(path('pool.toml'), local(path('pool')));
    let status = 0;
    const {code} = await runCli(['pool', 'annhandler', 'ah0', '-C', path('pool.toml')], (child) => {
      createInterface({input: child.stdout!}).on('line', async (line) => {
        const {address} = JSON.parse(line.slice('ready '.length)) as {address: string};
        status = (await fetch(`http://${address}/anns/index.json`)).status;
        child.kill('SIGINT');
      });
    });
    deepEqual([code, status], [0, 200]);
  });
});

test('mistakes are told before anything runs', async () => {
  await withFolder(async (path) => {
    await writeFile(path('pool.toml'), local(path('pool')).replace('num_workers = 5', 'num_wrokers = 5'));
    const {code, stderr} = await runCli(['pool', 'annhandler', 'ah0', '-C', path('pool.toml')]);
    equal(code, 2);
    match(stderr, /pool\.toml: .*line 9: ann_handler\.ah0\.num_wrokers: is not known; known here are/);
    await writeFile(path('pool.toml'), local(path('pool')));
    const master = await runCli(['pool', 'master', '-C', path('pool.toml')]);
    equal(master.code, 2);
    match(master.stderr, /master: is missing/);
  });
});

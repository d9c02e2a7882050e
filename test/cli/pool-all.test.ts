import {deepEqual, equal, match, ok} from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {readdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {test} from 'node:test';
import {tableRows} from '../support/document-tables.ts';
import {NodeProcess} from '../support/node-process.ts';
import {testAddress} from '../support/pool-lab.ts';
import {type CliResult, runCli, withFolder} from '../support/run-cli.ts';

interface Started {
  readonly address: string;
  readonly status?: string;
}

function config(dir: string, node: NodeProcess, defaultAddress: string): string {
  const listen = 'listen = "127.0.0.1:0"\nstatus_listen = "127.0.0.1:0"';
  return `network = "pktreg"
root_workdir = ${JSON.stringify(dir)}
master_url = "http://127.0.0.1:1/master"
paymaker_url = "http://127.0.0.1:1"
paymaker_http_password = "secret"
nodes = [{url = "http://${node.rpc}/x", cookie_file = ${JSON.stringify(`${node.dataDir}/.cookie`)}}]
[master]
${listen}
ann_work = 128
[ann_handler.north]
${listen}
public_url = "http://127.0.0.1:2/submit"
[ann_handler.south]
${listen}
public_url = "http://127.0.0.1:3/submit"
[blk_handler.main]
${listen}
public_url = "http://127.0.0.1:4/submit"
[paymaker]
${listen}
historyDepth = 600
pplnsAnnConstantX = 0.125
pplnsBlkConstantX = 2
defaultAddress = "${defaultAddress}"
errorAddress = "${defaultAddress}"
`;
}

test('all programs of a pool run until they are told to stop, and tell how they are', async () => {
  const node = await NodeProcess.start(['--miningaddr', testAddress(1)]);
  try {
    await withFolder(async (path) => {
      await writeFile(path('pool.toml'), config(path('pool'), node, testAddress(1)));
      let started: Record<string, Started> = {};
      const seen: Record<string, string> = {};
      const {code, stderr} = await runCli(['pool', 'all', '--config', path('pool.toml')], (child) => {
        createInterface({input: child.stdout!}).on('line', async (line) => {
          started = JSON.parse(line.slice('ready '.length)) as Record<string, Started>;
          for (const [name, {status}] of Object.entries(started)) {
            seen[name] = await (await fetch(`http://${status}/metrics`)).text();
            equal((await fetch(`http://${status}/healthz`)).status, 200);
          }
          child.kill('SIGINT');
        });
      });
      equal(code, 0, stderr);
      const names = ['annhandler-north', 'annhandler-south', 'blkhandler-main', 'master', 'paymaker'];
      deepEqual(Object.keys(started).sort(), names);
      match(seen['annhandler-north']!, /^pkt_ann_handler_accepted_total 0$/m);
      match(seen['blkhandler-main']!, /^pkt_block_handler_shares_total 0$/m);
      match(seen['master']!, /^pkt_master_waiting_polls 0$/m);
      match(seen['paymaker']!, /^pkt_paymaker_paying 0$/m);
      ok(!stderr.includes('started again'), stderr);
      // Whoever runs a pool is told what each folder is for, and whether it has to be backed up.
      const explained = tableRows(readFileSync('docs/operations.md', 'utf8'), '| In `root_workdir` |').flatMap(
        ([what]) => what!.split(', '),
      );
      for (const folder of await readdir(path('pool'))) {
        const program = folder.replace(/^(ah|blk)_.*/, '$1_NAME');
        const inner = await readdir(join(path('pool'), folder), {withFileTypes: true});
        const whole = explained.includes(`${program}/`);
        for (const {name} of inner.filter((entry) => !whole && entry.isDirectory()))
          ok(explained.includes(`${program}/${name}/`), `${program}/${name}`);
        ok(whole || inner.length > 0, folder);
      }
    });
  } finally {
    await node.stop();
  }
});

test('a mistake of the configuration is told before anything is started', async () => {
  const node = await NodeProcess.start();
  try {
    await withFolder(async (path) => {
      const run = async (text: string): Promise<CliResult> => {
        await writeFile(path('pool.toml'), text);
        return runCli(['pool', 'all', '--config', path('pool.toml')]);
      };
      const good = config(path('pool'), node, testAddress(1));
      for (const [text, said] of [
        [config(path('pool'), node, 'nobody'), /defaultAddress/],
        [good.replace('ann_work = 128', 'ann_wrok = 128'), /ann_wrok/],
        [good.replace('[master]', '[master'), /line \d+/],
      ] as const) {
        const {code, stderr, stdout} = await run(text);
        equal(code, 2);
        match(stderr, said);
        equal(stdout, '');
      }
    });
  } finally {
    await node.stop();
  }
});

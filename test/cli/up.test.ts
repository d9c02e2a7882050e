import {equal, match, notEqual, ok} from 'node:assert/strict';
import type {ChildProcess} from 'node:child_process';
import {readFile} from 'node:fs/promises';
import {createInterface} from 'node:readline';
import {test} from 'node:test';
import {subsidy} from '../../src/core/consensus/index.ts';
import {PKTREG} from '../../src/core/params/index.ts';
import {type CliResult, jsonLines, runCli, withFolder} from '../support/run-cli.ts';

interface Summary {
  readonly height: number;
  readonly announcements: number;
  readonly shares: number;
  readonly blocks: number;
  readonly payouts: Readonly<Record<string, number>>;
  readonly steward: number;
  readonly rpc: string;
  readonly page: string;
}

interface Status {
  readonly parts: readonly {
    readonly name: string;
    readonly state: string;
    readonly restarts: number;
    readonly pid?: number;
  }[];
}

const PARTS = ['node', 'master', 'paymaker', 'annhandler', 'blkhandler', 'blk', 'ann'];

function summaryOf({code, stdout, stderr}: CliResult): Summary {
  equal(code, 0, stderr);
  return jsonLines<Summary>(stdout.trimEnd().split('\n').at(-1)!)[0]!;
}

async function keyOf(path: string): Promise<{address: string; wif: string}> {
  return JSON.parse(await readFile(path, 'utf8')) as {address: string; wif: string};
}

/** Calls `work` with the addresses of a network once it is up. */
function whenReady(child: ChildProcess, work: (addresses: {page: string}) => Promise<void>): void {
  createInterface({input: child.stdout!}).on('line', (line) => {
    if (line.startsWith('ready ')) void work(JSON.parse(line.slice('ready '.length)) as {page: string});
  });
}

async function statusOf(page: string): Promise<Status> {
  return (await (await fetch(`${page}status.json`)).json()) as Status;
}

test('a network from nothing mines blocks that pay the miner, goes on after a restart, and begins anew', async () => {
  await withFolder(async (path) => {
    const [dir, threads] = [path('network'), ['--threads', '2']];
    const first = summaryOf(await runCli(['up', '--data-dir', dir, '--until-block', '3', ...threads]));
    ok(first.height >= 3);
    equal(first.blocks, first.height);
    ok(first.announcements >= 33 && first.shares >= 3);
    const [miner, pool] = [await keyOf(`${dir}/keys/miner.json`), await keyOf(`${dir}/keys/pool.json`)];
    const [paidMiner, paidPool] = [first.payouts[miner.address]!, first.payouts[pool.address]!];
    equal(Object.keys(first.payouts).length, 2);
    const subsidies = Array.from({length: first.height}, (_, i) => subsidy(PKTREG.money, i + 1));
    equal(
      BigInt(paidMiner + paidPool + first.steward),
      subsidies.reduce((sum, each) => sum + each, 0n),
    );
    // One part in a hundred, rounded to whole units in each block.
    ok(Math.abs(paidPool * 99 - paidMiner) <= 200 * first.height, `${paidPool} ${paidMiner}`);

    let killed = false;
    const again = await runCli(
      ['up', '--data-dir', dir, '--until-block', String(first.height + 4), ...threads],
      (child) => {
        whenReady(child, async ({page}) => {
          const {parts} = await statusOf(page);
          equal(
            parts
              .map(({name}) => name)
              .sort()
              .join(),
            PARTS.toSorted().join(),
          );
          process.kill(parts.find(({name}) => name === 'blkhandler')!.pid!, 'SIGKILL');
          killed = true;
        });
      },
    );
    const second = summaryOf(again);
    ok(killed);
    match(again.stderr, /a part has ended and is started again.*blkhandler/);
    ok(second.height >= first.height + 4);
    // The announcements of the first run may do for these blocks.
    ok(second.announcements >= first.announcements && second.shares > first.shares);
    ok(second.payouts[miner.address]! > paidMiner);
    equal((await keyOf(`${dir}/keys/miner.json`)).wif, miner.wif);

    const anew = summaryOf(await runCli(['up', '--data-dir', dir, '--reset', '--until-block', '1', ...threads]));
    ok(anew.height >= 1 && anew.height < second.height);
    notEqual(anew.payouts[miner.address], undefined);
  });
});

test('one network at a time has a directory; Ctrl-C stops all of it', async () => {
  await withFolder(async (path) => {
    let second: CliResult | undefined;
    let pids: number[] = [];
    const first = await runCli(['up', '--data-dir', path('network')], (child) => {
      whenReady(child, async ({page}) => {
        pids = (await statusOf(page)).parts.map(({pid}) => pid!);
        second = await runCli(['up', '--data-dir', path('network')]);
        child.kill('SIGINT');
      });
    });
    equal(first.code, 0, first.stderr);
    equal(second?.code, 2);
    match(second.stderr, /another process uses this data directory/);
    equal(pids.length, PARTS.length);
    for (const pid of pids) {
      let isThere = true;
      try {
        process.kill(pid, 0);
      } catch {
        isThere = false;
      }
      equal(isThere, false, `process ${pid}`);
    }
  });
});

test('a directory that cannot be used is refused with the reason', async () => {
  await withFolder(async (path) => {
    const {code, stderr} = await runCli(['up', '--data-dir', `${process.execPath}/x`]);
    equal(code, 2);
    match(stderr, /^pkt: cannot use .*\n$/);
    equal((await runCli(['up', '--data-dir', path('x'), '--until-block', 'soon'])).code, 2);
  });
});

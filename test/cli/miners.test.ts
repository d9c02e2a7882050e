import {deepEqual, equal, match} from 'node:assert/strict';
import {writeFileSync} from 'node:fs';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {test} from 'node:test';
import {FakePool} from '../support/fake-pool.ts';
import {eventually, testAddress} from '../support/pool-lab.ts';
import {runCli, withFolder} from '../support/run-cli.ts';

const ADDRESS = testAddress(8);
const GOOD = ['-p', ADDRESS, '--network', 'pktreg'];

test('mistakes on the command line of a miner are one line that says what to do', async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['ann'], /^pkt: name at least one pool, like http:/],
    [['ann', 'http://x'], /^pkt: say who is paid: --paymentaddr ADDRESS\./],
    [['ann', 'http://x', '-p', 'nonsense'], /^pkt: --paymentaddr: nonsense is no address of pkt/],
    [['ann', 'http://x', '-p', ADDRESS], /is no address of pkt \(other-network/],
    [['ann', 'pool.example', ...GOOD], /"pool\.example" is no address of a pool/],
    [['ann', 'http://x', ...GOOD, '-m', '6'], /Give a whole number from 0 to 5/],
    [['ann', 'http://x', ...GOOD, '--schedule', '22-7'], /"22-7" is no stretch of the day/],
    [['ann', 'http://x', ...GOOD, '--bandwidth', '0'], /Give a number above 0/],
    [
      ['ann', 'http://x', ...GOOD, '-c', 'http://127.0.0.1:1/c.json'],
      /cannot read http:\/\/127\.0\.0\.1:1\/c\.json: http-unreachable/,
    ],
    [['ann', 'http://x', ...GOOD, '--status-listen', '192.0.2.1:80'], /--status-listen: listen EADDRNOTAVAIL/],
    [['blk'], /^pkt: name one pool, like http:/],
    [['blk', 'http://x', ...GOOD, '-f', '1'], /Give a number from 0 to below 1/],
    [['blk', 'http://x', ...GOOD, '-s', '127.0.0.1:1'], /--subscribe needs --bind IP:PORT/],
    [['blk', 'http://x', ...GOOD, '-b', '127.0.0.1:1'], /say whose, --subscribe IP:PORT/],
    [['blk', 'http://x', ...GOOD, '-s', 'handler:1', '-b', '127.0.0.1:0'], /handler is no IP address/],
    [['blk', 'http://x', ...GOOD, '-P', 'x', '--handlerpass-file', 'y'], /not both/],
    [['blk', 'http://x', ...GOOD, '--data-dir', '/dev/null/x'], /cannot start: store-unusable/],
    [['sprayer', '-s', '127.0.0.1:1'], /say where to receive: --bind IP:PORT/],
    [['sprayer', '-s', '127.0.0.1:1', '-b', '127.0.0.1:0', '-S', '127.0.0.1:1'], /round for ever/],
    [['ann', 'http://x', ...GOOD, '--data-dir', '/dev/null/x'], /cannot start: store-unusable/],
  ];
  for (const [args, wanted] of cases) {
    const {code, stderr} = await runCli([...args, '--log-level', 'silent']);
    match(stderr, wanted);
    equal(stderr.trim().split('\n').length, 1, stderr);
    equal(code, 2);
  }
});

test('a configuration as existing miners have it counts, from a file and from a server; the command line is stronger', async (t) => {
  const pool = await FakePool.open(t);
  const document = JSON.stringify({
    pools: [pool.url],
    threads: 1,
    payment_addr: ADDRESS,
    uploaders: 3,
    upload_timeout: 9,
    mine_old_anns: -1,
  });
  const server = createServer((_request, response) => response.end(document));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  await withFolder(async (path) => {
    writeFileSync(path('c.json'), document);
    for (const file of [path('c.json'), `http://127.0.0.1:${(server.address() as AddressInfo).port}/c`]) {
      const begun = pool.posts.length;
      const {code, stderr} = await runCli(
        ['ann', '-c', file, '--network', 'pktreg', '-U', '4', '--log-format', 'json'],
        (child) => void eventually('a post', () => pool.posts.length > begun).finally(() => child.kill('SIGTERM')),
      );
      equal(code, 0);
      const {pools, payment_addr, threads, uploaders, upload_timeout, mine_old_anns} = JSON.parse(
        stderr.split('\n').find((line) => line.includes('"settings"'))!,
      ) as Record<string, unknown>;
      deepEqual(
        [pools, payment_addr, threads, uploaders, upload_timeout, mine_old_anns],
        [pool.url, ADDRESS, 1, 4, 9, -1],
      );
    }
    writeFileSync(path('wrong.json'), '{"pools": [], "thread": 1}');
    const {code, stderr} = await runCli(['ann', '-c', path('wrong.json')]);
    equal(code, 2);
    match(stderr, /unknown key "thread"/);
  });
});

test('a miner tells of itself over HTTP, on this machine alone', async (t) => {
  const pool = await FakePool.open(t);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const {port} = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const base = `http://127.0.0.1:${port}`;
  let seen: {status?: {pools: {state: string}[]; program: string}; ready?: number; metrics?: string} = {};
  const {code} = await runCli(['ann', ...GOOD, '-t', '1', pool.url, '--status-listen', String(port)], (child) => {
    const look = async (): Promise<boolean> => {
      const status = await fetch(`${base}/status`).catch(() => undefined);
      if (status?.status !== 200) return false;
      seen = {
        status: (await status.json()) as typeof seen.status & object,
        ready: (await fetch(`${base}/readyz`)).status,
        metrics: await (await fetch(`${base}/metrics`)).text(),
      };
      return seen.status!.pools[0]!.state === 'mining' && seen.ready === 200;
    };
    void eventually('it mines', look).finally(() => child.kill('SIGTERM'));
  });
  equal(code, 0);
  equal(seen.status?.program, 'ann');
  match(seen.metrics!, /pkt_ann_pool_up\{pool="[^"]+"\} 1/);
});

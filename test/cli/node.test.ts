import {deepEqual, doesNotMatch, equal, match, ok} from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {existsSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {request} from 'node:https';
import {join} from 'node:path';
import {test} from 'node:test';
import {jsonLines, runCli, withFolder} from '../support/run-cli.ts';
import {RunningNode} from '../support/running-node.ts';
import {selfSigned} from '../support/self-signed.ts';

/** Pays to a key that everybody knows. */
const PAYEE = 'pktr1qw508d6qejxtdg4y5r3zarvary0c5xw7k5u7zlc';
const PASSWORD = 'correct horse battery';

async function status(node: RunningNode, path: string): Promise<{readonly code: number; readonly text: string}> {
  const response = await fetch(`http://${node.addresses.status}${path}`);
  return {code: response.status, text: await response.text()};
}

test('--check-config prints what counts, without secrets, and touches nothing', async () => {
  await withFolder(async (path) => {
    writeFileSync(path('pass'), `${PASSWORD}\n`);
    writeFileSync(
      path('node.toml'),
      `network = "pktreg"\ndata-dir = "${path('data')}"\nrpc-user = "a"\nrpc-pass-file = "${path('pass')}"\naddrindex = true\n`,
    );
    const {code, stdout, stderr} = await runCli(['node', '--config', path('node.toml'), '--check-config']);
    deepEqual([code, stderr], [0, '']);
    doesNotMatch(stdout, /correct horse/);
    const shown = JSON.parse(stdout) as Record<string, unknown>;
    equal(shown['network'], 'pktreg');
    equal(shown['dataDir'], path('data'));
    deepEqual(shown['rpcUsers'], [{user: 'a', role: 'admin'}]);
    deepEqual(shown['indexes'], ['transactions', 'addresses', 'filters']);
    deepEqual(shown['rpcListen'], {host: '127.0.0.1', port: 64_865});
    equal(existsSync(path('data')), false);
  });
});

test('a node says that it is ready, mines, stops on SIGTERM while it mines, and goes on where it was', async (t) => {
  const node = await RunningNode.of(t, {args: ['--txindex', '--status-listen', '127.0.0.1:0']});
  const {p2p, rpc, status: shown} = node.addresses;
  for (const address of [...p2p, rpc, shown]) match(address!, /^127\.0\.0\.1:\d+$/);
  match(node.stdout, /^ready \{[^\n]*\}\n$/, 'nothing else goes to stdout');
  await node.call('configureminingpayouts', {[PAYEE]: 1});
  equal((await node.call<string[]>('generate', 3)).length, 3);
  const cookie = join(node.dataDir, '.cookie');
  ok(existsSync(cookie));

  // Far more than can be mined before the signal.
  const mining = node.call('generate', 1000).catch((error: unknown) => error);
  await node.reaches(5);
  const begun = performance.now();
  deepEqual(await node.end('SIGTERM'), {code: 0, signal: null});
  t.diagnostic(`stopped in ${Math.round(performance.now() - begun)} ms`);
  ok((await mining) instanceof Error);
  equal(existsSync(cookie), false);
  match(node.stderr, /INFO: stopping\n[\s\S]*INFO: stopped\n$/);
  doesNotMatch(node.stderr, /ERROR/);
  doesNotMatch(node.stderr, / {4}at /);

  const again = await RunningNode.start(node.dataDir, {args: ['--txindex', '--log-format', 'json']});
  t.after(() => again.kill());
  const height = await again.call<number>('getblockcount');
  ok(height >= 5);
  await again.call('generate', 1);
  equal(await again.call('getblockcount'), height + 1, 'the payouts are still known');
  equal(await again.call('verifychain', 3, 6), true);
  const waiting = again
    .call('getblocktemplate', {longpollid: await longPollId(again)})
    .catch((error: unknown) => error);
  await again.call('stop');
  deepEqual(await again.ended, {code: 0, signal: null});
  ok((await waiting) instanceof Error);
  equal(existsSync(cookie), false);
  const lines = jsonLines<{level: number | string; time: string; msg: string; height?: number; hash?: string}>(
    again.stderr,
  );
  equal(lines.length, again.stderr.trim().split('\n').length, 'every line is JSON');
  const tip = lines.find(({msg}) => msg === 'new tip')!;
  equal(tip.height, height + 1);
  match(tip.hash!, /^[0-9a-f]{64}$/);
});

async function longPollId(node: RunningNode): Promise<string> {
  const {longpollid} = await node.call<{readonly longpollid: string}>('getblocktemplate');
  return longpollid;
}

test('SIGINT stops a node that takes blocks from a peer, and it goes on to the same tip', async (t) => {
  const source = await RunningNode.of(t);
  await source.call('configureminingpayouts', {[PAYEE]: 1});
  await source.call('generate', 40);
  const args = ['--connect', source.addresses.p2p[0]!, '--log-level', 'debug'];
  const node = await RunningNode.of(t, {args});
  await node.reaches(2);
  deepEqual(await node.end('SIGINT'), {code: 0, signal: null});
  match(node.stderr, /DEBUG: /);
  const again = await RunningNode.start(node.dataDir, {args});
  t.after(() => again.kill());
  await again.reaches(40);
  deepEqual(await again.call('gettxoutsetinfo'), await source.call('gettxoutsetinfo'));
});

test('passwords stand neither in the log nor in the list of processes', async (t) => {
  await withFolder(async (path) => {
    writeFileSync(path('pass'), PASSWORD);
    const args = ['--rpc-user', 'a', '--rpc-pass-file', path('pass'), '--log-level', 'debug'];
    const node = await RunningNode.of(t, {args});
    equal(existsSync(join(node.dataDir, '.cookie')), false, 'no cookie where there is a user');
    const call = ['rpc', '--network', 'pktreg', '--rpc-connect', node.addresses.rpc!];
    const good = await runCli([...call, '--rpc-user', 'a', '--rpc-pass-file', path('pass'), 'getblockcount']);
    deepEqual([good.code, good.stdout], [0, '0\n']);
    writeFileSync(path('wrong'), 'open sesame');
    equal((await runCli([...call, '--rpc-user', 'a', '--rpc-pass-file', path('wrong'), 'getblockcount'])).code, 2);
    if (process.platform !== 'win32') {
      const shown = execFileSync('ps', ['-o', 'args=', '-p', String(node.child.pid)]).toString();
      match(shown, /--rpc-user a/);
      doesNotMatch(shown, /correct horse/);
    }
    equal((await node.end()).code, 0);
    doesNotMatch(node.stderr + node.stdout, /correct horse|open sesame|Basic /);
  });
});

test('what cannot be written at the end is told, and is no bug', async (t) => {
  const node = await RunningNode.of(t);
  rmSync(join(node.dataDir, 'peers'), {recursive: true});
  writeFileSync(join(node.dataDir, 'peers'), '');
  deepEqual(await node.end(), {code: 0, signal: null});
  match(node.stderr, /WARN: .*peers/);
  match(node.stderr, /INFO: stopped\n$/);
});

test('log levels: silent says nothing, warn leaves out what is good', async (t) => {
  for (const level of ['silent', 'warn']) {
    const node = await RunningNode.of(t, {args: ['--log-level', level]});
    equal((await node.end()).code, 0);
    equal(node.stderr, '');
  }
});

test('health, readiness and metrics', async (t) => {
  const ready = await RunningNode.of(t, {args: ['--status-listen', '127.0.0.1:0']});
  deepEqual(await status(ready, '/healthz'), {code: 200, text: '{"ok":true}'});
  deepEqual(await status(ready, '/readyz'), {code: 200, text: '{"ready":true}'});
  equal((await status(ready, '/nothing')).code, 404);
  const {code, text} = await status(ready, '/metrics');
  equal(code, 200);
  const named = [...text.matchAll(/^# TYPE (pkt_node_\S+) (\S+)$/gm)];
  const sums = named.filter(([, , type]) => type === 'counter').map(([, name]) => name!);
  ok(sums.length >= 5);
  for (const name of sums) match(name, /_total$/);
  const dimensionless = /^pkt_node_(height|target_height|peers|mempool_transactions)$/;
  for (const [, name, type] of named) {
    if (type !== 'counter' && !dimensionless.test(name!)) match(name!, /_(seconds|bytes)$/);
  }
  for (const [name] of readFileSync('docs/node.md', 'utf8').matchAll(/pkt_\w+/g)) {
    match(text, new RegExp(`^${name} `, 'm'), 'the guide names it');
  }
  match(text, /^pkt_node_height 0$/m);
  match(text, /^pkt_node_blocks_refused_total 0$/m);
  const [, free] = /^pkt_node_disk_free_bytes (\S+)$/m.exec(text)!;
  ok(Number(free) > 0);

  // A node of the main network that nobody talks to is not there yet.
  const args = ['--network', 'pkt', '--nodnsseed', '--status-listen', '127.0.0.1:0'];
  const behind = await RunningNode.of(t, {args});
  const readiness = await status(behind, '/readyz');
  equal(readiness.code, 503);
  deepEqual(JSON.parse(readiness.text), {ready: false, reason: 'synchronising: height 0 of 0'});
  equal((await status(behind, '/healthz')).code, 200);
  equal((await behind.end()).code, 0);
  match(behind.stderr, /synchronising \{"height":0,"target":0/);
});

test('RPC by TLS, also with the command that calls it', async (t) => {
  const {key, cert} = selfSigned();
  await withFolder(async (path) => {
    writeFileSync(path('key.pem'), key);
    writeFileSync(path('cert.pem'), cert);
    const node = await RunningNode.of(t, {
      args: ['--rpc-tls-key', path('key.pem'), '--rpc-tls-cert', path('cert.pem')],
    });
    const [user, password] = readFileSync(join(node.dataDir, '.cookie'), 'utf8').split(':') as [string, string];
    const [host, port] = node.addresses.rpc!.split(':') as [string, string];
    const body = await new Promise<string>((resolve, reject) => {
      const options = {host, port, ca: cert, method: 'POST', auth: `${user}:${password}`};
      const call = request(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => {
          text += piece;
        });
        response.on('end', () => resolve(text));
      });
      call.on('error', reject);
      call.end('{"id":1,"method":"getblockcount"}');
    });
    equal((JSON.parse(body) as {readonly result: number}).result, 0);
  });
});

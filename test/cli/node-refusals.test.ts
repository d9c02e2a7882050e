// Everything that a node cannot be started with: one line that says what is wrong, exit code 2.
import {deepEqual, equal, match, notEqual} from 'node:assert/strict';
import {existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {join} from 'node:path';
import {test} from 'node:test';
import {runCli, withFolder} from '../support/run-cli.ts';
import {RunningNode} from '../support/running-node.ts';
import {selfSigned} from '../support/self-signed.ts';

const REGTEST = ['node', '--network', 'pktreg', '--rpc-listen', '127.0.0.1:0'];

/** Ends with exit code 2 and one line, and never prints where in the program it was. */
async function refused(args: readonly string[], expected: RegExp): Promise<void> {
  const {code, stdout, stderr} = await runCli([...REGTEST, ...args]);
  deepEqual([code, stdout], [2, ''], `${args.join(' ')}: ${stderr}`);
  match(stderr, /^pkt: [^\n]+\n$/);
  match(stderr, expected);
}

test('wrong values, on the command line and in files that it names', async () => {
  await withFolder(async (path) => {
    writeFileSync(path('empty'), '\nsecond line');
    writeFileSync(path('secret'), 'hunter2');
    writeFileSync(path('wrong.toml'), 'nodnsseed = 7');
    const {key} = selfSigned();
    const {cert} = selfSigned();
    writeFileSync(path('key'), key);
    writeFileSync(path('cert'), cert);
    const dataDir = ['--data-dir', path('data')];
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [['--config', path('none')], /cannot read .*none: there is no such file/],
      [['--config', path('.')], /it is a folder, a file is wanted/],
      [['--config', path('wrong.toml')], /wrong\.toml: nodnsseed: give true or false/],
      [['--rpc-listen', '127.0.0.1:70000'], /"127\.0\.0\.1:70000" is no HOST:PORT with a port from 0 to 65535/],
      [['--connect', '127.0.0.1:0'], /is no HOST:PORT with a port from 1/],
      [['--rpc-user', 'a'], /--rpc-user needs --rpc-pass-file/],
      [['--rpc-pass-file', path('secret')], /--rpc-pass-file needs --rpc-user/],
      [['--rpc-limit-user', 'a'], /--rpc-limit-user needs --rpc-limit-pass-file/],
      [['--rpc-user', 'a:b', '--rpc-pass-file', path('secret')], /a name has no colon/],
      [['--rpc-user', 'a', '--rpc-pass-file', path('none')], /cannot read .*none: there is no such file/],
      [['--rpc-user', 'a', '--rpc-pass-file', path('empty')], /empty: its first line is empty, a password is wanted/],
      [['--rpc-tls-key', path('key')], /belong together/],
      [['--rpc-tls-key', path('key'), '--rpc-tls-cert', path('none')], /cannot read .*none/],
      [['--rpc-tls-key', path('secret'), '--rpc-tls-cert', path('cert')], /are no private key and its certificate/],
      [['--rpc-tls-key', path('key'), '--rpc-tls-cert', path('cert')], /are no private key and its certificate/],
      [['--miningaddr', 'pkt1qnonsense'], /bad-payout-address.*pkt1qnonsense/],
      [['--prune', 'bodies', '--txindex'], /--prune bodies leaves nothing to index/],
      [['--prune', 'bodies', '--network', 'pkt', '--prune-keep', '5'], /give at least 1500/],
      [['--block-file-mb', '0'], /Give a number from 0\.001 to 2048/],
    ];
    for (const [args, expected] of cases) await refused([...dataDir, ...args], expected);
    equal(existsSync(path('data')), false, 'nothing was opened');
  });
});

test('what the machine does not give', async (t) => {
  await withFolder(async (path) => {
    writeFileSync(path('file'), 'x');
    await refused(['--data-dir', path('file')], /cannot use .*file: it is a file, a folder is wanted/);
    await refused(['--data-dir', path('file/below')], /a part of its path is not a folder/);
    mkdirSync(path('data'));
    writeFileSync(path('data/index'), 'x');
    await refused(['--data-dir', path('data')], /store-unusable: the data directory cannot be used/);
    mkdirSync(path('other'));
    writeFileSync(path('other/blocks'), 'x');
    await refused(['--data-dir', path('other')], /store-unusable/);

    const server = createServer();
    t.after(() => server.close());
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const {port} = server.address() as {readonly port: number};
    const taken = `127.0.0.1:${port}`;
    for (const option of ['--p2p-listen', '--rpc-listen', '--status-listen']) {
      const expected = new RegExp(`cannot listen on ${taken}: another program listens there`);
      await refused(['--data-dir', path('new'), option, taken], expected);
    }
    equal(existsSync(path('new/.cookie')), false);
    await refused(['--data-dir', path('new'), '--rpc-listen', '192.0.2.1:0'], /this machine has no such address/);
  });
});

test('a data directory in use, and one of another network', async (t) => {
  const node = await RunningNode.of(t);
  await refused(['--data-dir', node.dataDir], /store-locked: another process uses this data directory/);
  equal(await node.call('getblockcount'), 0, 'the first one has noticed nothing');
  equal((await node.end()).code, 0);
  const other = ['--network', 'pkttest', '--nodnsseed', '--data-dir', node.dataDir];
  await refused(other, /wrong-network: the data directory belongs to another network/);
});

test('a damaged data directory is told as damaged, and never repaired into something else', async (t) => {
  const node = await RunningNode.of(t);
  equal((await node.end()).code, 0);
  const {dataDir} = node;
  const index = join(dataDir, 'index');
  const manifest = readdirSync(index).find((name) => name.startsWith('MANIFEST'))!;
  const bodies = join(dataDir, 'blocks/bodies/000000.dat');
  const flip = (bytes: Buffer): void => {
    const at = bytes.length >> 1;
    bytes[at] = bytes[at]! ^ 0xff;
  };
  const damages: readonly (readonly [string, (path: string) => void])[] = [
    [join(index, 'CURRENT'), (path) => truncateSync(path, 3)],
    [join(index, manifest), (path) => truncateSync(path, 10)],
    [bodies, (path) => truncateSync(path, 100)],
    [
      bodies,
      (path) => {
        const bytes = readFileSync(path);
        flip(bytes);
        writeFileSync(path, bytes);
      },
    ],
  ];
  for (const [path, damage] of damages) {
    const whole = readFileSync(path);
    damage(path);
    notEqual(readFileSync(path).compare(whole), 0);
    await refused(['--data-dir', dataDir], /(store|chain)-damaged: .*(remove|restore)/);
    writeFileSync(path, whole);
  }
  const again = await RunningNode.start(dataDir);
  t.after(() => again.kill());
  equal(await again.call('getblockcount'), 0);
});

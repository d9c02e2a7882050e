import {deepEqual, equal, match} from 'node:assert/strict';
import {writeFileSync} from 'node:fs';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {test} from 'node:test';
import {NodeProcess} from '../support/node-process.ts';
import {type CliResult, runCli, withFolder} from '../support/run-cli.ts';
import {selfSigned} from '../support/self-signed.ts';

const GENESIS = '3cccdede6ae31fdfafdaa68ede728899ccc0bb285372d0c49aa19ae643f5d7cd';
const NOBODY = '127.0.0.1:1';

test('pkt rpc: results as text or JSON, refusals, who may ask', async (t) => {
  const node = await NodeProcess.start();
  t.after(() => node.stop());
  const rpc = (...args: readonly string[]): Promise<CliResult> =>
    runCli(['rpc', '--network', 'pktreg', '--data-dir', node.dataDir, '--rpc-connect', node.rpc, ...args]);
  deepEqual(await rpc('getblockhash', '0'), {code: 0, stdout: `${GENESIS}\n`, stderr: ''});
  deepEqual(await rpc('ping'), {code: 0, stdout: 'null\n', stderr: ''});
  // Texts need no quotes, even where they look like numbers; the rest is JSON.
  deepEqual((await rpc('getblockheader', GENESIS, 'false')).stdout.length, 161);
  deepEqual(JSON.parse((await rpc('validateaddress', '123')).stdout), {isvalid: false});
  deepEqual(JSON.parse((await rpc('echo', '{"a":[1,"x"]}')).stdout), {a: [1, 'x']});
  const info = await rpc('getblockchaininfo');
  match(info.stdout, /^\{\n {2}"chain": "pktreg",/);
  match(info.stdout, /"startTime": 9223372036854775807,/);

  const refused = await rpc('getblockhash', '5');
  deepEqual([refused.code, refused.stdout], [1, '']);
  match(refused.stderr, /^pkt: error -8: \S+ ErrBlockHeightOutOfRange\(-8\): Block number out of range\n$/);
  const none = await rpc();
  deepEqual([none.code, none.stdout], [2, '']);
  match(none.stderr, /missing required argument 'call'/);

  await withFolder(async (path) => {
    writeFileSync(path('pass'), 'wrong\n');
    const user = ['--rpc-user', 'somebody', '--rpc-pass-file', path('pass')];
    const wrong = await rpc(...user, 'getblockcount');
    deepEqual([wrong.code, wrong.stdout], [2, '']);
    match(wrong.stderr, /the node refuses the user name or password/);
    match((await rpc('--rpc-user', 'somebody', 'getblockcount')).stderr, /--rpc-user needs --rpc-pass-file/);
  });
  deepEqual(await rpc('stop'), {code: 0, stdout: 'pktstack stopping.\n', stderr: ''});
  equal(await node.ended(), 0);
  const gone = await rpc('getblockcount');
  equal(gone.code, 2);
  match(gone.stderr, /cannot read .*\.cookie: there is no such file/);
});

test('pkt rpc with a name and password, by TLS, as a limited user', async (t) => {
  await withFolder(async (path) => {
    const {key, cert} = selfSigned();
    writeFileSync(path('key'), key);
    writeFileSync(path('cert'), cert);
    writeFileSync(path('admin'), 'first word\nsecond line\n');
    writeFileSync(path('guest'), 'other word\n');
    const node = await NodeProcess.start([
      ...['--rpc-tls-key', path('key'), '--rpc-tls-cert', path('cert')],
      ...['--rpc-user', 'admin', '--rpc-pass-file', path('admin')],
      ...['--rpc-limit-user', 'guest', '--rpc-limit-pass-file', path('guest')],
    ]);
    t.after(() => node.stop());
    const rpc = (user: string, ...args: readonly string[]): Promise<CliResult> => {
      const who = ['--rpc-user', user, '--rpc-pass-file', path(user)];
      const where = ['--tls', '--rpc-connect', node.rpc.replace('127.0.0.1', 'localhost')];
      return runCli(['rpc', ...where, ...who, ...args], undefined, {NODE_EXTRA_CA_CERTS: path('cert')});
    };
    deepEqual(await rpc('admin', 'getconnectioncount'), {code: 0, stdout: '0\n', stderr: ''});
    deepEqual(await rpc('guest', 'getblockcount'), {code: 0, stdout: '0\n', stderr: ''});
    const forbidden = await rpc('guest', 'stop');
    equal(forbidden.code, 1);
    match(forbidden.stderr, /^pkt: error -32603: .*limited user not authorized for this method\n$/);
    const plain = await runCli([
      ...['rpc', '--rpc-connect', node.rpc, '--rpc-user', 'admin', '--rpc-pass-file', path('admin')],
      'getblockcount',
    ]);
    equal(plain.code, 2);
    match(plain.stderr, /the node does not answer/);
    equal(await node.stop(), 0);
  });
});

test('pkt rpc where nobody answers, or somebody else, or too late', async () => {
  await withFolder(async (path) => {
    writeFileSync(path('pass'), 'x');
    const who = ['--rpc-user', 'x', '--rpc-pass-file', path('pass')];
    const dead = await runCli(['rpc', ...who, '--rpc-connect', NOBODY, 'getblockcount']);
    deepEqual([dead.code, dead.stdout], [2, '']);
    match(dead.stderr, /^pkt: .*the node does not answer; is it running, and is the address right\?.*\n$/);
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      request.on('end', () => {
        if (body.includes('"wait"')) return;
        if (body.includes('"busy"')) response.writeHead(503);
        response.end('<html>hello</html>');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const {port} = server.address() as AddressInfo;
    const ask = (method: string): Promise<CliResult> =>
      runCli(['rpc', ...who, '--rpc-connect', `127.0.0.1:${port}`, '--timeout', '1', method]);
    for (const [method, words] of [
      ['other', /the answer is not one of a node/],
      ['busy', /the node has too much to do/],
      ['wait', /the node does not answer/],
    ] as const) {
      const {code, stdout, stderr} = await ask(method);
      deepEqual([code, stdout], [2, ''], method);
      match(stderr, words);
    }
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});

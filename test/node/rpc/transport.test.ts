import {deepEqual, equal, match, ok} from 'node:assert/strict';
import {stat} from 'node:fs/promises';
import {Agent, request as httpRequest} from 'node:http';
import {request as httpsRequest} from 'node:https';
import {connect} from 'node:net';
import {test} from 'node:test';
import {encodeHex} from '../../../src/core/bytes/index.ts';
import {encodeAddress} from '../../../src/core/consensus/index.ts';
import {PKTREG} from '../../../src/core/params/index.ts';
import {decodeBlock} from '../../../src/core/primitives/index.ts';
import {RPC_METHODS} from '../../../src/node/rpc/methods/index.ts';
import {ADMIN, authorization, LIMITED, type RpcReply, RpcTestNode} from '../../support/rpc-node.ts';
import {selfSigned} from '../../support/self-signed.ts';

const GENESIS = '3cccdede6ae31fdfafdaa68ede728899ccc0bb285372d0c49aa19ae643f5d7cd';
const ANYONE = encodeAddress(PKTREG.money.initialSteward, PKTREG.addresses);

/** Sends bytes over a connection of its own and gives everything that comes back until the node closes. */
function exchange(address: string, text: string): Promise<string> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host, () => socket.write(text));
    let all = '';
    socket.setEncoding('utf8').on('data', (part: string) => {
      all += part;
    });
    socket.on('close', () => resolve(all));
    socket.on('error', reject);
  });
}

function head(length: number, more = ''): string {
  return `POST / HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization(ADMIN)}\r\nContent-Length: ${length}\r\n${more}\r\n`;
}

async function replyTo(rpc: RpcTestNode, body: string): Promise<RpcReply> {
  const response = await rpc.post(body);
  equal(response.status, 200);
  match(response.headers.get('content-type')!, /^application\/json/);
  const text = await response.text();
  ok(text.endsWith('}\n'));
  return JSON.parse(text) as RpcReply;
}

async function codeOf(rpc: RpcTestNode, body: string): Promise<number | undefined> {
  const {error, result} = await replyTo(rpc, body);
  equal(result, null);
  return error?.code;
}

test('who may call', async (t) => {
  const rpc = await RpcTestNode.open(t);
  const status = async (headers: Record<string, string>): Promise<number> => {
    const response = await fetch(`http://${rpc.address}/any/path`, {
      method: 'POST',
      body: '{"method":"uptime"}',
      headers,
    });
    const text = await response.text();
    if (response.status === 401) {
      equal(response.headers.get('www-authenticate'), 'Basic realm="pktd RPC"');
      match(response.headers.get('content-type')!, /^text\/plain/);
      match(text, /^401/);
    }
    return response.status;
  };
  equal(await status({authorization: authorization(ADMIN)}), 200);
  equal(await status({authorization: authorization(LIMITED)}), 200);
  equal(await status({}), 401);
  equal(await status({authorization: authorization({user: 'admin', password: 'wrong'})}), 401);
  equal(await status({authorization: authorization({user: 'admin', password: LIMITED.password})}), 401);
  equal(await status({authorization: 'Basic'}), 401);
  equal(await status({authorization: 'Basic %%%'}), 401);
  equal(await status({authorization: `Bearer ${authorization(ADMIN).slice(6)}`}), 401);

  for (const {name, role} of RPC_METHODS) {
    // Too many parameters: what may be called is refused for that, so that nothing happens.
    const {error} = await rpc.ask(name, new Array(20).fill(0), LIMITED);
    const forbidden = error?.message.includes('limited user not authorized') === true;
    equal(forbidden, role === 'admin', name);
    ok(error !== null && error.code < 0, name);
  }
  const mayAsk = RPC_METHODS.filter(({role}) => role === 'limited').map(({name}) => name);
  for (const name of ['submitblock', 'sendrawtransaction', 'getblock', 'help']) ok(mayAsk.includes(name), name);
  for (const name of ['stop', 'generate', 'setban', 'configureminingpayouts', 'addnode'])
    ok(!mayAsk.includes(name), name);
});

test('the cookie file: for its owner alone, gone with the node', async (t) => {
  const rpc = await RpcTestNode.open(t, {rpcUsers: []});
  const [user, password] = (await rpc.cookie()).split(':');
  equal(user, '__PKT_COOKIE__');
  match(password!, /^[0-9a-f]{64}$/);
  equal((await stat(`${rpc.dataDir}/.cookie`)).mode & 0o777, 0o600);
  const good = await rpc.post('{"method":"stop","id":1}', {
    authorization: authorization({user: user!, password: password!}),
  });
  equal(((await good.json()) as RpcReply).error, null);
  equal((await rpc.post('{}', {authorization: authorization(ADMIN)})).status, 401);
  await rpc.node.close();
  await rpc.cookie().then(
    () => ok(false, 'the cookie is still there'),
    (error: NodeJS.ErrnoException) => equal(error.code, 'ENOENT'),
  );
});

test('single requests', async (t) => {
  const rpc = await RpcTestNode.open(t);
  deepEqual(await replyTo(rpc, '{"method":"getblockhash","params":[0],"id":7}'), {result: GENESIS, error: null, id: 7});
  deepEqual(await replyTo(rpc, '{"jsonrpc":"2.0","method":"getblockcount","id":"a"}'), {
    result: 0,
    error: null,
    id: 'a',
  });
  deepEqual(await replyTo(rpc, '{"method":"getblockcount","params":null}'), {result: 0, error: null, id: null});
  equal(await codeOf(rpc, '{"method":'), -32700);
  equal(await codeOf(rpc, ''), -32700);
  equal(await codeOf(rpc, '{"method":"echo","params":[NaN]}'), -32700);
  equal(await codeOf(rpc, '{"method":"getblockhash","params":{"height":0}}'), -32600);
  equal(await codeOf(rpc, '{"params":[]}'), -32600);
  equal(await codeOf(rpc, '{"method":5}'), -32600);
  equal(await codeOf(rpc, '"getblockcount"'), -32600);
  equal(await codeOf(rpc, 'null'), -32600);
  equal(await codeOf(rpc, '{"method":"getblockcount","id":{"a":1}}'), -32600);
  equal(await codeOf(rpc, `{"method":"getblockcount","id":"${'x'.repeat(1001)}"}`), -32600);
  equal(await codeOf(rpc, '{"method":"nosuch"}'), -32601);
  equal(await codeOf(rpc, '{"method":"__proto__"}'), -32601);
  equal(await codeOf(rpc, '{"method":"session"}'), -32601, 'exists on websockets alone');
});

test('wrong parameters', async (t) => {
  const rpc = await RpcTestNode.open(t);
  const wrong: readonly (readonly [string, string])[] = [
    ['getblockhash', '[]'],
    ['getblockhash', '["0"]'],
    ['getblockhash', '[1.5]'],
    ['getblockhash', '[0,1]'],
    ['getblockhash', '[1e999]'],
    ['getblock', '["00"]'],
    ['getblock', `["${GENESIS}",2]`],
    ['getblock', `["${GENESIS}","true"]`],
    ['getblockcount', '[1]'],
    ['createrawtransaction', `[[{"txid":"${GENESIS}","vout":0}],{"${ANYONE}":1e999}]`],
    ['createrawtransaction', `[[{"txid":"${GENESIS}","vout":-1}],{"${ANYONE}":1}]`],
    ['createrawtransaction', `[[{"txid":"${GENESIS}","vout":0}],{"${ANYONE}":"1"}]`],
    ['createrawtransaction', `[[{"txid":"${GENESIS}","vout":0}],{"${ANYONE}":-1}]`],
    ['configureminingpayouts', `[{"${ANYONE}":1e999}]`],
    ['getblocktemplate', '["template"]'],
  ];
  for (const [method, params] of wrong) {
    equal(await codeOf(rpc, `{"method":"${method}","params":${params}}`), -32602, `${method} ${params}`);
  }
  // Explorers pass 0 and 1.
  const {result} = await replyTo(rpc, `{"method":"getblock","params":["${GENESIS}",1,0,0]}`);
  equal((result as {height: number}).height, 0);
});

test('batches: in order, errors inside, at most 1000', async (t) => {
  const rpc = await RpcTestNode.open(t);
  equal(await (await rpc.post('[]')).text(), '[]\n');
  const requests = Array.from({length: 1000}, (_, id) =>
    id % 3 === 0 ? {id, method: 'nosuch'} : id % 3 === 1 ? {id, method: 'echo', params: [id]} : id,
  );
  const replies = JSON.parse(await (await rpc.post(JSON.stringify(requests))).text()) as RpcReply[];
  equal(replies.length, 1000);
  for (const [i, {result, error, id}] of replies.entries()) {
    const expected = [
      [i, null, -32601],
      [i, i, undefined],
      [null, null, -32600],
    ][i % 3];
    deepEqual([id, result, error?.code], expected);
  }
  equal(await codeOf(rpc, JSON.stringify([...requests, requests[0]])), -32600);
  const nested = JSON.parse(await (await rpc.post('[[{"method":"uptime"}]]')).text()) as RpcReply[];
  equal(nested[0]?.error?.code, -32600);
});

test('answers that are too deep or too large are refused, not the death of the node', async (t) => {
  const rpc = await RpcTestNode.open(t);
  const depth = 100_000;
  const deep = `{"method":"echo","params":[${'['.repeat(depth)}${']'.repeat(depth)}],"id":3}`;
  const {error, id} = await replyTo(rpc, deep);
  deepEqual([error?.code, id], [-32603, 3]);
  const both = JSON.parse(await (await rpc.post(`[${deep},{"method":"getblockcount"}]`)).text()) as RpcReply[];
  deepEqual(
    both.map((entry) => entry.error?.code),
    [-32603, undefined],
  );
  const batch = await (await rpc.post(`${'['.repeat(depth)}${']'.repeat(depth)}`)).text();
  equal((JSON.parse(batch) as RpcReply[])[0]!.error?.code, -32600);
  // Each of 100 answers has a million characters; none of them asks for that much.
  const {chain} = rpc.node.parts;
  Object.defineProperty(chain, 'steward', {
    value: () => Promise.resolve({steward: new Uint8Array(500_000), against: 0n}),
  });
  const requests = Array.from({length: 100}, (_, number) => ({method: 'getnetworksteward', id: number}));
  const replies = JSON.parse(await (await rpc.post(JSON.stringify(requests))).text()) as RpcReply[];
  const good = replies.filter((reply) => reply.error === null).length;
  ok(good >= 64 && good < 80, String(good));
  deepEqual(
    replies.map((reply) => reply.id),
    requests.map((request) => request.id),
  );
  match(replies.at(-1)!.error!.message, /the answers to the batch are too large/);
});

test('numbers: integers of 64 bits are exact, what is not finite never leaves', async (t) => {
  const rpc = await RpcTestNode.open(t, {checkProof: () => Promise.resolve()});
  const text = await (await rpc.post('{"method":"getnetworksteward"}')).text();
  match(text, /"votesagainst":0,"totalpossible":0,/);
  const info = await (await rpc.post('{"method":"getblockchaininfo"}')).text();
  match(info, /"startTime":9223372036854775807,/);
  const {steward, against} = {steward: PKTREG.money.initialSteward, against: 2n ** 62n + 1n};
  // A counter beyond what doubles hold, as after many years.
  Object.defineProperty(rpc.node.parts.chain, 'steward', {value: () => Promise.resolve({steward, against})});
  const big = await (await rpc.post('{"method":"getnetworksteward"}')).text();
  match(big, /"votesagainst":4611686018427387905,.*"svotesagainst":"4611686018427387905"/);
  equal((await rpc.call<{votesagainst: bigint}>('getnetworksteward')).votesagainst, against);
  equal((await rpc.call<{script: string}>('getnetworksteward')).script, encodeHex(steward));
  for (const method of ['getblockchaininfo', 'getmininginfo', 'getnetworkhashps', 'getinfo']) {
    ok(!/NaN|Infinity/.test(await (await rpc.post(JSON.stringify({method}))).text()), method);
  }
});

test('what is no POST', async (t) => {
  const rpc = await RpcTestNode.open(t);
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const response = await fetch(`http://${rpc.address}/`, {method, headers: {authorization: authorization(ADMIN)}});
    equal(((await response.json()) as RpcReply).error?.code, -32600, method);
  }
  equal((await fetch(`http://${rpc.address}/`)).status, 401);
});

test('any content type will do', async (t) => {
  const rpc = await RpcTestNode.open(t);
  for (const type of ['text/plain', 'application/json', 'application/json-rpc', 'application/x-www-form-urlencoded']) {
    const response = await rpc.post('{"method":"getblockcount"}', {'content-type': type});
    equal(((await response.json()) as RpcReply).result, 0, type);
  }
  const body = '{"method":"getblockcount"}';
  match(await exchange(rpc.address, `${head(body.length, 'Connection: close\r\n')}${body}`), /"result":0,/);
});

test('bodies that are too slow cost their connection', async (t) => {
  const rpc = await RpcTestNode.open(t, {rpcLimits: {requestMs: 200}});
  const slow = await exchange(rpc.address, `${head(100)}{"method"`);
  match(slow, /^HTTP\/1.1 408 |^$/);
  const silent = await exchange(rpc.address, '');
  match(silent, /^HTTP\/1.1 408 |^$/);
});

test('bodies that are too large cost their connection at most', async (t) => {
  const rpc = await RpcTestNode.open(t);
  const large = await exchange(rpc.address, head(33 * 2 ** 20));
  match(large, /^HTTP\/1.1 413 /);
  match(large, /"code":-32600/);
  const chunked = await new Promise<number>((resolve, reject) => {
    const [host, port] = rpc.address.split(':');
    const request = httpRequest(
      {host, port, method: 'POST', headers: {authorization: authorization(ADMIN)}},
      (response) => {
        response.resume();
        resolve(response.statusCode!);
      },
    );
    request.on('error', reject);
    const piece = Buffer.alloc(2 ** 20, ' ');
    let pieces = 0;
    const more = (): void => {
      if (pieces++ < 33) request.write(piece, more);
      else request.end();
    };
    more();
  });
  equal(chunked, 413);
  equal(await rpc.call('getblockcount'), 0);
  const whole = `{"method":"echo","params":["${'x'.repeat(31 * 2 ** 20)}"]}`;
  equal(((await (await rpc.post(whole)).json()) as {result: string}).result.length, 31 * 2 ** 20);
});

test('one connection serves many requests, many connections are served at once', async (t) => {
  const rpc = await RpcTestNode.open(t, {rpcLimits: {calls: 3}});
  const [host, port] = rpc.address.split(':');
  const agent = new Agent({keepAlive: true, maxSockets: 1});
  t.after(() => agent.destroy());
  const ports = new Set<number | undefined>();
  const once = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const request = httpRequest(
        {host, port, agent, method: 'POST', headers: {authorization: authorization(ADMIN)}},
        (response) => {
          let text = '';
          ports.add(response.socket.localPort);
          response.setEncoding('utf8').on('data', (part: string) => {
            text += part;
          });
          response.on('end', () => resolve(text));
        },
      );
      request.on('error', reject);
      request.end('{"method":"getblockcount"}');
    });
  for (let i = 0; i < 20; i++) match(await once(), /"result":0/);
  equal(ports.size, 1);
  const body = '{"method":"getblockcount"}';
  const text = `${head(body.length, 'Connection: close\r\n')}${body}`;
  const many = await Promise.all(Array.from({length: 200}, () => exchange(rpc.address, text)));
  for (const answer of many) match(answer, /^HTTP\/1.1 (200 .*"result":0|503 )/s);
});

test('calls above the limit are turned away; a long poll outlasts the time for requests and ends with the node', async (t) => {
  const rpc = await RpcTestNode.open(t, {rpcLimits: {calls: 2, requestMs: 1000}, miningAddresses: [ANYONE]});
  const {longpollid} = await rpc.call<{longpollid: string}>('getblocktemplate');
  const polls = [1, 2].map(() => rpc.ask('getblocktemplate', [{longpollid}]));
  while ((await rpc.post('{"method":"uptime"}')).status !== 503) await new Promise((resolve) => setImmediate(resolve));
  // Longer than a request may take to come in.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const closing = rpc.node.close();
  for (const {result, error} of await Promise.all(polls)) {
    equal(result, null);
    equal(error?.code, -1);
    match(error!.message, /the wait was ended/);
  }
  await closing;
});

test('a bug of ours is told in the log and not to the client', async (t) => {
  const errors: string[] = [];
  const error = (message: string, fields?: object): void => {
    errors.push(`${message} ${String((fields as {error?: unknown}).error)}`);
  };
  const ignore = (): void => {};
  const rpc = await RpcTestNode.open(t, {log: {debug: ignore, info: ignore, warn: ignore, error}});
  Object.defineProperty(rpc.node.parts.chain, 'steward', {value: () => Promise.reject(new Error('secret words'))});
  const text = await (await rpc.post('{"method":"getnetworksteward","id":1}')).text();
  deepEqual(JSON.parse(text), {
    result: null,
    error: {code: -32603, message: '9.9.9 ErrRPCInternal(-32603): internal error, see the log of the node', stack: []},
    id: 1,
  });
  deepEqual(errors, ['call failed Error: secret words']);
  for (const method of ['nosuch', 'getblock', 'submitblock', 'getminingpayouts', 'stop']) {
    const answer = await (await rpc.post(JSON.stringify({method, params: ['x', 'y', 'z', 1, 2, 3]}))).text();
    ok(!/\.js|\.ts|node:internal| at /.test(answer), answer);
    match(answer, /"stack":\[\]/);
  }
});

test('TLS', async (t) => {
  const {key, cert} = selfSigned();
  const rpc = await RpcTestNode.open(t, {rpcTls: {key, cert}});
  const [host, port] = rpc.address.split(':');
  const text = await new Promise<string>((resolve, reject) => {
    const headers = {authorization: authorization(ADMIN)};
    const request = httpsRequest({host, port, ca: cert, method: 'POST', headers, agent: false}, (response) => {
      let all = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        all += part;
      });
      response.on('end', () => resolve(all));
    });
    request.on('error', reject);
    request.end('{"method":"getbestblockhash"}');
  });
  equal((JSON.parse(text) as RpcReply).result, GENESIS);
  equal(await exchange(rpc.address, 'POST / HTTP/1.1\r\n\r\n').catch(() => ''), '', 'no plain HTTP there');
});

test('the description lists every method with the schemas of its parameters', async (t) => {
  const rpc = await RpcTestNode.open(t);
  const response = await fetch(`http://${rpc.address}/openrpc.json`);
  equal(response.status, 200);
  const {openrpc, methods} = (await response.json()) as {
    openrpc: string;
    methods: {name: string; summary: string; tags: {name: string}[]; params: {name: string; schema: object}[]}[];
  };
  equal(openrpc, '1.3.2');
  const named = new Map(methods.map((method) => [method.name, method]));
  equal(named.size, methods.length, 'each name once');
  for (const {name, paramNames} of RPC_METHODS) {
    const method = named.get(name)!;
    ok(method.summary.length > 5, name);
    deepEqual(
      method.params.map((param) => param.name),
      paramNames,
    );
    for (const {schema} of method.params) equal(typeof schema, 'object');
  }
  const websocket = methods.filter(({tags}) => tags[0]?.name === 'Websocket').map(({name}) => name);
  equal(websocket.length + RPC_METHODS.length, methods.length);
  for (const name of ['notifyblocks', 'loadtxfilter', 'rescan', 'notifyreceived']) ok(websocket.includes(name), name);
  const submit = named.get('submitblock')!.params as {name: string; required?: boolean; schema: {type?: string}}[];
  deepEqual([submit[0]!.schema.type, submit[0]!.required, submit[1]!.required], ['string', true, false]);
  equal(decodeBlock(PKTREG.genesis).transactions.length, 1);
});

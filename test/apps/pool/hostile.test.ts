// Strangers who do everything that they should not. Each program refuses in the words of its protocol, forgets them, and serves
// honest clients meanwhile. Memory is bounded by construction (public-server.ts) and held to it here: bodies together by
// `maxBodiesBytes`, connections by number.
import {deepEqual, doesNotMatch, equal, match, ok} from 'node:assert/strict';
import {writeFile} from 'node:fs/promises';
import {METHODS} from 'node:http';
import {connect, createServer, type Socket} from 'node:net';
import {type TestContext, test} from 'node:test';
import {PaymakerServer} from '../../../src/apps/pool/paymaker/paymaker-server.ts';
import {PKT} from '../../../src/core/params/index.ts';
import {logId} from '../../../src/core/protocol/pool/index.ts';
import type {PublicServerOptions} from '../../../src/service/http/public-server.ts';
import type {AddressGuardOptions} from '../../../src/service/limits/address-guard.ts';
import {NO_LOG} from '../../../src/service/logs/log.ts';
import {mineAnns, openAnnHandlerLab, PARENT, stateOf} from '../../support/ann-handler-lab.ts';
import {openPaymaker, VECTORS_NOW_MS} from '../../support/pool-books.ts';
import {eventually, openLabMaster, openLabNode, testFolder} from '../../support/pool-lab.ts';
import {openFakeNode, openShareLab, SHARE, shareState} from '../../support/share-lab.ts';

type Limits = Partial<PublicServerOptions>;

/** One program under attack. */
interface Service {
  readonly name: string;
  readonly port: number;
  /** Where it takes posts, and what else stands in their head. */
  readonly path: string;
  readonly head: readonly string[];
  /** True for a refusal as this protocol words it. */
  readonly isRefusal: (body: string) => boolean;
  /** Throws unless an honest client is served. */
  readonly honest: () => Promise<void>;
}

/** Long enough for honest clients on a machine with much to do. */
const DEADLINES = Object.freeze({request: 6000, silent: 8000, idle: 8000});
const SHORT = Object.freeze({request: 1000, silent: 1500, idle: 1500});
const MAX_BODY = 30_000;
const LIMITS: Limits = {deadlines: DEADLINES, maxBodyBytes: MAX_BODY};
const PAYTO = 'pkt1q6hqsqhqdgqfd8t3xwgceulu7k9d9w5t2amath0qxyfjlvl3s3u4sjza2g2';
const AUTHORIZATION = `Basic ${Buffer.from('x:secret').toString('base64')}`;
const ANNS = mineAnns(40);
const part = (from: number, to: number): Uint8Array => ANNS.slice(1024 * from, 1024 * to);

/** Another address of this machine, where it has more than one on loopback. */
const ELSEWHERE: string = await new Promise((resolve) => {
  const probe = createServer();
  probe.once('error', () => resolve('127.0.0.1'));
  probe.listen(0, '127.0.0.2', () => probe.close(() => resolve('127.0.0.2')));
});

function isEnvelope(result: unknown): (body: string) => boolean {
  return (body) => {
    const parsed = JSON.parse(body) as {result: unknown; error: string[]; warn: string[]};
    return parsed.result === result && parsed.error.length === 1 && Array.isArray(parsed.warn);
  };
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

async function openMaster(t: TestContext, limits: Limits): Promise<Service> {
  const {rpc, generate} = await openLabNode(t);
  await generate(2);
  const {url, master} = await openLabMaster(t, {nodes: [rpc], limits});
  await eventually('work', () => master.published !== undefined);
  const honest = async (): Promise<void> => {
    const answer = await fetch(`${url}/config.json`);
    equal(((await answer.json()) as {currentHeight: number}).currentHeight, 3);
  };
  return {name: 'master', port: portOf(url), path: '/config.json', head: [], isRefusal: (body) => body !== '', honest};
}

async function openAnns(
  t: TestContext,
  limits: Limits,
  guard: Partial<AddressGuardOptions> = {},
): Promise<Service & {readonly dir: string; readonly post: (body: Uint8Array) => Promise<[number, string]>}> {
  const dir = await testFolder('ann');
  const lab = await openAnnHandlerLab(t, dir, {server: {limits, guard}});
  lab.handler.follow(stateOf(PARENT + 2));
  const head = [`x-pc-worknum: ${PARENT + 1}`, `x-pc-payto: ${PAYTO}`, 'x-pc-sver: 1'];
  return {
    name: 'announcement handler',
    port: portOf(lab.url),
    path: '/submit',
    head,
    isRefusal: isEnvelope(null),
    dir,
    honest: async () => {
      const {status, result} = await lab.post(part(0, 1));
      deepEqual([status, result!.accepted + result!.dup], [200, 1]);
    },
    post: async (body) => {
      const {status, error} = await lab.post(body);
      return [status, error];
    },
  };
}

async function openBlocks(
  t: TestContext,
  limits: Limits,
  guard: Partial<AddressGuardOptions> = {},
): Promise<Service & {readonly post: (body: unknown) => Promise<[number, string]>}> {
  const node = await openFakeNode(t);
  const lab = await openShareLab(t, {nodes: [node.rpc], dir: await testFolder('share'), server: {limits, guard}});
  lab.handler.follow(shareState(), [lab.masterUrl]);
  return {
    name: 'block handler',
    port: portOf(lab.url),
    path: '/submit',
    head: [`x-pc-payto: ${PAYTO}`, 'x-pc-sver: 1'],
    isRefusal: isEnvelope(''),
    honest: async () => deepEqual(await lab.post(SHARE.post.body), {status: 200, body: SHARE.reply}),
    post: async (body) => {
      const answer = await lab.post(body);
      return [answer.status, answer.body.error.join()];
    },
  };
}

async function openPay(t: TestContext, limits: Limits): Promise<Service & {readonly shares: () => number}> {
  const paymaker = await openPaymaker(t, {network: PKT});
  const server = new PaymakerServer({paymaker, nowMs: () => VECTORS_NOW_MS, log: NO_LOG, limits});
  const {port} = await server.listen('127.0.0.1', 0);
  t.after(() => server.close());
  return {
    name: 'paymaker',
    port,
    path: '/events',
    head: [`authorization: ${AUTHORIZATION}`],
    isRefusal: isEnvelope(null),
    shares: () => paymaker.counts.shares,
    honest: async () => {
      const body = '{"type":"block","height":1,"difficulty":1,"time":1700000000000,"eventId":"honest"}\n';
      const init = {method: 'POST', body, headers: {authorization: AUTHORIZATION}};
      const answer = (await (await fetch(`http://127.0.0.1:${port}/events`, init)).json()) as {
        result: {eventId: string};
      };
      equal(answer.result.eventId, logId(Buffer.from(body)));
    },
  };
}

function openAll(t: TestContext, limits: Limits = LIMITS): Promise<Service[]> {
  return Promise.all([openMaster(t, limits), openAnns(t, limits), openBlocks(t, limits), openPay(t, limits)]);
}

interface Heard {
  /** All that came until the connection ended. */
  readonly text: string;
  /** Bytes that the system took from us. */
  readonly sent: number;
}

/** Sends pieces until they or the connection end; the server has to end it. */
async function say(
  {port}: Service,
  pieces: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
  localAddress: string = ELSEWHERE,
): Promise<Heard> {
  const socket = connect({port, host: '127.0.0.1', localAddress});
  const heard: Buffer[] = [];
  socket.on('data', (piece: Buffer) => heard.push(piece));
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for await (const piece of pieces) {
    if (socket.destroyed || !socket.writable) break;
    if (!socket.write(piece)) {
      await Promise.race([closed, new Promise((resolve) => socket.once('drain', resolve))]);
    }
  }
  await closed;
  return {text: Buffer.concat(heard).toString('latin1'), sent: socket.bytesWritten};
}

function headOf(service: Service, more: readonly string[], method = 'POST', path = service.path): string {
  return `${[`${method} ${path} HTTP/1.1`, 'host: pool', ...service.head, ...more].join('\r\n')}\r\n\r\n`;
}

interface Parsed {
  readonly status: number;
  readonly body: string;
}

/** The first answer of what was heard. */
function parsed({text}: Heard): Parsed | undefined {
  const [, status, rest] = /^HTTP\/1\.1 (\d+) [^\r]*\r\n([\s\S]*)$/.exec(text) ?? [];
  if (status === undefined) return undefined;
  const end = rest!.indexOf('\r\n\r\n');
  const length = /content-length: (\d+)/i.exec(rest!)?.[1];
  return {status: Number(status), body: rest!.slice(end + 4, end + 4 + Number(length))};
}

/** Refused with one of these numbers, in the words of the protocol, and with nothing of ours in it. */
function checkRefused(service: Service, heard: Heard, what: string, statuses: readonly number[]): void {
  const answer = parsed(heard);
  ok(answer !== undefined, `${service.name}, ${what}: an answer`);
  ok(statuses.includes(answer.status), `${service.name}, ${what}: ${answer.status} ${answer.body}`);
  ok(answer.status === 404 || answer.status === 405 || service.isRefusal(answer.body), `${what}: ${answer.body}`);
  doesNotMatch(heard.text, /\n\s+at |node:|\.ts|\.js|Error/);
}

const CLOSE = 'connection: close';

test('bodies that are too long are read to their end and refused; endless ones are cut', async (t) => {
  for (const service of await openAll(t)) {
    const long = new Uint8Array(MAX_BODY + 1024).fill(32);
    const refused = await say(service, [headOf(service, [`content-length: ${long.length}`, CLOSE]), long]);
    checkRefused(service, refused, 'a long body', [400, 404, 413]);
    await service.honest();
    let pieces = 0;
    async function* endless(): AsyncGenerator<string> {
      yield headOf(service, ['transfer-encoding: chunked']);
      for (; pieces < 100_000; pieces++) {
        yield `400\r\n${' '.repeat(1024)}\r\n`;
        if (pieces % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    await say(service, endless());
    ok(pieces < 100_000, `${service.name} has cut it after ${pieces} KiB`);
    await service.honest();
  }
});

test('a body that says how endless it is is not waited for', async (t) => {
  for (const service of await openAll(t)) {
    for (const length of ['99999999999', '99999999999999999999', '-1', '1e3', '0x10', '+5', '5 5', '']) {
      const heard = await say(service, [headOf(service, [`content-length: ${length}`, CLOSE])]);
      checkRefused(service, heard, `a length of ${length}`, [400, 404, 408, 413]);
    }
    await service.honest();
  }
});

test('slow senders are cut by the deadline, in head and in body', async (t) => {
  const attack = async (service: Service): Promise<void> => {
    async function* slowly(text: string): AsyncGenerator<string> {
      for (const letter of text.repeat(1000)) {
        yield letter;
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    }
    async function* slowBody(): AsyncGenerator<string> {
      yield headOf(service, ['content-length: 20000']);
      yield* slowly(' ');
    }
    const bodies = [say(service, slowBody()), say(service, slowBody())];
    const heads = [say(service, slowly('GET / HTTP/1.1\r\nx: ')), say(service, ['POST /sub'])];
    const silent = say(service, []);
    for (const heard of await Promise.all(heads)) checkRefused(service, heard, 'a slow head', [408]);
    for (const {sent} of await Promise.all(bodies)) ok(sent < 1500, `${service.name} has cut it after ${sent} bytes`);
    await silent;
  };
  await Promise.all((await openAll(t, {...LIMITS, deadlines: SHORT})).map(attack));
});

const NOISE: readonly (readonly [string, string])[] = [
  ['noise', '\u0000\u0001\u0002\u00ff'.repeat(50)],
  ['a greeting of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
  ['a version that is none', 'GET / HTTP/9.9\r\n\r\n'],
  ['a header without a name', 'GET / HTTP/1.1\r\n: x\r\n\r\n'],
  ['a header with NUL', 'GET / HTTP/1.1\r\nhost: a\u0000b\r\n\r\n'],
  ['a header over two lines', 'GET / HTTP/1.1\r\nhost: a\r\n x-pc-payto: b\r\n\r\n'],
  ['a head without end', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(40_000)}`],
  ['many headers', `GET / HTTP/1.1\r\nhost: x\r\n${'a: b\r\n'.repeat(20_000)}\r\n`],
  [
    'a chunk longer than any',
    'POST /submit HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n',
  ],
  ['a chunk of no length', 'POST /submit HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
];

test('what is no request is refused as one, and the connection closed', async (t) => {
  for (const service of await openAll(t)) {
    for (const [what, bytes] of NOISE) {
      const heard = await say(service, [Buffer.from(bytes, 'latin1')]);
      checkRefused(service, heard, what, [400, 404, 408, 413, 431]);
    }
    await service.honest();
  }
});

test('one request is one request: two lengths, or a length and chunks, smuggle nothing', async (t) => {
  for (const service of await openAll(t)) {
    const inner = headOf(service, [CLOSE], 'GET', '/smuggled');
    const heads = [
      ['content-length: 5', `content-length: ${inner.length + 5}`],
      ['content-length: 5, 6'],
      ['transfer-encoding: chunked', 'content-length: 5'],
      ['content-length: 5', 'transfer-encoding: chunked'],
      ['transfer-encoding: xchunked', 'content-length: 0'],
      ['transfer-encoding: identity, chunked, identity'],
    ];
    for (const head of heads) {
      const heard = await say(service, [`${headOf(service, head)}0\r\n\r\n${inner}`]);
      checkRefused(service, heard, head.join('; '), [400]);
      equal(heard.text.split('HTTP/1.1 ').length, 2, `${service.name}: one answer to ${head.join('; ')}`);
    }
    await service.honest();
  }
});

test('paths lead nowhere but where they say', async (t) => {
  const [master, anns, blocks, pay] = (await openAll(t)) as [Service, Service & {dir: string}, Service, Service];
  await writeFile(`${anns.dir}/secret.bin`, 'top secret');
  const tricks = [
    '/../secret.bin',
    '/anns/../secret.bin',
    '/anns/../../secret.bin',
    '/anns/..%2fsecret.bin',
    '/anns/%2e%2e/secret.bin',
    '/anns/..%5csecret.bin',
    '/anns/..\\secret.bin',
    '/anns//etc/passwd',
    '/anns/%2fetc%2fpasswd',
    '/anns/anns_1_0_1.bin%00.txt',
    '/anns/anns_..%2f..%2fsecret.bin',
    `/anns/${'a'.repeat(3000)}`,
    '/work_%2e%2e.bin',
    '/work_-1.bin',
    '/work_1.bin/../../secret.bin',
    `/bt_${'9'.repeat(400)}.bin`,
    '/blkinfo_../../secret.bin.json',
    '/miner/../../secret.bin',
    '/miner/%2e%2e%2fsecret.bin',
    '/__proto__',
    '/constructor',
    '/%',
    '/%zz',
    '/%c0%ae%c0%ae/secret.bin',
    '//',
    'http://elsewhere/secret.bin',
    '*',
  ];
  for (const service of [master, anns, blocks, pay]) {
    for (const path of tricks) {
      const heard = await say(service, [headOf(service, ['x-pc-passwd: pw', CLOSE], 'GET', path)]);
      checkRefused(service, heard, path, [400, 404, 405, 414]);
      doesNotMatch(heard.text, /top secret|root:|\n\s+at |FST_|Error/, path);
    }
    await service.honest();
  }
});

test('methods that a path does not have change nothing', async (t) => {
  for (const service of await openAll(t)) {
    const allowed = service.name === 'master' ? ['GET', 'HEAD'] : ['POST'];
    for (const method of [...METHODS, 'BREW'].filter((each) => !allowed.includes(each))) {
      const heard = await say(service, [headOf(service, ['content-length: 0', CLOSE], method)]);
      const answer = parsed(heard);
      ok(
        answer === undefined || [400, 404, 405].includes(answer.status),
        `${service.name} ${method}: ${answer?.status}`,
      );
      doesNotMatch(heard.text, /\n\s+at |FST_|Error/, method);
    }
    await service.honest();
  }
});

test('garbage of every kind is refused with a code, or told of', async (t) => {
  const [, anns, blocks, pay] = (await openAll(t)) as [Service, Service, Service, Service & {shares: () => number}];
  const post = async (service: Service, body: string | Uint8Array, more: readonly string[] = []): Promise<Heard> =>
    say(service, [headOf(service, [`content-length: ${Buffer.byteLength(body)}`, CLOSE, ...more]), body]);
  const deep = '['.repeat(MAX_BODY - 10);
  const shapes = [
    '{',
    '[]',
    'null',
    '5',
    '"x"',
    deep,
    `{"a":${deep.slice(20)}`,
    '{"__proto__":{"x":1}}',
    '\u0000',
    '\xff',
  ];
  const share = SHARE.post.body;
  const shares: object[] = [
    {...share, coinbase_commit: 5},
    {...share, coinbase_commit: ''},
    {...share, header_and_proof: ''},
    {...share, header_and_proof: share.header_and_proof.slice(0, 161)},
    {...share, header_and_proof: share.header_and_proof.slice(0, 400)},
    {...share, header_and_proof: [share.header_and_proof]},
    {header_and_proof: share.header_and_proof},
  ];
  for (const body of [...shapes, ...shares.map((each) => JSON.stringify(each))]) {
    checkRefused(blocks, await post(blocks, body), body.slice(0, 60), [400]);
  }
  const random = new Uint8Array(4096).map((_, i) => (i * 7919) >>> 3);
  for (const body of [random, new Uint8Array(2048), new Uint8Array(2048).fill(255), random.subarray(0, 1000)]) {
    checkRefused(anns, await post(anns, body), `${body.length} bytes`, [400]);
  }
  const heads = [['x-pc-worknum: 1'], ['x-pc-sver: 1', 'x-pc-sver: 2'], ['x-pc-payto: another']];
  // A header that is there twice is none of the two.
  for (const head of heads) checkRefused(anns, await post(anns, part(1, 2), head), head.join(), [400]);
  for (const left of [0, 1, 2]) {
    const {head} = anns;
    const without = {...anns, head: head.filter((_, i) => i !== left)};
    checkRefused(anns, await post(without, part(1, 2)), `without ${head[left]}`, [400]);
  }
  for (const body of [...shapes, random, '{"type":"share"}\n', '{"type":"share","eventId":{},"time":"x"}\n']) {
    const answer = parsed(await post(pay, body))!;
    equal(answer.status, 200);
    const {result, warn} = JSON.parse(answer.body) as {result: {eventId: string}; warn: string[]};
    equal(result.eventId, logId(Buffer.from(body as string)));
    match(warn.join(), /no events/);
  }
  equal(pay.shares(), 0);
  for (const service of [anns, blocks, pay]) await service.honest();
});

test('whoever has no password credits nothing and fills no memory', async (t) => {
  const pay = await openPay(t, {...LIMITS, maxBodiesBytes: MAX_BODY});
  const event = `{"type":"share","payTo":"${PAYTO}","target":503382015,"time":1700000000000,"eventId":"forged"}\n`;
  const forged = [
    [],
    ['authorization: Basic'],
    ['authorization: Basic eDp3cm9uZw=='],
    [`authorization: ${AUTHORIZATION.toLowerCase()}`],
    [`authorization: Bearer secret`],
    [`authorization: Basic ${Buffer.from('y:secret').toString('base64')}`],
    [`authorization: Basic ${Buffer.from('x:secre').toString('base64')}`],
    [`authorization: Basic ${Buffer.from('x:secret\0').toString('base64')}`],
    [`x-authorization: ${AUTHORIZATION}`],
  ];
  for (const head of forged) {
    const stranger = {...pay, head};
    const length = `content-length: ${event.length}`;
    checkRefused(pay, await say(stranger, [headOf(stranger, [length, CLOSE]), event]), head.join(), [401]);
  }
  equal(pay.shares(), 0);
  // Strangers' bodies under way, more than there is room for.
  const waiting = Array.from({length: 5}, () => {
    const stranger = {...pay, head: []};
    return say(stranger, [headOf(stranger, [`content-length: ${MAX_BODY}`, CLOSE]), ' '.repeat(MAX_BODY - 1)]);
  });
  await pay.honest();
  await Promise.all(waiting);
  const first = await say(pay, [headOf(pay, [`content-length: ${event.length}`, CLOSE]), event]);
  equal(parsed(first)!.status, 200);
  equal(pay.shares(), 1);
});

test('bodies together have a bound; beyond it the program says that it has too much to do', async (t) => {
  const limits = {...LIMITS, maxBodiesBytes: 2 * MAX_BODY, deadlines: {request: 20_000, silent: 20_000, idle: 20_000}};
  for (const service of [await openAnns(t, limits), await openBlocks(t, limits), await openPay(t, limits)]) {
    let arrived = 0;
    async function* held(): AsyncGenerator<string> {
      yield headOf(service, [`content-length: ${MAX_BODY}`, CLOSE]);
      yield ' '.repeat(MAX_BODY - 1);
      arrived++;
      await eventually('all under way', () => arrived === 4);
      await new Promise((resolve) => setTimeout(resolve, 200));
      yield ' ';
    }
    const heard = await Promise.all([held(), held(), held(), held()].map((each) => say(service, each)));
    const answers = heard.map((each) => parsed(each)!);
    const overloaded = answers.filter(({body}) => body.includes('"overloaded"'));
    equal(overloaded.length, 2, service.name);
    for (const {status, body} of overloaded) {
      ok([501, 503].includes(status));
      ok(service.isRefusal(body));
    }
    await service.honest();
  }
});

test('who hangs up amid a body is no error of ours, and leaves nothing behind', async (t) => {
  const errors: string[] = [];
  const log = {...NO_LOG, error: (message: string) => void errors.push(message)};
  const lab = await openAnnHandlerLab(t, await testFolder('ann'), {
    server: {log, limits: {...LIMITS, maxBodiesBytes: MAX_BODY}},
  });
  lab.handler.follow(stateOf(PARENT + 2));
  for (let i = 0; i < 10; i++) {
    const socket = connect({port: portOf(lab.url), host: '127.0.0.1'});
    socket.on('error', () => {});
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(`POST /submit HTTP/1.1\r\nhost: x\r\ncontent-length: ${MAX_BODY}\r\n\r\n${' '.repeat(MAX_BODY - 1)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    await closed;
  }
  // Every one of them would have filled all the room there is.
  await eventually('the room is free again', async () => (await lab.post(part(0, 20))).status === 200);
  deepEqual(errors, []);
});

test('idle connections of one address leave room for the others', {skip: ELSEWHERE === '127.0.0.1'}, async (t) => {
  const limits = {...LIMITS, deadlines: {request: 20_000, silent: 20_000, idle: 20_000}, maxConnections: 80};
  for (const service of await openAll(t, limits)) {
    const sockets: Socket[] = [];
    let closed = 0;
    for (let i = 0; i < 200; i++) {
      const socket = connect({port: service.port, host: '127.0.0.1', localAddress: ELSEWHERE});
      socket.on('error', () => {});
      socket.once('close', () => closed++);
      sockets.push(socket);
    }
    await eventually('those beyond a quarter are closed', () => closed === 180);
    await service.honest();
    for (const socket of sockets) socket.destroy();
    await eventually('all are gone', () => closed === 200);
    // The service may hear of their end a little later.
    await eventually('the address is let in again', async () => {
      const again = connect({port: service.port, host: '127.0.0.1', localAddress: ELSEWHERE});
      again.on('error', () => {});
      again.write(headOf(service, [CLOSE], 'GET', '/nothing'));
      const answered = await new Promise<boolean>((resolve) => {
        again.once('data', () => resolve(true)).once('close', () => resolve(false));
      });
      again.destroy();
      return answered;
    });
  }
});

test('a thousand connections that say nothing end by themselves', async (t) => {
  const limits = {...LIMITS, deadlines: SHORT, maxConnections: 1500, maxConnectionsPerAddress: 1200};
  const service = await openAnns(t, limits);
  let closed = 0;
  for (let i = 0; i < 1000; i++) {
    const socket = connect({port: service.port, host: '127.0.0.1', localAddress: ELSEWHERE});
    socket.on('error', () => {});
    socket.on('data', () => {});
    socket.once('close', () => closed++);
  }
  await service.honest();
  await eventually('all are cut', () => closed === 1000, 30);
  await service.honest();
});

test('a flood of one address is told of, and over with time', async (t) => {
  let nowMs = 0;
  const guard = {rate: {perSecond: 1024, burst: 4 * 1024}, now: () => nowMs};
  const anns = await openAnns(t, {}, guard);
  deepEqual(await anns.post(part(0, 3)), [200, '']);
  deepEqual(await anns.post(part(3, 6)), [503, 'overloaded']);
  nowMs += 1999;
  deepEqual(await anns.post(part(3, 6)), [503, 'overloaded']);
  nowMs += 1;
  deepEqual(await anns.post(part(3, 6)), [200, '']);
  const blocks = await openBlocks(t, {}, {rate: {perSecond: 1, burst: 2}, now: () => nowMs});
  await blocks.honest();
  await blocks.honest();
  deepEqual(await blocks.post(SHARE.post.body), [501, 'overloaded']);
  nowMs += 1000;
  await blocks.honest();
});

test('who forges is shut out for a while, longer each time, and let in again by itself', async (t) => {
  let nowMs = 0;
  const anns = await openAnns(t, {}, {tolerance: 10, now: () => nowMs});
  const forged = part(10, 14);
  for (let i = 0; i < 4; i++) forged[1024 * i + 300]! ^= 1;
  let banMs = 60_000;
  for (let round = 0; round < 3; round++) {
    for (let posts = 0; posts < 2; posts++) equal((await anns.post(forged))[0], 400);
    equal((await anns.post(forged))[0], 400);
    equal((await anns.post(part(20, 21)))[0], 403, `ban ${round}`);
    nowMs += banMs - 1;
    equal((await anns.post(part(20, 21)))[0], 403);
    nowMs += 1;
    equal((await anns.post(part(20, 21)))[0], 200);
    banMs *= 2;
  }
  const blocks = await openBlocks(t, {}, {tolerance: 3, now: () => nowMs});
  const wrong = {...SHARE.post.body, coinbase_commit: SHARE.post.body.coinbase_commit.replace(/00$/, '01')};
  for (let i = 0; i < 3; i++) equal((await blocks.post(wrong))[0], 400);
  equal((await blocks.post(SHARE.post.body))[0], 403);
  nowMs += 60_000;
  await blocks.honest();
});

test('honest mistakes are forgiven', async (t) => {
  let nowMs = 0;
  const anns = await openAnns(t, {}, {tolerance: 10, now: () => nowMs});
  const damaged = part(10, 14);
  for (let i = 0; i < 4; i++) damaged[1024 * i + 300]! ^= 1;
  // Four at a time, with a pause: what was bad counts half after ten minutes.
  for (let i = 0; i < 10; i++) {
    equal((await anns.post(damaged))[0], 400);
    nowMs += 600_000;
  }
  // Of the wrong block, for another handler, seen before: no forgery.
  for (let i = 0; i < 20; i++) {
    const old = part(0, 1);
    old[12]! ^= 1;
    equal((await anns.post(old))[0], 400);
    equal((await anns.post(part(0, 1)))[0], 200);
  }
  await anns.honest();
});

test('one connection takes one place among those who wait for work', async (t) => {
  const {rpc, generate} = await openLabNode(t);
  await generate(2);
  const {url, master, server} = await openLabMaster(t, {nodes: [rpc], longPollMs: 60_000, maxWaiting: 20});
  await eventually('work', () => master.published !== undefined);
  const socket = connect({port: portOf(url), host: '127.0.0.1'});
  t.after(() => socket.destroy());
  socket.write('GET /work_4.bin HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(100));
  await eventually('it waits', () => server.waiting > 0);
  await new Promise((resolve) => setTimeout(resolve, 200));
  equal(server.waiting, 1);
  const honest = fetch(`${url}/work_4.bin`);
  await eventually('another waits', () => server.waiting === 2);
  await generate(1);
  equal((await honest).status, 200);
});

test('programs listen where they are told, and nowhere else', {skip: ELSEWHERE === '127.0.0.1'}, async (t) => {
  for (const service of await openAll(t)) {
    const code = await new Promise((resolve) => {
      const socket = connect({port: service.port, host: ELSEWHERE});
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      socket.once('connect', () => {
        socket.destroy();
        resolve('connected');
      });
    });
    equal(code, 'ECONNREFUSED', service.name);
    await service.honest();
  }
});

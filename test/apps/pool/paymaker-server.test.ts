import {deepEqual, equal, match, ok} from 'node:assert/strict';
import {mkdir, readdir, rename, rm, rmdir} from 'node:fs/promises';
import {join} from 'node:path';
import {type TestContext, test} from 'node:test';
import type {Paymaker} from '../../../src/apps/pool/paymaker/paymaker.ts';
import {
  MAX_UPLOAD_BYTES,
  PaymakerServer,
  type PaymakerServerOptions,
} from '../../../src/apps/pool/paymaker/paymaker-server.ts';
import {PKTREG} from '../../../src/core/params/index.ts';
import {logId} from '../../../src/core/protocol/pool/index.ts';
import {NO_LOG} from '../../../src/service/logs/log.ts';
import {createHttpSender, EventLog} from '../../../src/service/pool/event-log.ts';
import {
  LAB_NOW_MS,
  labSettings,
  openPaymaker,
  PAYMAKER_VECTORS,
  uploadOf,
  VECTORS_NOW_MS,
} from '../../support/pool-books.ts';
import {eventually, testAddress, testFolder} from '../../support/pool-lab.ts';
import {readVectors} from '../../support/vectors.ts';

const AUTHORIZATION = `Basic ${Buffer.from('x:secret').toString('base64')}`;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

async function serve(
  t: TestContext,
  paymaker: Paymaker,
  options: Partial<PaymakerServerOptions> = {},
): Promise<string> {
  const server = new PaymakerServer({paymaker, nowMs: () => VECTORS_NOW_MS, log: NO_LOG, ...options});
  const {port} = await server.listen('127.0.0.1', 0);
  t.after(() => server.close());
  return `http://127.0.0.1:${port}/some/prefix`;
}

async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, {...init, signal: AbortSignal.timeout(30_000)});
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  return {status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : {}};
}

function post(url: string, body: Uint8Array | string, authorization = AUTHORIZATION): Promise<Answer> {
  return ask(`${url}/events`, {method: 'POST', body: body as string, headers: {authorization}});
}

test('uploads are answered with their id, refusals with null', async (t) => {
  const dir = await testFolder('paymaker');
  const paymaker = await openPaymaker(t, {dir});
  const url = await serve(t, paymaker);
  for (const wrong of ['', 'Basic eDp3cm9uZw==', `${AUTHORIZATION} `.trim().toLowerCase()]) {
    const {status, headers, body} = await post(url, 'x', wrong);
    equal(status, 401);
    equal(headers.get('www-authenticate'), 'Basic realm=paymaker');
    deepEqual(body, {result: null, error: ['401 Unauthorized'], warn: []});
  }
  const upload = uploadOf(PAYMAKER_VECTORS.scenarios[0]!.uploads[0]!);
  for (let round = 0; round < 2; round++) {
    const {status, body} = await post(url, upload);
    equal(status, 200);
    equal((body['result'] as {eventId: string}).eventId, logId(upload));
    deepEqual(body['error'], []);
  }
  equal((await ask(`${url}/events`, {headers: {authorization: AUTHORIZATION}})).status, 405);
  for (const path of ['elsewhere', 'miner/', 'miner/pkt1nobody', 'miner/../x'])
    equal((await ask(`${url}/${path}`)).status, 404);
  const long = await post(url, new Uint8Array(MAX_UPLOAD_BYTES + 1).fill(10));
  deepEqual([long.status, long.body['result']], [413, null]);
  const junk = await post(url, 'junk');
  equal(junk.status, 200);
  equal((junk.body['result'] as {eventId: string}).eventId, logId(Buffer.from('junk')));
  match(String(junk.body['warn']), /1 lines are no events.*kept for inspection/);
  deepEqual(await readdir(join(dir, 'inspect')), [`${logId(Buffer.from('junk'))}.bin`]);
  deepEqual(paymaker.counts, {blocks: 1, compressedAnnSlots: 4, shares: 5});
});

test('the documents have the fields of existing ones', async (t) => {
  const paymaker = await openPaymaker(t);
  const url = await serve(t, paymaker);
  const {exchanges} = readVectors<{exchanges: {request: {path: string}; response: {body: object}}[]}>('pool-http');
  const sample = (path: string): object => exchanges.find(({request}) => request.path === path)!.response.body;
  const empty = await ask(`${url}/whotopay`);
  deepEqual(Object.keys(empty.body), Object.keys(sample('/whotopay')));
  deepEqual({...empty.body, generatedAt: 0}, {...sample('/whotopay'), generatedAt: 0});
  match(empty.text, /^\{\n\t"error": \[\]/);
  equal(empty.headers.get('access-control-allow-origin'), '*');
  const stats = await ask(`${url}/stats`);
  deepEqual(Object.keys(stats.body), Object.keys(sample('/stats')));

  await post(url, uploadOf(PAYMAKER_VECTORS.scenarios[0]!.uploads[0]!));
  const page = await ask(`${url}/miner/pkt1qdv3up40nt5d3r7dks0ctpfshx4w7kyf87q2q35`);
  equal(page.body['lastSeen'], 1_700_000_280_000);
  const past = await ask(`${url}/whotopay?maxtime=1700000200000`);
  const result = past.body['result'] as Record<string, number>;
  for (const [address, part] of Object.entries(PAYMAKER_VECTORS.scenarios[0]!.queries[1]!.result)) {
    ok(Math.abs(result[address]! - part) < 1e-12, address);
  }
  equal((await ask(`${url}/whotopay?maxtime=soon`)).status, 400);
});

test('what an address is paid is explained', async (t) => {
  const paymaker = await openPaymaker(t);
  await paymaker.ingest(uploadOf(PAYMAKER_VECTORS.scenarios[0]!.uploads[0]!), '');
  const url = await serve(t, paymaker);
  const {body} = await ask(`${url}/miner/pkt1qmal8pegzz4z0fq6thmny483h38ltcjlg5j86ps`);
  deepEqual(body, {
    address: 'pkt1qmal8pegzz4z0fq6thmny483h38ltcjlg5j86ps',
    lastSeen: 1_700_000_160_000,
    fractionOfNextBlock: 0.2,
    exactFraction: '200000000000000000/1000000000000000000',
    poolFee: 0.2,
    minimumPayout: 0,
    balanceUnits: '0',
    blockShares: {
      credit: 0.5,
      windowCredit: 1,
      windowFrom: 1_700_000_100_000,
      windowUnfilled: 0,
      fractionBeforeFee: 0.25,
    },
    announcements: {
      credit: 0,
      windowCredit: 0.0625,
      windowFrom: 1_700_000_160_000,
      windowUnfilled: 0,
      fractionBeforeFee: 0,
    },
  });
});

test('more requests at a time than it may have are told so', async (t) => {
  const url = await serve(t, await openPaymaker(t), {maxRequests: 0});
  const {status, body} = await ask(`${url}/stats`);
  deepEqual([status, body['error']], [501, ['overloaded']]);
});

test('a handler that claims too much waits; the others do not', async (t) => {
  let now = LAB_NOW_MS;
  const handlers = [
    {name: 'much', password: 'one', eventsPerMinute: 6},
    {name: 'rich', password: 'two', creditPerHour: 0.3},
    {name: 'free', password: 'three'},
  ];
  const settings = labSettings({handlers, paymakerHttpPasswd: undefined});
  const paymaker = await openPaymaker(t, {network: PKTREG, settings, nowMs: () => now});
  const url = await serve(t, paymaker);
  let number = 0;
  const shares = (count: number): Uint8Array =>
    uploadOf(
      Array.from({length: count}, () => ({
        type: 'share',
        payTo: testAddress(1),
        target: 0x1e020000,
        time: LAB_NOW_MS,
        eventId: `share ${number++}`,
      })),
    );
  const as = (password: string): string => `Basic ${Buffer.from(`x:${password}`).toString('base64')}`;
  const block = {type: 'block', height: 1, difficulty: 2, time: LAB_NOW_MS - 1, eventId: 'block'};
  equal((await post(url, uploadOf([block]), as('three'))).status, 200);
  equal((await post(url, shares(90), as('one'))).status, 200);
  const waiting = shares(1);
  const refused = await post(url, waiting, as('one'));
  deepEqual([refused.status, refused.body['result'], refused.body['error']], [503, null, ['over-budget']]);
  const claims = shares(2);
  equal((await post(url, claims, as('two'))).status, 503);
  equal((await post(url, shares(1), as('two'))).status, 200);
  equal((await post(url, shares(1), as('two'))).status, 503);
  equal((await post(url, shares(90), as('three'))).status, 200);
  equal(paymaker.counts.shares, 181);
  now += 600_000;
  equal((await post(url, waiting, as('one'))).status, 200);
  equal(paymaker.counts.shares, 182);
});

test('handlers of ours deliver to it, and delete what it has', async (t) => {
  const paymaker = await openPaymaker(t, {network: PKTREG, settings: labSettings(), nowMs: () => LAB_NOW_MS});
  const url = await serve(t, paymaker);
  const dir = await testFolder('events');
  const send = createHttpSender(() => url, 'x', 'secret');
  const events = await EventLog.open({dir, log: NO_LOG, send, rotateMs: 20, retryMs: 20});
  t.after(() => events.close());
  await events.append({type: 'block', hash: 'a'.repeat(64), height: 1, difficulty: 1, time: LAB_NOW_MS, eventId: 'a'});
  await eventually('the event is there', () => paymaker.counts.blocks === 1);
  await eventually('the log is gone', () => events.waitingFiles === 0);
});

test('a file of events that is gone, or cannot be read, keeps nothing behind it back', async () => {
  const dir = await testFolder('events');
  const sent: string[] = [];
  let isAway = true;
  const send = (body: Uint8Array): Promise<void> => {
    if (isAway) return Promise.reject(new Error('away'));
    sent.push(
      ...Buffer.from(body)
        .toString()
        .trim()
        .split('\n')
        .map((line) => String(JSON.parse(line).eventId)),
    );
    return Promise.resolve();
  };
  const errors: string[] = [];
  const log = {...NO_LOG, error: (message: string) => errors.push(message)};
  const events = await EventLog.open({dir, log, send, rotateMs: 20, retryMs: 20});
  const append = (eventId: string): Promise<void> =>
    events.append({type: 'block', hash: 'a'.repeat(64), height: 1, difficulty: 1, time: LAB_NOW_MS, eventId});
  await append('a');
  await eventually('it waits', () => events.waitingFiles === 1);
  await append('b');
  await eventually('both wait', () => events.waitingFiles === 2);
  const [first, second] = (await readdir(dir)).sort();
  await rm(join(dir, first!));
  // A folder in the place of a file cannot be read.
  await rename(join(dir, second!), join(dir, 'aside'));
  await mkdir(join(dir, second!));
  isAway = false;
  await eventually('the first is given up', () => events.waitingFiles === 1);
  await rmdir(join(dir, second!));
  await rename(join(dir, 'aside'), join(dir, second!));
  await append('c');
  await eventually('the others have come', () => sent.length === 2);
  deepEqual([sent, errors.length], [['b', 'c'], 1]);
  await events.close();
});

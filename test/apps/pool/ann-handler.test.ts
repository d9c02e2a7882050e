import {deepEqual, equal, match, ok} from 'node:assert/strict';
import {type FileHandle, open as openFile, readdir, readFile} from 'node:fs/promises';
import {request} from 'node:http';
import {test} from 'node:test';
import {PrefixSet} from '../../../src/apps/pool/ann-handler/prefix-set.ts';
import {type AnnouncementsEvent, batchId, logId} from '../../../src/core/protocol/pool/index.ts';
import {httpRequest} from '../../../src/service/http/http-client.ts';
import {NO_LOG} from '../../../src/service/logs/log.ts';
import {EventLog} from '../../../src/service/pool/event-log.ts';
import {hashOf, infoOf, mineAnns, openAnnHandlerLab, PARENT, stateOf} from '../../support/ann-handler-lab.ts';
import {eventually, testAddress, testFolder} from '../../support/pool-lab.ts';

const ALICE = testAddress(7);
const ANNS = mineAnns(64);
const part = (from: number, to: number): Uint8Array => ANNS.slice(1024 * from, 1024 * to);

/** Events that wait to be sent. */
async function readLogs(dir: string): Promise<string> {
  const names = (await readdir(dir)).sort();
  return (await Promise.all(names.map((name) => readFile(`${dir}/${name}`, 'utf8')))).join('');
}

test('announcements are judged one by one, paid once, and on their way before the miner hears of it', async (t) => {
  const dir = await testFolder('ann');
  const lab = await openAnnHandlerLab(t, dir);
  deepEqual(await lab.post(part(0, 4)), {status: 400, error: 'server not ready', warn: []});
  lab.handler.follow(stateOf(PARENT + 2));
  const first = await lab.post(part(0, 10));
  deepEqual(first.result, {
    type: 'anns',
    accepted: 10,
    dup: 0,
    inval: 0,
    badHash: 0,
    runt: 0,
    internalErr: 0,
    payTo: ALICE,
    unsigned: 10,
    totalLen: 0,
    target: 0x207fffff,
    time: 1_700_000_000_123,
    eventId: batchId(part(0, 10)),
  });
  const mixed = part(8, 14);
  mixed.set(part(13, 14), 1024 * 4);
  mixed[1024 * 3 + 500] = mixed[1024 * 3 + 500]! ^ 1;
  const second = await lab.post(mixed);
  deepEqual([second.result!.accepted, second.result!.dup, second.result!.inval], [2, 3, 1]);
  await eventually('two events sent', () => lab.sent.join('').split('\n').length === 3);
  const events = lab.sent
    .join('')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AnnouncementsEvent);
  deepEqual(
    events.map(({accepted}) => accepted),
    [10, 2],
  );
  equal(
    lab.accepted.reduce((sum, anns) => sum + anns.length, 0),
    12 * 1024,
  );
  await eventually('files', () => lab.files.index().files.length > 0);
  await lab.close();

  const again = await openAnnHandlerLab(t, dir);
  again.handler.follow(stateOf(PARENT + 2));
  const third = await again.post(part(0, 12));
  deepEqual([third.result!.accepted, third.result!.dup], [1, 11], 'also over a restart');
});

test('a full disk refuses what it cannot hold; once there is room, the same is taken, and paid once', async (t) => {
  const dir = await testFolder('ann');
  const lab = await openAnnHandlerLab(t, dir);
  lab.handler.follow(stateOf(PARENT + 2));
  deepEqual((await lab.post(part(0, 4))).result!.accepted, 4);
  const probe = await openFile(`${dir}/probe`, 'w');
  const prototype = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  const append = prototype.appendFile;
  // Half of it fits. The first file that is written to is that of what was seen, the second that of events.
  for (const failing of [1, 2]) {
    let writes = 0;
    const mock = t.mock.method(prototype, 'appendFile', async function full(this: FileHandle, data: Uint8Array) {
      if (++writes !== failing) return append.call(this, data);
      await append.call(this, data.subarray(0, data.length >> 1));
      throw Object.assign(new Error('no space left on device'), {code: 'ENOSPC'});
    });
    const from = 4 * failing;
    deepEqual(await lab.post(part(from, from + 4)), {status: 503, error: 'disconnected', warn: []});
    mock.mock.restore();
    deepEqual((await lab.post(part(from, from + 4))).result!.accepted, 4);
    deepEqual((await lab.post(part(from, from + 4))).result!.dup, 4);
  }
  await lab.close();
  const events = [...lab.sent, await readLogs(`${dir}/events`)].join('').trim().split('\n');
  deepEqual(
    events.map((line) => (JSON.parse(line) as AnnouncementsEvent).eventId),
    [0, 4, 8].map((from) => batchId(part(from, from + 4))),
  );
});

test('a post that nothing of can be used is refused with a text that miners know', async (t) => {
  const lab = await openAnnHandlerLab(t, await testFolder('ann'));
  lab.handler.follow(stateOf(PARENT + 2));
  const bad = part(0, 2);
  for (const at of [400, 1424]) bad[at] = bad[at]! ^ 1;
  const cases: readonly (readonly [Uint8Array, Record<string, string>, number, RegExp])[] = [
    [part(0, 1).subarray(0, 1000), {}, 400, /^size not an even multiple of 1024$/],
    [part(0, 1), {'x-pc-worknum': 'x'}, 400, /x-pc-worknum/],
    [part(0, 1), {'x-pc-sver': ''}, 400, /x-pc-sver/],
    [part(0, 1), {'x-pc-payto': 'pkt1;drop'}, 400, /^invalid payto/],
    [part(0, 1), {'x-pc-payto': 'a'.repeat(101)}, 400, /^payto too long$/],
    [part(0, 1), {'x-pc-worknum': String(PARENT + 9)}, 400, /^block number out of range, expect \d+ got \d+$/],
    [part(0, 1), {'x-pc-worknum': String(PARENT + 2)}, 400, /^wrong parent block height, want \d+ got \d+$/],
    [part(0, 1), {'x-pc-sver': '2'}, 400, /^submit elsewhere$/],
    [bad, {}, 400, /^check_ann\(\) -> INVAL/],
    [new Uint8Array(1024 * 1025), {}, 400, /more announcements/],
  ];
  for (const [body, headers, status, text] of cases) {
    const answer = await lab.post(body, headers);
    equal(answer.status, status, String(text));
    match(answer.error, text);
    equal(answer.result, undefined);
  }
  deepEqual((await lab.post(new Uint8Array(0))).result!.accepted, 0);
  lab.handler.follow(stateOf(PARENT + 2, {annTarget: 0x2000ffff}));
  equal((await lab.post(part(0, 1))).result!.accepted, 1, 'the target before stays good for this block');
  lab.handler.follow(stateOf(PARENT + 3, {annTarget: 0x2000ffff}));
  equal((await lab.post(part(1, 2))).error, 'not enough work');
  lab.handler.follow(stateOf(PARENT + 4, {submitAnnUrls: ['http://other/submit']}));
  equal((await lab.post(part(1, 2))).error, 'server not ready');
  equal(lab.sent.length <= 1, true);
});

test('a misspelt address is told at once, and nobody is paid', async (t) => {
  const lab = await openAnnHandlerLab(t, await testFolder('ann'));
  lab.handler.follow(stateOf(PARENT + 2));
  const answer = await lab.post(part(0, 2), {'x-pc-payto': `${ALICE.slice(0, -1)}q`});
  equal(answer.status, 200);
  match(answer.warn.join(), /nobody is paid/);
  await new Promise((resolve) => setTimeout(resolve, 200));
  deepEqual(lab.sent, []);
});

test('announcements on a block that was replaced are worthless', async (t) => {
  const lab = await openAnnHandlerLab(t, await testFolder('ann'));
  const state = stateOf(PARENT + 2);
  const other = {...infoOf(PARENT), header: {...infoOf(PARENT).header, hash: 'f'.repeat(64)}};
  lab.handler.follow({...state, blocks: new Map([...state.blocks, [PARENT, other]])});
  match((await lab.post(part(0, 4))).error, /^check_ann\(\)/);
});

test('a handler with too much to do says overloaded, in the words that miners count', async (t) => {
  const lab = await openAnnHandlerLab(t, await testFolder('ann'), {maxWaiting: 20});
  lab.handler.follow(stateOf(PARENT + 2));
  deepEqual(await lab.post(part(0, 30)), {status: 503, error: 'overloaded', warn: []});
  equal((await lab.post(part(0, 10))).result!.accepted, 10);
});

test('a handler on which posts would wait too long refuses some, and takes them when it has caught up', async (t) => {
  // A million times slower than this machine.
  const lab = await openAnnHandlerLab(t, await testFolder('ann'), {now: () => performance.now() * 1e6});
  lab.handler.follow(stateOf(PARENT + 2));
  equal((await lab.post(part(0, 20))).result!.accepted, 20);
  const answers = await Promise.all([0, 1, 2, 3, 4, 5].map((i) => lab.post(part(20 + 4 * i, 24 + 4 * i))));
  const refused = answers.flatMap(({status}, i) => (status === 503 ? [i] : []));
  ok(refused.length > 0 && refused.length < 6, `${refused.length} refused`);
  for (const i of refused) {
    equal(answers[i]!.error, 'overloaded');
    equal((await lab.post(part(20 + 4 * i, 24 + 4 * i))).result!.accepted, 4);
  }
});

test('many bad announcements shut an address out for a while', async (t) => {
  const lab = await openAnnHandlerLab(t, await testFolder('ann'));
  lab.handler.follow(stateOf(PARENT + 2));
  const bad = new Uint8Array(1024 * 1024);
  for (let i = 0; i < 1024; i++) {
    bad.set(part(0, 1), 1024 * i);
    new DataView(bad.buffer).setUint32(1024 * i + 600, i);
  }
  match((await lab.post(bad)).error, /^check_ann/);
  match((await lab.post(bad)).error, /^check_ann/);
  deepEqual([(await lab.post(part(0, 1))).status], [403]);
});

test('block miners fetch files with their password', async (t) => {
  const lab = await openAnnHandlerLab(t, await testFolder('ann'));
  lab.handler.follow(stateOf(PARENT + 2));
  const get = async (path: string, password?: string): Promise<{status: number; body: Uint8Array}> =>
    httpRequest(`${lab.url}${path}`, {
      headers: password === undefined ? {} : {'x-pc-passwd': password},
      timeoutMs: 5000,
      maxBytes: 10_000_000,
    });
  const index = async (): Promise<{highestAnnFile: number; files: string[]}> =>
    JSON.parse(Buffer.from((await get('/anns/index.json')).body).toString()) as {
      highestAnnFile: number;
      files: string[];
    };
  deepEqual(await index(), {highestAnnFile: -1, files: []});
  await lab.post(part(0, 5));
  await eventually('a file', async () => (await index()).files.length === 1);
  const {highestAnnFile, files} = await index();
  match(files[0]!, new RegExp(`^anns_${PARENT}_0_${highestAnnFile}\\.bin$`));
  deepEqual((await get(`/anns/${files[0]}`, 'pw')).body, part(0, 5));
  deepEqual((await get(`/anns/anns_${highestAnnFile}.bin`, 'pw')).body, part(0, 5));
  const refused = await get(`/anns/${files[0]}`, 'wrong');
  deepEqual([refused.status, Buffer.from(refused.body).toString()], [401, '"x-pc-passwd incorrect"']);
  equal((await get(`/anns/${files[0]}`)).status, 401);
  for (const path of ['/anns/anns_1_2_3.bin', '/anns/..%2f..%2fetc%2fpasswd', '/anns/x']) {
    equal((await get(path, 'pw')).status, 404, path);
  }
});

test('a chunked body without length is as good as any', async (t) => {
  const lab = await openAnnHandlerLab(t, await testFolder('ann'));
  lab.handler.follow(stateOf(PARENT + 2));
  const text = await new Promise<string>((resolve, reject) => {
    const headers = {'x-pc-worknum': String(PARENT + 1), 'x-pc-payto': ALICE, 'x-pc-sver': '1', 'x-pc-annver': '1'};
    const sent = request(`${lab.url}/submit`, {method: 'POST', headers}, (answer) => {
      let got = '';
      answer.on('data', (piece: Buffer) => {
        got += piece.toString();
      });
      answer.on('end', () => resolve(got));
    });
    sent.on('error', reject);
    for (let i = 0; i < 5; i++) sent.write(part(i, i + 1));
    sent.end();
  });
  equal((JSON.parse(text) as {result: {accepted: number}}).result.accepted, 5);
});

test('events that the paymaker does not take are kept, and sent again', async () => {
  const dir = await testFolder('events');
  const bodies: string[] = [];
  let refuse = true;
  const openLog = (): Promise<EventLog> =>
    EventLog.open({
      dir,
      log: NO_LOG,
      rotateMs: 30,
      retryMs: 30,
      send: async (body) => {
        if (refuse) {
          await httpRequest('http://127.0.0.1:1/', {timeoutMs: 500, maxBytes: 10});
        }
        bodies.push(Buffer.from(body).toString());
      },
    });
  const event = (i: number) => ({
    type: 'block' as const,
    hash: hashOf(i),
    height: i,
    difficulty: 1,
    time: i,
    eventId: String(i),
  });
  const first = await openLog();
  for (let i = 0; i < 20; i++) await first.append(event(i));
  await eventually('a file waits', () => first.waitingFiles > 0);
  await first.append(event(20));
  await first.close();
  deepEqual(bodies, []);
  refuse = false;
  const second = await openLog();
  await eventually('all is sent', () => bodies.join('').split('\n').length === 22);
  const heights = bodies
    .join('')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as {height: number}).height);
  deepEqual(
    heights.sort((a, b) => a - b),
    Array.from({length: 21}, (_, i) => i),
  );
  await second.close();
  equal(logId(new TextEncoder().encode('x')).length, 32);
});

test('a set of prefixes', () => {
  const set = new PrefixSet();
  for (let i = 1n; i < 5000n; i++) equal(set.add(i * 1_000_003n), true);
  for (let i = 1n; i < 5000n; i++) equal(set.add(i * 1_000_003n), false);
  deepEqual([set.size, set.has(1_000_003n), set.has(5n)], [4999, true, false]);
});

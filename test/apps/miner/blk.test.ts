import {deepEqual, equal, match} from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {readdir, readFile, truncate, writeFile} from 'node:fs/promises';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {type TestContext, test} from 'node:test';
import {AnnDownloads} from '../../../src/apps/miner/blk/ann-downloads.ts';
import {AnnIntake, type AnnIntakeOptions, structuralFault} from '../../../src/apps/miner/blk/ann-intake.ts';
import {AnnKeeper} from '../../../src/apps/miner/blk/ann-keeper.ts';
import type {BlockMinerFigures} from '../../../src/apps/miner/blk/block-pool-miner.ts';
import {blockLine, formatDuration} from '../../../src/apps/miner/blk/statistics.ts';
import {writeU32} from '../../../src/core/bytes/index.ts';
import {listeningLog} from '../../support/ann-lab.ts';
import {answerHostilely, HOSTILE_MODES, type HostileMode} from '../../support/fake-pool.ts';
import {eventually, testFolder} from '../../support/pool-lab.ts';

const HEIGHT = 1000;

/** Announcements that look right; their work is made up. */
function annsOf(count: number, parent = HEIGHT - 5, workBits = 0x207fffff): Uint8Array {
  const anns = new Uint8Array(randomBytes(1024 * count));
  for (let at = 0; at < anns.length; at += 1024) {
    // version 1, soft nonce 0
    writeU32(anns, at, 1);
    writeU32(anns, at + 8, workBits);
    writeU32(anns, at + 12, parent);
  }
  return anns;
}

function intakeOf(more: Partial<AnnIntakeOptions> = {}) {
  const taken: Uint8Array[] = [];
  const asked: Uint8Array[] = [];
  const intake = new AnnIntake({
    judge: {
      validate: (anns, parents) => {
        equal(parents.length, anns.length / 32);
        const each = Array.from({length: anns.length / 1024}, (_, i) => anns.subarray(1024 * i, 1024 * (i + 1)));
        asked.push(...each);
        // A made-up verdict: what begins its body with 0xbad is bad.
        return Promise.resolve(
          each.map((ann) => ({verdict: ann[100] === 0xba && ann[101] === 0xd0 ? 'INSUF_POW' : 'OK'})),
        );
      },
    },
    parentHash: (height) => (height > HEIGHT - 10 ? new Uint8Array(32) : undefined),
    isUsable: (parent) => parent > HEIGHT - 20,
    height: () => HEIGHT,
    onAnns: (anns) => taken.push(anns),
    ...more,
  });
  return {intake, taken, asked};
}

test('announcements are looked at before they are mined with: all at a glance, some in full', async () => {
  const {intake, taken, asked} = intakeOf();
  equal(await intake.take(annsOf(100), HEIGHT - 5), undefined);
  deepEqual([taken[0]!.length, asked.length > 0 && asked.length <= 2], [102_400, true]);

  const changed = (at: number, value: number): Uint8Array => {
    const anns = annsOf(3);
    writeU32(anns, 1024 + at, value);
    return anns;
  };
  for (const [anns, fault] of [
    [changed(0, 2), 'version'],
    [changed(12, HEIGHT), 'parent height'],
    [changed(8, 0x20800001), 'work bits'],
    [changed(8, 0x01000001), 'work bits'],
    [changed(8, 0x20000000), 'work bits'],
    [changed(0, 0xffffff01), 'soft nonce'],
  ] as const) {
    equal(structuralFault(anns.subarray(1024, 2048), HEIGHT), fault);
    equal(await intake.take(anns), fault);
  }
  equal(await intake.take(annsOf(3), HEIGHT - 4), 'parent height');
  equal(taken.length, 1);
  deepEqual([intake.counts.received, intake.counts.taken, intake.counts.bad], [121, 100, 21]);
});

test('a sample that is not what it claims condemns all that came with it; liars are looked at closely', async () => {
  const {intake, taken, asked} = intakeOf();
  const bad = annsOf(50);
  for (let at = 0; at < bad.length; at += 1024) bad.set([0xba, 0xd0], at + 100);
  equal(await intake.take(bad), 'INSUF_POW');
  equal(taken.length, 0);
  asked.length = 0;
  await intake.take(annsOf(500), undefined, true);
  equal(asked.length > 16, true);
  // On parents that are not known nothing can be verified; what is worth nothing is left out.
  asked.length = 0;
  equal(await intake.take(new Uint8Array([...annsOf(2, HEIGHT - 15), ...annsOf(3, HEIGHT - 30)])), undefined);
  deepEqual([asked.length, taken.at(-1)!.length, intake.counts.useless], [0, 2048, 3]);
});

async function keptOf(keeper: AnnKeeper): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  for await (const {parentHeight, anns} of keeper.load())
    counts.set(parentHeight, (counts.get(parentHeight) ?? 0) + anns.length / 1024);
  return counts;
}

test('announcements are kept over a restart; damaged parts are left out with a line', async () => {
  const dir = await testFolder('keeper');
  const {log, said} = listeningLog();
  const open = (maxBytes = 2 ** 30) => AnnKeeper.open({dir, maxBytes, log});
  const first = await open();
  for (let i = 0; i < 5; i++) first.add(annsOf(10, 990));
  first.add(new Uint8Array([...annsOf(3, 991), ...annsOf(2, 992)]));
  await first.close();
  deepEqual(
    [...(await keptOf(await open()))],
    [
      [992, 2],
      [991, 3],
      [990, 50],
    ],
  );
  equal(said.length, 0);

  const path = `${dir}/anns_990.dat`;
  const whole = await readFile(path);
  const record = 16 + 10 * 1024;
  // A byte of the second record, a length in the fourth; then a file cut short, and one of nonsense.
  const damaged = Buffer.from(whole);
  damaged[record + 500]! ^= 1;
  damaged.writeUInt32LE(0xffffffff, 3 * record + 4);
  await writeFile(path, damaged);
  equal((await keptOf(await open())).get(990), 30);
  equal(said.length, 1);
  await writeFile(path, whole);
  await truncate(path, 2 * record + 100);
  equal((await keptOf(await open())).get(990), 20);
  await writeFile(path, randomBytes(50_000));
  equal((await keptOf(await open())).get(990), undefined);
  equal(said.length, 3);
});

test('what is kept is bounded: the oldest parents go first, and those that are useless', async () => {
  const dir = await testFolder('keeper');
  const keeper = await AnnKeeper.open({dir, maxBytes: 100 * 1024, log: listeningLog().log});
  for (const height of [990, 991, 992, 993]) keeper.add(annsOf(30, height));
  await keeper.close();
  deepEqual((await readdir(dir)).sort(), ['anns_991.dat', 'anns_992.dat', 'anns_993.dat']);
  keeper.drop((height) => height < 993);
  await keeper.close();
  deepEqual(await readdir(dir), ['anns_993.dat']);
  equal(keeper.bytes, 30 * 1024 + 16);
});

async function openHandler(t: TestContext) {
  const state = {mode: 'ok' as 'ok' | HostileMode, files: [] as string[], body: annsOf(4)};
  const server = createServer((request, response) => {
    response.on('error', () => {});
    const {mode} = state;
    if (mode !== 'ok') answerHostilely(mode, response);
    else if (request.url === '/anns/index.json') response.end(JSON.stringify({highestAnnFile: 1, files: state.files}));
    else response.end(state.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {state, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`};
}

test('a handler may be wrong in every way; afterwards its files are taken, each once', async (t) => {
  const {state, url} = await openHandler(t);
  const taken: number[] = [];
  const downloads = new AnnDownloads({
    url,
    password: '',
    parallel: 4,
    onAnns: (anns) => {
      taken.push(anns.length / 1024);
      return Promise.resolve(undefined);
    },
    isUseless: (height) => height < 900,
    log: listeningLog().log,
    pollMs: 20,
    timeoutMs: 500,
  });
  downloads.open();
  t.after(() => downloads.close());
  for (const mode of HOSTILE_MODES) {
    const {failures} = downloads.status;
    state.mode = mode;
    await eventually(mode, () => downloads.status.failures > failures);
    equal(downloads.status.state, 'failing');
  }
  equal(taken.length, 0);
  state.mode = 'ok';
  state.files = [
    'anns_995_0_1.bin',
    'anns_100_0_2.bin',
    '../../etc/passwd',
    'anns_995_0_1.bin',
    `anns_995_0_${'9'.repeat(400)}.bin`,
  ];
  await eventually('the file is taken', () => taken.length > 0);
  state.files.push('anns_995_0_7.bin');
  await eventually('the next, too', () => taken.length > 1);
  deepEqual([taken, downloads.status.state], [[4, 4], 'ok']);
});

test('a handler that lies is left alone for a while, longer each time', async (t) => {
  const {state, url} = await openHandler(t);
  const {log, said} = listeningLog();
  let suspicious = 0;
  let fault: string | undefined = 'INSUF_POW';
  const downloads = new AnnDownloads({
    url,
    password: '',
    parallel: 1,
    onAnns: (_anns, height, isSuspicious) => {
      equal(height, 995);
      if (isSuspicious) suspicious++;
      return Promise.resolve(fault);
    },
    isUseless: () => false,
    log,
    pollMs: 20,
    firstBackOffMs: 200,
  });
  state.files = ['anns_995_0_1.bin', 'anns_995_0_2.bin'];
  downloads.open();
  t.after(() => downloads.close());
  await eventually('it is caught twice', () => downloads.status.lies === 2);
  equal(downloads.status.state, 'lying');
  deepEqual(
    said.map(({fields}) => fields['fault']),
    ['INSUF_POW', 'INSUF_POW'],
  );
  equal(suspicious, 1);
  fault = undefined;
  state.files.push('anns_995_0_3.bin');
  await eventually('it is heard again', () => downloads.status.state === 'ok' && suspicious === 2);
});

test('the line of statistics of a block miner', () => {
  const figures = {
    setSize: 3_145_729,
    leastWork: 63,
    powerMultiplier: 608_805_000_000,
    ready: 4_194_304,
    spare: 65_536,
    immature: 98_304,
    classes: 7,
    hashesPerShare: 7_500_000,
    hashesPerBlock: 150_000 * 86_400 * 3,
  } as BlockMinerFigures;
  const rates = {hashesPerSecond: 150_000, shares: 2, received: [12_288, 11_300]};
  equal(
    blockLine(figures, rates),
    'shr: 2  real: 150 Ke/s eff: 91 Pe/s   anns: 3145729 @ 63   rdy: 4194304 spr: 65536 imm: 98304 cls: 7 <- [ 12, 11 ] ' +
      'x608 G, share in 50 s, block in 3 days',
  );
  match(blockLine({...figures, setSize: 0}, rates), /^Not mining rdy: /);
  deepEqual([1, 300, 7300, 400_000, Number.POSITIVE_INFINITY].map(formatDuration), [
    '1 s',
    '5 min',
    '2 h',
    '5 days',
    '-',
  ]);
});

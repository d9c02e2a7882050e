// The miners' costs around the algorithm: what they reach end to end against what the engines alone reach.
//   node dist/bench/miners.bench.js [intake|switch|announcements|all] [--seconds N] [--announcements N] [--threads N] [--json]
import {randomFillSync} from 'node:crypto';
import {cpus, loadavg} from 'node:os';
import {parseArgs} from 'node:util';
import {Worker} from 'node:worker_threads';
import {AnnMiner} from '../src/apps/miner/ann/ann-miner.ts';
import {AnnDownloads} from '../src/apps/miner/blk/ann-downloads.ts';
import {AnnIntake} from '../src/apps/miner/blk/ann-intake.ts';
import {AnnouncementMiner, AnnouncementValidator, BlockMiner} from '../src/core/engines/index.ts';
import {NO_LOG} from '../src/service/logs/log.ts';
import {spawnNodeThread} from '../src/service/threads/node-threads.ts';
import {FakePool} from '../test/support/fake-pool.ts';

const {values, positionals} = parseArgs({
  allowPositionals: true,
  options: {
    seconds: {type: 'string', default: '20'},
    announcements: {type: 'string', default: '1000000'},
    threads: {type: 'string', default: '1'},
    json: {type: 'boolean', default: false},
  },
});
const [SECONDS, ANNOUNCEMENTS, THREADS] = [values.seconds, values.announcements, values.threads].map(Number) as [
  number,
  number,
  number,
];
const [topic = 'all'] = positionals;
const now = (): number => performance.now();
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const HARD_TARGET = 0x03000001;
const WORK_BITS = 0x2001ffff;
const HEIGHT = 200_000;
const FILE_ANNS = 1024;
const rows: Record<string, unknown> = {};
const closers: (() => unknown)[] = [];

/** Announcements by their shape alone: nothing here looks at their work. */
function makeAnns(count: number, parentHeight: number): Uint8Array {
  const anns = new Uint8Array(1024 * count);
  randomFillSync(anns);
  const view = new DataView(anns.buffer);
  for (let at = 0; at < anns.length; at += 1024) {
    view.setUint32(at, 1, true);
    view.setUint32(at + 8, WORK_BITS, true);
    view.setUint32(at + 12, parentHeight, true);
  }
  return anns;
}

function openBlockMiner(capacity: number): BlockMiner {
  return new BlockMiner({
    threads: THREADS,
    spawn: spawnNodeThread,
    now,
    capacity,
    onFound: () => {},
    pause: () => new Promise((resolve) => setImmediate(resolve)),
  });
}

async function hashRate(miner: BlockMiner, seconds: number): Promise<number> {
  await wait(500);
  const [hashes, begun] = [miner.stats.hashes, now()];
  await wait(1000 * seconds);
  return ((miner.stats.hashes - hashes) * 1000) / (now() - begun);
}

/** A server of files in a thread of its own: every file is the same but for a few bytes, so that it costs next to nothing. */
async function openFileServer(): Promise<string> {
  const source = `
    const {parentPort} = require('node:worker_threads');
    const {createServer} = require('node:http');
    const {randomFillSync, randomBytes} = require('node:crypto');
    const body = Buffer.alloc(${FILE_ANNS * 1024});
    randomFillSync(body);
    for (let at = 0; at < body.length; at += 1024) {
      body.writeUInt32LE(1, at); body.writeUInt32LE(${WORK_BITS}, at + 8); body.writeUInt32LE(${HEIGHT - 4}, at + 12);
    }
    let last = 0;
    createServer((request, response) => {
      if (request.url.endsWith('index.json')) {
        const files = Array.from({length: 200}, (_, i) => 'anns_${HEIGHT - 4}_0_' + (last + i) + '.bin');
        last += 100;
        response.end(JSON.stringify({highestAnnFile: last, files}));
        return;
      }
      const fresh = Buffer.from(body);
      const mark = randomBytes(8);
      for (let at = 200; at < fresh.length; at += 1024) mark.copy(fresh, at);
      response.end(fresh);
    }).listen(0, '127.0.0.1', function () { parentPort.postMessage(this.address().port); });
  `;
  const worker = new Worker(source, {eval: true});
  closers.push(() => worker.terminate());
  const port = await new Promise<number>((resolve) => worker.once('message', resolve));
  return `http://127.0.0.1:${port}`;
}

/** Files from loopback while mining; the set is given up again and again, so that there is always room. */
async function benchIntake(): Promise<void> {
  const miner = openBlockMiner(400_000);
  const validator = new AnnouncementValidator({threads: 1, spawn: spawnNodeThread, now});
  closers.push(
    () => miner.close(),
    () => validator.close(),
  );
  miner.add(makeAnns(50_000, HEIGHT - 5));
  miner.prepare(() => true);
  miner.mine(new Uint8Array(80).fill(7), HARD_TARGET);
  await hashRate(miner, 2);
  const before = await hashRate(miner, SECONDS / 2);
  let received = 0;
  const intake = new AnnIntake({
    judge: {
      // The sample costs what it costs; that made-up announcements fail it is left aside.
      validate: async (ann, parent) => {
        await validator.validate(ann, parent);
        return [{verdict: 'OK'}];
      },
    },
    parentHash: () => new Uint8Array(32),
    isUsable: () => true,
    height: () => HEIGHT,
    onAnns: (anns) => {
      received += anns.length / 1024;
      if (miner.stats.announcements > 300_000) miner.drop(({parentBlockHeight}) => parentBlockHeight === HEIGHT - 4);
      miner.add(anns);
    },
  });
  const downloads = new AnnDownloads({
    url: await openFileServer(),
    password: '',
    parallel: 4,
    onAnns: (anns, height) => intake.take(anns, height),
    isUseless: () => false,
    log: NO_LOG,
    pollMs: 200,
  });
  downloads.open();
  await wait(3000);
  const [first, begun, cpu] = [received, now(), process.cpuUsage()];
  const during = await hashRate(miner, SECONDS);
  const seconds = (now() - begun) / 1000;
  const {user, system} = process.cpuUsage(cpu);
  await downloads.close();
  const after = await hashRate(miner, SECONDS / 2);
  rows['miners/intake'] = {
    threads: THREADS,
    annsPerSecond: Math.round((received - first) / seconds),
    hashesBefore: Math.round(before),
    hashesDuring: Math.round(during),
    hashesAfter: Math.round(after),
    miningRate: Number(((2 * during) / (before + after)).toFixed(3)),
    cores: Number(((user + system) / 1e6 / seconds).toFixed(2)),
  };
}

/** New work to mining: with a set that is ready, and with one that must be made first. */
async function benchSwitch(): Promise<void> {
  const miner = openBlockMiner(ANNOUNCEMENTS + 10_000);
  closers.push(() => miner.close());
  for (let at = 0; at < ANNOUNCEMENTS; at += 8192) {
    miner.add(makeAnns(Math.min(8192, ANNOUNCEMENTS - at), HEIGHT - 4 - ((at / 8192) % 3)));
  }
  miner.prepare(() => true);
  const switched = async (header: number): Promise<void> => {
    miner.mine(new Uint8Array(80).fill(header), HARD_TARGET);
    while (miner.switching) await wait(0);
  };
  await switched(1);
  await hashRate(miner, 2);
  const ready: number[] = [];
  const made: number[] = [];
  const longest: number[] = [];
  for (let i = 0; i < 5; i++) {
    let [held, last] = [0, now()];
    const ticker = setInterval(() => {
      held = Math.max(held, now() - last - 1);
      last = now();
    }, 1);
    await miner.prepareSlowly(() => true);
    clearInterval(ticker);
    longest.push(held);
    let begun = now();
    await switched(10 + i);
    ready.push(now() - begun);
    begun = now();
    await miner.prepareSlowly(() => true, 60);
    await switched(20 + i);
    made.push(now() - begun);
  }
  const median = (list: number[]): number => Math.round(list.sort((a, b) => a - b)[2]! * 10) / 10;
  rows['miners/switch'] = {
    announcements: miner.stats.announcements,
    readyMs: median(ready),
    madeFirstMs: median(made),
    eventLoopHeldMs: median(longest),
    rssMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
  };
}

/** The announcement miner against a handler on loopback, and the engine alone, in turn; and how even the uploads are. */
async function benchAnnouncements(): Promise<void> {
  const ratios: number[] = [];
  let [alone, whole, burst] = [0, 0, 0];
  const ROUNDS = 3;
  for (let round = 0; round < ROUNDS; round++) {
    let found = 0;
    const parentHash = new Uint8Array(32);
    const engine = new AnnouncementMiner({
      threads: THREADS,
      spawn: spawnNodeThread,
      now,
      firstHardNonce: round,
      onFound: (anns) => {
        found += anns.length / 1024;
      },
    });
    engine.start({parentHash, parentBlockHeight: 998, workBits: WORK_BITS});
    await wait(3000);
    let [first, begun] = [found, now()];
    await wait(1000 * SECONDS);
    const rate = ((found - first) * 1000) / (now() - begun);
    await engine.close();

    const ends: (() => unknown)[] = [];
    const pool = await FakePool.open({after: (end: () => unknown) => ends.push(end)} as never);
    pool.config = {annTarget: WORK_BITS};
    const miner = new AnnMiner({
      pools: [pool.url],
      payTo: 'x',
      threads: THREADS,
      uploaders: 10,
      uploadTimeoutMs: 30_000,
      mineOld: -1,
      userAgent: 'bench',
      spawn: spawnNodeThread,
      firstHardNonce: round,
      log: NO_LOG,
      onFailure: (error) => {
        throw error;
      },
    });
    miner.open();
    await wait(12_000);
    [first, begun] = [miner.status.found, now()];
    const pieces = pool.pieces.length;
    await wait(1000 * SECONDS);
    const ended = now();
    const wholeRate = ((miner.status.found - first) * 1000) / (ended - begun);
    const sent = pool.pieces.slice(pieces);
    const between = (from: number, to: number): number =>
      sent.reduce((sum, {atMs, bytes}) => sum + (atMs >= from && atMs < to ? bytes : 0), 0);
    for (let at = begun + 9000; at + 1000 <= ended; at += 250) {
      burst = Math.max(burst, (10 * between(at, at + 1000)) / between(at - 9000, at + 1000));
    }
    await miner.close();
    for (const end of ends) await end();
    ratios.push(wholeRate / rate);
    alone += rate / ROUNDS;
    whole += wholeRate / ROUNDS;
  }
  rows['miners/announcements'] = {
    threads: THREADS,
    engineAnnsPerSecond: Math.round(alone),
    minerAnnsPerSecond: Math.round(whole),
    ratio: Number(ratios.sort((a, b) => a - b)[1]!.toFixed(3)),
    burstOfOneSecond: Number(burst.toFixed(2)),
  };
}

const loadBefore = loadavg()[0]!;
for (const [name, bench] of [
  ['intake', benchIntake],
  ['switch', benchSwitch],
  ['announcements', benchAnnouncements],
] as const) {
  if (topic !== 'all' && topic !== name) continue;
  await bench();
  for (const close of closers.splice(0)) await close();
}
const about = {cpu: cpus()[0]?.model, node: process.version, load: [loadBefore, loadavg()[0]!]};
if (values.json) console.log(JSON.stringify({...about, rows}));
else {
  for (const [id, figures] of Object.entries(rows)) console.log(id, JSON.stringify(figures));
  console.log(JSON.stringify(about));
}

// The miners' costs around the algorithm: what they reach end to end against what the engines alone reach.
//   node dist/bench/miners.bench.js [intake|switch|announcements|all] [--seconds N] [--announcements N] [--threads N] [--rate N] [--json]
// --rate: announcements that the server of files gives in a second; as many as are asked for without.
import {randomFillSync} from 'node:crypto';
import {cpus, loadavg} from 'node:os';
import {parseArgs} from 'node:util';
import {Worker} from 'node:worker_threads';
import {AnnMiner} from '../src/apps/miner/ann/ann-miner.ts';
import {AnnDownloads} from '../src/apps/miner/blk/ann-downloads.ts';
import {AnnIntake} from '../src/apps/miner/blk/ann-intake.ts';
import {AnnouncementMiner, AnnouncementValidator, BlockMiner} from '../src/core/engines/index.ts';
import {allowHeapGrowth} from '../src/service/heap.ts';
import {NO_LOG} from '../src/service/logs/log.ts';
import {spawnNodeThread} from '../src/service/threads/node-threads.ts';
import {FakePool} from '../test/support/fake-pool.ts';

const {values, positionals} = parseArgs({
  allowPositionals: true,
  options: {
    seconds: {type: 'string', default: '20'},
    announcements: {type: 'string', default: '1000000'},
    threads: {type: 'string', default: '1'},
    rate: {type: 'string', default: '0'},
    json: {type: 'boolean', default: false},
  },
});
const [SECONDS, ANNOUNCEMENTS, THREADS] = [values.seconds, values.announcements, values.threads].map(Number) as [
  number,
  number,
  number,
];
const RATE = Number(values.rate);
const [topic = 'all'] = positionals;
const now = (): number => performance.now();
const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1]!;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const HARD_TARGET = 0x03000001;
const WORK_BITS = 0x2001ffff;
const HEIGHT = 200_000;
const FILE_ANNS = 1024;
/** Of what is measured with intake and without it in turn. */
const ROUNDS = 7;
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

interface FileServer {
  readonly url: string;
  /** false: files that are asked for wait. */
  open(isOpen: boolean): void;
}

/** A server of files in a thread of its own: every file is the same but for a few bytes, so that it costs next to nothing. */
async function openFileServer(): Promise<FileServer> {
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
    const everyMs = ${RATE === 0 ? 0 : (FILE_ANNS * 1000) / RATE};
    let dueMs = 0;
    let isOpen = true;
    const held = [];
    parentPort.on('message', (open) => {
      isOpen = open;
      if (open) for (const [response, fresh] of held.splice(0)) response.end(fresh);
    });
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
      dueMs = Math.max(dueMs + everyMs, performance.now() - 100);
      setTimeout(() => (isOpen ? response.end(fresh) : held.push([response, fresh])), dueMs - performance.now());
    }).listen(0, '127.0.0.1', function () { parentPort.postMessage(this.address().port); });
  `;
  const worker = new Worker(source, {eval: true});
  closers.push(() => worker.terminate());
  const port = await new Promise<number>((resolve) => worker.once('message', resolve));
  return {url: `http://127.0.0.1:${port}`, open: (isOpen) => worker.postMessage(isOpen)};
}

/** Files from loopback while mining; the set is given up again and again, so that there is always room. */
async function benchIntake(): Promise<void> {
  // As the program does.
  allowHeapGrowth();
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
  const server = await openFileServer();
  const downloads = new AnnDownloads({
    url: server.url,
    password: '',
    parallel: 4,
    onAnns: (anns, height) => intake.take(anns, height),
    isUseless: () => false,
    log: NO_LOG,
    pollMs: 200,
  });
  downloads.open();
  await wait(3000);
  const [rates, during, beside, busy]: number[][] = [[], [], [], []];
  // In turn, because the machine is not the same from one moment to the next.
  for (let round = 0; round < ROUNDS; round++) {
    server.open(true);
    await wait(500);
    const [first, begun, cpu] = [received, now(), process.cpuUsage()];
    during!.push(await hashRate(miner, SECONDS / ROUNDS));
    const seconds = (now() - begun) / 1000;
    rates!.push((received - first) / seconds);
    const {user, system} = process.cpuUsage(cpu);
    busy!.push((user + system) / 1e6 / seconds);
    server.open(false);
    await wait(500);
    beside!.push(await hashRate(miner, SECONDS / ROUNDS));
  }
  server.open(true);
  await downloads.close();
  rows['miners/intake'] = {
    threads: THREADS,
    annsPerSecond: Math.round(median(rates!)),
    hashesDuring: Math.round(median(during!)),
    hashesAlone: Math.round(median(beside!)),
    miningRate: Number(median(during!.map((rate, i) => rate / beside![i]!)).toFixed(3)),
    cores: Number(median(busy!).toFixed(2)),
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
  const tenths = (list: number[]): number => Math.round(median(list) * 10) / 10;
  rows['miners/switch'] = {
    announcements: miner.stats.announcements,
    readyMs: tenths(ready),
    madeFirstMs: tenths(made),
    eventLoopHeldMs: tenths(longest),
    rssMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
  };
}

/** The announcement miner against a handler on loopback, and the engine alone, in turn; and how even the uploads are. */
async function benchAnnouncements(): Promise<void> {
  const ratios: number[] = [];
  let [alone, whole, burst] = [0, 0, 0];
  const rounds = 3;
  for (let round = 0; round < rounds; round++) {
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
    alone += rate / rounds;
    whole += wholeRate / rounds;
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

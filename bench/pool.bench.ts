// What a pool's handler of announcements and its master bear. The service is a process of its own; this one is the load.
//   node dist/bench/pool.bench.js [--only handler|overload|polls] [--anns N] [--rounds N] [--seconds N] [--polls N] [--json]
import {type ChildProcess, fork} from 'node:child_process';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {Agent, type ClientRequest, request} from 'node:http';
import {cpus, tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import {AnnFiles} from '../src/apps/pool/ann-handler/ann-files.ts';
import {AnnHandler} from '../src/apps/pool/ann-handler/ann-handler.ts';
import {AnnServer} from '../src/apps/pool/ann-handler/ann-server.ts';
import {SeenStore} from '../src/apps/pool/ann-handler/seen-store.ts';
import {Master} from '../src/apps/pool/master/master.ts';
import {MasterServer} from '../src/apps/pool/master/master-server.ts';
import {AnnouncementMiner, AnnouncementValidator} from '../src/core/engines/index.ts';
import {PKTREG} from '../src/core/params/index.ts';
import {PktNode} from '../src/node/node.ts';
import {NO_LOG} from '../src/service/logs/log.ts';
import {EventLog} from '../src/service/pool/event-log.ts';
import {RpcClient} from '../src/service/rpc-client.ts';
import {spawnNodeThread} from '../src/service/threads/node-threads.ts';
import {LAB_SETTINGS, testAddress} from '../test/support/pool-lab.ts';

const {values} = parseArgs({
  options: {
    only: {type: 'string'},
    anns: {type: 'string', default: '60000'},
    rounds: {type: 'string', default: '3'},
    seconds: {type: 'string', default: '60'},
    polls: {type: 'string', default: '10000'},
    json: {type: 'boolean', default: false},
    /** Of a process that this one has started. */
    role: {type: 'string'},
    file: {type: 'string', default: ''},
    dir: {type: 'string', default: ''},
  },
});

const ANN = 1024;
const EASIEST = 0x207fffff;
const PARENT = 200_000;
const PARENT_HASH = new Uint8Array(32).fill(9);
const PER_JOB = 256;
const BATCH = 1024;
const LOOPBACK = '127.0.0.1';
const HARD_NONCE_OFFSET = 4;
const PASSES = 1.05;
/** Of the loopback interface, that the callers come from. */
const ADDRESSES = 8;

interface Row {
  readonly id: string;
  readonly [figure: string]: number | string;
}

function hexHash(bytes: Uint8Array): string {
  return Buffer.from(bytes).reverse().toString('hex');
}

/** Announcements, 256 of each job. */
async function mineStream(count: number): Promise<Uint8Array> {
  const stream = new Uint8Array(ANN * count);
  const ofJob = new Map<number, number>();
  let filled = 0;
  let done = (): void => {};
  const full = new Promise<void>((resolve) => {
    done = resolve;
  });
  const miner = new AnnouncementMiner({
    threads: cpus().length,
    spawn: spawnNodeThread,
    now: () => performance.now(),
    firstHardNonce: 0,
    onFound: (anns) => {
      for (let at = 0; at < anns.length && filled < stream.length; at += ANN) {
        const ann = anns.subarray(at, at + ANN);
        const job = new DataView(ann.buffer, ann.byteOffset).getUint32(HARD_NONCE_OFFSET, true);
        const known = ofJob.get(job) ?? 0;
        if (known >= PER_JOB) continue;
        ofJob.set(job, known + 1);
        stream.set(ann, filled);
        filled += ANN;
      }
      if (filled >= stream.length) done();
    },
  });
  miner.start({parentHash: PARENT_HASH, parentBlockHeight: PARENT, workBits: EASIEST});
  await full;
  await miner.close();
  return stream;
}

function startRole(role: string, ...args: readonly string[]): ChildProcess {
  return fork(fileURLToPath(import.meta.url), ['--role', role, ...args]);
}

function message<Shape>(child: ChildProcess): Promise<Shape> {
  return new Promise((resolve, reject) => {
    const failed = (code: number | null): void => reject(new Error(`a process of the benchmark ended with ${code}`));
    child.once('exit', failed);
    child.once('message', (value) => {
      child.off('exit', failed);
      resolve(value as Shape);
    });
  });
}

async function endRole(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.disconnect();
  await ended;
}

function createValidator(maxWaiting = 65_536): AnnouncementValidator {
  return new AnnouncementValidator({threads: 1, spawn: spawnNodeThread, now: () => performance.now(), maxWaiting});
}

/** The validator alone on one thread: announcements per second over the stream. */
async function validatorRole(): Promise<void> {
  const stream = new Uint8Array(await readFile(values.file));
  const validator = createValidator(stream.length / ANN);
  await validator.validate(stream.slice(0, ANN), PARENT_HASH);
  const begun = performance.now();
  const cpu = process.cpuUsage();
  const parts: Promise<readonly {readonly verdict: string}[]>[] = [];
  for (let at = 0; at < stream.length; at += ANN * BATCH)
    parts.push(validator.validate(stream.subarray(at, at + ANN * BATCH), PARENT_HASH));
  const bad = (await Promise.all(parts)).flat().find(({verdict}) => verdict !== 'OK');
  if (bad !== undefined) throw new Error(`an announcement of the stream is ${bad.verdict}`);
  const seconds = (performance.now() - begun) / 1000;
  const {user, system} = process.cpuUsage(cpu);
  process.send!({seconds, cpuSeconds: (user + system) / 1e6});
  await validator.close();
  process.disconnect();
}

/** A handler over real files, which takes announcements on one block. */
async function handlerRole(): Promise<void> {
  const {dir} = values;
  const validator = createValidator();
  const events = await EventLog.open({dir: join(dir, 'events'), log: NO_LOG, send: () => Promise.resolve()});
  const seen = await SeenStore.open(join(dir, 'seen'));
  const files = await AnnFiles.open({
    dir: join(dir, 'anns'),
    handler: () => 0,
    filesToKeep: 20,
    log: NO_LOG,
    nowMs: Date.now,
  });
  const url = 'http://bench.example/submit';
  const handler = new AnnHandler({
    network: PKTREG,
    publicUrl: url,
    validator,
    seen,
    events,
    files,
    now: () => performance.now(),
    nowMs: Date.now,
    log: NO_LOG,
  });
  const header = {
    hash: hexHash(PARENT_HASH),
    height: PARENT,
    version: 4,
    versionHex: '00000004',
    merkleroot: hexHash(PARENT_HASH),
    time: 1,
    nonce: 1,
    bits: '207fffff',
    difficulty: 1,
    previousblockhash: hexHash(PARENT_HASH),
  };
  handler.follow({
    config: {
      tipHash: header.hash,
      currentHeight: PARENT + 1,
      masterUrl: '',
      submitAnnUrls: [url],
      downloadAnnUrls: [],
      submitBlockUrls: [],
      paymakerUrl: '',
      version: 3,
      softVersion: 1,
      annVersions: [1],
      mineOldAnns: 2,
      annTarget: EASIEST,
    },
    blocks: new Map([[PARENT, {header, sigKey: null}]]),
    work: undefined,
  });
  const server = new AnnServer({handler, files, blockMinerPassword: '', log: NO_LOG});
  const {port} = await server.listen(LOOPBACK, 0);
  process.send!({port});
  process.on('message', () => {
    const {user, system} = process.cpuUsage();
    process.send!({rss: process.memoryUsage().rss, cpuSeconds: (user + system) / 1e6, ...handler.counts});
  });
  await new Promise((resolve) => process.once('disconnect', resolve));
  await server.close();
  await files.close();
  await events.close();
  await seen.close();
  await validator.close();
}

interface Reply {
  readonly status: number;
  readonly accepted: number;
  readonly error: string;
  readonly ms: number;
}

function post(port: number, agent: Agent, body: Uint8Array): Promise<Reply> {
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    const headers = {
      'content-length': body.length,
      'x-pc-worknum': String(PARENT + 1),
      'x-pc-payto': testAddress(1),
      'x-pc-sver': '1',
    };
    const outgoing = request({host: LOOPBACK, port, path: '/submit', method: 'POST', agent, headers}, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () => {
        const {result, error} = JSON.parse(Buffer.concat(pieces).toString()) as {
          result: {accepted: number} | null;
          error: string[];
        };
        const ms = performance.now() - begun;
        resolve({status: response.statusCode ?? 0, accepted: result?.accepted ?? 0, error: error.join(), ms});
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** All of the stream through the handler, a few posts under way at a time: announcements per second until the last is accepted. */
async function timeHandler(stream: Uint8Array, dir: string): Promise<{seconds: number; cpuSeconds: number}> {
  const child = startRole('handler', '--dir', dir);
  const {port} = await message<{port: number}>(child);
  const agent = new Agent({keepAlive: true, maxSockets: 8});
  await post(port, agent, stream.subarray(0, ANN));
  const ask = async (): Promise<{cpuSeconds: number; accepted: number}> => {
    const answer = message<{cpuSeconds: number; accepted: number}>(child);
    child.send('figures');
    return answer;
  };
  const before = await ask();
  const begun = performance.now();
  let at = 0;
  const pump = async (): Promise<void> => {
    while (at < stream.length) {
      const from = at;
      at += ANN * BATCH;
      const {status, error} = await post(port, agent, stream.subarray(from, at));
      if (status !== 200) throw new Error(`refused: ${error}`);
    }
  };
  await Promise.all(Array.from({length: 4}, pump));
  const seconds = (performance.now() - begun) / 1000;
  const after = await ask();
  if (after.accepted !== stream.length / ANN) throw new Error(`accepted ${after.accepted} of ${stream.length / ANN}`);
  agent.destroy();
  await endRole(child);
  return {seconds, cpuSeconds: after.cpuSeconds - before.cpuSeconds};
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

async function benchHandler(folder: string, stream: Uint8Array): Promise<Row> {
  const file = join(folder, 'stream.bin');
  await writeFile(file, stream);
  const count = stream.length / ANN;
  const alone: number[] = [];
  const served: number[] = [];
  const cpu: (readonly [number, number])[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const child = startRole('validator', '--file', file);
    const validator = await message<{seconds: number; cpuSeconds: number}>(child);
    const handler = await timeHandler(stream, join(folder, `round-${round}`));
    alone.push(count / validator.seconds);
    served.push(count / handler.seconds);
    cpu.push([validator.cpuSeconds, handler.cpuSeconds]);
  }
  const perCpuSecond = (side: 0 | 1): number => Math.round(count / median(cpu.map((both) => both[side])));
  const rate = median(served);
  return {
    id: 'handler',
    announcements: count,
    validatorPerSecond: Math.round(median(alone)),
    handlerPerSecond: Math.round(rate),
    megabitsPerSecond: Math.round((rate * ANN * 8) / 1e5) / 10,
    validatorPerCpuSecond: perCpuSecond(0),
    handlerPerCpuSecond: perCpuSecond(1),
    percentOfValidator: Math.round((100 * rate) / median(alone)),
  };
}

/** Three times what the handler can do, in an open loop. */
async function benchOverload(folder: string, stream: Uint8Array, perSecond: number): Promise<Row> {
  const child = startRole('handler', '--dir', join(folder, 'overload'));
  const {port} = await message<{port: number}>(child);
  const agent = new Agent({keepAlive: true, maxSockets: 500});
  const replies: Reply[] = [];
  const open = new Set<Promise<void>>();
  const memory: number[] = [];
  const pauseMs = (1000 * BATCH) / (3 * perSecond);
  const endMs = performance.now() + 1000 * Number(values.seconds);
  let sent = 0;
  let failed = 0;
  let sampledMs = 0;
  for (let nextMs = performance.now(); performance.now() < endMs; nextMs += pauseMs) {
    const at = ((sent++ * BATCH * ANN) % Math.max(ANN, stream.length - BATCH * ANN)) >> 0;
    const whole = at - (at % ANN);
    const work = post(port, agent, stream.subarray(whole, whole + BATCH * ANN))
      .then((reply) => {
        replies.push(reply);
      })
      .catch(() => {
        failed++;
      })
      .finally(() => open.delete(work));
    open.add(work);
    if (performance.now() - sampledMs > 1000) {
      sampledMs = performance.now();
      const answer = message<{rss: number}>(child);
      child.send('figures');
      memory.push((await answer).rss / 2 ** 20);
    }
    await sleep(Math.max(0, nextMs + pauseMs - performance.now()));
  }
  await Promise.all(open);
  agent.destroy();
  await endRole(child);
  const times = replies.map(({ms}) => ms).sort((a, b) => a - b);
  const settled = memory.slice(Math.floor(memory.length / 4));
  return {
    id: 'overload',
    seconds: Number(values.seconds),
    sentPerSecond: Math.round((sent * BATCH) / Number(values.seconds)),
    posts: replies.length,
    overloaded: replies.filter(({error}) => error === 'overloaded').length,
    failed,
    p50Ms: Math.round(times[Math.floor(times.length / 2)]!),
    p99Ms: Math.round(times[Math.floor(times.length * 0.99)]!),
    memoryFirstMiB: Math.round(settled[0]!),
    memoryLastMiB: Math.round(settled.at(-1)!),
    memoryMostMiB: Math.round(Math.max(...memory)),
  };
}

/** A master in this process, over the node that --file names. */
async function masterRole(): Promise<void> {
  const rpc = new RpcClient({url: values.file, user: 'pool', password: 'secret'});
  const master = await Master.open({nodes: [rpc], settings: LAB_SETTINGS, log: NO_LOG, pollMs: 50, dir: values.dir});
  const server = new MasterServer({master, log: NO_LOG, longPollMs: 600_000});
  const {port} = await server.listen(LOOPBACK, 0);
  let newMs = 0;
  master.subscribe(() => {
    newMs = Date.now();
  });
  while (master.published === undefined) await sleep(50);
  process.send!({port, height: master.published.height});
  process.on('message', () => {
    process.send!({rss: process.memoryUsage().rss, waiting: server.waiting, newMs});
  });
  await new Promise((resolve) => process.once('disconnect', resolve));
  await server.close();
  await master.close();
}

interface MasterFigures {
  readonly rss: number;
  readonly waiting: number;
  readonly newMs: number;
}

/** Many wait for work that does not exist yet: how long after it exists has the last one got it. */
async function benchPolls(folder: string): Promise<Row> {
  const node = await PktNode.open({
    network: PKTREG,
    dataDir: join(folder, 'node'),
    version: 'bench',
    log: NO_LOG,
    rpcListen: {host: LOOPBACK, port: 0},
    rpcUsers: [{user: 'pool', password: 'secret', role: 'admin'}],
    miningAddresses: [testAddress(1)],
    outbound: 0,
  });
  await node.parts.generate(4, new AbortController().signal);
  const url = `http://${node.addresses.rpc}/`;
  const child = startRole('master', '--file', url, '--dir', join(folder, 'master'));
  const {port, height} = await message<{port: number; height: number}>(child);
  const ask = (): Promise<MasterFigures> => {
    const answer = message<MasterFigures>(child);
    child.send('figures');
    return answer;
  };
  const wanted = Number(values.polls);
  const before = await ask();
  let answered = 0;
  let lastMs = 0;
  let bytes = 0;
  const requests: ClientRequest[] = [];
  const agent = new Agent({keepAlive: false, maxSockets: Number.POSITIVE_INFINITY});
  const poll = (number: number): void => {
    // One address may not have all connections.
    const localAddress = `127.0.0.${1 + (number % ADDRESSES)}`;
    const path = `/work_${height + 1}.bin`;
    const outgoing = request({host: LOOPBACK, port, path, agent, localAddress}, (response) => {
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
      });
      response.on('end', () => {
        if (response.statusCode === 200) answered++;
        lastMs = Date.now();
      });
    });
    outgoing.on('error', (error) => {
      throw error;
    });
    outgoing.end();
    requests.push(outgoing);
  };
  for (let i = 0; i < wanted; i++) {
    poll(i);
    // A backlog of connections has its limits.
    if (i % 100 === 99) await sleep(10);
  }
  while ((await ask()).waiting < wanted) await sleep(100);
  const waiting = await ask();
  await node.parts.generate(1, new AbortController().signal);
  while (answered < wanted) await sleep(5);
  const after = await ask();
  await endRole(child);
  await node.close();
  return {
    id: 'polls',
    polls: wanted,
    lastAnswerMs: lastMs - after.newMs,
    bytesEach: Math.round(bytes / wanted),
    memoryBeforeMiB: Math.round(before.rss / 2 ** 20),
    memoryWaitingMiB: Math.round(waiting.rss / 2 ** 20),
    memoryAfterMiB: Math.round(after.rss / 2 ** 20),
  };
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'pkt-bench-pool-'));
  const rows: Row[] = [];
  const show = (row: Row): void => {
    rows.push(row);
    if (!values.json) console.log(row);
  };
  const wants = (name: string): boolean => values.only === undefined || values.only === name;
  try {
    if (wants('handler') || wants('overload')) {
      const stream = await mineStream(Number(values.anns) - (Number(values.anns) % BATCH));
      const row = await benchHandler(folder, stream);
      show(row);
      if (wants('overload')) show(await benchOverload(folder, stream, Number(row['handlerPerSecond']) * PASSES));
    }
    if (wants('polls')) show(await benchPolls(folder));
    if (values.json) console.log(JSON.stringify({node: process.version, cpu: cpus()[0]?.model, rows}));
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

if (values.role === 'validator') await validatorRole();
else if (values.role === 'handler') await handlerRole();
else if (values.role === 'master') await masterRole();
else await main();

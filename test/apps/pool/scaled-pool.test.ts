// A pool of many programs, with PostgreSQL and NATS, beside one of few that has neither: the same work, the same payouts.
import {deepEqual, equal, notDeepEqual, ok} from 'node:assert/strict';
import {type TestContext, test} from 'node:test';
import {jetstreamManager} from '@nats-io/jetstream';
import {AnnMiner} from '../../../src/apps/miner/ann/ann-miner.ts';
import {BlockPoolMiner} from '../../../src/apps/miner/blk/block-pool-miner.ts';
import {readPoolSettings} from '../../../src/apps/pool/pool-config.ts';
import {
  openAnnHandlerProgram,
  openBlockHandlerProgram,
  openMasterProgram,
  openPaymakerProgram,
  type PoolProgram,
  type ProgramOptions,
} from '../../../src/apps/pool/programs.ts';
import type {PoolConfig, PoolEvent} from '../../../src/core/protocol/pool/index.ts';
import {NO_LOG} from '../../../src/service/logs/log.ts';
import {createHttpSender} from '../../../src/service/pool/event-log.ts';
import {spawnNodeThread} from '../../../src/service/threads/node-threads.ts';
import {eventually, freePort, openLabNode, testAddress, testFolder} from '../../support/pool-lab.ts';
import {postgresSchema, SKIP_POSTGRES} from '../../support/test-ledgers.ts';
import {NATS_URL, SKIP_NATS, testLink, testStream} from '../../support/test-nats.ts';

const [ALICE, BOB, CAROL] = [testAddress(8), testAddress(9), testAddress(10)];
/** Handlers pass on what they have so often. */
const GATHER_MS = 300;

interface Ports {
  readonly master: number;
  readonly standby: number;
  readonly anns: readonly [number, number];
  readonly blocks: readonly [number, number];
  readonly paymaker: number;
}

function at(port: number): string {
  return `127.0.0.1:${port}`;
}

/** The configuration of a pool; `scaled` has the lines about events and the ledger. */
function configuration(dir: string, nodeUrl: string, ports: Ports, scaled = {top: '', paymaker: ''}): string {
  const handlers = (kind: string, list: readonly number[], more = ''): string =>
    list
      .map((port, i) => `[${kind}.h${i}]\npublic_url = "http://${at(port)}/submit"\nlisten = "${at(port)}"\n${more}`)
      .join('\n');
  return `
    network = "pktreg"
    root_workdir = "${dir}"
    master_url = "http://${at(ports.master)}"
    standby_urls = ["http://${at(ports.standby)}"]
    paymaker_url = "http://${at(ports.paymaker)}"
    paymaker_http_password = "secret"
    gather_ms = ${GATHER_MS}
    ${scaled.top}
    [[nodes]]
    url = "${nodeUrl}"
    user = "pool"
    password = "secret"
    [master]
    listen = "${at(ports.master)}"
    ann_target = ${0x2003ffff}
    share_work_divisor = 4
    poll_ms = 100
    ${handlers('ann_handler', ports.anns, 'block_miner_passwd = "pw"')}
    ${handlers('blk_handler', ports.blocks)}
    [paymaker]
    listen = "${at(ports.paymaker)}"
    ${scaled.paymaker}
    updateCycle = 1
    historyDepth = 172800
    pplnsAnnConstantX = 0.125
    pplnsBlkConstantX = 2
    poolFee = 0.01
    poolFeeAddress = "${testAddress(30)}"
    defaultAddress = "${testAddress(31)}"
    errorAddress = "${testAddress(32)}"
  `;
}

function programOptions(text: string): ProgramOptions {
  return {
    settings: readPoolSettings(text),
    log: NO_LOG,
    version: 'test',
    spawn: spawnNodeThread,
    nowMs: Date.now,
    onFailure: (error) => {
      throw error;
    },
  };
}

/** Closed with the test, last first, unless that has been done. */
class Programs {
  readonly #open = new Set<PoolProgram>();

  constructor(t: TestContext) {
    t.after(async () => {
      for (const program of [...this.#open].reverse()) await this.close(program);
    });
  }

  async open(program: Promise<PoolProgram>): Promise<PoolProgram> {
    const opened = await program;
    this.#open.add(opened);
    return opened;
  }

  async close(program: PoolProgram): Promise<void> {
    this.#open.delete(program);
    await program.close();
  }
}

async function bytesOf(url: string): Promise<{status: number; bytes: Buffer}> {
  const response = await fetch(url, {signal: AbortSignal.timeout(10_000)});
  return {status: response.status, bytes: Buffer.from(await response.arrayBuffer())};
}

/** What a paymaker says, but for the time at which it says it. */
async function payouts(port: number): Promise<{map: string; miners: Record<string, string>; shares: number}> {
  const text = async (path: string): Promise<string> => (await bytesOf(`http://${at(port)}/${path}`)).bytes.toString();
  const {result} = JSON.parse(await text('whotopay')) as {result: Record<string, number>};
  const miners: Record<string, string> = {};
  for (const address of Object.keys(result)) miners[address] = await text(`miner/${address}`);
  return {map: JSON.stringify(result), miners, shares: Number(JSON.parse(await text('stats')).shares)};
}

/** Everything that the handlers have sent, as it stands in the stream. */
async function readStream(t: TestContext, stream: string): Promise<{bodies: Uint8Array[]; handlers: Set<string>}> {
  const manager = await jetstreamManager(await testLink(t).connection());
  const {state} = await manager.streams.info(stream);
  const bodies: Uint8Array[] = [];
  const handlers = new Set<string>();
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await manager.streams.getMessage(stream, {seq});
    bodies.push(new Uint8Array(message!.data));
    handlers.add(message!.subject.slice(stream.length + 1));
  }
  return {bodies, handlers};
}

function eventsOf(bodies: readonly Uint8Array[]): PoolEvent[] {
  return bodies.flatMap((body) =>
    Buffer.from(body)
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as PoolEvent),
  );
}

/** Mines until the chain has grown; gives what handlers have taken. */
async function mine(
  pools: readonly string[],
  grown: () => boolean,
  between: () => Promise<void>,
): Promise<{anns: number; shares: number}> {
  const onFailure = (error: unknown): void => {
    throw error;
  };
  const common = {userAgent: 'test', spawn: spawnNodeThread, log: NO_LOG, onFailure, pollMs: 100, threads: 1};
  const uploads = {uploaders: 2, uploadTimeoutMs: 10_000};
  const annMiners = [ALICE, CAROL].map(
    (payTo, i) => new AnnMiner({...common, ...uploads, pools, payTo, mineOld: -1, firstHardNonce: 7 + i, flushMs: 200}),
  );
  const blockMiner = new BlockPoolMiner({
    firstHeaderNonce: 9,
    ...common,
    ...uploads,
    pool: pools[0]!,
    payTo: BOB,
    capacity: 20_000,
    downloaders: 4,
    handlerPassword: 'pw',
    downloadPollMs: 100,
    refreshMs: 300,
  });
  const close = async (): Promise<void> => {
    for (const miner of [...annMiners, blockMiner]) await miner.close();
  };
  try {
    for (const miner of annMiners) miner.open();
    await blockMiner.open();
    await between();
    await eventually('the chain grows', grown, 120);
  } finally {
    await close();
  }
  const anns = annMiners.reduce((sum, {pools: [line]}) => sum + line!.counts.accepted, 0);
  const {shares} = blockMiner.figures();
  return {anns, shares: shares.accepted};
}

test('a pool with PostgreSQL, NATS and several of each program pays as one that has none of it', {
  skip: SKIP_POSTGRES || SKIP_NATS,
}, async (t) => {
  const {node, rpc, generate} = await openLabNode(t);
  await generate(4);
  const nodeUrl = `http://${node.addresses.rpc!}`;
  const [dir, small] = [await testFolder('scaled'), await testFolder('small')];
  const ports: Ports = {
    master: await freePort(),
    standby: await freePort(),
    anns: [await freePort(), await freePort()],
    blocks: [await freePort(), await freePort()],
    paymaker: await freePort(),
  };
  const stream = testStream(t);
  const text = configuration(dir, nodeUrl, ports, {
    top: `events = "${NATS_URL}"\nevents_stream = "${stream}"`,
    paymaker: `ledger = "${await postgresSchema(t, dir)}"`,
  });
  const options = programOptions(text);
  const programs = new Programs(t);
  await programs.open(openMasterProgram(options, false));
  // On a machine of its own it has the same file, but for where it listens.
  const standbyText = text.replace(`listen = "${at(ports.master)}"`, `listen = "${at(ports.standby)}"`);
  await programs.open(openMasterProgram(programOptions(standbyText), true));
  for (const name of ['h0', 'h1']) {
    await programs.open(openAnnHandlerProgram(options, name));
    await programs.open(openBlockHandlerProgram(options, name));
  }
  let paymaker = await programs.open(openPaymakerProgram(options));

  const [url, standbyUrl] = [`http://${at(ports.master)}`, `http://${at(ports.standby)}`];
  const begun = node.parts.chain.height;
  const mined = await mine(
    [url],
    () => node.parts.chain.height >= begun + 2,
    async () => {
      // Away while the first blocks are found: nothing is lost.
      await programs.close(paymaker);
      await eventually('a block', () => node.parts.chain.height > begun, 120);
      paymaker = await programs.open(openPaymakerProgram(options));
    },
  );
  ok(mined.anns > 0 && mined.shares > 0);

  // Master and standby hand out the same, byte by byte.
  await eventually('both masters are at the tip', async () => {
    const documents = await Promise.all([url, standbyUrl].map((base) => bytesOf(`${base}/config.json`)));
    return documents.every(({bytes}) => JSON.parse(bytes.toString()).currentHeight === node.parts.chain.height + 1);
  });
  const {currentHeight, tipHash} = JSON.parse((await bytesOf(`${url}/config.json`)).bytes.toString()) as PoolConfig;
  for (const height of [currentHeight, currentHeight - 1]) {
    for (const path of ['config.json', `work_${height}.bin`, `bt_${height}.bin`, `blkinfo_${tipHash}.json`]) {
      const answers = await Promise.all([url, standbyUrl].map((base) => bytesOf(`${base}/${path}`)));
      deepEqual([answers[0]!.status, answers[1]], [200, answers[0]], path);
    }
  }

  // All work is in the stream, from all four handlers, and credited.
  let sent = await readStream(t, stream);
  const countOf = (): {anns: number; shares: number} => {
    const events = eventsOf(sent.bodies);
    const anns = events.reduce((sum, event) => sum + (event.type === 'anns' ? event.accepted : 0), 0);
    return {anns, shares: events.filter(({type}) => type === 'share').length};
  };
  await eventually(
    'all work is in the stream',
    async () => {
      sent = await readStream(t, stream);
      const {anns, shares} = countOf();
      return anns >= mined.anns && shares >= mined.shares && sent.handlers.size === 4;
    },
    30,
  );
  // A last log may have come since: nobody makes events any more.
  await new Promise((resolve) => setTimeout(resolve, 10 * GATHER_MS));
  sent = await readStream(t, stream);
  deepEqual([...sent.handlers].sort(), ['ah_h0', 'ah_h1', 'blk_h0', 'blk_h1']);
  const shares = new Set(eventsOf(sent.bodies).flatMap((event) => (event.type === 'share' ? [event.eventId] : [])));
  await eventually('everything is credited', async () => (await payouts(ports.paymaker)).shares === shares.size);
  const manager = await jetstreamManager(await testLink(t).connection());
  await eventually('everything is acknowledged', async () => {
    const {num_ack_pending: unacknowledged, num_pending: waiting} = await manager.consumers.info(stream, 'paymaker');
    return unacknowledged + waiting === 0;
  });
  const pays = async (): Promise<unknown> => rpc.call('getminingpayouts');
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const [scaled, scaledNode] = [await payouts(ports.paymaker), await pays()];
  await programs.close(paymaker);
  for (const address of [ALICE, BOB, CAROL]) ok(JSON.parse(scaled.miners[address]!).fractionOfNextBlock > 0, address);

  // The same events over HTTP into a ledger of a file.
  await rpc.call('configureminingpayouts', [{[testAddress(50)]: 1}]);
  notDeepEqual(await pays(), scaledNode);
  const plainPorts = {...ports, paymaker: await freePort()};
  await programs.open(openPaymakerProgram(programOptions(configuration(small, nodeUrl, plainPorts))));
  const send = createHttpSender(() => `http://${at(plainPorts.paymaker)}`, 'x', 'secret');
  for (const body of sent.bodies) await send(body, new AbortController().signal);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const plain = await payouts(plainPorts.paymaker);
  equal(plain.map, scaled.map);
  deepEqual(plain, scaled);
  await eventually('the node pays the same', async () => JSON.stringify(await pays()) === JSON.stringify(scaledNode));
  const {anns} = countOf();
  t.diagnostic(`${anns} announcements, ${shares.size} shares, ${sent.bodies.length} messages; ${scaled.map}`);
});

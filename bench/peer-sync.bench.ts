// Synchronisation from one peer over loopback: headers alone, and whole blocks whose proofs are taken on trust.
//   node dist/bench/peer-sync.bench.js [--headers N] [--blocks N] [--json]
import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import {type AddressInfo, createServer, type Server} from 'node:net';
import {cpus, tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import {isMainThread, parentPort, Worker, workerData} from 'node:worker_threads';
import {useSha256} from '../src/core/crypto/index.ts';
import {createPktreg, type Network} from '../src/core/params/index.ts';
import {type Block, blockHash, encodeHeader} from '../src/core/primitives/index.ts';
import {decodePayload, encodeMessage, FrameReader, SERVICE} from '../src/core/protocol/p2p/index.ts';
import {Chain} from '../src/node/chain/chain.ts';
import {StoredBlocks} from '../src/node/chain/stored-blocks.ts';
import {PeerNetwork} from '../src/node/p2p/peer-network.ts';
import {NATIVE_SHA256} from '../src/service/crypto/native-sha256.ts';
import {openLevelStore} from '../src/service/stores/level-store.ts';
import {branch, genesisOf} from '../test/support/easy-blocks.ts';

const {values} = parseArgs({
  options: {
    headers: {type: 'string', default: '50000'},
    blocks: {type: 'string', default: '5000'},
    json: {type: 'boolean', default: false},
  },
});

useSha256(NATIVE_SHA256);
const PKTREG = createPktreg({});
const LOCAL = '127.0.0.1';
const MAX_HEADERS = 2000;

interface Row {
  readonly id: string;
  readonly done: number;
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
}

async function measure(id: string, done: number, work: () => Promise<void>): Promise<Row> {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  await work();
  const {user, system} = process.cpuUsage(cpu);
  return {id, done, wallSeconds: (performance.now() - begun) / 1000, cpuSeconds: (user + system) / 1e6};
}

async function openNode(path: string, network: Network, connect?: number): Promise<{chain: Chain; peers: PeerNetwork}> {
  const store = await openLevelStore(join(path, 'index'));
  const blocks = await StoredBlocks.open({path: join(path, 'blocks'), magic: network.magic, store});
  const chain = await Chain.open({
    network,
    store,
    blocks,
    nowSeconds: () => Math.floor(Date.now() / 1000),
    checkProof: () => Promise.resolve(),
    checkScripts: () => Promise.resolve(),
  });
  const peers = await PeerNetwork.open({
    chain,
    services: SERVICE.network | SERVICE.witness,
    userAgent: '/bench:1/',
    nowMs: () => Date.now(),
    listen: [{host: LOCAL, port: 0}],
    connect: connect === undefined ? [] : [{host: LOCAL, port: connect}],
    connectOnly: true,
    onFailure: (error) => {
      throw error;
    },
  });
  return {chain, peers};
}

interface Served {
  readonly headers: readonly Uint8Array[];
  readonly hashes: readonly Uint8Array[];
}

/** A peer that has headers and never gives a block. */
function serveHeaders({headers, hashes}: Served): Promise<Server> {
  const indices = new Map(hashes.map((hash, i) => [Buffer.from(hash).toString('hex'), i]));
  const address = {services: 0n, ip: new Uint8Array(16), port: 0};
  const services = SERVICE.network | SERVICE.witness;
  const version = {version: 70013, services, timestamp: 0n, addrRecv: address, addrFrom: address, nonce: 1n};
  const server = createServer((socket) => {
    const reader = new FrameReader(PKTREG.magic);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      for (const {command, payload} of reader.push(bytes)) {
        if (command === 'version') {
          const own = {...version, userAgent: '/headers:1/', startHeight: headers.length, relay: false};
          socket.write(encodeMessage(PKTREG.magic, 'version', own));
          socket.write(encodeMessage(PKTREG.magic, 'verack', undefined));
        } else if (command === 'getheaders') {
          const {locator} = decodePayload('getheaders', payload);
          const known = locator.map((hash) => indices.get(Buffer.from(hash).toString('hex')));
          const from = (known.find((index) => index !== undefined) ?? -1) + 1;
          socket.write(encodeMessage(PKTREG.magic, 'headers', headers.slice(from, from + MAX_HEADERS)));
        }
      }
    });
  });
  return new Promise((resolve) => server.listen(0, LOCAL, () => resolve(server)));
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 2));
}

async function benchHeaders(path: string, blocks: readonly Block[]): Promise<Row> {
  // Below a checkpoint headers are asked for without waiting for blocks.
  const checkpoints = [{height: blocks.length, hash: blockHash(blocks.at(-1)!.header)}];
  const network = {...PKTREG, checkpoints};
  const served: Served = {
    headers: blocks.map(({header}) => encodeHeader(header)),
    hashes: blocks.map(({header}) => blockHash(header)),
  };
  // The other side is somebody else's machine.
  const server = new Worker(fileURLToPath(import.meta.url), {workerData: served});
  const [port] = (await once(server, 'message')) as [number];
  let peers: PeerNetwork | undefined;
  const row = await measure('p2p/headers', blocks.length, async () => {
    ({peers} = await openNode(path, network, port));
    const opened = peers;
    await until(() => opened.progress().target >= blocks.length && opened.peers()[0]?.height === blocks.length);
    await until(() => opened.load.headers === blocks.length);
  });
  await peers?.close();
  await server.terminate();
  return row;
}

async function benchBlocks(path: string, blocks: readonly Block[]): Promise<Row> {
  const from = await openNode(join(path, 'from'), PKTREG);
  await Promise.all(blocks.map((block) => from.chain.accept(block)));
  let to: Awaited<ReturnType<typeof openNode>> | undefined;
  const row = await measure('p2p/blocks', blocks.length, async () => {
    const opened = await openNode(join(path, 'to'), PKTREG, from.peers.ports[0]!);
    to = opened;
    await until(() => opened.chain.height === blocks.length);
  });
  await to?.peers.close();
  await from.peers.close();
  return row;
}

async function main(): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'pkt-bench-'));
  try {
    const chain = branch(
      {network: PKTREG, tag: 0},
      genesisOf(PKTREG),
      0,
      Math.max(Number(values.headers), Number(values.blocks)),
    );
    const rows = [
      await benchHeaders(join(path, 'headers'), chain.slice(0, Number(values.headers))),
      await benchBlocks(join(path, 'blocks'), chain.slice(0, Number(values.blocks))),
    ];
    if (values.json) console.log(JSON.stringify({node: process.version, cpu: cpus()[0]?.model, rows}));
    for (const {id, done, wallSeconds, cpuSeconds} of values.json ? [] : rows) {
      console.log(
        `${id}: ${(done / wallSeconds).toFixed(0)}/s, ${(done / cpuSeconds).toFixed(0)} per CPU second (${done})`,
      );
    }
  } finally {
    await rm(path, {recursive: true, force: true});
    process.exit();
  }
}

if (!isMainThread) {
  const server = await serveHeaders(workerData as Served);
  parentPort!.postMessage((server.address() as AddressInfo).port);
} else {
  await main();
}

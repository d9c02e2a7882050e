// The node's own costs: scripts, a full block, coins, opening a long chain, RPC.
//   node dist/bench/node.bench.js [--only id,…] [--coins N] [--headers N] [--json]
import {readFileSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {cpus, tmpdir} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {Worker} from 'node:worker_threads';
import {checkSigops, type SignatureVerifier, type SpendingTransaction} from '../src/core/consensus/index.ts';
import {useSha256} from '../src/core/crypto/index.ts';
import {createPktreg} from '../src/core/params/index.ts';
import {type Block, blockSize, type Outpoint, type Transaction, transactionId} from '../src/core/primitives/index.ts';
import {Chain} from '../src/node/chain/chain.ts';
import {ChainView} from '../src/node/chain/chain-view.ts';
import {coinKey, encodeCoin} from '../src/node/chain/layout.ts';
import {StoredBlocks} from '../src/node/chain/stored-blocks.ts';
import {PktNode} from '../src/node/node.ts';
import {NATIVE_SHA256} from '../src/service/crypto/native-sha256.ts';
import {loadNativeVerifier, WASM_VERIFIER} from '../src/service/crypto/secp256k1.ts';
import {NO_LOG} from '../src/service/logs/log.ts';
import type {KeyValueStore, StoreChange} from '../src/service/stores/key-value-store.ts';
import {openLevelStore} from '../src/service/stores/level-store.ts';
import {BlockVerifier} from '../src/service/threads/block-verifier.ts';
import {spawnNodeThread} from '../src/service/threads/node-threads.ts';
import {branch, genesisOf, mineOn} from '../test/support/easy-blocks.ts';
import {signAll, testKey} from '../test/support/signing.ts';

const {values} = parseArgs({
  options: {
    only: {type: 'string', default: 'scripts,block,coins,open,rpc'},
    coins: {type: 'string', default: '5000000'},
    headers: {type: 'string', default: '100000'},
    json: {type: 'boolean', default: false},
  },
});

useSha256(NATIVE_SHA256);
const NETWORK = createPktreg({money: {coinbaseMaturity: 1}});
const KEY = testKey(7);
const THREADS = 2;

interface Row {
  readonly id: string;
  readonly figures: Readonly<Record<string, number | string>>;
}

const rows: Row[] = [];

function report(id: string, figures: Row['figures']): void {
  rows.push({id, figures});
  if (values.json) return;
  const text = Object.entries(figures).map(
    ([name, value]) => `${name} ${typeof value === 'number' ? round(value) : value}`,
  );
  console.log(`${id}: ${text.join(', ')}`);
}

function round(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}

const now = (): number => performance.now();
const residentMiB = (): number => process.memoryUsage().rss / 2 ** 20;

/** Part of the resident memory that is files of the database, which the system may take back at any time. Linux alone tells. */
function mappedMiB(): number {
  try {
    return Number(/^RssFile:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? Number.NaN) / 2 ** 10;
  } catch {
    return Number.NaN;
  }
}

/** Longest time that the main thread did not answer while `work` ran, milliseconds. */
async function longestPause<Result>(work: () => Promise<Result>): Promise<{result: Result; pauseMs: number}> {
  let last = now();
  let pauseMs = 0;
  const timer = setInterval(() => {
    pauseMs = Math.max(pauseMs, now() - last - 5);
    last = now();
  }, 5);
  const result = await work();
  clearInterval(timer);
  return {result, pauseMs: Math.max(pauseMs, now() - last - 5)};
}

async function openChain(
  path: string,
  checkScripts: (spending: readonly SpendingTransaction[]) => Promise<void>,
): Promise<{
  chain: Chain;
  store: KeyValueStore;
  close: () => Promise<void>;
}> {
  const store = await openLevelStore(join(path, 'index'));
  const blocks = await StoredBlocks.open({path: join(path, 'blocks'), magic: NETWORK.magic, store});
  const chain = await Chain.open({
    network: NETWORK,
    store,
    blocks,
    nowSeconds: () => 4_000_000_000,
    checkProof: () => Promise.resolve(),
    checkScripts: async (block, spending) => {
      checkSigops(block, spending);
      await checkScripts(spending);
    },
  });
  const close = async (): Promise<void> => {
    await chain.close();
    await blocks.close();
    await store.close();
  };
  return {chain, store, close};
}

function spend(outpoints: readonly Outpoint[], amount: bigint, outputs: Transaction['outputs']): Transaction {
  const inputs = outpoints.map(({txid, index}) => ({
    txid,
    index,
    script: new Uint8Array(0),
    sequence: 0xffffffff,
    witness: [],
  }));
  const plain = {version: 2, inputs, outputs, lockTime: 0};
  return signAll(
    plain,
    KEY,
    outpoints.map(() => amount),
  );
}

/** A verifier as nodes have it. */
function openVerifier(verifier: SignatureVerifier): BlockVerifier {
  return new BlockVerifier({threads: THREADS, spawn: spawnNodeThread, now, verifier});
}

/** One input after another on one thread, and all threads together with what they load. */
async function benchScripts(): Promise<void> {
  const {checkTransactionScripts} = await import('../src/core/consensus/index.ts');
  const coins = Array.from({length: 10}, () => ({value: 1000n, script: KEY.script, height: 1, isCoinbase: false}));
  const spending = Array.from({length: 200}, (_, number) => {
    const txid = new Uint8Array(32).fill(number);
    const outpoints = coins.map((_coin, index) => ({txid, index}));
    return {transaction: spend(outpoints, 1000n, [{value: 1n, script: KEY.script}]), coins};
  });
  const native = loadNativeVerifier();
  for (const verifier of native === undefined ? [WASM_VERIFIER] : [native, WASM_VERIFIER]) {
    const run = (): void => {
      for (const entry of spending) checkTransactionScripts(entry, verifier);
    };
    run();
    const begun = now();
    run();
    run();
    report(`node/scripts-${verifier.name}`, {'P2WPKH inputs/s, one thread': (2 * 2000 * 1000) / (now() - begun)});
  }
  const threads = openVerifier(native ?? WASM_VERIFIER);
  const many = Array.from({length: 10}, () => spending).flat();
  await threads.checkScripts(many);
  const begun = now();
  await threads.checkScripts(many);
  report('node/scripts-threads', {[`P2WPKH inputs/s, ${THREADS} threads`]: (20_000 * 1000) / (now() - begun)});
  await threads.close();
}

/** A block of about 4 MB of weight with as many inputs as fit, connected with everything that is checked but its proof. */
async function benchBlock(path: string): Promise<void> {
  const threads = openVerifier(loadNativeVerifier() ?? WASM_VERIFIER);
  const {chain, close} = await openChain(path, (spending) => threads.checkScripts(spending));
  const amount = 100_000_000n;
  const first = mineOn({network: NETWORK, tag: 0}, genesisOf(NETWORK), 1);
  const coinbase = {txid: transactionId(first.transactions[0]!), index: 0};
  const wide: Transaction = {
    version: 1,
    inputs: [{...coinbase, script: new Uint8Array(0), sequence: 0xffffffff, witness: []}],
    outputs: Array.from({length: 14_450}, () => ({value: amount, script: KEY.script})),
    lockTime: 0,
  };
  const second = mineOn({network: NETWORK, tag: 0}, first, 2, [wide]);
  await chain.accept(first);
  await chain.accept(second);
  const outpoints = Array.from({length: 14_450}, (_, index) => ({txid: transactionId(wide), index}));
  const transactions: Transaction[] = [];
  for (let at = 0; at < outpoints.length; at += 50) {
    transactions.push(spend(outpoints.slice(at, at + 50), amount, [{value: 50n * amount, script: KEY.script}]));
  }
  const third = mineOn({network: NETWORK, tag: 0}, second, 3, transactions);
  const {decodeBlock, encodeBlock} = await import('../src/core/primitives/index.ts');
  const wire = encodeBlock(third);
  const begun = now();
  const {pauseMs} = await longestPause(async () => chain.accept(decodeBlock(wire)));
  const ms = now() - begun;
  report('node/full-block', {
    ms,
    inputs: outpoints.length,
    weight: blockSize(third).weight,
    'inputs/s': (outpoints.length * 1000) / ms,
    'longest pause ms': pauseMs,
  });
  await close();
  await threads.close();
}

function outpointOf(number: number): Outpoint {
  const txid = new Uint8Array(32);
  const view = new DataView(txid.buffer);
  // Ids are spread like hashes.
  view.setUint32(0, Math.imul(number, 0x9e3779b1) >>> 0);
  view.setUint32(4, Math.imul(number ^ 0x5bd1e995, 0x85ebca6b) >>> 0);
  view.setUint32(8, number);
  return {txid, index: number & 3};
}

/** Coins as a store holds them, and blocks that spend 1000 of them at random and create as many. */
async function benchCoins(path: string): Promise<void> {
  const total = Number(values.coins);
  const store = await openLevelStore(path, {cacheBytes: 64 * 2 ** 20});
  const coin = {value: 12_345_678n, script: KEY.script, height: 1000, isCoinbase: true};
  const begun = now();
  let changes: StoreChange[] = [];
  for (let number = 0; number < total; number++) {
    const {txid, index} = outpointOf(number);
    changes.push({key: coinKey(txid, index), value: encodeCoin(coin)});
    if (changes.length < 10_000) continue;
    await store.write(changes);
    changes = [];
  }
  await store.write(changes, true);
  report('node/coins-written', {'coins/s': (total * 1000) / (now() - begun), 'resident MiB': residentMiB()});
  const spends = Math.min(200_000, total);
  const from = now();
  for (let block = 0; block < spends / 1000; block++) {
    const view = new ChainView(store);
    const places = Array.from({length: 1000}, (_, i) => outpointOf((block * 1000 + i) * 24 + 7));
    await view.load(places);
    const found = places.flatMap((place) => {
      const known = view.coinAt(place.txid, place.index);
      return known === undefined ? [] : [{...place, coin: known}];
    });
    const created = places.map((_, i) => ({...outpointOf(total + block * 1000 + i), coin}));
    await view.connect({
      created,
      spent: found,
      tallies: new Map(),
      fees: 0n,
      spending: [],
      steward: {state: {steward: KEY.script, against: 0n}, elected: false, tied: []},
    });
    await store.write(view.changes(), true);
  }
  report('node/coins-spent', {
    'spends/s': (spends * 1000) / (now() - from),
    'resident MiB': residentMiB(),
    'of which files MiB': mappedMiB(),
  });
  await store.close();
}

async function benchOpen(path: string): Promise<void> {
  const count = Number(values.headers);
  const {chain, close} = await openChain(path, () => Promise.resolve());
  let parent: Block = genesisOf(NETWORK);
  for (let height = 0; height < count; ) {
    const part = branch({network: NETWORK, tag: 0}, parent, height, Math.min(1000, count - height));
    await Promise.all(part.map((block) => chain.accept(block)));
    height += part.length;
    parent = part.at(-1)!;
  }
  await close();
  const begun = now();
  const node = await PktNode.open({network: NETWORK, dataDir: path, version: 'bench', log: NO_LOG, indexes: new Set()});
  report('node/open', {ms: now() - begun, blocks: node.parts.chain.height, 'resident MiB': residentMiB()});
  await node.close();
}

/** Body of the client thread. */
const CLIENT = `
import {Agent, request} from 'node:http';
import {parentPort, workerData} from 'node:worker_threads';
const {port, authorization, hashes, seconds, connections} = workerData;
const agent = new Agent({keepAlive: true, maxSockets: connections});
const times = [];
// The first second, in which code is compiled on both sides, does not count.
const start = performance.now() + 1000;
const end = start + seconds * 1000;
let next = 0;
const call = () => new Promise((resolve, reject) => {
  const body = JSON.stringify({id: 1, method: 'getblockheader', params: [hashes[next++ % hashes.length]]});
  const begun = performance.now();
  const headers = {authorization, 'content-type': 'application/json', 'content-length': body.length};
  const sent = request({port, host: '127.0.0.1', method: 'POST', path: '/', agent, headers}, (answer) => {
    let text = '';
    answer.on('data', (piece) => { text += piece; });
    answer.on('end', () => {
      if (JSON.parse(text).error !== null) reject(new Error(text));
      if (begun >= start) times.push(performance.now() - begun);
      resolve();
    });
  });
  sent.on('error', reject);
  sent.end(body);
});
await Promise.all(Array.from({length: connections}, async () => { while (performance.now() < end) await call(); }));
agent.destroy();
times.sort((a, b) => a - b);
parentPort.postMessage({calls: times.length, p50: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)]});
`;

async function benchRpc(path: string): Promise<void> {
  const user = {user: 'bench', password: 'bench', role: 'limited' as const};
  const node = await PktNode.open({
    network: NETWORK,
    dataDir: path,
    version: 'bench',
    log: NO_LOG,
    rpcListen: {host: '127.0.0.1', port: 0},
    rpcUsers: [user],
  });
  const {chain} = node.parts;
  const {shownHash} = await import('../src/node/chain/layout.ts');
  const hashes = [shownHash(chain.tip.hash)];
  const seconds = 5;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(CLIENT)}`), {
    workerData: {
      port: Number(node.addresses.rpc!.split(':')[1]),
      authorization: `Basic ${Buffer.from('bench:bench').toString('base64')}`,
      hashes,
      seconds,
      connections: 16,
    },
  });
  const {calls, p50, p99} = await new Promise<{calls: number; p50: number; p99: number}>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  report('node/rpc-getblockheader', {'calls/s': calls / seconds, 'p50 ms': p50, 'p99 ms': p99});
  await worker.terminate();
  await node.close();
}

const only = new Set(values.only.split(','));
const path = await mkdtemp(join(tmpdir(), 'pkt-bench-'));
try {
  if (!values.json) console.log(`${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`);
  if (only.has('scripts')) await benchScripts();
  if (only.has('block')) await benchBlock(join(path, 'block'));
  if (only.has('coins')) await benchCoins(join(path, 'coins'));
  if (only.has('open')) await benchOpen(join(path, 'open'));
  if (only.has('rpc')) await benchRpc(join(path, 'rpc'));
  if (values.json) console.log(JSON.stringify({cpu: cpus()[0]?.model, node: process.version, rows}));
} finally {
  await rm(path, {recursive: true, force: true});
}

// A node that is killed again and again while it synchronises, reorganises, prunes and builds indexes, held to nodes that are not.
//
// Two source nodes in this process hold a chain with transactions and mine on either side of a fork. The victim is a process that
// follows both. A round makes the shorter side the longer one and kills the victim at a random moment; every few rounds it may come
// to rest and must then answer as the sources do.
import {deepEqual} from 'node:assert/strict';
import {mkdtemp, readdir, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {encodeAddress} from '../../src/core/consensus/index.ts';
import {PKTREG} from '../../src/core/params/index.ts';
import {type Block, type Outpoint, type Transaction, transactionId} from '../../src/core/primitives/index.ts';
import {PktNode} from '../../src/node/node.ts';
import {NO_LOG} from '../../src/service/logs/log.ts';
import {RpcClient} from '../../src/service/rpc-client.ts';
import {RunningNode} from './running-node.ts';
import {signAll, type TestKey, testKey} from './signing.ts';

const LOOPBACK = {host: '127.0.0.1', port: 0};
const ADMIN = {user: 'admin', password: 'admin', role: 'admin'} as const;
/** Beyond maturity, so that blocks have transactions. */
const COMMON = 115;
const EPOCH_ROUNDS = 10;
const REST_ROUNDS = 5;
const REST_MS = 60_000;
const FEE = 1_000_000n;
/** Files so small that pruning has some to drop, and blocks that stay so many that no reorganisation needs others. */
const SMALL_FILES = ['--block-file-mb', '0.01', '--prune-keep', '60'];

export interface CrashOptions {
  readonly rounds: number;
  readonly seed: number;
  /** Ends the run, with what has been seen until then, when it takes longer. */
  readonly deadlineMs: number;
  readonly say: (line: string) => void;
}

export interface CrashReport {
  /** Kills by what the victim was at. */
  readonly kills: Readonly<Record<string, number>>;
  readonly rounds: number;
  readonly rests: number;
  readonly reorganisations: number;
  readonly droppedFiles: number;
  readonly height: number;
  /** What differed; none is good. */
  readonly differences: readonly string[];
}

/** A node that nobody disturbs. */
class Source {
  readonly node: PktNode;
  readonly key: TestKey;
  readonly client: RpcClient;
  readonly #coins: {readonly place: Outpoint; readonly value: bigint; readonly height: number}[] = [];

  private constructor(node: PktNode, key: TestKey) {
    this.node = node;
    this.key = key;
    this.client = new RpcClient({url: `http://${node.addresses.rpc}/`, ...ADMIN, timeoutMs: 30_000});
    node.parts.chain.subscribe((event) => {
      if (event.type === 'connected') this.#note(event.block, event.place.height);
    });
  }

  static async open(dataDir: string, key: TestKey): Promise<Source> {
    const node = await PktNode.open({
      network: PKTREG,
      dataDir,
      version: '1',
      log: NO_LOG,
      p2pListen: [LOOPBACK],
      rpcListen: LOOPBACK,
      rpcUsers: [ADMIN],
      outbound: 0,
      threads: 1,
      diskReserveBytes: 0,
      indexes: new Set(['transactions', 'addresses', 'filters']),
      miningAddresses: [addressOf(key)],
    });
    return new Source(node, key);
  }

  get height(): number {
    return this.node.parts.chain.height;
  }

  get address(): string {
    return this.node.addresses.p2p[0]!;
  }

  /** Coins of the key in a coinbase; those of other blocks stay out of it. */
  #note({transactions: [coinbase]}: Block, height: number): void {
    const index = coinbase!.outputs.findIndex(({script}) => Buffer.from(script).equals(this.key.script));
    if (index < 0) return;
    const place = {txid: transactionId(coinbase!), index};
    this.#coins.push({place, value: coinbase!.outputs[index]!.value, height});
  }

  /** Mines blocks; the first has transactions as far as there are coins. */
  async mine(blocks: number): Promise<void> {
    // One call: its threads and announcements serve all blocks.
    for (let i = 0; i < blocks; i++) await this.#spend();
    await this.node.parts.generate(blocks, new AbortController().signal);
  }

  async #spend(): Promise<void> {
    const {chain, mempool} = this.node.parts;
    const [coin] = this.#coins;
    if (coin === undefined || this.height + 1 - coin.height < PKTREG.money.coinbaseMaturity) return;
    this.#coins.shift();
    const [held] = await chain.coins([coin.place]);
    if (held === undefined) return;
    const part = (coin.value - FEE) / 3n;
    const outputs = [1, 2, 3].map((number) => ({value: part, script: testKey(number).script}));
    const input = {...coin.place, script: new Uint8Array(0), sequence: 0xffffffff, witness: []};
    const plain: Transaction = {version: 2, inputs: [input], outputs, lockTime: 0};
    await mempool.accept(signAll(plain, this.key, [coin.value]), {source: 'local', allowHighFees: true});
  }

  async follows(other: Source): Promise<void> {
    const [host, port] = other.address.split(':') as [string, string];
    const node = {host, port: Number(port)};
    this.node.parts.peers.addNode(node);
    await until('the sources have one tip', () => Promise.resolve(isSameTip(this, other)));
    this.node.parts.peers.removeNode(node);
  }
}

function isSameTip(a: Source, b: Source): boolean {
  return Buffer.from(a.node.parts.chain.tip.hash).equals(b.node.parts.chain.tip.hash);
}

function addressOf({script}: TestKey): string {
  return encodeAddress(script, PKTREG.addresses)!;
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const begun = performance.now(); !(await isSo()); await sleep(50)) {
    if (performance.now() - begun > REST_MS) throw new Error(`not within a minute: ${what}`);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Mined {
  readonly txid: string;
  readonly blockhash?: string;
}

type Call = (method: string, ...params: readonly unknown[]) => Promise<unknown>;

/** What two nodes with one tip must answer alike. */
async function answers(call: Call, indexes: ReadonlySet<string>): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {
    coins: await call('gettxoutsetinfo'),
    steward: await call('getnetworksteward'),
  };
  const best = await call('getbestblockhash');
  if (indexes.has('filters')) found['filters'] = await call('getcfilterheader', best, 0);
  if (!indexes.has('addresses')) return found;
  for (const number of [1, 2, 3]) {
    const address = addressOf(testKey(number));
    // The key may not have any yet.
    const documents = await call('searchrawtransactions', address, true, 0, 1000).catch(() => []);
    // Those that wait for a block are found too; which ones a node has heard of is its own affair.
    const mined = (documents as Mined[]).filter(({blockhash}) => blockhash !== undefined);
    found[`transactions of ${number}`] = mined.map(({txid, blockhash}) => `${txid} in ${blockhash}`);
  }
  return found;
}

class CrashRun {
  readonly #options: CrashOptions;
  readonly #random: () => number;
  readonly #folder: string;
  readonly #sources: readonly [Source, Source];
  readonly #kills: Record<string, number> = {};
  readonly #differences: string[] = [];
  readonly #endMs: number;
  #victims = 0;
  #rests = 0;
  #reorganisations = 0;
  #droppedFiles = 0;
  #round = 0;

  constructor(options: CrashOptions, folder: string, sources: readonly [Source, Source]) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#folder = folder;
    this.#sources = sources;
    this.#endMs = performance.now() + options.deadlineMs;
  }

  #upTo(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  get #isOver(): boolean {
    const {rounds} = this.#options;
    return this.#round >= rounds || performance.now() > this.#endMs || this.#differences.length > 0;
  }

  async run(): Promise<CrashReport> {
    const [a, b] = this.#sources;
    while (!this.#isOver) {
      await this.#epoch();
      // The losing side gives up: the next fork begins higher up.
      await (a.height < b.height ? a.follows(b) : b.follows(a));
    }
    if (this.#round < this.#options.rounds && this.#differences.length === 0) {
      this.#differences.push(`only ${this.#round} rounds within the time`);
    }
    return {
      kills: this.#kills,
      rounds: this.#round,
      rests: this.#rests,
      reorganisations: this.#reorganisations,
      droppedFiles: this.#droppedFiles,
      height: Math.max(a.height, b.height),
      differences: this.#differences,
    };
  }

  /** One victim from its first start on. */
  async #epoch(): Promise<void> {
    const dataDir = join(this.#folder, `victim-${++this.#victims}`);
    const dropsBodies = this.#victims % 2 === 0;
    const prune = dropsBodies ? 'bodies' : 'proofs';
    for (let i = 0; i < EPOCH_ROUNDS && !this.#isOver; i++) {
      this.#round++;
      // Indexes come and go where what they are built of stays.
      const indexes = new Set(dropsBodies ? ['filters'] : []);
      if (!dropsBodies && this.#random() < 0.7) indexes.add('addresses');
      if (!dropsBodies && this.#random() < 0.7) indexes.add('filters');
      const args = this.#arguments(prune, indexes);
      await this.#kill(dataDir, args, i === 0);
      if (i % REST_ROUNDS === REST_ROUNDS - 1) await this.#rest(dataDir, prune, indexes);
    }
    await rm(dataDir, {recursive: true, force: true});
  }

  #arguments(prune: string, indexes: ReadonlySet<string>): string[] {
    const args = ['--connect-only', '--disk-reserve-mb', '0', '--prune', prune, ...SMALL_FILES];
    for (const {address} of this.#sources) args.push('--connect', address);
    if (indexes.has('addresses')) args.push('--addrindex');
    if (!indexes.has('filters')) args.push('--nocfilters');
    return args;
  }

  /** Starts the victim, gives it something to do and ends it at a random moment. */
  async #kill(dataDir: string, args: readonly string[], isFirst: boolean): Promise<void> {
    const victim = RunningNode.spawn(dataDir, {args});
    let state = isFirst ? 'first start' : 'start';
    if (this.#random() < 0.3) {
      // Most of a start is the loading of the program.
      await sleep(200 + this.#upTo(1000));
      if (victim.stdout !== '') state = 'synchronisation';
    } else {
      await this.#ready(victim);
      state = isFirst ? 'first synchronisation' : 'synchronisation';
      if (this.#random() < 0.7) {
        await this.#overtake();
        state = 'reorganisation';
        await sleep(this.#upTo(150));
      } else {
        await sleep(this.#upTo(1500));
      }
    }
    const {signal} = await victim.kill();
    if (signal !== 'SIGKILL') this.#differences.push(`round ${this.#round}: ended by itself: ${victim.stderr}`);
    this.#kills[state] = (this.#kills[state] ?? 0) + 1;
  }

  async #ready(victim: RunningNode): Promise<void> {
    try {
      await victim.ready();
    } catch (error) {
      this.#differences.push(`round ${this.#round}: ${(error as Error).message}`);
    }
  }

  /** The shorter side becomes the longer one. */
  async #overtake(): Promise<void> {
    const [a, b] = this.#sources;
    const [behind, ahead] = a.height < b.height ? [a, b] : [b, a];
    await behind.mine(ahead.height - behind.height + 1 + this.#upTo(2));
    this.#reorganisations++;
  }

  /** Lets the victim come to rest and compares. */
  async #rest(dataDir: string, prune: string, indexes: ReadonlySet<string>): Promise<void> {
    const [a, b] = this.#sources;
    const truth = a.height > b.height ? a : b;
    const victim = RunningNode.spawn(dataDir, {args: this.#arguments(prune, indexes)});
    try {
      await this.#ready(victim);
      if (this.#differences.length > 0) return;
      const best = await truth.client.call('getbestblockhash', []);
      await until('the victim has the best tip', async () => (await victim.call('getbestblockhash')) === best);
      await this.#indexed(victim, indexes, truth.height);
      const expected = await answers((method, ...params) => truth.client.call(method, [...params]), indexes);
      deepEqual(await answers((method, ...params) => victim.call(method, ...params), indexes), expected);
      deepEqual(await victim.call('verifychain', 3, 60), true);
      const files = await readdir(join(dataDir, 'blocks', prune));
      this.#droppedFiles += Math.min(...files.map((name) => Number.parseInt(name, 10)));
      this.#rests++;
      this.#options.say(`round ${this.#round}: height ${truth.height}, as the sources`);
    } catch (error) {
      this.#differences.push(`round ${this.#round}: ${(error as Error).message}\n${victim.stderr}`);
    } finally {
      await victim.end();
    }
  }

  async #indexed(victim: RunningNode, indexes: ReadonlySet<string>, height: number): Promise<void> {
    await until('the indexes are built', async () => {
      const info = await victim.call<{readonly indexes: Readonly<Record<string, number>>}>('getblockchaininfo');
      return [...indexes].every((name) => info.indexes[name] === height);
    });
  }
}

/** Runs rounds of kills. Throws only when the sources themselves fail. */
export async function crashNode(options: CrashOptions): Promise<CrashReport> {
  const folder = await mkdtemp(join(tmpdir(), 'pkt-crash-'));
  const opened: Source[] = [];
  try {
    for (const number of [1, 2]) opened.push(await Source.open(join(folder, `source-${number}`), testKey(number)));
    const [a, b] = opened as [Source, Source];
    await a.mine(COMMON);
    await b.follows(a);
    options.say(`${COMMON} blocks mined`);
    return await new CrashRun(options, folder, [a, b]).run();
  } finally {
    for (const {node} of opened) await node.close();
    await rm(folder, {recursive: true, force: true});
  }
}

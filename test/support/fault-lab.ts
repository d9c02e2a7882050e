// A whole pool of processes on which everything goes wrong at random, held to what its miners were told.
//
// Miners reach the handlers by way of proxies of this process, which keep every answer that a miner has got. Programs are killed,
// stopped for a while, cut off, find their disk full, and see the chain reorganised. When all is quiet again, the ledger must
// have every event that a miner was told of, nothing that no miner has sent, and no announcement twice.
import {execFile} from 'node:child_process';
import {mkdir, mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {promisify} from 'node:util';
import {decodeAudit, recomputeAudit} from '../../src/apps/pool/paymaker/audit.ts';
import {Ledger, type LedgerEvent} from '../../src/apps/pool/paymaker/ledger.ts';
import {openSqlite} from '../../src/apps/pool/paymaker/sqlite.ts';
import {PKTREG} from '../../src/core/params/index.ts';
import {announcementPrefix, batchId} from '../../src/core/protocol/pool/index.ts';
import {PktNode} from '../../src/node/node.ts';
import {httpRequest} from '../../src/service/http/http-client.ts';
import {NO_LOG} from '../../src/service/logs/log.ts';
import {PartGroup} from '../../src/service/processes/part-group.ts';
import {RpcClient, readCookie} from '../../src/service/rpc-client.ts';
import {freePort, testAddress} from './pool-lab.ts';
import {type Exchange, RecordingProxy, type Weather} from './recording-proxy.ts';

export interface FaultOptions {
  readonly seed: number;
  /** How long things go wrong. */
  readonly forMs: number;
  readonly say: (line: string) => void;
}

export interface FaultReport {
  readonly faults: Readonly<Record<string, number>>;
  readonly restarts: number;
  readonly height: number;
  /** What miners were told: announcements taken, shares taken, blocks. */
  readonly told: {readonly announcements: number; readonly shares: number; readonly blocks: number};
  readonly ledger: {readonly announcements: number; readonly shares: number};
  /** Distinct announcements that miners have sent, and posts of them. */
  readonly sent: {readonly announcements: number; readonly posts: number};
  readonly payouts: number;
  /** What differed; none is good. */
  readonly differences: readonly string[];
}

const ANN_BYTES = 1024;
const SETTLE_MS = 120_000;
const START_MS = 120_000;
const DISK = '64m';
const PAYMAKER_PASSWORD = 'fault-lab';
const HANDLERS = 2;
const CLIENT = {timeoutMs: 5000, maxBytes: 2 ** 20};
const run = promisify(execFile);

function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

async function eventually(what: string, limitMs: number, isSo: () => Promise<boolean>): Promise<void> {
  for (const begun = performance.now(); ; await sleep(200)) {
    if (await isSo().catch(() => false)) return;
    if (performance.now() - begun > limitMs) throw new Error(`not within ${limitMs / 1000} s: ${what}`);
  }
}

/** Keeps what was sent and what was told. */
class Witness {
  /** Bodies by the id that an event of them has: who is to be paid, and how many announcements it had. */
  readonly posts = new Map<string, {readonly payTo: string; readonly count: number}>();
  readonly announcements = new Set<bigint>();
  readonly toldAnns = new Map<string, {readonly payTo: string; readonly accepted: number}>();
  readonly toldShares = new Map<string, {readonly payTo: string}>();
  readonly toldBlocks = new Set<string>();
  postCount = 0;

  postedAnns(body: Buffer, payTo: string): void {
    this.postCount++;
    this.posts.set(batchId(new Uint8Array(body)), {payTo, count: body.length / ANN_BYTES});
    for (let at = 0; at + ANN_BYTES <= body.length; at += ANN_BYTES) {
      this.announcements.add(announcementPrefix(new Uint8Array(body.subarray(at, at + ANN_BYTES))));
    }
  }

  told({status, answer}: Exchange): void {
    if (status !== 200) return;
    const {result} = JSON.parse(answer.toString()) as {result: Record<string, unknown> | null};
    if (result === null) return;
    const [id, payTo] = [String(result['eventId']), String(result['payTo'])];
    if (result['type'] === 'anns' && Number(result['accepted']) > 0) {
      this.toldAnns.set(id, {payTo, accepted: Number(result['accepted'])});
    } else if (result['type'] === 'share') {
      this.toldShares.set(id, {payTo});
      if (result['block'] === true) this.toldBlocks.add(String(result['headerHash']));
    }
  }
}

interface Ports {
  readonly p2p: number;
  readonly rpc: number;
  readonly master: number;
  readonly paymaker: number;
  readonly handlers: readonly {
    readonly kind: 'ann' | 'blk';
    readonly own: number;
    readonly shown: number;
    readonly status: number;
  }[];
}

async function choosePorts(): Promise<Ports> {
  const [p2p, rpc, master, paymaker] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const handlers: Ports['handlers'][number][] = [];
  for (const kind of ['ann', 'blk'] as const) {
    for (let i = 0; i < HANDLERS; i++) {
      handlers.push({kind, own: await freePort(), shown: await freePort(), status: await freePort()});
    }
  }
  return {p2p, rpc, master, paymaker, handlers};
}

function poolConfig(folder: string, ports: Ports): string {
  const handlers = ports.handlers.map(
    ({kind, own, shown, status}, i) => `[${kind}_handler.h${i}]
listen = "127.0.0.1:${own}"
status_listen = "127.0.0.1:${status}"
${kind === 'ann' ? 'files_to_keep = 8' : ''}
public_url = "http://127.0.0.1:${shown}/submit"`,
  );
  return `network = "pktreg"
root_workdir = ${JSON.stringify(join(folder, 'pool'))}
master_url = "http://127.0.0.1:${ports.master}/master"
paymaker_url = "http://127.0.0.1:${ports.paymaker}"
paymaker_http_password = "${PAYMAKER_PASSWORD}"
gather_ms = 500
nodes = [{url = "http://127.0.0.1:${ports.rpc}", cookie_file = ${JSON.stringify(join(folder, 'node', '.cookie'))}}]
[master]
listen = "127.0.0.1:${ports.master}"
ann_work = 32
share_work_divisor = 4
poll_ms = 200
${handlers.join('\n')}
[paymaker]
listen = "127.0.0.1:${ports.paymaker}"
updateCycle = 2
historyDepth = 172800
pplnsAnnConstantX = 0.125
pplnsBlkConstantX = 2
poolFee = 0.01
poolFeeAddress = "${testAddress(30)}"
defaultAddress = "${testAddress(31)}"
errorAddress = "${testAddress(32)}"
`;
}

/** A small disk of its own for the data of the pool, where this machine lets us have one. */
class SmallDisk {
  readonly path: string;
  readonly isReal: boolean;

  private constructor(path: string, isReal: boolean) {
    this.path = path;
    this.isReal = isReal;
  }

  static async open(path: string): Promise<SmallDisk> {
    await mkdir(path, {recursive: true});
    const isReal = await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', path]).then(
      () => true,
      () => false,
    );
    return new SmallDisk(path, isReal);
  }

  /** Takes all the room that is left. */
  async fill(): Promise<void> {
    const piece = Buffer.alloc(2 ** 16);
    for (let i = 0; ; i++) {
      try {
        await writeFile(join(this.path, `ballast-${i}`), piece);
      } catch {
        return;
      }
    }
  }

  async free(): Promise<void> {
    for (const name of await readdir(this.path)) if (name.startsWith('ballast')) await rm(join(this.path, name));
  }

  async close(): Promise<void> {
    if (this.isReal) await run('umount', ['-l', this.path]).catch(() => {});
  }
}

class FaultRun {
  readonly #options: FaultOptions;
  readonly #folder: string;
  readonly #ports: Ports;
  readonly #disk: SmallDisk;
  readonly #group: PartGroup;
  readonly #random: () => number;
  readonly #witness = new Witness();
  readonly #faults: Record<string, number> = {};
  readonly #differences: string[] = [];
  #proxies: readonly RecordingProxy[] = [];
  #rival: PktNode | undefined;
  #node: RpcClient | undefined;

  constructor(options: FaultOptions, folder: string, ports: Ports, disk: SmallDisk) {
    this.#options = options;
    this.#folder = folder;
    this.#ports = ports;
    this.#disk = disk;
    this.#random = seededRandom(options.seed);
    this.#group = new PartGroup({
      main: 'dist/src/cli/main.js',
      logDir: join(folder, 'logs'),
      log: NO_LOG,
      onFailure: (error) =>
        this.#differences.push(`a program cannot be kept running: ${JSON.stringify(error.details)}`),
      // They are killed far more often than they would ever end by themselves.
      restarts: {patience: Number.POSITIVE_INFINITY, maxBackOffMs: 1000},
    });
  }

  #upTo(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  async run(): Promise<FaultReport> {
    await this.#start();
    this.#options.say(`all programs are up${this.#disk.isReal ? '' : '; no disk of its own, so none gets full'}`);
    const endMs = performance.now() + this.#options.forMs;
    let saidMs = performance.now();
    while (performance.now() < endMs && this.#differences.length === 0) {
      await sleep(500 + this.#upTo(2500));
      await this.#fault();
      if (performance.now() - saidMs < 15_000) continue;
      saidMs = performance.now();
      const {toldAnns, toldShares, toldBlocks} = this.#witness;
      const faults = Object.values(this.#faults).reduce((sum, count) => sum + count, 0);
      this.#options.say(
        `${Math.round((endMs - saidMs) / 1000)} s to go: ${faults} faults; told of ${toldAnns.size} batches, ${toldShares.size} shares, ${toldBlocks.size} blocks`,
      );
    }
    await this.#calm();
    return this.#compare();
  }

  async #start(): Promise<void> {
    const {p2p, rpc, master, handlers} = this.#ports;
    this.#proxies = await Promise.all(
      handlers.map(({kind, own, shown}) =>
        RecordingProxy.open({
          port: shown,
          target: own,
          onPost: (body, payTo) => {
            if (kind === 'ann') this.#witness.postedAnns(body, payTo);
          },
          onTold: (exchange) => this.#witness.told(exchange),
        }),
      ),
    );
    const dataDir = join(this.#folder, 'node');
    await this.#group.start('node', [
      ...['node', '--network', 'pktreg', '--data-dir', dataDir, '--p2p-listen', `127.0.0.1:${p2p}`],
      ...['--rpc-listen', `127.0.0.1:${rpc}`, '--outbound', '0', '--threads', '1', '--miningaddr', testAddress(33)],
      ...['--disk-reserve-mb', '0'],
    ]);
    const renew = (): ReturnType<typeof readCookie> => readCookie(join(dataDir, '.cookie'));
    this.#node = new RpcClient({url: `http://127.0.0.1:${rpc}/`, ...(await renew()), renew, timeoutMs: 10_000});
    this.#rival = await PktNode.open({
      network: PKTREG,
      dataDir: join(this.#folder, 'rival'),
      version: '1',
      log: NO_LOG,
      p2pListen: [{host: '127.0.0.1', port: 0}],
      rpcListen: {host: '127.0.0.1', port: 0},
      outbound: 0,
      threads: 1,
      diskReserveBytes: 0,
      miningAddresses: [testAddress(34)],
    });
    const config = join(this.#folder, 'pool.toml');
    await writeFile(config, poolConfig(this.#disk.path, this.#ports).replace(join(this.#disk.path, 'node'), dataDir));
    const pool = (...args: readonly string[]): Promise<unknown> =>
      this.#group.start(args.join('-'), ['pool', ...args, '--config', config]);
    await Promise.all([
      pool('master'),
      pool('paymaker'),
      ...handlers.map(({kind}, i) => pool(`${kind}handler`, `h${i}`)),
    ]);
    const url = `http://127.0.0.1:${master}/master`;
    const miner = ['--network', 'pktreg', '--threads', '1'];
    const mines = {saysReady: false, nice: 10};
    for (const number of [1, 2]) {
      await this.#group.start(`ann-${number}`, ['ann', ...miner, '-p', testAddress(number), url], mines);
      await this.#group.start(
        `blk-${number}`,
        ['blk', ...miner, '-m', '64', '-p', testAddress(number + 2), url],
        mines,
      );
    }
    await eventually('a block of the pool', START_MS, async () => {
      return ((await this.#node!.call('getblockcount')) as number) > 0;
    });
  }

  #count(fault: string): void {
    this.#faults[fault] = (this.#faults[fault] ?? 0) + 1;
  }

  /** One thing goes wrong, for a while. */
  async #fault(): Promise<void> {
    const choice = this.#random();
    if (choice < 0.45) this.#kill();
    else if (choice < 0.6) await this.#stall();
    else if (choice < 0.85) await this.#storm();
    else if (choice < 0.93) await this.#reorganise();
    else await this.#fillDisk();
  }

  #part(): {readonly name: string; readonly pid: number} | undefined {
    const parts = this.#group.reports.filter(({state}) => state === 'running');
    const part = parts[this.#upTo(parts.length)];
    return part?.pid === undefined ? undefined : {name: part.name, pid: part.pid};
  }

  #signal(pid: number, signal: NodeJS.Signals): void {
    try {
      process.kill(pid, signal);
    } catch {
      // It has just ended.
    }
  }

  #kill(): void {
    const part = this.#part();
    if (part === undefined) return;
    this.#count(`${part.name.split('-')[0]} killed`);
    this.#signal(part.pid, 'SIGKILL');
  }

  async #stall(): Promise<void> {
    const part = this.#part();
    if (part === undefined) return;
    this.#count(`${part.name.split('-')[0]} stalled`);
    this.#signal(part.pid, 'SIGSTOP');
    await sleep(1000 + this.#upTo(6000));
    this.#signal(part.pid, 'SIGCONT');
  }

  async #storm(): Promise<void> {
    const proxy = this.#proxies[this.#upTo(this.#proxies.length)]!;
    const weather = (['cut', 'lose', 'slow'] as const satisfies readonly Weather[])[this.#upTo(3)]!;
    this.#count(`network: ${weather}`);
    proxy.weather = weather;
    await sleep(500 + this.#upTo(4000));
    proxy.weather = 'fair';
  }

  /** Another node mines on its own and then has the longer chain. */
  async #reorganise(): Promise<void> {
    const {chain, peers, generate} = this.#rival!.parts;
    const node = {host: '127.0.0.1', port: this.#ports.p2p};
    try {
      peers.addNode(node);
      await eventually('the rival has the chain', 10_000, async () => {
        return ((await this.#node!.call('getbestblockhash')) as string) === shown(chain.tip.hash);
      });
      peers.removeNode(node);
      const before = shown(chain.tip.hash);
      await generate(3 + this.#upTo(3), new AbortController().signal);
      peers.addNode(node);
      await eventually('the node has the longer chain', 10_000, async () => {
        return ((await this.#node!.call('getbestblockhash')) as string) !== before && chain.height > 0;
      });
      this.#count('reorganisation tried');
    } catch {
      this.#count('reorganisation given up: the node was away');
    } finally {
      peers.removeNode(node);
    }
  }

  async #fillDisk(): Promise<void> {
    if (!this.#disk.isReal) return;
    this.#count('disk full');
    await this.#disk.fill();
    await sleep(1000 + this.#upTo(5000));
    await this.#disk.free();
  }

  /** Everything is well again; mining ends, and what was found reaches the ledger. */
  async #calm(): Promise<void> {
    for (const proxy of this.#proxies) proxy.weather = 'fair';
    const names = this.#group.reports.map(({name}) => name);
    await eventually('all programs run', SETTLE_MS, async () => {
      await Promise.resolve();
      return this.#group.reports.every(({state}) => state === 'running');
    });
    this.#options.say('things go right from now on');
    // Long enough for restarted handlers to hear of the pool, and for miners to find them.
    await sleep(10_000);
    await this.#group.stop(...names.filter((name) => /^(ann|blk)-/.test(name)));
    await eventually('no events wait in handlers', SETTLE_MS, async () => {
      for (const {kind, status} of this.#ports.handlers) {
        const {body} = await httpRequest(`http://127.0.0.1:${status}/metrics`, CLIENT);
        const waiting = new RegExp(
          `^pkt_${kind === 'ann' ? 'ann' : 'block'}_handler_events_waiting_files (\\d+)$`,
          'm',
        );
        if (waiting.exec(new TextDecoder().decode(body))?.[1] !== '0') return false;
      }
      return true;
    });
    await this.#group.stop(...names.filter((name) => name.includes('handler-')));
    // Events that no file was closed for are sent at the next start of a handler.
    await this.#sendRest();
  }

  async #restOf(index: number, kind: 'ann' | 'blk'): Promise<Buffer> {
    const dir = join(this.#disk.path, 'pool', `${kind === 'ann' ? 'ah' : 'blk'}_h${index}`, 'paylogdir');
    const names = (await readdir(dir)).sort();
    return Buffer.concat(await Promise.all(names.map((name) => readFile(join(dir, name)))));
  }

  async #sendRest(): Promise<void> {
    for (const [i, {kind}] of this.#ports.handlers.entries()) {
      const body = await this.#restOf(i, kind);
      if (body.length === 0) continue;
      const authorization = `Basic ${Buffer.from(`x:${PAYMAKER_PASSWORD}`).toString('base64')}`;
      await httpRequest(`http://127.0.0.1:${this.#ports.paymaker}/events`, {
        method: 'POST',
        body: new Uint8Array(body),
        headers: {authorization, 'content-type': 'application/x-ndjson'},
        ...CLIENT,
      });
    }
  }

  async #compare(): Promise<FaultReport> {
    const height = (await this.#node!.call('getblockcount')) as number;
    for (const hash of this.#witness.toldBlocks) {
      await this.#node!.call('getblockheader', [hash, true]).catch(() => {
        this.#differences.push(`block ${hash} was told of, and the node does not know it`);
      });
    }
    const restarts = this.#group.reports.reduce((sum, part) => sum + part.restarts, 0);
    await this.#group.stop('paymaker', 'master', 'node');
    const sql = await openSqlite(join(this.#disk.path, 'pool', 'paymaker'));
    try {
      const ledger = await Ledger.open(sql);
      const anns = await this.#eventsOf(ledger, 'anns');
      const shares = await this.#eventsOf(ledger, 'share');
      this.#checkAnns(anns);
      this.#checkShares(shares);
      const payouts = await ledger.payouts(1_000_000);
      for (const {number, document} of payouts) {
        const record = decodeAudit(document);
        const made = JSON.stringify([...recomputeAudit(record)].map(String).sort());
        if (made !== JSON.stringify([...record.map].map(String).sort()))
          this.#differences.push(`payout ${number} does not follow from what it was made of`);
      }
      const sum = (events: Iterable<{readonly accepted: number}>): number =>
        [...events].reduce((total, {accepted}) => total + accepted, 0);
      const {toldAnns, toldShares, toldBlocks, announcements, postCount} = this.#witness;
      return {
        faults: this.#faults,
        restarts,
        height,
        told: {announcements: sum(toldAnns.values()), shares: toldShares.size, blocks: toldBlocks.size},
        ledger: {announcements: sum(anns.values()), shares: shares.size},
        sent: {announcements: announcements.size, posts: postCount},
        payouts: payouts.length,
        differences: this.#differences,
      };
    } finally {
      await sql.close();
    }
  }

  async #eventsOf(ledger: Ledger, kind: 'anns' | 'share'): Promise<Map<string, LedgerEvent>> {
    const found = new Map<string, LedgerEvent>();
    for await (const page of ledger.eventsBetween(kind, 0, Number.MAX_SAFE_INTEGER)) {
      for (const event of page) {
        if (found.has(event.id)) this.#differences.push(`${kind} ${event.id} stands in the ledger twice`);
        found.set(event.id, event);
      }
    }
    return found;
  }

  #checkAnns(events: ReadonlyMap<string, LedgerEvent>): void {
    const {toldAnns, posts, announcements} = this.#witness;
    for (const [id, {payTo, accepted}] of toldAnns) {
      const event = events.get(id);
      if (event === undefined)
        this.#differences.push(`${accepted} announcements of ${payTo} were taken (${id}) and are not paid`);
      else if (event.payTo !== payTo || event.accepted < accepted)
        this.#differences.push(`${id}: told ${accepted} for ${payTo}, paid ${event.accepted} for ${event.payTo}`);
    }
    let paid = 0;
    for (const {id, payTo, accepted} of events.values()) {
      paid += accepted;
      const post = posts.get(id);
      if (post === undefined) this.#differences.push(`${id} is paid, and no miner has sent it`);
      else if (post.payTo !== payTo || post.count < accepted)
        this.#differences.push(`${id}: ${post.count} for ${post.payTo} sent, ${accepted} for ${payTo} paid`);
    }
    if (paid > announcements.size)
      this.#differences.push(`${paid} announcements are paid, of ${announcements.size} that there were`);
  }

  #checkShares(events: ReadonlyMap<string, LedgerEvent>): void {
    for (const [id, {payTo}] of this.#witness.toldShares) {
      const event = events.get(id);
      if (event === undefined) this.#differences.push(`share ${id} of ${payTo} was taken and is not paid`);
      else if (event.payTo !== payTo) this.#differences.push(`share ${id} of ${payTo} is paid to ${event.payTo}`);
    }
  }

  async close(): Promise<void> {
    for (const {pid} of this.#group.reports) if (pid !== undefined) this.#signal(pid, 'SIGCONT');
    await this.#group.stopAll();
    for (const proxy of this.#proxies) await proxy.close();
    await this.#rival?.close();
  }
}

function shown(hash: Uint8Array): string {
  return Buffer.from(hash).reverse().toString('hex');
}

/** Runs a pool for a while with faults and compares. Throws when it cannot even be started, or does not come to rest. */
export async function injectFaults(options: FaultOptions): Promise<FaultReport> {
  const folder = await mkdtemp(join(tmpdir(), 'pkt-faults-'));
  const disk = await SmallDisk.open(join(folder, 'disk'));
  const faults = new FaultRun(options, folder, await choosePorts(), disk);
  try {
    return await faults.run();
  } finally {
    await faults.close();
    await disk.close();
    await rm(folder, {recursive: true, force: true});
  }
}

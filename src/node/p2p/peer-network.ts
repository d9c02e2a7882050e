// The peers of a node, with sockets, files and a clock.
//
// Owns: listening, dialing, the timer, the files of addresses and bans, seeds. Does not own: anything that is decided (Hub).
import {randomBytes} from 'node:crypto';
import {mkdir} from 'node:fs/promises';
import {type AddressInfo, connect, createServer, type Server, type Socket} from 'node:net';
import {join} from 'node:path';
import {type Log, NO_LOG} from '../../service/logs/log.ts';
import {readSealedFile, writeSealedFile} from '../../service/stores/sealed-file.ts';
import {AddressBook} from './addresses/address-book.ts';
import {type Ban, BanScores, Bans, type Subnet} from './addresses/bans.ts';
import {type Endpoint, type Family, parseIp} from './addresses/ip.ts';
import {askSeeds, localFamilies, type ResolveSeed, resolveSeed} from './addresses/seeds.ts';
import {Dialer, type DialRequest, type ManualNode} from './dialer.ts';
import {HUB_LIMITS, Hub, type HubLimits, type HubOptions, type NetTotals} from './hub.ts';
import type {PeerInfo} from './peer-info.ts';
import {SocketWire} from './socket-wire.ts';
import type {SyncProgress} from './sync/progress.ts';

const CONNECT_MS = 10_000;
const TICK_MS = 250;
const SAVE_MS = 600_000;
/** Seeds are asked again when nobody is connected, but not more often than this. */
const SEED_MS = 600_000;
const ENOUGH_TRIED = 8;
const MAX_FILE_BYTES = 16 * 2 ** 20;
const BOOK_FILE = 'peers.dat';
const BANS_FILE = 'bans.dat';

export const DEFAULT_OUTBOUND = 10;

export interface PeerNetworkOptions
  extends Pick<
    HubOptions,
    'chain' | 'pool' | 'filters' | 'services' | 'advertise' | 'userAgent' | 'nowMs' | 'log' | 'onFailure' | 'peerLimits'
  > {
  /** Where to listen; port 0 takes any that is free. */
  readonly listen: readonly {readonly host: string; readonly port: number}[];
  /** Nodes to be connected to at all times. With `connectOnly` nobody else is. */
  readonly connect?: readonly ManualNode[];
  readonly connectOnly?: boolean;
  readonly outboundTarget?: number;
  readonly limits?: HubLimits;
  /** Directory for addresses and bans; without it they are forgotten. */
  readonly path?: string;
  /** Never asks DNS seeds. */
  readonly noDnsSeed?: boolean;
  readonly resolveSeed?: ResolveSeed;
  readonly families?: ReadonlySet<Family>;
}

export class PeerNetwork {
  readonly #options: PeerNetworkOptions;
  readonly #log: Log;
  readonly #book: AddressBook;
  readonly #bans: Bans;
  readonly #dialer: Dialer;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #hub!: Hub;
  #timer: NodeJS.Timeout | undefined;
  #savedMs: number;
  #seededMs = 0;
  #work: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(options: PeerNetworkOptions, book: AddressBook, bans: Bans) {
    this.#options = options;
    this.#log = options.log ?? NO_LOG;
    this.#book = book;
    this.#bans = bans;
    this.#savedMs = options.nowMs();
    this.#dialer = new Dialer({
      book,
      outboundTarget: options.outboundTarget ?? DEFAULT_OUTBOUND,
      families: options.families ?? localFamilies(),
      manualOnly: options.connectOnly ?? false,
    });
    for (const node of options.connect ?? []) this.#dialer.add(node, true);
  }

  /** Listens and begins to connect. Throws StoreError, or the system's error when an address cannot be listened on. */
  static async open(options: PeerNetworkOptions): Promise<PeerNetwork> {
    const {path, log = NO_LOG} = options;
    if (path !== undefined) await mkdir(path, {recursive: true});
    const random = {random: Math.random};
    const book =
      (await load(path, BOOK_FILE, log, (bytes) => AddressBook.decode(bytes, random))) ??
      new AddressBook({...random, secret: randomBytes(16)});
    const bans = (await load(path, BANS_FILE, log, (bytes) => Bans.decode(bytes))) ?? new Bans();
    const network = new PeerNetwork(options, book, bans);
    await network.#start();
    return network;
  }

  async #start(): Promise<void> {
    const {listen, limits} = this.#options;
    try {
      for (const {host, port} of listen) this.#servers.push(await this.#listen(host, port));
    } catch (error) {
      await this.#closeServers();
      throw error;
    }
    this.#hub = new Hub({
      ...this.#options,
      limits: limits ?? HUB_LIMITS,
      book: this.#book,
      bans: this.#bans,
      scores: new BanScores(),
      dialer: this.#dialer,
      dial: (request) => this.#dial(request),
      port: this.ports[0] ?? 0,
      random: Math.random,
      random64: () => randomBytes(8).readBigUInt64LE(),
    });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
  }

  #listen(host: string, port: number): Promise<Server> {
    return new Promise((resolve, reject) => {
      const server = createServer((socket) => this.#incoming(socket));
      server.once('error', reject);
      server.listen({host, port}, () => {
        server.off('error', reject);
        server.on('error', (error) => this.#log.warn('listening for peers fails', {reason: error.message}));
        resolve(server);
      });
    });
  }

  /** Ports that are listened on, in the order of the options. */
  get ports(): number[] {
    return this.#servers.map((server) => (server.address() as AddressInfo).port);
  }

  #incoming(socket: Socket): void {
    const endpoint = remoteOf(socket);
    if (this.#closed || endpoint === undefined || !this.#hub.mayAccept(endpoint)) {
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    this.#attach(socket, endpoint);
  }

  #dial(request: DialRequest): void {
    const {host, port} = request;
    const socket = connect({host, port});
    this.#track(socket);
    const fail = (): void => {
      clearTimeout(deadline);
      socket.destroy();
      this.#hub.dialFailed(request);
    };
    const deadline = setTimeout(fail, CONNECT_MS);
    socket.once('close', fail);
    socket.once('connect', () => {
      const endpoint = remoteOf(socket);
      if (endpoint === undefined || this.#closed) {
        fail();
        return;
      }
      clearTimeout(deadline);
      socket.off('close', fail);
      this.#attach(socket, endpoint, request);
    });
  }

  #track(socket: Socket): void {
    // What a socket fails with is told by its 'close'.
    socket.on('error', () => {});
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #attach(socket: Socket, endpoint: Endpoint, request?: DialRequest): void {
    if (request === undefined) this.#track(socket);
    const wire = new SocketWire(socket);
    const connection = this.#hub.opened(wire, endpoint, request);
    socket.on('data', (bytes) => this.#hub.received(connection, bytes));
    socket.on('drain', () => this.#hub.drained(connection));
    socket.once('end', () => this.#hub.closed(connection));
    socket.once('close', () => this.#hub.closed(connection));
  }

  #tick(): void {
    const nowMs = this.#options.nowMs();
    if (this.#needsSeeds(nowMs)) this.#askSeeds(nowMs);
    this.#hub.tick();
    if (nowMs - this.#savedMs >= SAVE_MS) {
      this.#savedMs = nowMs;
      this.#background(this.#save());
    }
  }

  #background(work: Promise<unknown>): void {
    const logged = work.catch((error: unknown) => this.#log.warn('work around peers failed', {reason: String(error)}));
    this.#work = Promise.all([this.#work, logged]);
  }

  #needsSeeds(nowMs: number): boolean {
    const {noDnsSeed, connectOnly, chain} = this.#options;
    if (noDnsSeed === true || connectOnly === true || chain.network.dnsSeeds.length === 0) return false;
    if (this.#seededMs === 0) return this.#book.triedCount < ENOUGH_TRIED;
    return this.#hub.count === 0 && nowMs - this.#seededMs >= SEED_MS;
  }

  #askSeeds(nowMs: number): void {
    const {chain, resolveSeed: resolve = resolveSeed} = this.#options;
    const {dnsSeeds, p2pPort} = chain.network;
    this.#seededMs = nowMs;
    const work = askSeeds(dnsSeeds, p2pPort, nowMs, resolve).then((addresses) => {
      // Each seed address is its own source: all of them come from one party anyway.
      const added = addresses.reduce((sum, address) => sum + this.#book.add([address], address.ip, nowMs, true), 0);
      this.#log.info('seeds asked', {addresses: addresses.length, added});
    });
    this.#background(work);
  }

  /** Writes addresses and bans. */
  async #save(): Promise<void> {
    const {path} = this.#options;
    if (path === undefined) return;
    await writeSealedFile(join(path, BOOK_FILE), this.#book.encode());
    await writeSealedFile(join(path, BANS_FILE), this.#bans.encode());
  }

  peers(): PeerInfo[] {
    return this.#hub.peers();
  }

  get totals(): NetTotals {
    return this.#hub.totals;
  }

  /** What is held for peers, for metrics. */
  get load(): Hub['load'] {
    return this.#hub.load;
  }

  progress(): SyncProgress {
    return this.#hub.progress();
  }

  ping(): void {
    this.#hub.ping();
  }

  /** Keeps a node connected; false when it is on the list already. */
  addNode(node: ManualNode): boolean {
    return this.#dialer.add(node, true);
  }

  /** Connects to a node once; false when it is being connected to already. */
  tryNode(node: ManualNode): boolean {
    return this.#dialer.add(node, false);
  }

  /** Takes a node off the list and closes its connection; false when it is not on it. */
  removeNode(node: ManualNode): boolean {
    return this.#hub.removeNode(node);
  }

  /** Nodes named by the operator, with the number of their connection. */
  nodes(): ReturnType<Dialer['manualNodes']> {
    return this.#dialer.manualNodes();
  }

  disconnect(peer: number): boolean {
    return this.#hub.disconnect(peer);
  }

  disconnectFrom(ip: Uint8Array, port?: number): number {
    return this.#hub.disconnectFrom(ip, port);
  }

  bans(): Ban[] {
    return this.#bans.list(this.#options.nowMs());
  }

  /** Bans addresses and ends connections to them. */
  ban(subnet: Subnet, untilMs: number): void {
    this.#bans.add(subnet, untilMs);
    this.#hub.dropBanned();
  }

  unban(subnet: Subnet): boolean {
    return this.#bans.remove(subnet);
  }

  /** Addresses known of other nodes. */
  get knownAddresses(): number {
    return this.#book.size;
  }

  async #closeServers(): Promise<void> {
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  /** Ends all connections, waits for them and for what is being written. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    const servers = this.#closeServers();
    const sockets = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    const hub = this.#hub.close();
    for (const socket of this.#sockets) if (socket.connecting) socket.destroy();
    await Promise.all([servers, hub, ...sockets]);
    this.#background(this.#save());
    await this.#work;
  }
}

function remoteOf(socket: Socket): Endpoint | undefined {
  const ip = parseIp((socket.remoteAddress ?? '').replace(/%.*$/, ''));
  return ip === undefined ? undefined : {ip, port: socket.remotePort ?? 0};
}

/** Reads a file; one that is damaged counts as missing. */
async function load<Value>(
  path: string | undefined,
  name: string,
  log: Log,
  decode: (bytes: Uint8Array) => Value,
): Promise<Value | undefined> {
  if (path === undefined) return undefined;
  try {
    const bytes = await readSealedFile(join(path, name), MAX_FILE_BYTES);
    return bytes && decode(bytes);
  } catch (error) {
    log.warn('a file about peers is damaged and begun anew', {file: name, reason: (error as Error).message});
    return undefined;
  }
}

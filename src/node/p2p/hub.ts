// All peers of a node, without sockets and files.   chain spec §2.8
//
// Owns: who is connected, what each message leads to. Does not own: one connection's state (Peer), synchronisation (BlockSync),
// answers (Serving), relay, addresses; sockets and timers (PeerNetwork).
import {type Message, SERVICE, type VersionPayload} from '../../core/protocol/p2p/index.ts';
import {type Log, NO_LOG} from '../../service/logs/log.ts';
import type {AddressBook} from './addresses/address-book.ts';
import type {BanScores, Bans} from './addresses/bans.ts';
import {type Endpoint, formatEndpoint, hostKey, isLoopback, isRoutable} from './addresses/ip.ts';
import {Connection, type ConnectionKind, MAX_QUEUED_BYTES, type Wire} from './connection.ts';
import type {Dialer, DialRequest, ManualNode} from './dialer.ts';
import {PeerError} from './errors.ts';
import {chooseEviction} from './eviction.ts';
import {Peer, type PeerEvent, type PeerLimits} from './peer.ts';
import {type PeerInfo, peerInfo} from './peer-info.ts';
import {BlockRelay} from './relay/block-relay.ts';
import type {RelayPool} from './relay/relay-pool.ts';
import {TxRelay} from './relay/tx-relay.ts';
import {type CompactFilters, isQuestion, Serving} from './serving.ts';
import {BlockSync} from './sync/block-sync.ts';
import type {PeerChain} from './sync/peer-chain.ts';
import type {SyncProgress} from './sync/progress.ts';

const FIRST_VERSION_WITH_SENDHEADERS = 70012;
/** More addresses are asked for while the book has fewer. */
const ENOUGH_ADDRESSES = 1000;
const SWEEP_MS = 60_000;

export interface HubLimits {
  /** Connections in all. */
  readonly total: number;
  /** Inbound connections of one host, other than this one. */
  readonly inboundPerHost: number;
  /** Inbound connections whose greeting is not done. */
  readonly halfOpen: number;
}

export const HUB_LIMITS: HubLimits = Object.freeze({total: 125, inboundPerHost: 4, halfOpen: 32});

export interface HubOptions {
  readonly chain: PeerChain;
  readonly pool?: RelayPool | undefined;
  readonly filters?: CompactFilters | undefined;
  readonly book: AddressBook;
  readonly bans: Bans;
  readonly scores: BanScores;
  readonly dialer: Dialer;
  /** Opens a connection; then opened() or dialFailed() is called. */
  readonly dial: (request: DialRequest) => void;
  readonly services: bigint;
  /** Port that this node listens on, 0 for none. */
  readonly port: number;
  /** Where others reach this node, if that is known. */
  readonly advertise?: readonly Endpoint[];
  /** "/name:version/" */
  readonly userAgent: string;
  readonly nowMs: () => number;
  /** A random number, 0 ≤ x < 1. */
  readonly random: () => number;
  readonly random64: () => bigint;
  readonly limits?: HubLimits;
  /** Bytes of blocks that wait for their turn; 64 MiB by default. */
  readonly maxBufferedBytes?: number;
  readonly peerLimits?: PeerLimits;
  readonly log?: Log;
  /** Chain, pool or filters fail for reasons of our own: an operator is needed. */
  readonly onFailure: (error: unknown) => void;
}

export interface NetTotals {
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

export class Hub {
  readonly #options: HubOptions;
  readonly #log: Log;
  readonly #limits: HubLimits;
  readonly #connections = new Map<number, Connection>();
  /** Nonces of version messages on open connections. */
  readonly #nonces = new Map<bigint, Connection>();
  readonly #sync: BlockSync;
  readonly #serving: Serving;
  readonly #txRelay: TxRelay | undefined;
  readonly #blockRelay: BlockRelay;
  readonly #unsubscribe: () => void;
  #nextId = 1;
  #received = 0;
  #sent = 0;
  #sweptMs = 0;
  #closed = false;

  constructor(options: HubOptions) {
    const {chain, pool, filters, nowMs, random, onFailure} = options;
    this.#options = options;
    this.#log = options.log ?? NO_LOG;
    this.#limits = options.limits ?? HUB_LIMITS;
    this.#sync = new BlockSync({chain, nowMs, log: this.#log, onFailure, maxBufferedBytes: options.maxBufferedBytes});
    this.#serving = new Serving({chain, pool, filters, nowMs, onFailure});
    const isCurrent = (): boolean => chain.isCurrent(Math.floor(nowMs() / 1000));
    const {magic} = chain.network;
    this.#txRelay = pool && new TxRelay({pool, magic, nowMs, random, isCurrent, onFailure});
    this.#blockRelay = new BlockRelay({chain, isCurrent, connections: () => this.#ready()});
    this.#unsubscribe = chain.subscribe((event) => {
      if (event.type === 'connected') this.#txRelay?.blockConnected();
      this.#blockRelay.chainChanged(event);
    });
  }

  *#ready(): Generator<Connection> {
    for (const connection of [...this.#connections.values()]) if (connection.isReady) yield connection;
  }

  get count(): number {
    return this.#connections.size;
  }

  get totals(): NetTotals {
    return {bytesReceived: this.#received, bytesSent: this.#sent + this.#openSent()};
  }

  #openSent(): number {
    let sum = 0;
    for (const {bytesSent} of this.#connections.values()) sum += bytesSent;
    return sum;
  }

  /** Everything about every connection, for the operator. */
  peers(): PeerInfo[] {
    const nowMs = this.#options.nowMs();
    return [...this.#connections.values()].map((connection) =>
      peerInfo(connection, {
        nowMs,
        banScore: this.#options.scores.of(connection.endpoint.ip).at(nowMs),
      }),
    );
  }

  progress(): SyncProgress {
    return this.#sync.progress();
  }

  /** What is held for peers: bounded whatever they do. */
  get load(): BlockSync['load'] & {readonly waiting: number; readonly transactions: number} {
    return {...this.#sync.load, waiting: this.#serving.waiting, transactions: this.#txRelay?.pending ?? 0};
  }

  /** True when a connection that came to us may stay; where all places are taken another may make room. */
  mayAccept({ip}: Endpoint): boolean {
    const {total, inboundPerHost, halfOpen} = this.#limits;
    const {bans, nowMs} = this.#options;
    if (this.#closed || bans.isBanned(ip, nowMs())) return false;
    const inbound = [...this.#connections.values()].filter(({isInbound}) => isInbound);
    if (inbound.filter(({isReady}) => !isReady).length >= halfOpen) return false;
    const host = hostKey(ip);
    const same = inbound.filter(({endpoint}) => hostKey(endpoint.ip) === host).length;
    if (same >= inboundPerHost && !isLoopback(ip)) return false;
    if (this.#connections.size < total) return true;
    const evicted = chooseEviction(inbound);
    evicted?.end(new PeerError('evicted'));
    return evicted !== undefined;
  }

  /** A connection is open. `dialed`: what it was asked for with, for our own. */
  opened(wire: Wire, endpoint: Endpoint, dialed?: DialRequest): Connection {
    const {chain, scores, nowMs, random64, userAgent, services, port, peerLimits, dialer} = this.#options;
    const kind: ConnectionKind = dialed?.kind ?? 'inbound';
    const nonce = random64();
    const openedMs = nowMs();
    const peer = new Peer(
      {
        direction: kind === 'inbound' ? 'inbound' : 'outbound',
        magic: chain.network.magic,
        remote: {services: 0n, ...endpoint},
        local: {services, ip: new Uint8Array(16), port},
        userAgent,
        startHeight: chain.height,
        nonce,
        isOwnNonce: (theirs) => this.#isOwnNonce(theirs),
        requiredServices: kind === 'outbound' ? SERVICE.network | SERVICE.witness : 0n,
        random64,
        score: scores.of(endpoint.ip),
        ...(peerLimits && {limits: peerLimits}),
      },
      openedMs,
    );
    const id = this.#nextId++;
    const apply = (at: Connection, events: readonly PeerEvent[]): void => this.#apply(at, events);
    const connection = new Connection({id, kind, endpoint, peer, wire, openedMs, apply, nowMs});
    this.#connections.set(id, connection);
    this.#nonces.set(nonce, connection);
    if (dialed !== undefined) dialer.opened(dialed, connection);
    this.#log.debug('peer connected', {peer: id, kind, address: formatEndpoint(endpoint)});
    this.#apply(connection, peer.open(openedMs));
    return connection;
  }

  #isOwnNonce(nonce: bigint): boolean {
    const own = this.#nonces.get(nonce);
    if (own !== undefined) this.#options.dialer.isSelf(own.endpoint);
    return own !== undefined;
  }

  dialFailed(request: DialRequest): void {
    this.#options.dialer.failed(request);
  }

  received(connection: Connection, bytes: Uint8Array): void {
    const nowMs = this.#options.nowMs();
    connection.bytesReceived += bytes.length;
    connection.lastReceivedMs = nowMs;
    this.#received += bytes.length;
    this.#apply(connection, connection.peer.receive(bytes, nowMs));
    if (!connection.peer.isClosed) connection.updateReading();
  }

  /** The peer has taken most of what was sent. */
  drained(connection: Connection): void {
    this.#serving.drained(connection);
  }

  /** The socket is gone, whoever closed it. */
  closed(connection: Connection): void {
    this.#apply(connection, connection.peer.end(new PeerError('closed-by-peer')));
  }

  #apply(connection: Connection, events: readonly PeerEvent[]): void {
    for (const event of events) {
      switch (event.type) {
        case 'send':
          connection.sendMessage(this.#options.chain.network.magic, event.message);
          break;
        case 'ready':
          this.#greeted(connection, event.version);
          break;
        case 'message':
          // What an earlier message of the same piece led to may have ended the connection.
          if (!connection.peer.isClosed) this.#receive(connection, event.message);
          break;
        case 'disconnect':
          this.#disconnect(connection, event);
          return;
      }
    }
    if (connection.wire.queuedBytes > MAX_QUEUED_BYTES) connection.end(new PeerError('slow-reader'));
  }

  #greeted(connection: Connection, version: VersionPayload): void {
    const {book, dialer, nowMs, advertise, chain} = this.#options;
    const {magic} = chain.network;
    const {kind, endpoint, peer} = connection;
    this.#log.debug('peer greeted', {peer: connection.id, agent: version.userAgent, height: version.startHeight});
    if (kind !== 'inbound') {
      book.worked(endpoint, version.services, nowMs());
      dialer.worked(connection);
      // Nodes of private networks know few addresses, and some existing ones fail when they are asked and know none.
      if (book.size < ENOUGH_ADDRESSES && isRoutable(endpoint.ip)) connection.send(magic, 'getaddr', undefined);
      const time = Math.floor(nowMs() / 1000);
      const own = (advertise ?? []).map((at) => ({...at, time, services: this.#options.services}));
      if (own.length > 0) connection.send(magic, 'addr', own);
    }
    if (peer.protocolVersion >= FIRST_VERSION_WITH_SENDHEADERS) connection.send(magic, 'sendheaders', undefined);
    this.#sync.ready(connection);
    this.#txRelay?.ready(connection);
  }

  #receive(connection: Connection, message: Message): void {
    if (isQuestion(message)) {
      this.#serving.receive(connection, message);
      return;
    }
    switch (message.command) {
      case 'inv':
        this.#txRelay?.receiveInventory(connection, message.payload);
        this.#sync.receiveInventory(connection, message.payload);
        return;
      case 'notfound':
        this.#txRelay?.receiveNotFound(connection, message.payload);
        this.#sync.receiveNotFound(connection, message.payload);
        return;
      case 'headers':
        this.#sync.receiveHeaders(connection, message.payload);
        return;
      case 'block':
        this.#sync.receiveBlock(connection, message.payload);
        return;
      case 'tx':
        this.#txRelay?.receive(connection, message.payload);
        return;
      case 'mempool':
        this.#txRelay?.tellAll(connection);
        return;
      default:
        this.#receiveRest(connection, message);
    }
  }

  #receiveRest(connection: Connection, message: Message): void {
    const {book, nowMs, chain} = this.#options;
    switch (message.command) {
      case 'addr':
        book.add(message.payload, connection.endpoint.ip, nowMs());
        return;
      case 'getaddr': {
        const addresses = book.share(nowMs());
        if (addresses.length > 0) connection.send(chain.network.magic, 'addr', addresses);
        return;
      }
      case 'reject':
        this.#log.debug('peer refuses', {peer: connection.id, ...message.payload, hash: undefined});
        return;
      default:
        // Filters and the like are never asked for.
        return;
    }
  }

  #disconnect(connection: Connection, {reason, ban}: Extract<PeerEvent, {type: 'disconnect'}>): void {
    const {endpoint, id, kind} = connection;
    if (!this.#connections.delete(id)) return;
    this.#sent += connection.bytesSent;
    for (const [nonce, at] of this.#nonces) if (at === connection) this.#nonces.delete(nonce);
    this.#log.debug('peer disconnected', {peer: id, reason: reason.code});
    connection.wire.close();
    this.#options.dialer.closed(connection);
    this.#serving.gone(connection);
    this.#txRelay?.gone(connection);
    this.#sync.gone(connection);
    // Who the operator named, and this host, are not banned.
    if (ban && kind !== 'manual' && !isLoopback(endpoint.ip)) this.#ban(endpoint, reason.code);
  }

  #ban({ip}: Endpoint, code: string): void {
    this.#options.bans.addHost(ip, this.#options.nowMs());
    this.#log.info('peer banned', {reason: code});
    this.dropBanned();
  }

  /** Ends connections to addresses that are banned. */
  dropBanned(): void {
    const nowMs = this.#options.nowMs();
    for (const connection of [...this.#connections.values()]) {
      if (this.#options.bans.isBanned(connection.endpoint.ip, nowMs)) connection.end(new PeerError('banned'));
    }
  }

  /** Ends one connection; false when there is none with this number. */
  disconnect(id: number): boolean {
    const connection = this.#connections.get(id);
    connection?.end(new PeerError('told-to'));
    return connection !== undefined;
  }

  /** Ends connections to an address, of all ports when none is given; gives how many. */
  disconnectFrom(ip: Uint8Array, port?: number): number {
    const found = [...this.#connections.values()].filter(
      ({endpoint}) => hostKey(endpoint.ip) === hostKey(ip) && (port === undefined || endpoint.port === port),
    );
    for (const connection of found) connection.end(new PeerError('told-to'));
    return found.length;
  }

  /** Takes a node off the operator's list and closes its connection; false when it is not on the list. */
  removeNode(node: ManualNode): boolean {
    const {dialer} = this.#options;
    const connection = dialer.connectionOf(node);
    const known = dialer.remove(node);
    if (known && connection !== undefined) this.disconnect(connection);
    return known;
  }

  /** Sends every peer a ping now. */
  ping(): void {
    const nowMs = this.#options.nowMs();
    for (const connection of this.#ready()) this.#apply(connection, connection.peer.pingNow(nowMs));
  }

  /** Announces a transaction of this node to all peers. */
  announceTransaction(txid: Uint8Array): void {
    this.#txRelay?.announce(txid);
  }

  /** Looks after deadlines, and opens connections; to be called several times a second. */
  tick(): void {
    if (this.#closed) return;
    const nowMs = this.#options.nowMs();
    for (const connection of [...this.#connections.values()]) {
      this.#apply(connection, connection.peer.tick(nowMs));
      if (!connection.peer.isClosed) connection.checkSending(nowMs);
      if (!connection.peer.isClosed) connection.updateReading();
    }
    this.#sync.tick(nowMs);
    this.#serving.tick();
    this.#txRelay?.tick(nowMs);
    for (const request of this.#options.dialer.due(this.#connections.values(), nowMs)) this.#options.dial(request);
    if (nowMs - this.#sweptMs >= SWEEP_MS) this.#sweep(nowMs);
  }

  #sweep(nowMs: number): void {
    this.#sweptMs = nowMs;
    const hosts = new Set([...this.#connections.values()].map(({endpoint}) => hostKey(endpoint.ip)));
    this.#options.scores.sweep(nowMs, (key) => hosts.has(key));
  }

  /** Ends all connections; nothing more is accepted. Waits for answers and judgements that have been begun. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    this.#sync.close();
    for (const connection of [...this.#connections.values()]) connection.end(new PeerError('shutting-down'));
    await this.#txRelay?.close();
    await this.#serving.settled();
  }
}

// One connection to a peer, without its socket.   chain spec §2.8
//
//   outbound: version →, ← version, → verack, ← verack        inbound: ← version, → version, → verack, ← verack
//
// Owns: the greeting, pings, deadlines, what the peer is charged for, how much it may send. Does not own: what is done about
// blocks, transactions and addresses (they come out as 'message'), bans of addresses, sockets.
import {CodedError} from '../../core/errors.ts';
import {
  type Command,
  decodePayload,
  type Frame,
  FrameReader,
  isCommand,
  type Message,
  MIN_PROTOCOL_VERSION,
  type NetAddress,
  type Payloads,
  PROTOCOL_VERSION,
  SERVICE,
  type VersionPayload,
} from '../../core/protocol/p2p/index.ts';
import {Budget, type Rate} from '../../service/limits/budget.ts';
import type {BanScore} from './ban-score.ts';
import {PeerError, penaltyOf} from './errors.ts';

export const NEGOTIATION_MS = 10_000;
export const PING_INTERVAL_MS = 60_000;
/** Long, because large blocks may stand in the line before a pong; a peer that sends nothing at all is idle before. */
export const PONG_DEADLINE_MS = 600_000;
export const IDLE_MS = 300_000;

/** Peers up to this version send pings without nonce and no pongs.   BIP 31 */
const LAST_VERSION_WITHOUT_PONG = 60_000;
/** A penalty that no honest peer earns even once: the connection ends, though the address is not banned yet. */
const FATAL_PENALTY = 100;
const REJECT_OBSOLETE = 0x11;
const REJECT_DUPLICATE = 0x12;
/** A request for so many items costs the points of FULL_REQUEST_POINTS.   chain spec §2.8.5 */
const FULL_REQUEST_ITEMS = 50_000;
const FULL_REQUEST_POINTS = 99;

/** What one peer may send. Bytes and messages beyond are not read for a while; items beyond are refused, addresses dropped. */
export interface PeerLimits {
  readonly bytes: Rate;
  readonly messages: Rate;
  /** Entries of inv, getdata and notfound together. */
  readonly items: Rate;
  readonly addresses: Rate;
}

export const PEER_LIMITS: PeerLimits = Object.freeze({
  bytes: {perSecond: 16 * 2 ** 20, burst: 64 * 2 ** 20},
  messages: {perSecond: 2000, burst: 10_000},
  items: {perSecond: 5000, burst: 100_000},
  addresses: {perSecond: 0.1, burst: 1000},
});

export interface PeerOptions {
  readonly direction: 'inbound' | 'outbound';
  readonly magic: number;
  readonly remote: NetAddress;
  /** What this node says of itself; its `services` also decide what it answers. */
  readonly local: NetAddress;
  readonly userAgent: string;
  readonly startHeight: number;
  /** Nonce of our version message. */
  readonly nonce: bigint;
  /** True for nonces of version messages that this node has sent: the peer is itself. */
  readonly isOwnNonce: (nonce: bigint) => boolean;
  /** Services an outbound peer must offer. */
  readonly requiredServices: bigint;
  /** Random u64 for pings. */
  readonly random64: () => bigint;
  /** Shared by all connections of the address. */
  readonly score: BanScore;
  readonly limits?: PeerLimits;
}

export type PeerEvent =
  | {readonly type: 'send'; readonly message: Message}
  /** The greeting is done; comes once, before any 'message'. */
  | {readonly type: 'ready'; readonly version: VersionPayload}
  /** For the node to act on. */
  | {readonly type: 'message'; readonly message: Message}
  /** The last event: the connection is to be closed once what was sent before is out. */
  | {readonly type: 'disconnect'; readonly reason: CodedError; readonly ban: boolean};

/**
 * The state of one connection. Every call gives what is to be done, in order; after 'disconnect' nothing more comes. Times are
 * milliseconds since 1970. Memory is bounded by one message under way.
 */
export class Peer {
  readonly #options: PeerOptions;
  readonly #reader: FrameReader;
  readonly #bytes: Budget;
  readonly #messages: Budget;
  readonly #items: Budget;
  readonly #addresses: Budget;
  readonly #openedMs: number;
  #events: PeerEvent[] = [];
  #closed = false;
  #ready = false;
  #version: VersionPayload | undefined;
  #lastReceivedMs: number;
  #lastPingMs: number;
  #pingNonce: bigint | undefined;
  #latencyMs: number | undefined;
  #greetedMs = 0;
  #addressesGiven = false;
  #prefersHeaders = false;
  #minUnitsPerKb = 0n;

  /** A connection that is just open. An outbound one begins with the events of open(). */
  constructor(options: PeerOptions, nowMs: number) {
    const limits = options.limits ?? PEER_LIMITS;
    this.#options = options;
    this.#reader = new FrameReader(options.magic);
    this.#bytes = new Budget(limits.bytes, nowMs);
    this.#messages = new Budget(limits.messages, nowMs);
    this.#items = new Budget(limits.items, nowMs);
    this.#addresses = new Budget(limits.addresses, nowMs);
    this.#openedMs = nowMs;
    this.#lastReceivedMs = nowMs;
    this.#lastPingMs = nowMs;
  }

  get isReady(): boolean {
    return this.#ready && !this.#closed;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** What the peer said of itself. */
  get version(): VersionPayload | undefined {
    return this.#version;
  }

  /** The version that both sides understand; 0 before the peer has named its own. */
  get protocolVersion(): number {
    return Math.min(this.#version?.version ?? 0, PROTOCOL_VERSION);
  }

  /** Time that the last ping took. */
  get latencyMs(): number | undefined {
    return this.#latencyMs;
  }

  /** When the ping that is not answered yet was sent. */
  get pingSentMs(): number | undefined {
    return this.#pingNonce === undefined ? undefined : this.#lastPingMs;
  }

  /** When the peer named its version; 0 before. */
  get greetedMs(): number {
    return this.#greetedMs;
  }

  /** New blocks are announced to this peer by `headers`. */
  get prefersHeaders(): boolean {
    return this.#prefersHeaders;
  }

  /** Transactions that pay less are not announced to this peer. */
  get minUnitsPerKb(): bigint {
    return this.#minUnitsPerKb;
  }

  /** Until then the socket is not to be read: so a peer that sends too much is slowed down, not punished. */
  pausedUntilMs(nowMs: number): number {
    return Math.max(this.#bytes.solventAtMs(nowMs), this.#messages.solventAtMs(nowMs));
  }

  #take(): PeerEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #send<Name extends Command>(command: Name, payload: Payloads[Name]): void {
    // The compiler does not see that Name and Payloads[Name] belong together in the union.
    this.#events.push({type: 'send', message: {command, payload} as Message});
  }

  #close(reason: CodedError, ban = false): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events.push({type: 'disconnect', reason, ban});
  }

  #sendVersion(nowMs: number): void {
    const {local, remote, nonce, userAgent, startHeight} = this.#options;
    this.#send('version', {
      version: PROTOCOL_VERSION,
      services: local.services,
      timestamp: BigInt(Math.floor(nowMs / 1000)),
      addrRecv: remote,
      addrFrom: local,
      nonce,
      userAgent,
      startHeight,
      relay: true,
    });
  }

  /** What to send first. */
  open(nowMs: number): PeerEvent[] {
    if (this.#options.direction === 'outbound' && !this.#closed) this.#sendVersion(nowMs);
    return this.#take();
  }

  /** Takes bytes as they come from the socket. */
  receive(bytes: Uint8Array, nowMs: number): PeerEvent[] {
    if (this.#closed) return [];
    this.#bytes.spend(bytes.length, nowMs);
    let frames: Frame[] = [];
    try {
      frames = this.#reader.push(bytes);
    } catch (error) {
      this.#chargeFor(error, nowMs, true);
    }
    for (const frame of frames) if (!this.#closed) this.#receiveFrame(frame, nowMs);
    return this.#take();
  }

  /** Charges the peer for what was found wrong later, such as a RuleError about its block. Errors without code are thrown on. */
  charge(error: unknown, nowMs: number): PeerEvent[] {
    if (!this.#closed) this.#chargeFor(error, nowMs);
    return this.#take();
  }

  /** Ends the connection for a reason that has nothing to do with points. */
  end(reason: CodedError): PeerEvent[] {
    this.#close(reason);
    return this.#take();
  }

  #chargeFor(error: unknown, nowMs: number, fatal = false): void {
    if (!(error instanceof CodedError)) throw error;
    const penalty = penaltyOf(error);
    const ban = penalty > 0 && this.#options.score.add(penalty, nowMs);
    if (ban || fatal || penalty >= FATAL_PENALTY) this.#close(error, ban);
  }

  #receiveFrame({command, payload}: Frame, nowMs: number): void {
    this.#messages.spend(1, nowMs);
    this.#lastReceivedMs = nowMs;
    // Unknown commands are never held against a peer.   chain spec §2.8.2
    if (!isCommand(command)) return;
    try {
      const message = {command, payload: decodePayload(command, payload)} as Message;
      if (message.command === 'version') this.#receiveVersion(message.payload, nowMs);
      else if (this.#version === undefined) throw new PeerError('version-expected', {command});
      else if (message.command === 'verack') this.#receiveVerack();
      else this.#receiveMessage(message, nowMs);
    } catch (error) {
      // Before the greeting is done nothing is forgiven.
      this.#chargeFor(error, nowMs, !this.#ready);
    }
  }

  #receiveVersion(version: VersionPayload, nowMs: number): void {
    const {direction, isOwnNonce, requiredServices} = this.#options;
    if (this.#version !== undefined) {
      const error = new PeerError('second-version');
      this.#send('reject', {message: 'version', code: REJECT_DUPLICATE, reason: error.message, hash: undefined});
      this.#chargeFor(error, nowMs, true);
      return;
    }
    if (isOwnNonce(version.nonce)) throw new PeerError('self-connection');
    if (version.version < MIN_PROTOCOL_VERSION) {
      const error = new PeerError('version-too-old', {version: version.version});
      this.#send('reject', {message: 'version', code: REJECT_OBSOLETE, reason: error.message, hash: undefined});
      throw error;
    }
    if (direction === 'outbound' && (version.services & requiredServices) !== requiredServices) {
      throw new PeerError('missing-services', {services: version.services});
    }
    this.#version = version;
    this.#greetedMs = nowMs;
    if (direction === 'inbound') this.#sendVersion(nowMs);
    this.#send('verack', undefined);
  }

  /** A second one is tolerated. */
  #receiveVerack(): void {
    if (this.#ready) return;
    this.#ready = true;
    this.#events.push({type: 'ready', version: this.#version!});
  }

  #receiveMessage(message: Message, nowMs: number): void {
    switch (message.command) {
      case 'ping':
        this.#send('pong', message.payload);
        return;
      case 'pong':
        this.#receivePong(message.payload.nonce, nowMs);
        return;
      case 'sendheaders':
        this.#prefersHeaders = true;
        return;
      case 'feefilter':
        // A negative one is as good as none.
        this.#minUnitsPerKb = message.payload.unitsPerKb > 0n ? message.payload.unitsPerKb : 0n;
        return;
    }
    // What comes between version and verack asks too early.
    if (this.#ready && this.#mayPass(message, nowMs)) this.#events.push({type: 'message', message});
  }

  #receivePong(nonce: bigint, nowMs: number): void {
    if (nonce !== this.#pingNonce) return;
    this.#pingNonce = undefined;
    this.#latencyMs = Math.max(0, nowMs - this.#lastPingMs);
  }

  /** Charges and limits; false for a message that is not to be acted on. */
  #mayPass(message: Message, nowMs: number): boolean {
    switch (message.command) {
      case 'getaddr': {
        // Outbound peers could learn from the answer whom else we know.
        const answer = this.#options.direction === 'inbound' && !this.#addressesGiven;
        this.#addressesGiven = true;
        return answer;
      }
      case 'addr':
        return this.#receiveAddresses(message.payload, nowMs);
      case 'mempool':
        this.#chargeFor(new PeerError('mempool-requested'), nowMs);
        return (this.#options.local.services & SERVICE.bloom) !== 0n && !this.#closed;
      case 'inv':
      case 'notfound':
        this.#takeItems(message.payload.length, nowMs);
        return true;
      case 'getdata': {
        const items = message.payload.length;
        this.#takeItems(items, nowMs);
        const points = Math.floor((FULL_REQUEST_POINTS * items) / FULL_REQUEST_ITEMS);
        if (points > 0 && this.#options.score.add(points, nowMs))
          this.#close(new PeerError('too-many-items', {items}), true);
        return !this.#closed;
      }
    }
    return true;
  }

  #takeItems(items: number, nowMs: number): void {
    if (!this.#items.take(items, nowMs)) throw new PeerError('too-many-items', {items});
  }

  /** Passes on as many addresses as the peer may still tell of. */
  #receiveAddresses(addresses: Payloads['addr'], nowMs: number): boolean {
    const payload = addresses.slice(0, this.#addresses.takeUpTo(addresses.length, nowMs));
    if (payload.length > 0) this.#events.push({type: 'message', message: {command: 'addr', payload}});
    return false;
  }

  /** Looks after deadlines and pings; to be called about once a second. */
  tick(nowMs: number): PeerEvent[] {
    if (this.#closed) return [];
    if (!this.#ready) {
      if (nowMs - this.#openedMs >= NEGOTIATION_MS) this.#close(new PeerError('negotiation-timeout'));
    } else if (nowMs - this.#lastReceivedMs >= IDLE_MS) {
      this.#close(new PeerError('idle'));
    } else if (this.#pingNonce !== undefined) {
      if (nowMs - this.#lastPingMs >= PONG_DEADLINE_MS) this.#close(new PeerError('pong-timeout'));
    } else if (nowMs - this.#lastPingMs >= PING_INTERVAL_MS) {
      this.#ping(nowMs);
    }
    return this.#take();
  }

  /** Sends a ping unless one is under way. */
  pingNow(nowMs: number): PeerEvent[] {
    if (this.isReady && this.#pingNonce === undefined) this.#ping(nowMs);
    return this.#take();
  }

  #ping(nowMs: number): void {
    if (this.protocolVersion <= LAST_VERSION_WITHOUT_PONG) return;
    this.#pingNonce = this.#options.random64();
    this.#lastPingMs = nowMs;
    this.#send('ping', {nonce: this.#pingNonce});
  }
}

// One end of the announcement spray, without sockets or clock: who subscribes, what waits for whom, what was lost.   pool spec §4.6
import {createHash, timingSafeEqual} from 'node:crypto';
import {concatBytes} from '../../core/bytes/index.ts';
import {ANN_BYTES} from '../../core/packetcrypt/index.ts';
import {
  decodeSpray,
  encodeSubscription,
  encodeUnit,
  MAX_UNITS,
  type SprayUnit,
  UNIT_BYTES,
} from '../../core/protocol/pool/index.ts';
import {AddressGuard} from '../limits/address-guard.ts';
import {Budget} from '../limits/budget.ts';
import type {Log} from '../logs/log.ts';

export interface SprayAddress {
  readonly address: string;
  readonly port: number;
}

export interface SprayHubOptions {
  /** What subscribers must know, and what is told to those who are subscribed to. */
  readonly password: string;
  /** Only from these announcements are taken. */
  readonly subscribeTo: readonly SprayAddress[];
  /** These get everything without asking. */
  readonly sprayAt: readonly SprayAddress[];
  /** Of this end: to others on the same machine datagrams are as large as they can be. */
  readonly ownAddress: string;
  /** Largest datagram, bytes. */
  readonly mss: number;
  /** Takes announcements as they come. */
  readonly onUnits: (units: readonly SprayUnit[], from: string) => void;
  readonly log: Log;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  /** Announcements per second that are taken from one source. */
  readonly unitsPerSecond?: number;
}

export interface Datagram {
  readonly to: SprayAddress;
  readonly bytes: Uint8Array;
}

/** Sums of one source. */
export interface SourceStats {
  readonly source: string;
  readonly received: number;
  /** By the gaps in its counters. */
  readonly lost: number;
  /** Taken off because it sends more than it may. */
  readonly overBudget: number;
}

/** Sums of one subscriber. */
export interface SubscriberStats {
  readonly subscriber: string;
  readonly sent: number;
  /** Given up because the queue was full. */
  readonly overflow: number;
}

const SILENT_MS = 30_000;
const MAX_SUBSCRIBERS = 64;
const CHUNK_UNITS = 1024;
const MAX_CHUNKS = 128;
const UNITS_PER_SECOND = 250_000;
/** Datagrams of strangers that are looked at. */
const STRANGERS = Object.freeze({perSecond: 10, burst: 20});
const WRONG_PASSWORDS = 20;
/** Units of an honest source are at most so many apart; beyond that it has been started anew. */
const WINDOW = BigInt(2 * CHUNK_UNITS * MAX_CHUNKS);
const UDP_UNITS = 65_016 / UNIT_BYTES;

export function sprayName({address, port}: SprayAddress): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** What came from one source. */
class Source {
  received = 0;
  overBudget = 0;
  readonly #budget: Budget;
  #lostBefore = 0;
  #first: bigint | undefined;
  #last = 0n;
  #count = 0;

  constructor(unitsPerSecond: number, nowMs: number) {
    this.#budget = new Budget({perSecond: unitsPerSecond, burst: unitsPerSecond}, nowMs);
  }

  /** How many of these may be taken; the counters of all of them are noted. */
  take(units: readonly SprayUnit[], nowMs: number): number {
    for (const {counter} of units) this.#note(counter);
    const taken = this.#budget.takeUpTo(units.length, nowMs);
    this.received += taken;
    this.overBudget += units.length - taken;
    return taken;
  }

  #note(counter: bigint): void {
    if (this.#first === undefined || counter + WINDOW < this.#last || counter > this.#last + WINDOW) {
      this.#lostBefore = this.lost;
      this.#first = counter;
      this.#last = counter;
      this.#count = 1;
      return;
    }
    if (counter < this.#first) this.#first = counter;
    if (counter > this.#last) this.#last = counter;
    this.#count++;
  }

  get lost(): number {
    if (this.#first === undefined) return this.#lostBefore;
    return this.#lostBefore + Math.max(0, Number(this.#last - this.#first) + 1 - this.#count);
  }
}

/** What waits for one subscriber; the newest goes first. */
class Subscriber {
  readonly to: SprayAddress;
  readonly #perDatagram: number;
  readonly #chunks: Uint8Array[][] = [];
  #counter = 0n;
  seenMs: number;
  sent = 0;
  overflow = 0;

  constructor(to: SprayAddress, perDatagram: number, nowMs: number) {
    this.to = to;
    this.#perDatagram = perDatagram;
    this.seenMs = nowMs;
  }

  add(ann: Uint8Array): void {
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || chunk.length >= CHUNK_UNITS) {
      chunk = [];
      this.#chunks.push(chunk);
    }
    chunk.push(encodeUnit({counter: this.#counter++, ann}));
    if (this.#chunks.length > MAX_CHUNKS) this.overflow += this.#chunks.shift()!.length;
  }

  take(): Datagram | undefined {
    const chunk = this.#chunks.at(-1);
    if (chunk === undefined) return undefined;
    const units = chunk.splice(0, this.#perDatagram);
    if (chunk.length === 0) this.#chunks.pop();
    this.sent += units.length;
    return {to: this.to, bytes: concatBytes(...units)};
  }
}

export class SprayHub {
  readonly #options: SprayHubOptions;
  readonly #password: Buffer;
  readonly #sources = new Map<string, Source>();
  readonly #subscribers = new Map<string, Subscriber>();
  readonly #permanent: ReadonlySet<string>;
  readonly #strangers: AddressGuard;
  #next = 0;

  /** Throws RangeError where something is to be sent to whom it is fetched from: it would go round for ever. */
  constructor(options: SprayHubOptions) {
    this.#options = options;
    const {subscribeTo, sprayAt, now, unitsPerSecond = UNITS_PER_SECOND} = options;
    this.#password = digest(options.password);
    this.#permanent = new Set(sprayAt.map(sprayName));
    for (const source of subscribeTo) {
      const name = sprayName(source);
      if (this.#permanent.has(name)) {
        throw new RangeError(
          `"sprayAt" expected none of "subscribeTo", got ${name}: announcements would go round for ever`,
        );
      }
      this.#sources.set(name, new Source(unitsPerSecond, now()));
    }
    for (const to of sprayAt) this.#subscribers.set(sprayName(to), this.#create(to));
    this.#strangers = new AddressGuard({rate: STRANGERS, tolerance: WRONG_PASSWORDS, now});
  }

  #create(to: SprayAddress): Subscriber {
    const {ownAddress, mss, now} = this.#options;
    const units = to.address === ownAddress ? UDP_UNITS : Math.floor(mss / UNIT_BYTES);
    return new Subscriber(to, Math.max(1, Math.min(MAX_UNITS, units)), now());
  }

  /** A datagram that has come. Nothing of it is answered. */
  receive(datagram: Uint8Array, from: SprayAddress): void {
    const name = sprayName(from);
    const source = this.#sources.get(name);
    const {onUnits, now, log} = this.#options;
    if (source === undefined) {
      // Units of strangers are not even decoded.
      const stub = datagram.subarray(datagram.length - (datagram.length % UNIT_BYTES));
      if (stub.length === 0 || this.#strangers.isBanned(from.address) || !this.#strangers.take(from.address, 1)) return;
      const {password} = decodeSpray(stub);
      if (password !== undefined) this.#subscribe(from, password);
      return;
    }
    const {units, password} = decodeSpray(datagram);
    const taken = source.take(units, now());
    if (taken > 0) onUnits(units.slice(0, taken), name);
    if (password !== undefined) log.debug('who is subscribed to may not subscribe here', {from: name});
  }

  #subscribe(from: SprayAddress, password: string): void {
    const {log, now} = this.#options;
    const name = sprayName(from);
    if (!timingSafeEqual(digest(password), this.#password)) {
      this.#strangers.bad(from.address, 1);
      log.debug('a subscription with a wrong password', {from: name});
      return;
    }
    this.#expire();
    const known = this.#subscribers.get(name);
    if (known !== undefined) {
      known.seenMs = now();
      return;
    }
    if (this.#subscribers.size >= MAX_SUBSCRIBERS) {
      log.warn('too many subscribers: another one is left out', {from: name});
      return;
    }
    this.#subscribers.set(name, this.#create(from));
    log.info('announcements are sprayed at', {subscriber: name});
  }

  #expire(): void {
    const {now, log} = this.#options;
    for (const [name, {seenMs}] of this.#subscribers) {
      if (this.#permanent.has(name) || now() - seenMs <= SILENT_MS) continue;
      this.#subscribers.delete(name);
      log.info('a subscriber has fallen silent', {subscriber: name});
    }
  }

  /** Queues announcements, 1024 bytes each, for everybody who wants them. */
  send(anns: Uint8Array): void {
    this.#expire();
    for (const subscriber of this.#subscribers.values()) {
      for (let at = 0; at < anns.length; at += ANN_BYTES) subscriber.add(anns.subarray(at, at + ANN_BYTES));
    }
  }

  /** The next datagram that waits; subscribers have their turns. */
  next(): Datagram | undefined {
    const all = [...this.#subscribers.values()];
    for (let i = 0; i < all.length; i++) {
      const datagram = all[(this.#next + i) % all.length]!.take();
      if (datagram === undefined) continue;
      this.#next = (this.#next + i + 1) % all.length;
      return datagram;
    }
    return undefined;
  }

  /** To be sent every five seconds. */
  subscriptions(): Datagram[] {
    const bytes = encodeSubscription(this.#options.password);
    return this.#options.subscribeTo.map((to) => ({to, bytes}));
  }

  get sources(): SourceStats[] {
    return [...this.#sources].map(([source, {received, lost, overBudget}]) => ({source, received, lost, overBudget}));
  }

  get subscribers(): SubscriberStats[] {
    return [...this.#subscribers].map(([subscriber, {sent, overflow}]) => ({subscriber, sent, overflow}));
  }
}

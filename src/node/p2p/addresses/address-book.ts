import {concatBytes, Reader, Writer} from '../../../core/bytes/index.ts';
import {sipHash} from '../../../core/crypto/index.ts';
import type {NetAddress, SeenAddress} from '../../../core/protocol/p2p/index.ts';
import {type Endpoint, endpointKey, type Family, familyOf, groupOf, isRoutable} from './ip.ts';

const SECRET_BYTES = 16;
/** Addresses only heard of: 256 buckets of 64; one source can fill 16 of them. */
const HEARD_BUCKETS = 256;
const BUCKETS_PER_SOURCE = 16;
/** Addresses that worked: 64 buckets of 64; one group of addresses can fill 8 of them. */
const TRIED_BUCKETS = 64;
const BUCKETS_PER_GROUP = 8;
const BUCKET_SIZE = 64;

const FIRST_RETRY_MS = 10_000;
const MAX_RETRY_MS = 3_600_000;
/** Never more than one new connection to an address in so long.   chain spec §2.8.5 */
export const RECONNECT_MS = 60_000;

const SHARED_PERCENT = 23;
const MAX_SHARED = 1000;
const MAX_AGE_SECONDS = 30 * 86_400;
const HOPELESS_ATTEMPTS = 8;
const FORMAT_VERSION = 1;

/** What the book knows of an address. */
export interface KnownAddress extends Endpoint {
  readonly services: bigint;
  /** When it was last seen by somebody or ourselves, seconds. */
  readonly seen: number;
  /** It has been connected to. */
  readonly tried: boolean;
  /** It worked, or came from somebody who is trusted more than strangers: a DNS seed.   chain spec §2.8.5 */
  readonly trusted: boolean;
}

interface Entry {
  readonly ip: Uint8Array;
  readonly port: number;
  readonly slot: number;
  services: bigint;
  seen: number;
  tried: boolean;
  trusted: boolean;
  /** Attempts since it last worked. */
  attempts: number;
  attemptMs: number;
}

export interface AddressBookOptions {
  /** 16 random bytes: nobody outside can tell which addresses push each other out. */
  readonly secret: Uint8Array;
  /** A random number, 0 ≤ x < 1. */
  readonly random: () => number;
  /** Also keeps addresses that the internet does not lead to: for private networks. */
  readonly allowUnroutable?: boolean;
}

/** Delay before the next attempt after so many that failed: exponential from 10 s, but a minute at least. */
export function retryDelayMs(attempts: number): number {
  if (attempts === 0) return 0;
  return Math.max(RECONNECT_MS, Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 20)));
}

/**
 * Addresses of nodes. Each has one place, told by a keyed hash of where it came from (heard of) or what it is (tried), so that
 * a source can displace only a small part: 20,480 addresses at most.   chain spec §2.8.5
 */
export class AddressBook {
  readonly #options: AddressBookOptions;
  readonly #secret: Uint8Array;
  readonly #entries = new Map<string, Entry>();
  readonly #heard = new Array<Entry | undefined>(HEARD_BUCKETS * BUCKET_SIZE).fill(undefined);
  readonly #tried = new Array<Entry | undefined>(TRIED_BUCKETS * BUCKET_SIZE).fill(undefined);

  constructor(options: AddressBookOptions) {
    this.#options = options;
    this.#secret = options.secret;
  }

  /** A book from what encode() gave. Throws BytesError or RangeError for anything else. */
  static decode(bytes: Uint8Array, options: Omit<AddressBookOptions, 'secret'>): AddressBook {
    const reader = new Reader(bytes);
    if (reader.u8() !== FORMAT_VERSION) throw new RangeError('the address book has another format');
    const book = new AddressBook({...options, secret: reader.bytes(SECRET_BYTES)});
    const count = reader.varintUpTo(reader.remaining);
    for (let i = 0; i < count; i++) {
      const [ip, port, services, seen] = [reader.bytes(16), reader.u16(), reader.u64(), reader.u32()];
      const [flags, attempts, slot] = [reader.u8(), reader.u8(), reader.u32()];
      const tried = (flags & 1) !== 0;
      const trusted = (flags & 2) !== 0;
      const table = tried ? book.#tried : book.#heard;
      if (slot >= table.length || table[slot] !== undefined) throw new RangeError('the address book is damaged');
      book.#put({ip, port, slot, services, seen, tried, trusted, attempts, attemptMs: 0});
    }
    reader.end();
    return book;
  }

  encode(): Uint8Array {
    const writer = new Writer();
    writer.u8(FORMAT_VERSION).bytes(this.#secret).varint(this.#entries.size);
    for (const {ip, port, services, seen, tried, trusted, attempts, slot} of this.#entries.values()) {
      writer.bytes(ip).u16(port).u64(services).u32(seen);
      writer
        .u8((tried ? 1 : 0) + (trusted ? 2 : 0))
        .u8(Math.min(255, attempts))
        .u32(slot);
    }
    return writer.finish();
  }

  get size(): number {
    return this.#entries.size;
  }

  get triedCount(): number {
    return this.#tried.reduce((sum, entry) => sum + (entry === undefined ? 0 : 1), 0);
  }

  find(endpoint: Endpoint): KnownAddress | undefined {
    return this.#entries.get(endpointKey(endpoint));
  }

  #put(entry: Entry): void {
    (entry.tried ? this.#tried : this.#heard)[entry.slot] = entry;
    this.#entries.set(endpointKey(entry), entry);
  }

  #drop(entry: Entry): void {
    (entry.tried ? this.#tried : this.#heard)[entry.slot] = undefined;
    this.#entries.delete(endpointKey(entry));
  }

  #hash(...texts: readonly string[]): number {
    const bytes = texts.flatMap((text) => [Buffer.of(text.length), Buffer.from(text, 'latin1')]);
    return Number(sipHash(this.#secret, concatBytes(...bytes)) & 0xffffffffn);
  }

  #slot(endpoint: Endpoint, source: Uint8Array | undefined): number {
    const key = endpointKey(endpoint);
    const group = groupOf(endpoint.ip);
    const bucket =
      source === undefined
        ? this.#hash('tried', group, String(this.#hash(key) % BUCKETS_PER_GROUP)) % TRIED_BUCKETS
        : this.#hash('heard', groupOf(source), String(this.#hash(group) % BUCKETS_PER_SOURCE)) % HEARD_BUCKETS;
    return bucket * BUCKET_SIZE + (this.#hash(String(bucket), key) % BUCKET_SIZE);
  }

  /** Takes addresses that `source` (16 bytes) told of; gives how many were new. Trusted: the source is a seed. */
  add(addresses: readonly SeenAddress[], source: Uint8Array, nowMs: number, trusted: boolean = false): number {
    const now = Math.floor(nowMs / 1000);
    return addresses.reduce((sum, address) => sum + (this.#add(address, source, now, nowMs, trusted) ? 1 : 0), 0);
  }

  #add(address: SeenAddress, source: Uint8Array, now: number, nowMs: number, trusted: boolean): boolean {
    const {ip, port, services} = address;
    if (port === 0 || !(this.#options.allowUnroutable === true || isRoutable(ip))) return false;
    // Times of the future or the distant past are made up.
    const seen = address.time > now + 600 || address.time < 100_000_000 ? now - 5 * 86_400 : address.time;
    const known = this.#entries.get(endpointKey(address));
    if (known !== undefined) {
      known.seen = Math.max(known.seen, seen);
      known.trusted ||= trusted;
      return false;
    }
    const slot = this.#slot(address, source);
    const holder = this.#heard[slot];
    if (holder !== undefined && !this.#isHopeless(holder, nowMs)) return false;
    if (holder !== undefined) this.#drop(holder);
    this.#put({ip, port, services, slot, seen, trusted, tried: false, attempts: 0, attemptMs: 0});
    return true;
  }

  /** True for an address whose place is better given to another. */
  #isHopeless({seen, attempts, tried}: Entry, nowMs: number): boolean {
    return nowMs / 1000 - seen > MAX_AGE_SECONDS || attempts >= (tried ? HOPELESS_ATTEMPTS : HOPELESS_ATTEMPTS / 2);
  }

  /** A connection to the address is about to be opened. */
  attempted(endpoint: Endpoint, nowMs: number): void {
    const entry = this.#entries.get(endpointKey(endpoint));
    if (entry === undefined) return;
    entry.attempts++;
    entry.attemptMs = nowMs;
  }

  /** The node there has greeted us: the address moves to those that were tried. */
  worked(endpoint: Endpoint, services: bigint, nowMs: number): void {
    const old = this.#entries.get(endpointKey(endpoint));
    if (old === undefined && !(this.#options.allowUnroutable === true || isRoutable(endpoint.ip))) return;
    if (old !== undefined) this.#drop(old);
    const slot = this.#slot(endpoint, undefined);
    const holder = this.#tried[slot];
    if (holder !== undefined && !this.#isHopeless(holder, nowMs)) {
      // The place is held by one that works as well: the newcomer stays among those heard of.
      if (old !== undefined && !old.tried) this.#put({...old, services, trusted: true, attempts: 0, attemptMs: nowMs});
      return;
    }
    if (holder !== undefined) this.#drop(holder);
    const {ip, port} = endpoint;
    const seen = Math.floor(nowMs / 1000);
    this.#put({ip, port, services, slot, seen, tried: true, trusted: true, attempts: 0, attemptMs: nowMs});
  }

  /** When the address may be connected to again. */
  mayConnectAtMs(endpoint: Endpoint): number {
    const entry = this.#entries.get(endpointKey(endpoint));
    if (entry === undefined || entry.attemptMs === 0) return 0;
    return entry.attemptMs + Math.max(RECONNECT_MS, retryDelayMs(entry.attempts));
  }

  /**
   * An address to connect to, chosen at random among those that worked and, as often, those only heard of. `mayTake` refuses
   * addresses; with `trustedOnly` only seeds and what worked are looked at.
   */
  choose(
    nowMs: number,
    families: ReadonlySet<Family>,
    trustedOnly: boolean,
    mayTake: (address: KnownAddress) => boolean,
  ): KnownAddress | undefined {
    const ready = [...this.#entries.values()].filter(
      (entry) =>
        (entry.trusted || !trustedOnly) &&
        families.has(familyOf(entry.ip)) &&
        this.mayConnectAtMs(entry) <= nowMs &&
        mayTake(entry),
    );
    const tried = ready.filter(({tried: worked}) => worked);
    const heard = ready.filter(({tried: worked}) => !worked);
    const first = this.#options.random() < 0.5 ? tried : heard;
    return this.#pick(first) ?? this.#pick(first === tried ? heard : tried);
  }

  #pick(entries: readonly Entry[]): Entry | undefined {
    return entries[Math.floor(this.#options.random() * entries.length)];
  }

  /** The answer to getaddr: a random 23 % of the addresses that have worked, at most 1000. */
  share(nowMs: number): SeenAddress[] {
    const good = this.#tried.filter((entry) => entry !== undefined && !this.#isHopeless(entry, nowMs)) as Entry[];
    const count = Math.min(MAX_SHARED, Math.ceil((good.length * SHARED_PERCENT) / 100));
    for (let i = 0; i < count; i++) {
      const j = i + Math.floor(this.#options.random() * (good.length - i));
      [good[i], good[j]] = [good[j]!, good[i]!];
    }
    return good.slice(0, count).map(({ip, port, services, seen}) => ({ip, port, services, time: seen}));
  }

  /** All addresses, for the operator. */
  *all(): Generator<KnownAddress & NetAddress> {
    yield* this.#entries.values();
  }
}

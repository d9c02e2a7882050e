// Announcements by UDP: the socket around a SprayHub.   pool spec §4.6
import {createSocket, type Socket} from 'node:dgram';
import {isIPv6} from 'node:net';
import {ANN_BYTES} from '../../core/packetcrypt/index.ts';
import type {Log} from '../logs/log.ts';
import {type Datagram, type SourceStats, type SprayAddress, SprayHub, type SubscriberStats} from './spray-hub.ts';

export interface SprayerOptions {
  readonly bind: SprayAddress;
  readonly password: string;
  readonly subscribeTo?: readonly SprayAddress[];
  readonly sprayAt?: readonly SprayAddress[];
  readonly mss?: number;
  /** IPv4 group to join; then nobody is asked, and units still count only from `subscribeTo`. */
  readonly multicast?: string;
  /** Takes announcements, some at a time, of one source. */
  readonly onAnns?: (anns: Uint8Array, from: string) => void;
  /** Whether what comes is sent on to those who subscribe here. */
  readonly relay?: boolean;
  readonly log: Log;
  readonly subscribeMs?: number;
}

export const STANDARD_MSS = 1472;
const SUBSCRIBE_MS = 5000;
/** Announcements that came are handed on when so many have gathered, or after so long. */
const GATHER_ANNS = 1024;
const GATHER_MS = 100;
const RECEIVE_BUFFER = 64 * 2 ** 20;
const SEND_BUFFER = 4 * 2 ** 20;
/** Datagrams under way to the system at a time: it is never asked to hold more. */
const IN_FLIGHT = 32;
/** After so many bytes a millisecond is waited: receive buffers are small by default, and nothing slows a sender down by itself. */
const PACE_BYTES = 98_304;
const PACE_MS = 1;

export class Sprayer {
  readonly #options: SprayerOptions;
  readonly #socket: Socket;
  readonly #hub: SprayHub;
  readonly #timers: NodeJS.Timeout[] = [];
  /** What came, by source. */
  readonly #gathered = new Map<string, Uint8Array[]>();
  #pumping = false;
  #closed = false;
  #sendErrors = 0;

  private constructor(options: SprayerOptions) {
    this.#options = options;
    const {bind, password, subscribeTo = [], sprayAt = [], mss = STANDARD_MSS, log} = options;
    this.#hub = new SprayHub({
      password,
      subscribeTo,
      sprayAt,
      ownAddress: bind.address,
      mss,
      log,
      now: () => performance.now(),
      onUnits: (units, from) =>
        this.#gather(
          units.map(({ann}) => ann),
          from,
        ),
    });
    this.#socket = createSocket(isIPv6(bind.address) ? 'udp6' : 'udp4');
  }

  /** Binds the socket. Rejects with the system's error; throws RangeError for addresses that would make a circle. */
  static async open(options: SprayerOptions): Promise<Sprayer> {
    const sprayer = new Sprayer(options);
    const socket = sprayer.#socket;
    const {bind, multicast, log} = options;
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(bind.port, bind.address, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    // Errors of single datagrams, like a port that nobody listens at, are no concern: nothing is promised.
    socket.on('error', (error) => log.debug('a datagram failed', {error}));
    socket.on('message', (datagram, {address, port}) => sprayer.#hub.receive(datagram, {address, port}));
    for (const grow of [() => socket.setRecvBufferSize(RECEIVE_BUFFER), () => socket.setSendBufferSize(SEND_BUFFER)]) {
      try {
        grow();
      } catch (error) {
        log.debug('a socket buffer stays as it is', {error});
      }
    }
    if (multicast !== undefined) socket.addMembership(multicast, bind.address);
    sprayer.#start();
    return sprayer;
  }

  #start(): void {
    const {subscribeTo = [], multicast, subscribeMs = SUBSCRIBE_MS} = this.#options;
    this.#timers.push(setInterval(() => this.#handOn(), GATHER_MS));
    if (subscribeTo.length === 0 || multicast !== undefined) return;
    const ask = (): void => {
      for (const {to, bytes} of this.#hub.subscriptions()) void this.#send({to, bytes});
    };
    ask();
    this.#timers.push(setInterval(ask, subscribeMs));
  }

  get address(): SprayAddress {
    const {address, port} = this.#socket.address();
    return {address, port};
  }

  get stats(): {
    readonly sources: readonly SourceStats[];
    readonly subscribers: readonly SubscriberStats[];
    readonly sendErrors: number;
  } {
    return {sources: this.#hub.sources, subscribers: this.#hub.subscribers, sendErrors: this.#sendErrors};
  }

  #gather(anns: readonly Uint8Array[], from: string): void {
    const gathered = this.#gathered.get(from);
    if (gathered === undefined) this.#gathered.set(from, [...anns]);
    else gathered.push(...anns);
    if ((gathered?.length ?? 0) >= GATHER_ANNS) this.#handOn();
  }

  #handOn(): void {
    const {onAnns, relay = false} = this.#options;
    for (const [from, parts] of this.#gathered) {
      const anns = new Uint8Array(parts.length * ANN_BYTES);
      for (const [i, part] of parts.entries()) anns.set(part, i * ANN_BYTES);
      if (relay) this.send(anns);
      onAnns?.(anns, from);
    }
    this.#gathered.clear();
  }

  /** Sprays announcements, 1024 bytes each, at everybody who has subscribed. */
  send(anns: Uint8Array): void {
    this.#hub.send(anns);
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    void this.#pump();
  }

  async #pump(): Promise<void> {
    const open = new Set<Promise<void>>();
    let bytes = 0;
    while (!this.#closed) {
      const datagram = this.#hub.next();
      if (datagram === undefined) break;
      const sending = this.#send(datagram).finally(() => open.delete(sending));
      open.add(sending);
      if (open.size >= IN_FLIGHT) await Promise.race(open);
      bytes += datagram.bytes.length;
      if (bytes < PACE_BYTES) continue;
      bytes = 0;
      await new Promise((resolve) => setTimeout(resolve, PACE_MS));
    }
    await Promise.all(open);
    this.#pumping = false;
  }

  #send({to: {address, port}, bytes}: Datagram): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) {
        resolve();
        return;
      }
      this.#socket.send(bytes, port, address, (error) => {
        if (error) this.#sendErrors++;
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#handOn();
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}

// Nodes without sockets: real chains and hubs, joined by pipes, under one clock that moves only when told to.
import {ok} from 'node:assert/strict';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {TestContext} from 'node:test';
import {concatBytes} from '../../src/core/bytes/index.ts';
import {RuleError} from '../../src/core/consensus/index.ts';
import {encodeProof} from '../../src/core/packetcrypt/index.ts';
import type {Network} from '../../src/core/params/index.ts';
import {type Block, blockHash} from '../../src/core/primitives/index.ts';
import {
  type Command,
  decodePayload,
  encodeMessage,
  FrameReader,
  isCommand,
  type Message,
  type Payloads,
  SERVICE,
  type VersionPayload,
} from '../../src/core/protocol/p2p/index.ts';
import {Chain} from '../../src/node/chain/chain.ts';
import {AddressBook} from '../../src/node/p2p/addresses/address-book.ts';
import {BanScores, Bans} from '../../src/node/p2p/addresses/bans.ts';
import {type Endpoint, parseIp} from '../../src/node/p2p/addresses/ip.ts';
import type {Connection, Wire} from '../../src/node/p2p/connection.ts';
import {Dialer, type DialRequest} from '../../src/node/p2p/dialer.ts';
import {Hub, type HubOptions} from '../../src/node/p2p/hub.ts';
import type {KeyValueStore} from '../../src/service/stores/key-value-store.ts';
import {createMemoryStore} from '../../src/service/stores/memory-store.ts';
import {MemoryBlocks} from './memory-blocks.ts';

export const LAB_START_MS = 1_600_000_000_000;
const TICK_MS = 250;

/** Numbers that look random and are the same every time. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The same block with another proof: its hash does not tell. Chains of the lab refuse it. */
export function withDamagedProof(block: Block): Block {
  const proof = {...block.proof, nonce2: 77};
  return {...block, proof, proofSection: encodeProof(proof)};
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'pkt-peers-'));
  t.after(() => rm(path, {recursive: true, force: true}));
  return path;
}

/** What a chain in memory is kept in. */
export interface LabStore {
  readonly store: KeyValueStore;
  readonly blocks: MemoryBlocks;
}

export function createLabStore(): LabStore {
  return {store: createMemoryStore(), blocks: new MemoryBlocks()};
}

/** A chain in memory that takes every proof but the damaged ones of the lab. */
export function openLabChain(
  network: Network,
  nowMs: () => number,
  {store, blocks}: LabStore = createLabStore(),
): Promise<Chain> {
  return Chain.open({
    network,
    store,
    blocks: blocks.stored,
    nowSeconds: () => Math.floor(nowMs() / 1000),
    checkProof: ({proof}) => (proof.nonce2 === 77 ? Promise.reject(new RuleError('ErrBadPow')) : Promise.resolve()),
    checkScripts: () => Promise.resolve(),
  });
}

/** Counts calls of the chain that are under way. */
function watched(chain: Chain, count: (change: number) => void): Chain {
  return new Proxy(chain, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const result: unknown = value.apply(target, args);
        if (!(result instanceof Promise)) return result;
        count(1);
        return result.finally(() => count(-1));
      };
    },
  });
}

/** One end of a pipe. Bytes lie in it until the lab carries them over. */
export class PipeEnd implements Wire {
  readonly #pieces: Uint8Array[] = [];
  queuedBytes = 0;
  reading = true;
  closed = false;
  /** Stops the other side from taking anything. */
  stuck = false;

  send(bytes: Uint8Array): void {
    if (this.closed) return;
    this.#pieces.push(bytes);
    this.queuedBytes += bytes.length;
  }

  setReading(on: boolean): void {
    this.reading = on;
  }

  close(): void {
    this.closed = true;
  }

  take(): Uint8Array {
    const bytes = concatBytes(...this.#pieces.splice(0));
    this.queuedBytes = 0;
    return bytes;
  }
}

interface Pipe {
  readonly ends: readonly [PipeEnd, PipeEnd];
  readonly receive: readonly [(bytes: Uint8Array) => void, (bytes: Uint8Array) => void];
  readonly drained: readonly [() => void, () => void];
  readonly closed: readonly [() => void, () => void];
  readonly told: [boolean, boolean];
}

export interface LabNodeOptions extends Partial<Omit<HubOptions, 'chain'>> {
  readonly outboundTarget?: number;
}

/** A node of the lab. */
export interface LabNode {
  readonly chain: Chain;
  readonly hub: Hub;
  readonly book: AddressBook;
  readonly bans: Bans;
  readonly scores: BanScores;
  readonly dialer: Dialer;
  readonly endpoint: Endpoint;
  readonly dialed: DialRequest[];
  readonly failures: unknown[];
}

export class Lab {
  readonly #t: TestContext | undefined;
  readonly network: Network;
  readonly #pipes: Pipe[] = [];
  readonly #nodes: LabNode[] = [];
  #busy = 0;
  nowMs: number = LAB_START_MS;

  constructor(t: TestContext | undefined, network: Network) {
    this.#t = t;
    this.network = network;
  }

  async node(options: LabNodeOptions = {}, chain?: Chain): Promise<LabNode> {
    const number = this.#nodes.length + 1;
    const random = seeded(number);
    const plain = chain ?? (await openLabChain(this.network, () => this.nowMs));
    const book = options.book ?? new AddressBook({secret: new Uint8Array(16).fill(number), random});
    const bans = options.bans ?? new Bans();
    const scores = options.scores ?? new BanScores();
    const families = new Set(['ipv4', 'ipv6', 'cjdns'] as const);
    const dialer = new Dialer({book, outboundTarget: options.outboundTarget ?? 0, families, manualOnly: false});
    const [dialed, failures]: [DialRequest[], unknown[]] = [[], []];
    let nonce = BigInt(number) << 32n;
    const hub = new Hub({
      book,
      bans,
      scores,
      dialer,
      dial: (request) => dialed.push(request),
      services: SERVICE.network | SERVICE.witness,
      port: 64764,
      userAgent: '/lab:1/',
      nowMs: () => this.nowMs,
      random,
      random64: () => nonce++,
      onFailure: (error) => failures.push(error),
      ...options,
      chain: watched(plain, (change) => {
        this.#busy += change;
      }),
    });
    const endpoint = {ip: parseIp(`8.${number}.0.1`)!, port: 64764};
    const node = {chain: plain, hub, book, bans, scores, dialer, endpoint, dialed, failures};
    this.#nodes.push(node);
    this.#t?.after(() => hub.close());
    return node;
  }

  /** Connects `a` to `b`; undefined when b does not want it. */
  connect(a: LabNode, b: LabNode, request?: DialRequest): readonly [Connection, Connection] | undefined {
    if (!b.hub.mayAccept(a.endpoint)) return undefined;
    const ends = [new PipeEnd(), new PipeEnd()] as const;
    const {ip, port} = b.endpoint;
    const dialed = request ?? {kind: 'outbound', host: 'b', port, endpoint: {ip, port}};
    const left = a.hub.opened(ends[0], b.endpoint, dialed);
    const right = b.hub.opened(ends[1], {...a.endpoint, port: 40_000 + this.#pipes.length});
    this.#pipes.push({
      ends,
      receive: [(bytes) => a.hub.received(left, bytes), (bytes) => b.hub.received(right, bytes)],
      drained: [() => a.hub.drained(left), () => b.hub.drained(right)],
      closed: [() => a.hub.closed(left), () => b.hub.closed(right)],
      told: [false, false],
    });
    return [left, right];
  }

  /** A hand-made peer of a node; `inbound` as the node sees it. */
  stranger(
    node: LabNode,
    kind: 'inbound' | 'outbound' | 'manual' = 'outbound',
    options: StrangerOptions = {},
  ): Stranger {
    const ends = [new PipeEnd(), new PipeEnd()] as const;
    const ip = options.ip ?? parseIp(`9.${this.#pipes.length + 1}.0.1`)!;
    const endpoint = {ip, port: 64764};
    const dialed = kind === 'inbound' ? undefined : ({kind, host: 'x', port: 1, endpoint} as const);
    const connection = node.hub.opened(ends[0], endpoint, dialed);
    const stranger = new Stranger(this.network.magic, ends[1], connection, options);
    this.#pipes.push({
      ends,
      receive: [(bytes) => node.hub.received(connection, bytes), (bytes) => stranger.received(bytes)],
      drained: [() => node.hub.drained(connection), () => {}],
      closed: [() => node.hub.closed(connection), () => {}],
      told: [false, false],
    });
    stranger.greet();
    return stranger;
  }

  /** Carries bytes over; true when there were any. */
  #carry(): boolean {
    let moved = false;
    for (const {ends, receive, drained, closed, told} of this.#pipes) {
      for (const side of [0, 1] as const) {
        const [from, to] = [ends[side], ends[1 - side]!];
        if (from.queuedBytes > 0 && !from.stuck && to.reading && !to.closed) {
          moved = true;
          receive[1 - side]!(from.take());
          drained[side]();
        }
        if (from.closed && !told[1 - side] && from.queuedBytes === 0) {
          told[1 - side] = true;
          moved = true;
          to.closed = true;
          closed[1 - side]!();
        }
      }
    }
    return moved;
  }

  /** Waits until nothing moves at this moment of the clock. */
  async settle(): Promise<void> {
    for (let quiet = 0, rounds = 0, waits = 0; quiet < 3; waits++) {
      const moved = this.#carry();
      if (moved) rounds++;
      ok(rounds < 20_000 && waits < 5_000_000, 'the nodes come to rest');
      await new Promise((resolve) => setImmediate(resolve));
      quiet = moved || this.#busy > 0 ? 0 : quiet + 1;
    }
  }

  /** Lets time pass. */
  async run(ms: number): Promise<void> {
    await this.settle();
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.nowMs = Math.min(endMs, this.nowMs + TICK_MS);
      for (const {hub} of this.#nodes) hub.tick();
      await this.settle();
    }
  }
}

export async function acceptAll(chain: Chain, blocks: readonly Block[]): Promise<void> {
  await Promise.all(blocks.map((block) => chain.accept(block)));
}

export interface StrangerOptions {
  readonly ip?: Uint8Array;
  readonly version?: Partial<VersionPayload>;
}

/** A peer that does what the test says. */
export class Stranger {
  readonly #magic: number;
  readonly #reader: FrameReader;
  readonly end: PipeEnd;
  readonly connection: Connection;
  readonly #options: StrangerOptions;
  /** What the node has sent, the oldest first. */
  readonly heard: Message[] = [];
  /** Answers by itself. */
  onMessage: (message: Message) => void = () => {};

  constructor(magic: number, end: PipeEnd, connection: Connection, options: StrangerOptions) {
    this.#magic = magic;
    this.#reader = new FrameReader(magic);
    this.end = end;
    this.connection = connection;
    this.#options = options;
  }

  greet(): void {
    const address = {services: 0n, ip: new Uint8Array(16), port: 0};
    this.send('version', {
      version: 70013,
      services: 0x4dn,
      timestamp: BigInt(LAB_START_MS / 1000),
      addrRecv: address,
      addrFrom: address,
      nonce: 99n,
      userAgent: '/stranger:1/',
      startHeight: 1_000_000,
      relay: true,
      ...this.#options.version,
    });
    this.send('verack', undefined);
  }

  send<Name extends Command>(command: Name, payload: Payloads[Name]): void {
    this.end.send(encodeMessage(this.#magic, command, payload));
  }

  received(bytes: Uint8Array): void {
    for (const {command, payload} of this.#reader.push(bytes)) {
      ok(isCommand(command));
      const message = {command, payload: decodePayload(command, payload)} as Message;
      this.heard.push(message);
      this.onMessage(message);
    }
  }

  /** Everything heard of a command, which is forgotten. */
  take<Name extends Command>(command: Name): Payloads[Name][] {
    const found = this.heard.filter((message) => message.command === command);
    const rest = this.heard.filter((message) => message.command !== command);
    this.heard.splice(0, this.heard.length, ...rest);
    return found.map(({payload}) => payload as Payloads[Name]);
  }

  get isConnected(): boolean {
    return !this.connection.peer.isClosed;
  }
}

export const hashOf = (block: Block): Uint8Array => blockHash(block.header);

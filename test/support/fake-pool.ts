import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import type {AddressInfo, Socket} from 'node:net';
import type {TestContext} from 'node:test';
import {ANN_BYTES, annParentBlockHeight} from '../../src/core/packetcrypt/index.ts';
import type {BlockInfo, PoolConfig} from '../../src/core/protocol/pool/index.ts';

/** What a handler does with a post. */
export type HandlerMode = 'accept' | 'overloaded' | 'refuse' | 'invalid' | 'hang' | HostileMode;
/** Ways in which a server can be wrong. */
export type HostileMode =
  | 'garbage'
  | 'endless'
  | 'too-long'
  | 'too-short'
  | 'trickle'
  | 'redirect'
  | 'huge-json'
  | 'reset'
  | 'no-http';
export const HOSTILE_MODES: readonly HostileMode[] = [
  'garbage',
  'endless',
  'too-long',
  'too-short',
  'trickle',
  'redirect',
  'huge-json',
  'reset',
  'no-http',
];

/** Answers as a hostile or broken server does. */
export function answerHostilely(mode: HostileMode, response: ServerResponse): void {
  const socket = response.socket!;
  switch (mode) {
    case 'garbage':
      response.end('\u0000<html>{"result":');
      break;
    case 'endless': {
      const piece = Buffer.alloc(65_536, 0x20);
      const pump = (): void => {
        while (!response.destroyed && response.write(piece));
      };
      response.on('drain', pump);
      pump();
      break;
    }
    case 'too-long':
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{} and more than was said');
      break;
    case 'too-short':
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"result"');
      break;
    case 'trickle': {
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
      break;
    }
    case 'redirect':
      response.writeHead(302, {location: '/elsewhere'}).end();
      break;
    case 'huge-json':
      response.end(
        `{"error":[${'"x",'.repeat(10_000)}"x"],"warn":[],"result":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
      );
      break;
    case 'reset':
      socket.resetAndDestroy();
      break;
    case 'no-http':
      socket.end('SSH-2.0-nothing of the kind\r\n');
      break;
  }
}

export interface FakePost {
  readonly handler: number;
  readonly parentHeight: number;
  readonly count: number;
}

/** Master and announcement handlers of a pool in one server that behaves as it is told. */
export class FakePool {
  readonly posts: FakePost[] = [];
  handlerMode: HandlerMode = 'accept';
  masterMode: 'normal' | HostileMode = 'normal';
  config: Partial<PoolConfig> = {};
  height = 1000;
  /** When pieces of posts came, and how many bytes. */
  readonly pieces: {readonly atMs: number; readonly bytes: number}[] = [];
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();
  #port = 0;
  readonly #handlers: number;

  private constructor(handlers: number) {
    this.#handlers = handlers;
  }

  static async open(t: TestContext, handlers = 1): Promise<FakePool> {
    const pool = new FakePool(handlers);
    await pool.revive();
    t.after(() => pool.kill());
    return pool;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/master`;
  }

  /** Begins to listen, always at the same place. */
  async revive(): Promise<void> {
    const server = createServer((request, response) => void this.#answer(request, response));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => server.on('error', reject).listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Is gone, with all connections. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  }

  static #hash(height: number): string {
    return height.toString(16).padStart(64, '0');
  }

  #config(): PoolConfig {
    const base = `http://127.0.0.1:${this.#port}`;
    return {
      tipHash: FakePool.#hash(this.height),
      currentHeight: this.height + 1,
      masterUrl: this.url,
      submitAnnUrls: Array.from({length: this.#handlers}, (_, i) => `${base}/h${i}/submit`),
      downloadAnnUrls: [base],
      submitBlockUrls: [`${base}/share`],
      paymakerUrl: base,
      version: 3,
      softVersion: 1,
      annVersions: [1],
      mineOldAnns: 2,
      annTarget: 0x2001ffff,
      ...this.config,
    };
  }

  static #info(height: number): BlockInfo {
    const header = {
      hash: FakePool.#hash(height),
      height,
      version: 4,
      versionHex: '00000004',
      merkleroot: FakePool.#hash(1),
      time: 1,
      nonce: 1,
      bits: '207fffff',
      difficulty: 1,
      previousblockhash: FakePool.#hash(height - 1),
    };
    return {header, sigKey: null};
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body: Buffer[] = [];
    response.on('error', () => {});
    try {
      for await (const piece of request as AsyncIterable<Buffer>) {
        body.push(piece);
        if (request.method === 'POST') this.pieces.push({atMs: performance.now(), bytes: piece.length});
      }
    } catch {
      // The miner has given up.
      return;
    }
    const {url = ''} = request;
    const [, handler] = /^\/h(\d+)\/submit$/.exec(url) ?? [];
    if (handler !== undefined) return this.#submit(Number(handler), Buffer.concat(body), response);
    if (this.masterMode !== 'normal') return answerHostilely(this.masterMode, response);
    const [, hash] = /\/blkinfo_([0-9a-f]{64})\.json$/.exec(url) ?? [];
    if (url.endsWith('/config.json')) response.end(JSON.stringify(this.#config()));
    else if (hash !== undefined) response.end(JSON.stringify(FakePool.#info(Number.parseInt(hash, 16))));
    else response.writeHead(404).end();
  }

  #submit(handler: number, body: Buffer, response: ServerResponse): void {
    const count = body.length / ANN_BYTES;
    this.posts.push({handler, count, parentHeight: annParentBlockHeight(new Uint8Array(body))});
    const send = (status: number, envelope: object): void => {
      response.writeHead(status).end(JSON.stringify({warn: [], error: [], result: null, ...envelope}));
    };
    const result = {
      type: 'anns',
      accepted: this.handlerMode === 'invalid' ? count - 1 : count,
      dup: 0,
      inval: this.handlerMode === 'invalid' ? 1 : 0,
      badHash: 0,
      runt: 0,
      internalErr: 0,
      payTo: 'x',
      unsigned: count,
      totalLen: 0,
      target: 1,
      time: 1,
      eventId: '0'.repeat(32),
    };
    switch (this.handlerMode) {
      case 'accept':
      case 'invalid':
        send(200, {result});
        break;
      case 'overloaded':
        send(503, {error: ['overloaded']});
        break;
      case 'refuse':
        send(400, {error: ['not enough work']});
        break;
      case 'hang':
        break;
      default:
        answerHostilely(this.handlerMode, response);
    }
  }
}

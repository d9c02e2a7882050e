// The master's documents and files over HTTP.   pool spec §2.2
import type {ServerResponse} from 'node:http';
import type {AddressInfo, Socket} from 'node:net';
import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify';
import {encodeDocument} from '../../../core/protocol/pool/index.ts';
import {createPublicServer, type Deadlines, type PublicServerOptions} from '../../../service/http/public-server.ts';
import type {Log} from '../../../service/logs/log.ts';
import type {Master, Published} from './master.ts';
import {makeOldWork} from './master-work.ts';

export interface MasterServerOptions {
  readonly master: Master;
  readonly log: Log;
  /** How long work that does not exist yet is waited for. */
  readonly longPollMs?: number;
  readonly maxWaiting?: number;
  readonly limits?: Partial<PublicServerOptions>;
}

const LONG_POLL_MS = 30_000;
const SWEEP_MS = 250;
const MAX_WAITING = 20_000;
const MAX_CONNECTIONS = 25_000;
const DEADLINES: Deadlines = Object.freeze({request: 10_000, silent: 60_000, idle: 75_000});
/** Nobody has anything to post. */
const MAX_BODY_BYTES = 1024;
const MAX_BODIES_BYTES = 2 ** 20;
/** Heights below the present one for which work is made up where there is none. */
const OLD_WORKS = 300;

const CACHE = Object.freeze({
  config: 'max-age=8, stale-while-revalidate=2',
  /** The newest two can change with a reorganisation. */
  fresh: 'max-age=8',
  work: 'max-age=1000',
  forEver: 'max-age=999999999',
  never: 'no-store',
});

interface Waiting {
  readonly response: ServerResponse;
  readonly socket: Socket;
  readonly height: number;
  readonly untilMs: number;
}

/** Serves any number of callers, who all get the same: an ordinary cache can stand in front. */
export class MasterServer {
  readonly #options: MasterServerOptions;
  readonly #http: FastifyInstance;
  readonly #waiting = new Set<Waiting>();
  /** Of those who wait. */
  readonly #sockets = new Set<Socket>();
  readonly #unsubscribe: () => void;
  readonly #timer: NodeJS.Timeout;

  constructor(options: MasterServerOptions) {
    this.#options = options;
    const {longPollMs = LONG_POLL_MS} = options;
    this.#http = createPublicServer({
      deadlines: {...DEADLINES, silent: Math.max(DEADLINES.silent, 2 * longPollMs)},
      maxConnections: MAX_CONNECTIONS,
      maxBodyBytes: MAX_BODY_BYTES,
      maxBodiesBytes: MAX_BODIES_BYTES,
      log: options.log,
      refusal: (status, text) => ({status, type: 'text/plain', body: text}),
      ...options.limits,
    });
    this.#http.get('*', (request, reply) => this.#answer(request, reply));
    this.#http.setNotFoundHandler((_request, reply) => notFound(reply));
    this.#unsubscribe = options.master.subscribe((published) => this.#wake(published));
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  async #answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const {master} = this.#options;
    const {published} = master;
    const [, name] = /\/([A-Za-z0-9_.]+)$/.exec(request.url) ?? [];
    if (published === undefined) {
      return reply.code(500).header('cache-control', CACHE.never).type('text/plain').send('Server not ready');
    }
    if (name === 'config.json') return json(reply, encodeDocument(published.config), CACHE.config);
    const hash = /^blkinfo_([0-9a-f]{64})\.json$/.exec(name ?? '')?.[1];
    if (hash !== undefined) {
      const info = master.blockInfo(hash);
      return info === undefined ? notFound(reply) : json(reply, encodeDocument(info), CACHE.forEver);
    }
    const file = /^(work|bt)_(\d{1,10})\.bin$/.exec(name ?? '');
    if (file === null) return notFound(reply);
    return this.#file(file[1] as 'work' | 'bt', Number(file[2]), published, request, reply);
  }

  async #file(
    kind: 'work' | 'bt',
    height: number,
    published: Published,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const {master} = this.#options;
    const files = height <= published.height ? master.work(height) : undefined;
    if (files !== undefined) {
      const cache = height >= published.height - 1 ? CACHE.fresh : CACHE.work;
      return binary(reply, kind === 'work' ? files.work : files.template, cache);
    }
    if (kind === 'work' && height === published.height + 1) return this.#wait(height, request, reply);
    if (kind === 'work' && height > 0 && height <= published.height && height >= published.height - OLD_WORKS) {
      const info = await master.blockInfoAt(height - 1);
      if (info !== undefined) return binary(reply, makeOldWork(info), CACHE.fresh);
    }
    return reply.code(404).header('cache-control', CACHE.never).send('');
  }

  /** Holds an answer until the work is there or the time is up. One of a connection at a time: requests can be sent ahead. */
  #wait(height: number, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const {maxWaiting = MAX_WAITING, longPollMs = LONG_POLL_MS} = this.#options;
    const {socket} = request.raw;
    if (this.#waiting.size >= maxWaiting || this.#sockets.has(socket)) {
      return reply.code(503).header('cache-control', CACHE.never).header('retry-after', '5').send('');
    }
    reply.hijack();
    const response = reply.raw;
    const waiting = {response, socket, height, untilMs: performance.now() + longPollMs};
    this.#waiting.add(waiting);
    this.#sockets.add(socket);
    response.once('close', () => this.#forget(waiting));
    return reply;
  }

  #forget(waiting: Waiting): void {
    if (this.#waiting.delete(waiting)) this.#sockets.delete(waiting.socket);
  }

  #wake({height, work}: Published): void {
    for (const waiting of this.#waiting) {
      if (waiting.height === height) end(waiting.response, 200, {'cache-control': CACHE.fresh}, work);
      else if (waiting.height < height || waiting.height > height + 1) tryAgain(waiting.response);
      else continue;
      this.#forget(waiting);
    }
  }

  /** They stand in the order in which their time runs out. */
  #sweep(): void {
    const now = performance.now();
    for (const waiting of this.#waiting) {
      if (waiting.untilMs > now) break;
      this.#forget(waiting);
      tryAgain(waiting.response);
    }
  }

  /** Begins to listen; gives the address. Rejects with the system's error. */
  async listen(host: string, port: number): Promise<AddressInfo> {
    await this.#http.listen({host, port});
    return this.#http.server.address() as AddressInfo;
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    clearInterval(this.#timer);
    for (const waiting of this.#waiting) {
      this.#forget(waiting);
      tryAgain(waiting.response, {connection: 'close'});
    }
    await this.#http.close();
  }
}

function end(response: ServerResponse, status: number, headers: Record<string, string>, body: Uint8Array): void {
  const about = {'content-type': 'application/octet-stream', 'content-length': String(body.length)};
  response.writeHead(status, {...headers, ...about}).end(body);
}

function tryAgain(response: ServerResponse, more: Record<string, string> = {}): void {
  end(response, 300, {'cache-control': CACHE.never, 'x-pc-longpoll': 'try-again', ...more}, new Uint8Array(0));
}

function json(reply: FastifyReply, text: string, cache: string): FastifyReply {
  return reply
    .header('cache-control', cache)
    .header('access-control-allow-origin', '*')
    .type('application/json')
    .send(Buffer.from(text));
}

function binary(reply: FastifyReply, bytes: Uint8Array, cache: string): FastifyReply {
  return reply.header('cache-control', cache).type('application/octet-stream').send(Buffer.from(bytes));
}

function notFound(reply: FastifyReply): FastifyReply {
  return reply.code(404).header('cache-control', CACHE.never).type('text/plain').send('Not found');
}

// The block handler over HTTP.   pool spec §2.4
import type {Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify} from 'fastify';
import {AddressGuard} from '../../../service/limits/address-guard.ts';
import type {Log} from '../../../service/logs/log.ts';
import {StoreError} from '../../../service/stores/key-value-store.ts';
import type {BlockHandler} from './block-handler.ts';
import {ShareError} from './errors.ts';

export interface BlockServerOptions {
  readonly handler: BlockHandler;
  readonly log: Log;
  readonly maxPosts?: number;
}

/** A share has at most this many bytes of JSON; what is longer is read to the end up to a limit and refused. */
const MAX_SHARE_BYTES = 400_000;
const MAX_BODY_BYTES = 4 * MAX_SHARE_BYTES;
const BODY_MS = 30_000;
const MAX_CONNECTIONS = 2000;
const MAX_POSTS = 200;
const RATE = Object.freeze({perSecond: 100, burst: 1000});
const TOLERANCE = 200;

export class BlockServer {
  readonly #options: BlockServerOptions;
  readonly #http: FastifyInstance;
  readonly #guard = new AddressGuard({rate: RATE, tolerance: TOLERANCE, now: () => performance.now()});
  #posts = 0;

  constructor(options: BlockServerOptions) {
    this.#options = options;
    this.#http = fastify({
      bodyLimit: MAX_BODY_BYTES,
      requestTimeout: BODY_MS,
      connectionTimeout: 2 * BODY_MS,
      forceCloseConnections: 'idle',
    }) as FastifyInstance;
    (this.#http.server as Server).maxConnections = MAX_CONNECTIONS;
    this.#http.removeAllContentTypeParsers();
    this.#http.addContentTypeParser('*', {parseAs: 'string'}, (_request, body, done) => done(null, body));
    this.#http.post('/submit', (request, reply) => this.#submit(request, reply));
    this.#http.setNotFoundHandler((_request, reply) =>
      reply.code(404).type('application/json').send(Buffer.from('{"error":"not found"}')),
    );
    this.#http.setErrorHandler((error: FastifyError, _request, reply) => {
      const status = error.statusCode ?? 500;
      if (status >= 500) options.log.error('a request failed', {error});
      return refuse(reply, status, status === 413 ? 'too big' : status >= 500 ? 'internal error' : error.message);
    });
  }

  async #submit(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const {handler, log, maxPosts = MAX_POSTS} = this.#options;
    if (this.#guard.isBanned(request.ip)) return refuse(reply, 403, 'too many bad shares came from this address');
    if (this.#posts >= maxPosts || !this.#guard.take(request.ip, 1)) return refuse(reply, 501, 'overloaded');
    this.#posts++;
    try {
      const {result, warn} = await handler.submit(parse((request.body as string | undefined) ?? ''), payToOf(request));
      return send(reply, 200, {result, error: [], warn});
    } catch (error) {
      if (error instanceof ShareError) {
        if (error.code === 'invalid') this.#guard.bad(request.ip, 1);
        return refuse(reply, error.status, error.wire);
      }
      if (!(error instanceof StoreError)) throw error;
      log.error('a share cannot be written down', {error});
      return refuse(reply, 500, 'server not ready');
    } finally {
      this.#posts--;
    }
  }

  /** Begins to listen; gives the address. Rejects with the system's error. */
  async listen(host: string, port: number): Promise<AddressInfo> {
    await this.#http.listen({host, port});
    return this.#http.server.address() as AddressInfo;
  }

  /** Answers what was posted, then closes. */
  async close(): Promise<void> {
    await this.#http.close();
  }
}

function parse(body: string): unknown {
  if (body === '') throw new ShareError('no-content');
  if (body.length > MAX_SHARE_BYTES) throw new ShareError('too-big');
  try {
    return JSON.parse(body) as unknown;
  } catch {
    throw new ShareError('not-json');
  }
}

function payToOf(request: FastifyRequest): string {
  const value = request.headers['x-pc-payto'];
  return (Array.isArray(value) ? value[0] : value)?.slice(0, 100) ?? '';
}

function send(reply: FastifyReply, status: number, envelope: unknown): FastifyReply {
  return reply
    .code(status)
    .type('application/json')
    .send(Buffer.from(JSON.stringify(envelope)));
}

/** Existing block miners read an empty text here, not null. */
function refuse(reply: FastifyReply, status: number, text: string): FastifyReply {
  return send(reply, status, {result: '', error: [text], warn: []});
}

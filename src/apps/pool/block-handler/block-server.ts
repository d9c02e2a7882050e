// The block handler over HTTP.   pool spec §2.4
import type {AddressInfo} from 'node:net';
import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify';
import {createPublicServer, type Deadlines, type PublicServerOptions} from '../../../service/http/public-server.ts';
import {AddressGuard, type AddressGuardOptions} from '../../../service/limits/address-guard.ts';
import type {Log} from '../../../service/logs/log.ts';
import {StoreError} from '../../../service/stores/key-value-store.ts';
import {envelopeRefusal, headerOf, refuseInEnvelope, sendEnvelope} from '../envelope.ts';
import type {BlockHandler} from './block-handler.ts';
import {ShareError} from './errors.ts';

export interface BlockServerOptions {
  readonly handler: BlockHandler;
  readonly log: Log;
  readonly maxPosts?: number;
  readonly limits?: Partial<PublicServerOptions>;
  readonly guard?: Partial<AddressGuardOptions>;
}

/** A share has at most this many bytes of JSON. */
const NO_RESULT = '';
const MAX_SHARE_BYTES = 400_000;
const MAX_BODIES_BYTES = 64 * 2 ** 20;
const DEADLINES: Deadlines = Object.freeze({request: 30_000, silent: 150_000, idle: 75_000});
const MAX_CONNECTIONS = 2000;
const MAX_POSTS = 200;
const RATE = Object.freeze({perSecond: 100, burst: 1000});
const TOLERANCE = 200;
const MAX_PAYTO = 100;
/** Of those who do not say which version of the protocol they speak. */
const OLD_MINER = 'Your miner is out of date and will stop working soon, please update';

export class BlockServer {
  readonly #options: BlockServerOptions;
  readonly #http: FastifyInstance;
  readonly #guard: AddressGuard;
  #posts = 0;

  constructor(options: BlockServerOptions) {
    this.#options = options;
    this.#guard = new AddressGuard({
      rate: RATE,
      tolerance: TOLERANCE,
      now: () => performance.now(),
      ...options.guard,
    });
    this.#http = createPublicServer({
      deadlines: DEADLINES,
      maxConnections: MAX_CONNECTIONS,
      maxBodyBytes: MAX_SHARE_BYTES,
      maxBodiesBytes: MAX_BODIES_BYTES,
      keepsBody: ({socket}) => !this.#guard.isBanned(socket.remoteAddress ?? ''),
      log: options.log,
      // The numbers that go with these texts here.
      refusal: (status, text) => envelopeRefusal(NO_RESULT, status === 413 ? 400 : status === 503 ? 501 : status, text),
      ...options.limits,
    });
    this.#http.all('/submit', (request, reply) =>
      request.method === 'POST' ? this.#submit(request, reply) : reply.code(405).header('allow', 'POST').send(''),
    );
    this.#http.setNotFoundHandler((_request, reply) =>
      reply.code(404).type('application/json').send(Buffer.from('{"error":"not found"}')),
    );
  }

  async #submit(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const {maxPosts = MAX_POSTS} = this.#options;
    if (this.#guard.isBanned(request.ip))
      return refuseInEnvelope(reply, NO_RESULT, 403, 'too many bad shares came from this address');
    if (this.#posts >= maxPosts || !this.#guard.take(request.ip, 1))
      return refuseInEnvelope(reply, NO_RESULT, 501, 'overloaded');
    this.#posts++;
    try {
      return await this.#judge(request, reply);
    } finally {
      this.#posts--;
    }
  }

  async #judge(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const {handler, log} = this.#options;
    const payTo = headerOf(request, 'x-pc-payto')?.slice(0, MAX_PAYTO) ?? '';
    const warn = handler.warnings(payTo);
    if (!/^\d+$/.test(headerOf(request, 'x-pc-sver') ?? '')) warn.push(OLD_MINER);
    try {
      const result = await handler.submit(parse(request.body as Buffer | undefined), payTo);
      return sendEnvelope(reply, 200, {result, error: [], warn});
    } catch (error) {
      if (error instanceof ShareError) {
        if (error.code === 'invalid') this.#guard.bad(request.ip, 1);
        return refuseInEnvelope(reply, NO_RESULT, error.status, error.wire, warn);
      }
      if (!(error instanceof StoreError)) throw error;
      log.error('a share cannot be written down', {error});
      return refuseInEnvelope(reply, NO_RESULT, 500, 'server not ready', warn);
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

function parse(body: Buffer | undefined): unknown {
  if (body === undefined || body.length === 0) throw new ShareError('no-content');
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    throw new ShareError('not-json');
  }
}

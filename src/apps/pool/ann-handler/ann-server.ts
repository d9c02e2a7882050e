// The announcement handler over HTTP.   pool spec §2.3
import {createHash, timingSafeEqual} from 'node:crypto';
import type {AddressInfo} from 'node:net';
import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify';
import {ANN_BYTES} from '../../../core/packetcrypt/index.ts';
import {createPublicServer, type Deadlines, type PublicServerOptions} from '../../../service/http/public-server.ts';
import {AddressGuard, type AddressGuardOptions} from '../../../service/limits/address-guard.ts';
import type {Log} from '../../../service/logs/log.ts';
import {StoreError} from '../../../service/stores/key-value-store.ts';
import {envelopeRefusal, headerOf, refuseInEnvelope, sendEnvelope} from '../envelope.ts';
import type {AnnFiles} from './ann-files.ts';
import {type AnnHandler, MAX_POST_ANNS} from './ann-handler.ts';
import {SubmitError} from './errors.ts';

export interface AnnServerOptions {
  readonly handler: AnnHandler;
  readonly files: AnnFiles;
  /** For downloads; none where it is empty. */
  readonly blockMinerPassword: string;
  readonly log: Log;
  /** Posts under way at a time; more are told that the handler is overloaded. */
  readonly maxPosts?: number;
  readonly limits?: Partial<PublicServerOptions>;
  readonly guard?: Partial<AddressGuardOptions>;
}

const NO_RESULT = null;
const MAX_BODY_BYTES = (MAX_POST_ANNS + 1) * ANN_BYTES;
/** As many posts as may be under way. */
const MAX_BODIES_BYTES = 256 * 2 ** 20;
const DEADLINES: Deadlines = Object.freeze({request: 30_000, silent: 60_000, idle: 75_000});
const MAX_CONNECTIONS = 10_000;
const MAX_POSTS = 256;
/** Bytes of one address: an announcement miner of a hundred Mbit/s is well within. */
const RATE = Object.freeze({perSecond: 50 * 2 ** 20, burst: 200 * 2 ** 20});
/** Forged announcements until an address is shut out. */
const TOLERANCE: number = 1.5 * MAX_POST_ANNS;

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

export class AnnServer {
  readonly #options: AnnServerOptions;
  readonly #http: FastifyInstance;
  readonly #guard: AddressGuard;
  readonly #password: Buffer;
  #posts = 0;

  constructor(options: AnnServerOptions) {
    this.#options = options;
    this.#password = digest(options.blockMinerPassword);
    this.#guard = new AddressGuard({rate: RATE, tolerance: TOLERANCE, now: () => performance.now(), ...options.guard});
    this.#http = createPublicServer({
      deadlines: DEADLINES,
      maxConnections: MAX_CONNECTIONS,
      maxBodyBytes: MAX_BODY_BYTES,
      maxBodiesBytes: MAX_BODIES_BYTES,
      keepsBody: ({socket}) => !this.#guard.isBanned(socket.remoteAddress ?? ''),
      log: options.log,
      refusal: (status, text) => envelopeRefusal(NO_RESULT, status, text),
      ...options.limits,
    });
    this.#http.post('/submit', (request, reply) => this.#submit(request, reply));
    this.#http.get('/anns/index.json', (_request, reply) =>
      reply
        .header('cache-control', 'max-age=1')
        .type('application/json')
        .send(Buffer.from(JSON.stringify(options.files.index()))),
    );
    this.#http.get('/anns/:name', (request, reply) => this.#download(request, reply));
    this.#http.setNotFoundHandler((_request, reply) => reply.code(404).type('text/plain').send('Not found'));
  }

  async #submit(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const {handler, log, maxPosts = MAX_POSTS} = this.#options;
    const body = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
    if (this.#guard.isBanned(request.ip))
      return refuseInEnvelope(reply, NO_RESULT, 403, new SubmitError('banned').wire);
    if (this.#posts >= maxPosts || !this.#guard.take(request.ip, body.length))
      return refuseInEnvelope(reply, NO_RESULT, 503, 'overloaded');
    this.#posts++;
    try {
      const {result, warn, forged} = await handler.submit(new Uint8Array(body), {
        worknum: headerOf(request, 'x-pc-worknum'),
        payto: headerOf(request, 'x-pc-payto'),
        sver: headerOf(request, 'x-pc-sver'),
      });
      this.#charge(request.ip, forged);
      return sendEnvelope(reply, 200, {result, error: [], warn});
    } catch (error) {
      if (error instanceof SubmitError) {
        this.#charge(request.ip, error.forged);
        return refuseInEnvelope(reply, NO_RESULT, error.status, error.wire);
      }
      if (!(error instanceof StoreError)) throw error;
      log.error('announcements cannot be written down', {error});
      return refuseInEnvelope(reply, NO_RESULT, 503, 'disconnected');
    } finally {
      this.#posts--;
    }
  }

  #charge(ip: string, forged: number): void {
    if (forged > 0 && this.#guard.bad(ip, forged)) this.#options.log.info('an address is shut out for a while', {ip});
  }

  async #download(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const {files, blockMinerPassword} = this.#options;
    const given = headerOf(request, 'x-pc-passwd');
    if (blockMinerPassword !== '' && (given === undefined || !timingSafeEqual(digest(given), this.#password))) {
      const text = given === undefined ? 'x-pc-passwd missing' : 'x-pc-passwd incorrect';
      return reply
        .code(401)
        .type('application/json')
        .send(Buffer.from(JSON.stringify(text)));
    }
    const {name} = request.params as {name: string};
    const bytes = /^anns_[0-9_]+\.bin$/.test(name) ? await files.read(name) : undefined;
    if (bytes === undefined) return reply.code(404).header('cache-control', 'no-store').send('');
    return reply.header('cache-control', 'max-age=1000').type('application/octet-stream').send(Buffer.from(bytes));
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

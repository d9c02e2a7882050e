// The paymaker over HTTP.   pool spec §2.5
import type {AddressInfo} from 'node:net';
import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify';
import {createPublicServer, type Deadlines, type PublicServerOptions} from '../../../service/http/public-server.ts';
import type {Log} from '../../../service/logs/log.ts';
import {StoreError} from '../../../service/stores/key-value-store.ts';
import {envelopeRefusal, refuseInEnvelope, sendEnvelope} from '../envelope.ts';
import {decodeAudit} from './audit.ts';
import {encodeTabbed, minerDocument, payoutDocument, whoToPayDocument} from './documents.ts';
import {PaymakerError} from './errors.ts';
import {HandlerSecrets} from './handler-secrets.ts';
import type {Paymaker, WhoToPay} from './paymaker.ts';

export interface PaymakerServerOptions {
  readonly paymaker: Paymaker;
  /** Wall clock, milliseconds. */
  readonly nowMs: () => number;
  readonly log: Log;
  /** Requests under way at a time; more are told that it is overloaded. */
  readonly maxRequests?: number;
  readonly limits?: Partial<PublicServerOptions>;
}

export const MAX_UPLOAD_BYTES: number = 16 * 2 ** 20;
const NO_RESULT = null;
const PAYOUTS_SHOWN = 100;
const MAX_BODIES_BYTES = 8 * MAX_UPLOAD_BYTES;
const DEADLINES: Deadlines = Object.freeze({request: 30_000, silent: 120_000, idle: 75_000});
const MAX_CONNECTIONS = 1000;
const MAX_REQUESTS = 50;
/** A map of the past goes through the events: one at a time. */
const MAX_COSTLY = 1;
/** The present map is made anew after so long. */
const FRESH_MS = 2000;

/** What everyone is shown for a moment. */
interface ShownMap {
  readonly who: Promise<WhoToPay>;
  text: Promise<string> | undefined;
  readonly atMs: number;
}

export class PaymakerServer {
  readonly #options: PaymakerServerOptions;
  readonly #http: FastifyInstance;
  readonly #secrets: HandlerSecrets;
  #requests = 0;
  #costlyOnes = 0;
  #shown: ShownMap | undefined;

  constructor(options: PaymakerServerOptions) {
    this.#options = options;
    this.#secrets = new HandlerSecrets(options.paymaker.settings);
    this.#http = createPublicServer({
      deadlines: DEADLINES,
      maxConnections: MAX_CONNECTIONS,
      maxBodyBytes: MAX_UPLOAD_BYTES,
      maxBodiesBytes: MAX_BODIES_BYTES,
      log: options.log,
      refusal: (status, text) => envelopeRefusal(NO_RESULT, status, text),
      // Strangers fill no memory.
      keepsBody: ({headers}) => this.#secrets.byAuthorization(headers.authorization ?? '') !== undefined,
      ...options.limits,
    });
    this.#http.all('*', (request, reply) => this.#limited(request, reply));
  }

  async #limited(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const {maxRequests = MAX_REQUESTS} = this.#options;
    if (this.#requests >= maxRequests) return refuseInEnvelope(reply, NO_RESULT, 501, 'overloaded');
    this.#requests++;
    try {
      return await this.#answer(request, reply);
    } catch (error) {
      if (!(error instanceof PaymakerError)) throw error;
      this.#options.log.error('a question cannot be answered', {error});
      return refuseInEnvelope(reply, NO_RESULT, 503, error.code);
    } finally {
      this.#requests--;
    }
  }

  /** Paths match by their end, so that a prefix is fine. */
  #answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> | FastifyReply {
    const [path = ''] = request.url.split('?');
    if (path.endsWith('/events')) return this.#events(request, reply);
    if (request.method !== 'GET' && request.method !== 'HEAD') return reply.code(405).send('');
    if (path.endsWith('/whotopay')) return this.#whoToPay(request, reply);
    if (path.endsWith('/stats')) return this.#stats(reply);
    if (path.endsWith('/payouts')) return this.#payouts(request, reply);
    const payout = /\/payouts\/(\d{1,15})$/.exec(path)?.[1];
    if (payout !== undefined) return this.#costly(reply, () => this.#payout(Number(payout), reply));
    const address = /\/miner\/([A-Za-z0-9]{1,100})$/.exec(path)?.[1];
    return address === undefined ? notFound(reply) : this.#miner(address, reply);
  }

  async #events(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const {paymaker, log} = this.#options;
    const handler = this.#secrets.byAuthorization(request.headers.authorization ?? '');
    if (handler === undefined) {
      return refuseInEnvelope(
        reply.header('www-authenticate', 'Basic realm=paymaker'),
        NO_RESULT,
        401,
        '401 Unauthorized',
      );
    }
    if (request.method !== 'POST') return reply.code(405).header('allow', 'POST').send('');
    const body = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
    try {
      const {eventId, warn} = await paymaker.ingest(new Uint8Array(body), handler);
      return sendEnvelope(reply, 200, {result: {eventId}, warn, error: []});
    } catch (error) {
      if (!(error instanceof PaymakerError || error instanceof StoreError)) throw error;
      log.error('an upload was not taken', {handler, error});
      return refuseInEnvelope(reply, NO_RESULT, 503, error.code);
    }
  }

  async #whoToPay(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const {maxtime} = request.query as {maxtime?: unknown};
    if (maxtime === undefined) return show(reply, await this.#present());
    if (typeof maxtime !== 'string' || !/^\d{1,15}$/.test(maxtime))
      return refuseInEnvelope(reply, NO_RESULT, 400, 'maxtime: milliseconds');
    return this.#costly(reply, async () =>
      show(reply, this.#document(await this.#options.paymaker.whoToPay(Number(maxtime)))),
    );
  }

  #document(who: WhoToPay): string {
    const {paymaker, nowMs} = this.#options;
    return encodeTabbed(whoToPayDocument(who, paymaker.statistics, paymaker.settings, nowMs()));
  }

  /** Whoever asks at the same time gets the same. */
  #presentMap(): ShownMap {
    const atMs = performance.now();
    if (this.#shown === undefined || atMs - this.#shown.atMs > FRESH_MS) {
      const who = this.#options.paymaker.whoToPay();
      this.#shown = {who, text: undefined, atMs};
      who.catch(() => {
        this.#shown = undefined;
      });
    }
    return this.#shown;
  }

  #present(): Promise<string> {
    const shown = this.#presentMap();
    shown.text ??= shown.who.then((who) => this.#document(who));
    return shown.text;
  }

  async #miner(address: string, reply: FastifyReply): Promise<FastifyReply> {
    const {paymaker} = this.#options;
    const who = await this.#presentMap().who;
    const balance = (await paymaker.ledger.balances()).get(address) ?? 0n;
    const document = minerDocument(address, who, paymaker.statistics, paymaker.settings, balance);
    return document === undefined ? notFound(reply) : show(reply, encodeTabbed(document));
  }

  /** Which maps the node was given, newest first. */
  async #payouts(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const {before = String(Number.MAX_SAFE_INTEGER)} = request.query as {before?: unknown};
    if (typeof before !== 'string' || !/^\d{1,16}$/.test(before))
      return refuseInEnvelope(reply, NO_RESULT, 400, 'before: number of a payout');
    const payouts = await this.#options.paymaker.ledger.payoutTimes(PAYOUTS_SHOWN, Number(before));
    return show(reply, encodeTabbed({payouts}));
  }

  /** One of them, with all that it was made of, made once more. */
  async #payout(number: number, reply: FastifyReply): Promise<FastifyReply> {
    const record = await this.#options.paymaker.ledger.payoutRecord(number);
    if (record === undefined) return notFound(reply);
    return show(reply, encodeTabbed(payoutDocument(number, decodeAudit(record))));
  }

  /** Few at a time: what is made for one question alone. */
  async #costly(reply: FastifyReply, work: () => Promise<FastifyReply>): Promise<FastifyReply> {
    if (this.#costlyOnes >= MAX_COSTLY) return refuseInEnvelope(reply, NO_RESULT, 501, 'overloaded');
    this.#costlyOnes++;
    try {
      return await work();
    } finally {
      this.#costlyOnes--;
    }
  }

  #stats(reply: FastifyReply): FastifyReply {
    const {rss, heapTotal, heapUsed, external, arrayBuffers} = process.memoryUsage();
    const {blocks, compressedAnnSlots, shares} = this.#options.paymaker.counts;
    const memory = {rss, heapTotal, heapUsed, external, arrayBuffers};
    return show(reply, encodeTabbed({blocks, compressedAnnSlots, shares, memory}));
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

function notFound(reply: FastifyReply): FastifyReply {
  return reply.code(404).header('cache-control', 'no-store').type('text/plain').send('Not found');
}

function show(reply: FastifyReply, text: string): FastifyReply {
  return reply
    .header('access-control-allow-origin', '*')
    .header('cache-control', 'no-cache')
    .type('application/json')
    .send(Buffer.from(text));
}

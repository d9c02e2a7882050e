// What every server that strangers reach has in common: deadlines, limits on connections and bodies, refusals in the words of its
// own protocol, an end that keeps nobody waiting.
import {type IncomingMessage, type Server, STATUS_CODES} from 'node:http';
import type {Socket} from 'node:net';
import {type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify} from 'fastify';
import type {Log} from '../logs/log.ts';

/** Milliseconds. */
export interface Deadlines {
  /** From its first byte until all of a request has arrived; half as much later the connection is cut at the latest. */
  readonly request: number;
  /** A connection on which nothing moves, with or without a request under way. */
  readonly silent: number;
  /** Between two requests. */
  readonly idle: number;
}

/**
 * Memory: a connection costs its socket and at most 16 KiB of headers; bodies together never more than `maxBodiesBytes`, whatever
 * is sent.
 */
export interface PublicServerOptions {
  readonly deadlines: Deadlines;
  readonly maxConnections: number;
  /** Of one address. A quarter of all where it is not given. */
  readonly maxConnectionsPerAddress?: number;
  /** What is longer is read to its end, up to four times as much, and refused; none is kept. */
  readonly maxBodyBytes: number;
  /** Bodies in memory together; more are refused. */
  readonly maxBodiesBytes: number;
  /** False for requests whose body nobody will look at: it is read and thrown away. */
  readonly keepsBody?: (request: IncomingMessage) => boolean;
  readonly log: Log;
  /** A refusal as this protocol words it, to anything that gets no further. */
  readonly refusal: (status: number, text: string) => Refusal;
}

export interface Refusal {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Sends what a server refuses with. */
export function sendRefusal(reply: FastifyReply, {status, type, body}: Refusal): FastifyReply {
  // The rest of a body that was not read is no request.
  if (!reply.request.raw.complete) reply.header('connection', 'close');
  return reply.code(status).type(type).send(Buffer.from(body));
}

/** Why a body was not kept. */
export class BodyError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

const DRAIN_FACTOR = 4;
/** How long a refused connection may take to read why. */
const LINGER_MS = 1000;
const MAX_CHECK_MS = 5000;

/** Bodies of one server. */
class Bodies {
  readonly #options: PublicServerOptions;
  readonly #releases = new WeakMap<IncomingMessage, () => void>();
  #bytes = 0;

  constructor(options: PublicServerOptions) {
    this.#options = options;
  }

  /** The request has its answer, or is gone. */
  release(request: IncomingMessage): void {
    this.#releases.get(request)?.();
  }

  /**
   * Reads a body to its end; it counts until it is released. Rejects with BodyError 413 or 503, at the end only, since clients that
   * are answered earlier hear of nothing but a broken connection.
   */
  async read(request: IncomingMessage): Promise<Buffer> {
    const {maxBodyBytes, maxBodiesBytes, keepsBody = () => true} = this.#options;
    const isKept = keepsBody(request);
    if (Number(request.headers['content-length'] ?? 0) > DRAIN_FACTOR * maxBodyBytes)
      throw new BodyError(413, 'too big');
    let pieces: Buffer[] = [];
    let kept = 0;
    let length = 0;
    let refusal: BodyError | undefined;
    const release = (): void => {
      this.#bytes -= kept;
      kept = 0;
      pieces = [];
    };
    this.#releases.set(request, release);
    try {
      for await (const piece of request as AsyncIterable<Buffer>) {
        length += piece.length;
        if (length > DRAIN_FACTOR * maxBodyBytes) {
          release();
          request.destroy();
          throw new BodyError(413, 'too big');
        }
        if (length > maxBodyBytes) refusal = new BodyError(413, 'too big');
        else if (isKept && this.#bytes + piece.length > maxBodiesBytes) refusal = new BodyError(503, 'overloaded');
        if (refusal !== undefined || !isKept) {
          release();
          continue;
        }
        kept += piece.length;
        this.#bytes += piece.length;
        pieces.push(piece);
      }
    } catch (error) {
      release();
      // Whoever hangs up hears nothing of it, and is no error of ours.
      throw error instanceof BodyError ? error : new BodyError(400, 'the body did not arrive');
    }
    if (refusal !== undefined) throw refusal;
    return Buffer.concat(pieces);
  }
}

function limitConnections(server: Server, maxPerAddress: number): void {
  const counts = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const count = counts.get(address) ?? 0;
    if (count >= maxPerAddress) {
      socket.destroy();
      return;
    }
    counts.set(address, count + 1);
    socket.once('close', () => {
      const left = counts.get(address)! - 1;
      if (left === 0) counts.delete(address);
      else counts.set(address, left);
    });
  });
}

/** Tells of what is no request, and closes. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Socket, {refusal}: PublicServerOptions): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const [code, text] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? [408, 'the request took too long']
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? [431, 'the headers are too long']
        : [400, 'this is no request of HTTP/1.1'];
  const {status, type, body} = refusal(code, text);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${type}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

/**
 * A server without routes. Bodies come as a Buffer whatever their type. Whoever asks for something while it closes is answered, and its
 * connection closed.
 */
export function createPublicServer(options: PublicServerOptions): FastifyInstance {
  const {deadlines, maxConnections, log, refusal} = options;
  const {maxConnectionsPerAddress = Math.max(1, maxConnections >> 2)} = options;
  const refuse = (
    reply: FastifyReply,
    {statusCode = 500, message}: {readonly statusCode?: number; readonly message: string},
  ): FastifyReply =>
    sendRefusal(reply, refusal(statusCode, statusCode >= 500 && statusCode !== 503 ? 'internal error' : message));
  const http = fastify({
    requestTimeout: deadlines.request,
    connectionTimeout: deadlines.silent,
    keepAliveTimeout: deadlines.idle,
    forceCloseConnections: 'idle',
    bodyLimit: options.maxBodyBytes,
    http: {
      headersTimeout: deadlines.request,
      connectionsCheckingInterval: Math.min(MAX_CHECK_MS, Math.ceil(deadlines.request / 2)),
    },
    clientErrorHandler: (error, socket) => refuseConnection(error, socket as Socket, options),
    frameworkErrors: (error, _request, reply) => {
      refuse(reply as FastifyReply, error);
    },
    return503OnClosing: false,
  }) as unknown as FastifyInstance;
  const server = http.server as Server;
  server.maxConnections = maxConnections;
  limitConnections(server, maxConnectionsPerAddress);
  const bodies = new Bodies(options);
  http.removeAllContentTypeParsers();
  http.addContentTypeParser('*', (request: FastifyRequest) => bodies.read(request.raw));
  // Also of those who hang up.
  http.addHook('onRequest', (request, reply, done) => {
    reply.raw.once('close', () => bodies.release(request.raw));
    done();
  });
  http.setErrorHandler((error: FastifyError | BodyError, _request, reply) => {
    const {statusCode: status = 500} = error;
    if (status >= 500 && !(error instanceof BodyError)) log.error('a request failed', {error});
    return refuse(reply, error);
  });
  let closing = false;
  http.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  // Otherwise a client that keeps its connection would keep the program, too.
  http.addHook('onSend', (_request, reply, _payload, done) => {
    if (closing) reply.header('connection', 'close');
    done();
  });
  return http;
}

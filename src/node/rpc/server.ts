// HTTP and websocket transport of the RPC.   chain spec §4.6.1, §4.6.4
import type {IncomingMessage, Server} from 'node:http';
import type {AddressInfo, Socket} from 'node:net';
import {type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify} from 'fastify';
import {WebSocketServer} from 'ws';
import type {Log} from '../../service/logs/log.ts';
import type {Credentials} from './credentials.ts';
import type {Dispatcher} from './dispatcher.ts';
import {errorObject, RpcError} from './errors.ts';
import {toJson} from './json.ts';
import type {RpcLimits} from './limits.ts';
import type {RpcArea} from './method.ts';
import type {Notifications} from './notifications.ts';
import {describeMethods} from './openrpc.ts';
import {Session} from './session.ts';

const MAX_BODY_BYTES = 32 * 2 ** 20;
const MAX_SESSION_MESSAGE_BYTES = 32 * 2 ** 20;
/** How often late requests are looked for. */
const LOOK_MS = 5000;
const REALM = 'Basic realm="pktd RPC"';

export interface TlsFiles {
  /** PEM. */
  readonly key: Buffer;
  readonly cert: Buffer;
}

export interface RpcServerOptions {
  readonly dispatcher: Dispatcher;
  readonly areas: readonly RpcArea[];
  readonly credentials: Credentials;
  readonly notifications: Notifications;
  readonly version: string;
  readonly log: Log;
  readonly limits: RpcLimits;
  readonly tls?: TlsFiles;
}

/** A signal that a client has gone or the node stops; made when somebody asks for it, since hardly any call waits. */
class ClientWatch {
  readonly #socket: Socket;
  readonly #stopping: AbortSignal;
  #gone: AbortController | undefined;
  readonly #abort = (): void => this.#gone?.abort();

  constructor(socket: Socket, stopping: AbortSignal) {
    this.#socket = socket;
    this.#stopping = stopping;
    // A call is silent for as long as it takes; a long poll takes long.
    socket.setTimeout(0);
  }

  get signal(): AbortSignal {
    if (this.#gone === undefined) {
      this.#gone = new AbortController();
      this.#socket.once('close', this.#abort);
      this.#stopping.addEventListener('abort', this.#abort);
      if (this.#socket.destroyed || this.#stopping.aborted) this.#gone.abort();
    }
    return this.#gone.signal;
  }

  /** answerMs: how long the client may take over the answer. */
  end(answerMs: number): void {
    this.#socket.setTimeout(answerMs);
    if (this.#gone === undefined) return;
    this.#socket.removeListener('close', this.#abort);
    this.#stopping.removeEventListener('abort', this.#abort);
  }
}

/** The running server: where it listens, and how it ends. */
export class RpcServer {
  readonly #options: RpcServerOptions;
  readonly #http: FastifyInstance;
  readonly #sockets: WebSocketServer;
  readonly #stopping = new AbortController();
  #calls = 0;

  constructor(options: RpcServerOptions) {
    this.#options = options;
    const {
      tls,
      limits: {requestMs, keepAliveMs},
    } = options;
    const http = {connectionsCheckingInterval: Math.min(LOOK_MS, requestMs / 2), headersTimeout: requestMs};
    this.#http = fastify({
      bodyLimit: MAX_BODY_BYTES,
      requestTimeout: requestMs,
      connectionTimeout: requestMs,
      keepAliveTimeout: keepAliveMs,
      forceCloseConnections: true,
      exposeHeadRoutes: false,
      ...(tls ? {https: {...http, key: tls.key, cert: tls.cert}} : {http}),
    }) as FastifyInstance;
    this.#sockets = new WebSocketServer({noServer: true, maxPayload: MAX_SESSION_MESSAGE_BYTES});
    this.#addRoutes();
  }

  #addRoutes(): void {
    const http = this.#http;
    http.removeAllContentTypeParsers();
    http.addContentTypeParser('*', {parseAs: 'string'}, (_request, body, done) => done(null, body));
    http.addHook('onRequest', async (request, reply) => {
      if (request.url === '/openrpc.json' || this.#role(request) !== undefined) return;
      await reply.code(401).header('www-authenticate', REALM).type('text/plain').send('401 Unauthorized.\n');
    });
    http.get('/openrpc.json', (_request, reply) =>
      reply.type('application/json').send(toJson(describeMethods(this.#options.areas, this.#options.version))),
    );
    http.post('/*', (request, reply) => this.#call(request, reply));
    http.setNotFoundHandler((_request, reply) => this.#refuse(reply, 'a request is an HTTP POST with a JSON body'));
    http.setErrorHandler((error: FastifyError, _request, reply) => {
      const status = error.statusCode ?? 500;
      if (status >= 500) this.#options.log.error('request failed', {error});
      return this.#refuse(reply.code(status === 413 ? 413 : 200), status >= 500 ? 'internal error' : error.message);
    });
    const server = http.server as Server;
    server.maxConnections = this.#options.limits.connections;
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#upgrade(request, socket, head);
    });
  }

  #role(request: FastifyRequest): ReturnType<Credentials['roleOf']> {
    return this.#options.credentials.roleOfHeader(request.headers.authorization);
  }

  #refuse(reply: FastifyReply, reason: string): FastifyReply {
    const error = errorObject(new RpcError('ErrRPCInvalidRequest', reason), this.#options.version);
    return reply.type('application/json').send(`${toJson({result: null, error, id: null})}\n`);
  }

  async #call(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    if (this.#calls >= this.#options.limits.calls) {
      return reply.code(503).type('text/plain').send('503 Too busy.  Try again later.\n');
    }
    this.#calls++;
    const watch = new ClientWatch(request.raw.socket, this.#stopping.signal);
    try {
      const role = this.#role(request)!;
      const body = (request.body as string | undefined) ?? '';
      const text = await this.#options.dispatcher.answer(body, {
        role,
        get signal() {
          return watch.signal;
        },
      });
      return reply.type('application/json').send(text);
    } finally {
      this.#calls--;
      watch.end(this.#options.limits.requestMs);
    }
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const {dispatcher, credentials, notifications, limits, log} = this.#options;
    const refuse = (status: string): void => {
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    };
    socket.on('error', () => socket.destroy());
    const {authorization} = request.headers;
    const role = credentials.roleOfHeader(authorization);
    if (request.url !== '/ws') refuse('404 Not Found');
    else if (this.#sockets.clients.size >= limits.sessions) refuse('503 Service Unavailable');
    // Without the header the first call must be authenticate.
    else if (authorization !== undefined && role === undefined) refuse('401 Unauthorized');
    else
      this.#sockets.handleUpgrade(request, socket, head, (session) => {
        const {signal} = this.#stopping;
        Session.serve({session, role, dispatcher, credentials, notifications, limits, log, signal});
      });
  }

  /** Begins to listen; gives the address. Rejects with the system's error. */
  async listen(host: string, port: number): Promise<AddressInfo> {
    await this.#http.listen({host, port});
    return this.#http.server.address() as AddressInfo;
  }

  /** Takes no more requests, ends long polls and waits for the calls under way for a while. */
  async close(): Promise<void> {
    this.#stopping.abort();
    for (const session of this.#sockets.clients) session.close(1001, 'the node stops');
    const patience = setTimeout(() => {
      (this.#http.server as Server).closeAllConnections();
      for (const session of this.#sockets.clients) session.terminate();
    }, this.#options.limits.closeMs);
    await this.#http.close();
    clearTimeout(patience);
    for (const session of this.#sockets.clients) session.terminate();
  }
}

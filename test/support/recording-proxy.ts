// Stands between miners and a handler: keeps what miners were told, and breaks the connection when it is told to.
import {Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse} from 'node:http';
import type {Socket} from 'node:net';

/** cut: nothing comes through; lose: the handler hears it, the miner hears nothing; slow: all of it comes late. */
export type Weather = 'fair' | 'cut' | 'lose' | 'slow';

export interface Exchange {
  readonly path: string;
  readonly body: Buffer;
  readonly status: number;
  readonly answer: Buffer;
}

export interface RecordingProxyOptions {
  readonly port: number;
  /** Of the handler, on loopback. */
  readonly target: number;
  /** Before the handler hears of it. */
  readonly onPost: (body: Buffer, payTo: string) => void;
  /** The miner has got all of the answer. */
  readonly onTold: (exchange: Exchange) => void;
}

const SLOW_MS = 4000;
const TIMEOUT_MS = 60_000;

async function readAll(message: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of message) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

export class RecordingProxy {
  readonly #options: RecordingProxyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #agent = new Agent({keepAlive: false});
  #weather: Weather = 'fair';

  private constructor(options: RecordingProxyOptions) {
    this.#options = options;
    this.#server = createServer((incoming, outgoing) => {
      this.#serve(incoming, outgoing).catch(() => outgoing.destroy());
    });
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      if (this.#weather === 'cut') socket.destroy();
    });
  }

  static async open(options: RecordingProxyOptions): Promise<RecordingProxy> {
    const proxy = new RecordingProxy(options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject).listen(options.port, '127.0.0.1', resolve);
    });
    return proxy;
  }

  set weather(weather: Weather) {
    this.#weather = weather;
    if (weather === 'cut') for (const socket of this.#sockets) socket.destroy();
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await readAll(incoming);
    const isPost = incoming.method === 'POST';
    if (isPost) this.#options.onPost(body, String(incoming.headers['x-pc-payto'] ?? ''));
    if (this.#weather === 'slow') await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    const {status, headers, answer} = await this.#pass(incoming, body);
    if (this.#weather === 'lose' || this.#weather === 'cut') {
      outgoing.destroy();
      return;
    }
    outgoing.writeHead(status, headers);
    outgoing.end(answer, () => {
      if (isPost) this.#options.onTold({path: incoming.url ?? '', body, status, answer});
    });
  }

  #pass(
    incoming: IncomingMessage,
    body: Buffer,
  ): Promise<{status: number; headers: IncomingMessage['headers']; answer: Buffer}> {
    const {host: _host, 'transfer-encoding': _encoding, ...headers} = incoming.headers;
    return new Promise((resolve, reject) => {
      const onward = request(
        {
          host: '127.0.0.1',
          port: this.#options.target,
          path: incoming.url,
          method: incoming.method,
          headers: {...headers, 'content-length': body.length},
          agent: this.#agent,
          timeout: TIMEOUT_MS,
        },
        (response) => {
          readAll(response).then(
            (answer) => resolve({status: response.statusCode ?? 502, headers: response.headers, answer}),
            reject,
          );
        },
      );
      onward.on('error', reject).on('timeout', () => onward.destroy(new Error('timeout')));
      onward.end(body);
    });
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

import {once} from 'node:events';
import type {TestContext} from 'node:test';
import {WebSocket} from 'ws';
import {type ADMIN, authorization, type RpcReply, type RpcTestNode} from './rpc-node.ts';

export interface Notice {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** A websocket client that keeps what it is told. */
export class RpcSocket {
  readonly socket: WebSocket;
  readonly notices: Notice[] = [];
  readonly #answers = new Map<number, (reply: RpcReply) => void>();
  readonly #waiting = new Set<() => void>();
  #id = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => this.#hear(JSON.parse(data.toString()) as RpcReply & Notice));
    socket.on('error', () => {});
    socket.setMaxListeners(0);
  }

  /** Connects; without a user it has to authenticate. */
  static async open(t: TestContext, rpc: RpcTestNode, user?: typeof ADMIN): Promise<RpcSocket> {
    const headers = user === undefined ? {} : {authorization: authorization(user)};
    const client = new RpcSocket(new WebSocket(`ws://${rpc.address}/ws`, {headers}));
    t.after(() => client.socket.terminate());
    await once(client.socket, 'open');
    return client;
  }

  #hear(message: RpcReply & Notice): void {
    const answer = this.#answers.get(message.id as number);
    if (answer !== undefined) answer(message);
    else this.notices.push({method: message.method, params: message.params});
    for (const look of this.#waiting) look();
  }

  ask(method: string, ...params: readonly unknown[]): Promise<RpcReply> {
    const id = ++this.#id;
    return new Promise((resolve, reject) => {
      this.#answers.set(id, resolve);
      this.socket.once('close', () => reject(new Error('closed')));
      this.socket.send(JSON.stringify({jsonrpc: '1.0', id, method, params}));
    });
  }

  async call<Result = unknown>(method: string, ...params: readonly unknown[]): Promise<Result> {
    const {result, error} = await this.ask(method, ...params);
    if (error !== null) throw new Error(`${method}: ${error.message}`);
    return result as Result;
  }

  /** Gives the notices once there are so many, and forgets them. */
  async told(count: number): Promise<Notice[]> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.notices.length < count) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
    return this.notices.splice(0);
  }

  /** Code of the close. */
  async closed(): Promise<number> {
    const [code] = (await once(this.socket, 'close')) as [number];
    return code;
  }
}

// A line between two programs that a test can cut.
import {type AddressInfo, connect, createServer, type Server, type Socket} from 'node:net';
import type {TestContext} from 'node:test';

/** What becomes of bytes that a client sends. `lose-answer`: they arrive, and the line is cut at the first answer. */
export type Fate = 'pass' | 'cut' | 'lose-answer';

export class CuttableProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Asked for everything that clients send. */
  fateOf: (bytes: Buffer) => Fate = () => 'pass';
  /** While it is false, new connections are closed at once. */
  isUp = true;
  /** Connections that were made. */
  connections = 0;

  private constructor(host: string, port: number) {
    this.#server = createServer((client) => {
      this.connections++;
      const server = connect({host, port});
      let losesAnswer = false;
      const end = (): void => {
        client.destroy();
        server.destroy();
      };
      for (const socket of [client, server]) {
        this.#sockets.add(socket);
        socket.on('error', end);
        socket.on('close', () => {
          this.#sockets.delete(socket);
          end();
        });
      }
      if (!this.isUp) end();
      client.on('data', (bytes) => {
        const fate = this.fateOf(bytes);
        if (fate === 'cut') return end();
        losesAnswer ||= fate === 'lose-answer';
        server.write(bytes);
      });
      server.on('data', (bytes) => (losesAnswer ? end() : client.write(bytes)));
    });
  }

  /** Passes on what comes to a port of its own until the test ends. */
  static async open(t: TestContext, host: string, port: number): Promise<CuttableProxy> {
    const proxy = new CuttableProxy(host, port);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      proxy.cut();
      proxy.#server.close();
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends all connections there are. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

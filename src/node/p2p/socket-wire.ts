import type {Socket} from 'node:net';
import type {Wire} from './connection.ts';

/** What was sent last has so long to get out when a connection is closed. */
const CLOSE_MS = 2000;

/** A socket as a Wire. */
export class SocketWire implements Wire {
  readonly #socket: Socket;
  #closing = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
  }

  send(bytes: Uint8Array): void {
    if (!this.#closing && this.#socket.writable) this.#socket.write(bytes);
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  setReading(on: boolean): void {
    if (on === !this.#socket.isPaused()) return;
    if (on) this.#socket.resume();
    else this.#socket.pause();
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#socket.end();
    // What still comes is thrown away, so that the end of the stream is seen.
    this.#socket.resume();
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }
}

import type {CodedError} from '../../core/errors.ts';
import {type Command, encodeMessage, type Message, type Payloads} from '../../core/protocol/p2p/index.ts';
import type {Endpoint} from './addresses/ip.ts';
import {PeerError} from './errors.ts';
import type {Peer, PeerEvent} from './peer.ts';
import {RollingSet} from './rolling-set.ts';

/** What a peer may leave unread before it is dropped. Replies of many blocks wait for the peer long before that. */
export const MAX_QUEUED_BYTES: number = 16 * 2 ** 20;
/** Replies are prepared only while less than this is waiting. */
export const REPLY_BELOW_BYTES: number = 2 ** 20;
/** A peer that takes nothing of what is waiting for it for so long is dropped. */
export const SEND_DEADLINE_MS = 60_000;

const KNOWN_BLOCKS = 2000;
const KNOWN_TRANSACTIONS = 5000;

/** A socket, as the state machines see it. */
export interface Wire {
  send(bytes: Uint8Array): void;
  /** Bytes handed over that the other side has not taken yet. */
  readonly queuedBytes: number;
  setReading(on: boolean): void;
  /** Closes once what was sent is out, or after a short deadline. */
  close(): void;
}

/** outbound: chosen by us; manual: named by the operator; inbound: came to us. */
export type ConnectionKind = 'outbound' | 'manual' | 'inbound';

export interface ConnectionStart {
  readonly id: number;
  readonly kind: ConnectionKind;
  readonly endpoint: Endpoint;
  readonly peer: Peer;
  readonly wire: Wire;
  readonly openedMs: number;
  /** Acts on what the peer's state calls for. */
  readonly apply: (connection: Connection, events: readonly PeerEvent[]) => void;
  readonly nowMs: () => number;
}

/** One peer with its socket, and what all parts of the node share about it. */
export class Connection {
  readonly id: number;
  readonly kind: ConnectionKind;
  readonly endpoint: Endpoint;
  readonly peer: Peer;
  readonly wire: Wire;
  readonly openedMs: number;
  /** Inventory that the peer has announced, sent or been told of. */
  readonly knownBlocks: RollingSet = new RollingSet(KNOWN_BLOCKS);
  readonly knownTransactions: RollingSet = new RollingSet(KNOWN_TRANSACTIONS);
  readonly #start: ConnectionStart;
  /** Height of the highest block that the peer is seen to have, or has asked for. */
  bestHeight = 0;
  bytesReceived = 0;
  bytesSent = 0;
  lastReceivedMs = 0;
  lastSentMs = 0;
  /** When the peer last gave a block or transaction that was new. */
  lastUsefulMs = 0;
  #taken = 0;
  #takenMs: number;
  #holds = 0;

  constructor(start: ConnectionStart) {
    this.#start = start;
    this.id = start.id;
    this.kind = start.kind;
    this.endpoint = start.endpoint;
    this.peer = start.peer;
    this.wire = start.wire;
    this.openedMs = start.openedMs;
    this.#takenMs = start.openedMs;
  }

  get isReady(): boolean {
    return this.peer.isReady;
  }

  get isInbound(): boolean {
    return this.kind === 'inbound';
  }

  /** True while replies may be prepared. */
  get isDrained(): boolean {
    return this.wire.queuedBytes < REPLY_BELOW_BYTES;
  }

  send<Name extends Command>(magic: number, command: Name, payload: Payloads[Name]): void {
    if (this.peer.isClosed) return;
    this.sendBytes(encodeMessage(magic, command, payload));
    if (this.wire.queuedBytes > MAX_QUEUED_BYTES) this.end(new PeerError('slow-reader'));
  }

  sendMessage(magic: number, message: Message): void {
    this.sendBytes(encodeMessage(magic, message.command, message.payload as never));
  }

  private sendBytes(bytes: Uint8Array): void {
    this.bytesSent += bytes.length;
    this.lastSentMs = this.#start.nowMs();
    this.wire.send(bytes);
  }

  has(height: number | undefined): void {
    if (height !== undefined && height > this.bestHeight) this.bestHeight = height;
  }

  /** Charges the peer for what it sent. Errors without code are thrown on. */
  charge(error: unknown): void {
    this.#start.apply(this, this.peer.charge(error, this.#start.nowMs()));
  }

  end(reason: CodedError): void {
    this.#start.apply(this, this.peer.end(reason));
  }

  /** Stops reading from the peer until release(): what it has sent is more than is being dealt with. */
  hold(): void {
    this.#holds++;
    this.updateReading();
  }

  release(): void {
    this.#holds--;
    this.updateReading();
  }

  /** Reads or not, as holds and the peer's rates demand. */
  updateReading(): void {
    const nowMs = this.#start.nowMs();
    this.wire.setReading(this.#holds === 0 && this.peer.pausedUntilMs(nowMs) <= nowMs);
  }

  /** Ends the connection to a peer that does not take what is sent to it. */
  checkSending(nowMs: number): void {
    const taken = this.bytesSent - this.wire.queuedBytes;
    if (taken !== this.#taken || this.wire.queuedBytes === 0) {
      this.#taken = taken;
      this.#takenMs = nowMs;
    } else if (nowMs - this.#takenMs >= SEND_DEADLINE_MS) {
      this.end(new PeerError('send-timeout'));
    }
  }
}

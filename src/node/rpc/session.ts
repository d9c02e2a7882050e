// One websocket client: who it is, its calls, what it is told.   chain spec §4.6.4
import type {WebSocket} from 'ws';
import type {Log} from '../../service/logs/log.ts';
import type {Credentials} from './credentials.ts';
import type {Dispatcher} from './dispatcher.ts';
import {toJson} from './json.ts';
import type {RpcLimits} from './limits.ts';
import type {RpcRole} from './method.ts';
import {createSubscriber, type Notification, type Notifications, type Subscriber} from './notifications.ts';
import {sessionMethods} from './session-methods.ts';

/** Calls of one client at a time; more wait in its socket. */
const MAX_CALLS = 20;

export interface SessionOptions {
  readonly session: WebSocket;
  /** Undefined until the client has authenticated. */
  readonly role: RpcRole | undefined;
  readonly dispatcher: Dispatcher;
  readonly credentials: Credentials;
  readonly notifications: Notifications;
  readonly limits: RpcLimits;
  readonly log: Log;
  /** Ends when the node stops. */
  readonly signal: AbortSignal;
}

interface GivenCredentials {
  readonly id: unknown;
  readonly user: string;
  readonly password: string;
}

function credentialsIn(text: string): GivenCredentials | undefined {
  try {
    const {id, method, params} = JSON.parse(text) as Record<string, unknown>;
    if (method !== 'authenticate' || !Array.isArray(params)) return undefined;
    const [user, password] = params as unknown[];
    return typeof user === 'string' && typeof password === 'string' ? {id: id ?? null, user, password} : undefined;
  } catch {
    return undefined;
  }
}

/** A client from its first message to its last. */
export class Session {
  readonly #options: SessionOptions;
  readonly #subscriber: Subscriber;
  readonly #dispatcher: Dispatcher;
  readonly #gone = new AbortController();
  #role: RpcRole | undefined;
  #calls = 0;
  #alive = true;

  private constructor(options: SessionOptions) {
    this.#options = options;
    this.#subscriber = createSubscriber({
      send: (notification) => this.#send(notificationText(notification)),
      deliver: (notification) => this.#deliver(notificationText(notification)),
    });
    this.#dispatcher = options.dispatcher.with(sessionMethods(this.#subscriber));
  }

  /** Serves a client until it goes. */
  static serve(options: SessionOptions): void {
    new Session(options).#begin();
  }

  #begin(): void {
    const {session, role, log} = this.#options;
    if (role !== undefined) this.#admit(role);
    session.on('message', (data: Buffer) => {
      const text = data.toString();
      if (this.#role === undefined) this.#authenticate(text);
      else void this.#call(text, this.#role);
    });
    session.on('pong', () => {
      this.#alive = true;
    });
    session.on('error', (error) => log.debug('websocket failed', {error}));
    this.#watch();
  }

  #watch(): void {
    const {session, limits, notifications} = this.#options;
    const patience = setTimeout(() => {
      if (this.#role === undefined) session.close(1008, 'authenticate first');
    }, limits.authenticateMs);
    const pinging = setInterval(() => {
      if (this.#alive) session.ping();
      else session.terminate();
      this.#alive = false;
    }, limits.pingMs);
    session.on('close', () => {
      clearTimeout(patience);
      clearInterval(pinging);
      this.#gone.abort();
      notifications.remove(this.#subscriber);
    });
  }

  #admit(role: RpcRole): void {
    this.#role = role;
    this.#options.notifications.add(this.#subscriber);
  }

  #authenticate(text: string): void {
    const {session, credentials} = this.#options;
    const given = credentialsIn(text);
    const role = given && credentials.roleOf(given.user, given.password);
    if (given === undefined || role === undefined) {
      session.close(1008, 'authenticate first');
      return;
    }
    this.#admit(role);
    this.#send(`${toJson({result: null, error: null, id: given.id})}\n`);
  }

  async #call(text: string, role: RpcRole): Promise<void> {
    const {session, signal} = this.#options;
    if (++this.#calls >= MAX_CALLS) session.pause();
    const answer = await this.#dispatcher.answer(text, {role, signal: AbortSignal.any([this.#gone.signal, signal])});
    this.#calls--;
    if (session.isPaused) session.resume();
    if (session.readyState === session.OPEN) this.#send(answer);
  }

  #send(text: string): void {
    const {session, limits} = this.#options;
    if (session.bufferedAmount > limits.bufferedBytes) session.terminate();
    else session.send(text);
  }

  /** Sends and waits until it is out: for what would otherwise pile up. */
  #deliver(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#options.session.send(text, () => resolve());
    });
  }
}

function notificationText({method, params}: Notification): string {
  return toJson({jsonrpc: '1.0', method, params, id: null});
}

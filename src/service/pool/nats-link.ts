// A connection to NATS servers, made when it is wanted and made again when it was lost.
import {readFile} from 'node:fs/promises';
import {
  type Authenticator,
  connect,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import {CodedError, type ErrorTable} from '../../core/errors.ts';
import type {Log} from '../logs/log.ts';

export type EventsErrorCode = 'events-unreachable' | 'events-not-stored' | 'bad-credentials' | 'bad-stream';

export const EVENTS_ERRORS: ErrorTable<EventsErrorCode> = Object.freeze({
  'events-unreachable': {text: 'no NATS server lets us in; check that it runs, its address and the credentials'},
  'events-not-stored': {
    text: 'the stream has not confirmed the events; check that the paymaker has run once, and what the stream may hold',
  },
  'bad-credentials': {text: 'the file with credentials cannot be read or is none'},
  'bad-stream': {text: 'the stream is kept otherwise than events must be'},
});

export class EventsError extends CodedError<EventsErrorCode> {
  constructor(code: EventsErrorCode, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(code, EVENTS_ERRORS[code], details, cause);
  }
}

export interface NatsOptions {
  /** nats://host:port or tls://host:port; of one cluster. */
  readonly servers: readonly string[];
  /** File with a user's credentials as `nsc` writes them, a seed of an NKey, or user:password. */
  readonly credentialsFile?: string | undefined;
  /** File with certificates of those who may sign the servers'. */
  readonly caFile?: string | undefined;
  /** How the servers show it among their connections. */
  readonly name: string;
  readonly log: Log;
}

const CONNECT_MS = 5000;
const RECONNECT_MS = 1000;
const PING_MS = 20_000;
const CLOSE_MS = 5000;

async function readCredentials(path: string): Promise<Authenticator> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new EventsError('bad-credentials', {path, reason: (error as NodeJS.ErrnoException).code}, error);
  }
  const line = text.trim();
  if (line.includes('BEGIN NATS USER JWT')) return credsAuthenticator(new TextEncoder().encode(text));
  if (/^SU[A-Z2-7]{56}$/.test(line)) return nkeyAuthenticator(new TextEncoder().encode(line));
  const colon = line.indexOf(':');
  if (colon < 1 || line.includes('\n')) throw new EventsError('bad-credentials', {path, reason: 'no user:password'});
  return usernamePasswordAuthenticator(line.slice(0, colon), line.slice(colon + 1));
}

export class NatsLink {
  readonly #options: NatsOptions;
  #connecting: Promise<NatsConnection> | undefined;
  #isClosed = false;

  constructor(options: NatsOptions) {
    this.#options = options;
  }

  /** The connection there is, or a new one. Throws EventsError. */
  connection(): Promise<NatsConnection> {
    this.#connecting ??= this.#connect();
    return this.#connecting;
  }

  async #connect(): Promise<NatsConnection> {
    const {servers, credentialsFile, caFile, name, log} = this.#options;
    try {
      if (this.#isClosed) throw new EventsError('events-unreachable', {reason: 'closed'});
      const authenticator = credentialsFile === undefined ? undefined : await readCredentials(credentialsFile);
      const connection = await connect({
        servers: [...servers],
        name,
        timeout: CONNECT_MS,
        maxReconnectAttempts: -1,
        reconnectTimeWait: RECONNECT_MS,
        pingInterval: PING_MS,
        ...(authenticator !== undefined && {authenticator}),
        ...(caFile !== undefined && {tls: {caFile}}),
      });
      void this.#watch(connection);
      log.info('connected to NATS', {server: connection.getServer()});
      return connection;
    } catch (error) {
      this.#connecting = undefined;
      if (error instanceof EventsError) throw error;
      throw new EventsError(
        'events-unreachable',
        {servers: servers.join(' '), reason: (error as Error).message},
        error,
      );
    }
  }

  /** Tells of what happens to a connection; once the library has given it up, the next one is made. */
  async #watch(connection: NatsConnection): Promise<void> {
    const {log} = this.#options;
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') log.warn('the connection to NATS is lost', {server: status.server});
      if (status.type === 'reconnect') log.info('connected to NATS again', {server: status.server});
      if (status.type === 'error') log.warn('NATS tells of an error', {reason: status.error.message});
    }
    this.#connecting = undefined;
  }

  /** Sends what is still to be sent, and closes. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const connection = await this.#connecting?.catch(() => undefined);
    if (connection === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
    });
    // A lost connection cannot be drained.
    await Promise.race([connection.drain().catch(() => {}), late]);
    clearTimeout(timer);
    await connection.close();
  }
}

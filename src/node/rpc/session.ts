// One websocket client: the methods of the RPC, those that only make sense here, and notifications.   chain spec §4.6.4
import {randomBytes} from 'node:crypto';
import type {WebSocket} from 'ws';
import {z} from 'zod';
import {encodeHex} from '../../core/bytes/index.ts';
import {encodeTransaction} from '../../core/primitives/index.ts';
import type {Log} from '../../service/logs/log.ts';
import {shownHash} from '../chain/layout.ts';
import type {Credentials} from './credentials.ts';
import type {Dispatcher} from './dispatcher.ts';
import {RpcError} from './errors.ts';
import {toJson} from './json.ts';
import {defineMethod, type RpcMethod, type RpcRole} from './method.ts';
import {type Notification, type Notifications, type Subscriber, TransactionFilter} from './notifications.ts';
import {ADDRESS, count, FLAG, HASH} from './params.ts';

/** A client must have said who it is by then. */
const AUTHENTICATE_MS = 10_000;
const PING_MS = 30_000;
/** A client that lets this much pile up is too slow and is dropped. */
const MAX_BUFFERED_BYTES = 32 * 2 ** 20;
/** Calls of one client at a time; more wait in its socket. */
const MAX_CALLS = 20;
const MAX_RESCAN_BLOCKS = 2000;

export interface SessionOptions {
  readonly session: WebSocket;
  /** Undefined until the client has authenticated. */
  readonly role: RpcRole | undefined;
  readonly dispatcher: Dispatcher;
  readonly credentials: Credentials;
  readonly notifications: Notifications;
  readonly log: Log;
  /** Ends when the node stops. */
  readonly signal: AbortSignal;
}

const OUTPOINT: z.ZodType<{txid: Uint8Array; index: number}> = z
  .object({hash: HASH, index: count(0xffffffff)})
  .transform(({hash, index}) => ({txid: hash, index})) as z.ZodType<{txid: Uint8Array; index: number}>;

/** The methods that exist on websockets alone; they act on one subscriber. */
export function sessionMethods(subscriber: Subscriber): RpcMethod[] {
  const id = Number(randomBytes(6).readUIntBE(0, 6));
  const set = (name: string, summary: string, change: () => void): RpcMethod =>
    defineMethod({name, role: 'limited', summary, result: 'null', run: change});
  return [
    defineMethod({
      name: 'session',
      role: 'limited',
      summary: 'Number of this session.',
      result: '{sessionid}',
      run: () => ({sessionid: id}),
    }),
    set('notifyblocks', 'Begins to tell of blocks.', () => {
      subscriber.blocks = true;
    }),
    set('stopnotifyblocks', 'Ends telling of blocks.', () => {
      subscriber.blocks = false;
    }),
    defineMethod({
      name: 'notifynewtransactions',
      role: 'limited',
      summary: 'Begins to tell of transactions that enter the pool.',
      result: 'null',
      params: {verbose: FLAG.default(false)},
      run: (_node, {verbose}) => {
        subscriber.transactions = verbose ? 'objects' : 'ids';
      },
    }),
    set('stopnotifynewtransactions', 'Ends telling of transactions.', () => {
      subscriber.transactions = false;
    }),
    defineMethod({
      name: 'loadtxfilter',
      role: 'limited',
      summary: 'Sets or extends what transactions the client wants to hear of.',
      result: 'null',
      params: {
        reload: FLAG,
        addresses: z.array(ADDRESS).max(1_000_000),
        outpoints: z.array(OUTPOINT).max(1_000_000),
      },
      run: ({chain}, {reload, addresses, outpoints}) => {
        if (reload) subscriber.filter.clear();
        try {
          subscriber.filter.add(chain.network, addresses, outpoints);
        } catch (error) {
          throw new RpcError('ErrRPCInvalidAddressOrKey', (error as Error).message, error);
        }
      },
    }),
    defineMethod({
      name: 'rescanblocks',
      role: 'limited',
      summary: 'Transactions of blocks that match the filter of the client.',
      result: 'array of {hash, transactions}',
      params: {hashes: z.array(HASH).max(MAX_RESCAN_BLOCKS)},
      run: async ({chain}, {hashes}) => {
        const found: object[] = [];
        for (const hash of hashes) {
          const body = await chain.blockBody(hash);
          if (body === undefined) throw new RpcError('ErrRPCBlockNotFound');
          const wanted = body.transactions.filter((transaction) => subscriber.filter.matches(transaction));
          if (wanted.length === 0) continue;
          found.push({hash: shownHash(hash), transactions: wanted.map((entry) => encodeHex(encodeTransaction(entry)))});
        }
        return found;
      },
    }),
  ];
}

function credentialsIn(
  text: string,
): {readonly id: unknown; readonly user: string; readonly password: string} | undefined {
  try {
    const {id, method, params} = JSON.parse(text) as Record<string, unknown>;
    if (method !== 'authenticate' || !Array.isArray(params)) return undefined;
    const [user, password] = params as unknown[];
    return typeof user === 'string' && typeof password === 'string' ? {id: id ?? null, user, password} : undefined;
  } catch {
    return undefined;
  }
}

/** Serves a client until it goes. */
export function serveSession(options: SessionOptions): void {
  const {session, dispatcher, credentials, notifications, log, signal} = options;
  let {role} = options;
  const gone = new AbortController();
  let calls = 0;
  let alive = true;
  const send = (text: string): void => {
    if (session.bufferedAmount > MAX_BUFFERED_BYTES) session.terminate();
    else session.send(text);
  };
  const subscriber: Subscriber = {
    blocks: false,
    transactions: false,
    filter: new TransactionFilter(),
    send: ({method, params}: Notification) => send(toJson({jsonrpc: '1.0', method, params, id: null})),
  };
  const own = dispatcher.with(sessionMethods(subscriber));
  const begin = (): void => notifications.add(subscriber);
  if (role !== undefined) begin();
  const authenticate = (text: string): void => {
    const given = credentialsIn(text);
    role = given && credentials.roleOf(given.user, given.password);
    if (given === undefined || role === undefined) {
      session.close(1008, 'authenticate first');
      return;
    }
    begin();
    send(`${toJson({result: null, error: null, id: given.id})}\n`);
  };
  const call = async (text: string): Promise<void> => {
    if (++calls >= MAX_CALLS) session.pause();
    const both = AbortSignal.any([gone.signal, signal]);
    const answer = await own.answer(text, {role: role!, signal: both});
    calls--;
    if (session.isPaused) session.resume();
    if (session.readyState === session.OPEN) send(answer);
  };
  session.on('message', (data: Buffer) => {
    const text = data.toString();
    if (role === undefined) authenticate(text);
    else void call(text);
  });
  session.on('pong', () => {
    alive = true;
  });
  session.on('error', (error) => log.debug('websocket failed', {error}));
  const patience = setTimeout(() => {
    if (role === undefined) session.close(1008, 'authenticate first');
  }, AUTHENTICATE_MS);
  const pinging = setInterval(() => {
    if (alive) session.ping();
    else session.terminate();
    alive = false;
  }, PING_MS);
  session.on('close', () => {
    clearTimeout(patience);
    clearInterval(pinging);
    gone.abort();
    notifications.remove(subscriber);
  });
}

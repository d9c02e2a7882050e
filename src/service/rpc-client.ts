// JSON-RPC over HTTP, as the programs of this project and `pkt rpc` call a node.

import {readFile} from 'node:fs/promises';
import {parse, stringify} from 'lossless-json';
import {CodedError, type ErrorTable} from '../core/errors.ts';
import {type HttpAnswer, HttpError, httpRequest} from './http/http-client.ts';

export type RpcClientErrorCode =
  | 'rpc-unreachable'
  | 'rpc-unauthorized'
  | 'rpc-busy'
  | 'rpc-not-understood'
  | 'rpc-refused';

export const RPC_CLIENT_ERRORS: ErrorTable<RpcClientErrorCode> = Object.freeze({
  'rpc-unreachable': {text: 'the node does not answer; is it running, and is the address right?'},
  'rpc-unauthorized': {text: 'the node refuses the user name or password'},
  'rpc-busy': {text: 'the node has too much to do; try again later'},
  'rpc-not-understood': {text: 'the answer is not one of a node'},
  'rpc-refused': {text: 'the node refuses'},
});

/** `rpcCode` and `rpcMessage` are the node's, where it gave any. */
export class RpcClientError extends CodedError<RpcClientErrorCode> {
  readonly rpcCode: number | undefined;
  readonly rpcMessage: string | undefined;

  constructor(code: RpcClientErrorCode, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(code, RPC_CLIENT_ERRORS[code], details, cause);
    const {rpcCode, rpcMessage} = details;
    this.rpcCode = typeof rpcCode === 'number' ? rpcCode : undefined;
    this.rpcMessage = typeof rpcMessage === 'string' ? rpcMessage : undefined;
  }
}

export interface RpcClientOptions {
  /** http://host:port/ or https. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** Who calls once the node refuses the present name and password: it may have made new ones at its last start. */
  readonly renew?: () => Promise<Credentials>;
  readonly timeoutMs?: number;
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

const TIMEOUT_MS = 60_000;
const MAX_ANSWER_BYTES = 512 * 2 ** 20;

/** Whole numbers that a double does not hold become bigint. */
function readNumber(text: string): number | bigint {
  const value = Number(text);
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

/** Calls methods of a node. */
export class RpcClient {
  readonly #options: RpcClientOptions;
  #authorization: string;
  #id = 0;

  constructor(options: RpcClientOptions) {
    this.#options = options;
    this.#authorization = authorization(options);
  }

  /** Gives the result of a method. Throws RpcClientError. */
  async call(method: string, params: readonly unknown[] = [], signal?: AbortSignal): Promise<unknown> {
    const body = stringify({jsonrpc: '1.0', id: ++this.#id, method, params})!;
    const answer = await this.#postRenewed(body, signal);
    if (typeof answer !== 'object' || answer === null) throw new RpcClientError('rpc-not-understood');
    const {result, error} = answer as {result?: unknown; error?: {code?: number; message?: string} | null};
    if (error === null || error === undefined) return result;
    throw new RpcClientError('rpc-refused', {method, rpcCode: error.code, rpcMessage: error.message});
  }

  async #postRenewed(body: string, signal: AbortSignal | undefined): Promise<unknown> {
    try {
      return await this.#post(body, signal);
    } catch (error) {
      const {renew} = this.#options;
      if (!(error instanceof RpcClientError) || error.code !== 'rpc-unauthorized' || renew === undefined) throw error;
      // Without a file the node is not up yet.
      const renewed = await renew().then(authorization, () => this.#authorization);
      if (renewed === this.#authorization) throw error;
      this.#authorization = renewed;
      return await this.#post(body, signal);
    }
  }

  async #post(body: string, signal: AbortSignal | undefined): Promise<unknown> {
    const {url, timeoutMs = TIMEOUT_MS} = this.#options;
    let answer: HttpAnswer;
    try {
      answer = await httpRequest(url, {
        method: 'POST',
        body,
        headers: {authorization: this.#authorization, 'content-type': 'application/json'},
        timeoutMs,
        maxBytes: MAX_ANSWER_BYTES,
        ...(signal !== undefined && {signal}),
      });
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      if (error.code === 'http-too-large') throw new RpcClientError('rpc-not-understood', {reason: 'too long'}, error);
      throw new RpcClientError('rpc-unreachable', {url, reason: error.details['reason'] ?? error.code}, error);
    }
    const {status} = answer;
    if (status === 401) throw new RpcClientError('rpc-unauthorized', {url});
    if (status === 503) throw new RpcClientError('rpc-busy', {url});
    try {
      return parse(new TextDecoder().decode(answer.body), null, readNumber);
    } catch (error) {
      throw new RpcClientError('rpc-not-understood', {url, status}, error);
    }
  }
}

function authorization({user, password}: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** Reads the file with user:password that a node writes. Rejects with the system's error. */
export async function readCookie(path: string): Promise<Credentials> {
  const [user = '', ...rest] = (await readFile(path, 'utf8')).trim().split(':');
  return {user, password: rest.join(':')};
}

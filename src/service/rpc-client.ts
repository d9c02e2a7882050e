// JSON-RPC over HTTP, as the programs of this project and `pkt rpc` call a node.

import {parse, stringify} from 'lossless-json';
import {CodedError, type ErrorTable} from '../core/errors.ts';

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
  readonly timeoutMs?: number;
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
  readonly #authorization: string;
  #id = 0;

  constructor(options: RpcClientOptions) {
    this.#options = options;
    this.#authorization = `Basic ${Buffer.from(`${options.user}:${options.password}`).toString('base64')}`;
  }

  /** Gives the result of a method. Throws RpcClientError. */
  async call(method: string, params: readonly unknown[] = [], signal?: AbortSignal): Promise<unknown> {
    const body = stringify({jsonrpc: '1.0', id: ++this.#id, method, params})!;
    const answer = await this.#post(body, signal);
    if (typeof answer !== 'object' || answer === null) throw new RpcClientError('rpc-not-understood');
    const {result, error} = answer as {result?: unknown; error?: {code?: number; message?: string} | null};
    if (error === null || error === undefined) return result;
    throw new RpcClientError('rpc-refused', {method, rpcCode: error.code, rpcMessage: error.message});
  }

  async #post(body: string, signal: AbortSignal | undefined): Promise<unknown> {
    const {url, timeoutMs = TIMEOUT_MS} = this.#options;
    const deadline = AbortSignal.timeout(timeoutMs);
    let status: number;
    let text: string;
    try {
      const response = await fetch(url, {
        method: 'POST',
        body,
        headers: {authorization: this.#authorization, 'content-type': 'application/json'},
        signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      });
      status = response.status;
      if (Number(response.headers.get('content-length') ?? 0) > MAX_ANSWER_BYTES) {
        throw new RpcClientError('rpc-not-understood', {reason: 'too long'});
      }
      text = await response.text();
    } catch (error) {
      if (error instanceof RpcClientError) throw error;
      throw new RpcClientError('rpc-unreachable', {url, reason: reasonOf(error)}, error);
    }
    if (status === 401) throw new RpcClientError('rpc-unauthorized', {url});
    if (status === 503) throw new RpcClientError('rpc-busy', {url});
    try {
      return parse(text, null, readNumber);
    } catch (error) {
      throw new RpcClientError('rpc-not-understood', {url, status}, error);
    }
  }
}

function reasonOf(error: unknown): string {
  const cause = (error as {cause?: {code?: string; message?: string}}).cause;
  return cause?.code ?? cause?.message ?? (error as Error).message;
}

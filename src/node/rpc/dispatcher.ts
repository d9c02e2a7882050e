// Requests as they stand in a body, and their answers: no transport.   chain spec §4.6.1
import {CodedError} from '../../core/errors.ts';
import type {Log} from '../../service/logs/log.ts';
import {errorObject, RpcError, type RpcErrorObject} from './errors.ts';
import {toJson} from './json.ts';
import type {RpcCall, RpcMethod} from './method.ts';
import type {RpcNode} from './rpc-node.ts';

const MAX_BATCH = 1000;
/** All answers to a batch; what is under way when they reach it comes on top. */
const MAX_BATCH_CHARACTERS = 64 * 2 ** 20;
/** Requests of one batch that run at a time. */
const BATCH_AT_ONCE = 8;
const MAX_ID_CHARACTERS = 1000;

/** How a call ended, for statistics. */
export interface CallRecord {
  readonly method: string;
  readonly ok: boolean;
  readonly ms: number;
}

export interface DispatcherOptions {
  readonly node: RpcNode;
  readonly methods: readonly RpcMethod[];
  readonly log: Log;
  /** Called after every call. */
  readonly onCall?: (record: CallRecord) => void;
}

interface Answer {
  readonly result: unknown;
  readonly error: RpcErrorObject | null;
  readonly id: unknown;
}

function checkId(id: unknown): unknown {
  if (id === undefined || id === null || typeof id === 'number' || typeof id === 'boolean') return id ?? null;
  if (typeof id === 'string' && id.length <= MAX_ID_CHARACTERS) return id;
  throw new RpcError('ErrRPCInvalidRequest', 'id must be a short string, a number or null');
}

/** Runs requests against a table of methods. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #methods: ReadonlyMap<string, RpcMethod>;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#methods = new Map(options.methods.map((method) => [method.name, method]));
  }

  /** The same with more methods. */
  with(methods: readonly RpcMethod[]): Dispatcher {
    return new Dispatcher({...this.#options, methods: [...this.#options.methods, ...methods]});
  }

  /** Answers a body with the text that goes back; never throws. */
  async answer(body: string, call: RpcCall): Promise<string> {
    let request: unknown;
    try {
      request = JSON.parse(body);
    } catch {
      return this.#text(this.#failed(new RpcError('ErrRPCParse'), null));
    }
    if (!Array.isArray(request)) return this.#text(await this.answerOne(request, call));
    if (request.length > MAX_BATCH) {
      const error = new RpcError(
        'ErrRPCInvalidRequest',
        `a batch may have ${MAX_BATCH} requests, got ${request.length}`,
      );
      return this.#text(this.#failed(error, null));
    }
    return `[${(await this.#answerBatch(request, call)).join(',')}]\n`;
  }

  #text(answer: Answer): string {
    return `${this.#json(answer)}\n`;
  }

  /** What is nested too deeply or is too long for a text becomes a refusal. */
  #json(answer: Answer): string {
    try {
      return toJson(answer);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return toJson(this.#failed(new RpcError('ErrRPCInternal', 'the answer is too large', error), answer.id));
    }
  }

  /** Answers as texts, in the order of the requests. Once they are too large together the rest is refused. */
  async #answerBatch(requests: readonly unknown[], call: RpcCall): Promise<string[]> {
    const texts = new Array<string>(requests.length);
    let next = 0;
    let characters = 0;
    const work = async (): Promise<void> => {
      for (let i = next++; i < requests.length; i = next++) {
        const isFull = characters > MAX_BATCH_CHARACTERS;
        const text = this.#json(isFull ? this.#turnedAway(requests[i]) : await this.answerOne(requests[i], call));
        characters += text.length;
        texts[i] = text;
      }
    };
    await Promise.all(Array.from({length: BATCH_AT_ONCE}, work));
    return texts;
  }

  #turnedAway(request: unknown): Answer {
    const id = (request as {readonly id?: unknown} | null)?.id;
    const isPlain = typeof id === 'number' || (typeof id === 'string' && id.length <= MAX_ID_CHARACTERS);
    return this.#failed(new RpcError('ErrRPCBusy', 'the answers to the batch are too large'), isPlain ? id : null);
  }

  /** Answers one request as parsed; never throws. */
  async answerOne(request: unknown, call: RpcCall): Promise<Answer> {
    let id: unknown = null;
    let name = '(none)';
    const begun = performance.now();
    let answer: Answer;
    try {
      if (typeof request !== 'object' || request === null || Array.isArray(request)) {
        throw new RpcError('ErrRPCInvalidRequest', 'a request is an object');
      }
      const {id: given, method, params} = request as Record<string, unknown>;
      id = checkId(given);
      if (typeof method !== 'string') throw new RpcError('ErrRPCInvalidRequest', 'method must be a string');
      const known = this.#methods.get(method);
      if (known === undefined) throw new RpcError('ErrRPCMethodNotFound');
      name = method;
      if (params !== undefined && params !== null && !Array.isArray(params)) {
        throw new RpcError('ErrRPCInvalidRequest', 'params must be an array, in the order of the description');
      }
      if (known.role === 'admin' && call.role !== 'admin') throw new RpcError('ErrRPCForbidden');
      const result = await known.run(this.#options.node, (params as unknown[] | undefined) ?? [], call);
      answer = {result: result ?? null, error: null, id};
    } catch (error) {
      answer = this.#failed(error, id, name);
    }
    this.#options.onCall?.({method: name, ok: answer.error === null, ms: performance.now() - begun});
    return answer;
  }

  #failed(error: unknown, id: unknown, method?: string): Answer {
    const {node, log} = this.#options;
    let refusal: RpcError;
    if (error instanceof RpcError) refusal = error;
    else if (error instanceof CodedError) refusal = new RpcError('ErrRPCMisc', error.message, error);
    else {
      // Our own bug: told in the log, not to the client.
      log.error('call failed', {method, error});
      refusal = new RpcError('ErrRPCInternal', 'internal error, see the log of the node', error);
    }
    return {result: null, error: errorObject(refusal, node.version), id};
  }
}

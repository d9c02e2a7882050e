import type {Log} from '../../../service/logs/log.ts';
import {type RpcClient, RpcClientError} from '../../../service/rpc-client.ts';
import {MasterError} from './errors.ts';

/** Several nodes in order of preference; one that does not answer is passed over until the others fail, too. */
export class NodeGroup {
  readonly #nodes: readonly RpcClient[];
  readonly #log: Log;
  #preferred = 0;

  constructor(nodes: readonly RpcClient[], log: Log) {
    if (nodes.length === 0) throw new RangeError('"nodes" expected at least one node, got none');
    this.#nodes = nodes;
    this.#log = log;
  }

  /** Calls a method of the preferred node or, when it does not answer, of the next one. Throws RpcClientError, MasterError 'no-node'. */
  async call(method: string, params: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    let failure: unknown;
    for (let i = 0; i < this.#nodes.length; i++) {
      const number = (this.#preferred + i) % this.#nodes.length;
      try {
        const result = await this.#nodes[number]!.call(method, params, signal);
        if (number !== this.#preferred) this.#log.warn('another node is asked from now on', {node: number});
        this.#preferred = number;
        return result;
      } catch (error) {
        signal.throwIfAborted();
        // A refusal is an answer.
        if (!(error instanceof RpcClientError) || error.code === 'rpc-refused') throw error;
        failure = error;
      }
    }
    throw new MasterError('no-node', {nodes: this.#nodes.length}, failure);
  }
}

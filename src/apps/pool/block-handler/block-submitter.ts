// Winning blocks on their way to the nodes: on disk first, so that none is lost, and to all nodes at once.   pool spec §8.5
import {mkdir, readdir, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {encodeHex} from '../../../core/bytes/index.ts';
import type {Log} from '../../../service/logs/log.ts';
import {type RpcClient, RpcClientError} from '../../../service/rpc-client.ts';
import {readWholeFile, writeFileAtomically} from '../../../service/stores/atomic-file.ts';

const MAX_BLOCK_BYTES = 8 * 2 ** 20;
const RETRY_MS = 500;
/** A block that no node has answered about by then is left to the next start. */
const GIVE_UP_MS = 120_000;

export interface BlockSubmitterOptions {
  readonly nodes: readonly RpcClient[];
  readonly dir: string;
  readonly log: Log;
}

export type Verdict = {readonly accepted: true} | {readonly accepted: false; readonly reason: string};

/** Submits blocks; closes without losing any. */
export class BlockSubmitter {
  readonly #options: BlockSubmitterOptions;
  readonly #stop = new AbortController();
  readonly #work = new Set<Promise<unknown>>();

  private constructor(options: BlockSubmitterOptions) {
    this.#options = options;
  }

  /** Begins with what an earlier run left. */
  static async open(options: BlockSubmitterOptions): Promise<BlockSubmitter> {
    await mkdir(options.dir, {recursive: true});
    const submitter = new BlockSubmitter(options);
    for (const name of await readdir(options.dir)) {
      const hash = /^block_([0-9a-f]{64})\.bin$/.exec(name)?.[1];
      if (hash === undefined) continue;
      const block = await readWholeFile(join(options.dir, name), MAX_BLOCK_BYTES);
      if (block === undefined) continue;
      options.log.warn('a block of an earlier run is submitted', {hash});
      void submitter.#track(submitter.#submitKept(hash, block));
    }
    return submitter;
  }

  /** Blocks on their way to the nodes. */
  get waiting(): number {
    return this.#work.size;
  }

  #track<Result>(work: Promise<Result>): Promise<Result> {
    const settled = work.catch(() => {}).finally(() => this.#work.delete(settled));
    this.#work.add(settled);
    return work;
  }

  #path(hash: string): string {
    return join(this.#options.dir, `block_${hash}.bin`);
  }

  /** Resolves when a node has taken the block, or all that answer refuse it. hash: shown order. */
  async submit(hash: string, block: Uint8Array): Promise<Verdict> {
    try {
      await writeFileAtomically(this.#path(hash), block);
    } catch (error) {
      this.#options.log.error('a block cannot be kept; it is submitted all the same', {hash, error});
    }
    return this.#track(this.#submitKept(hash, block));
  }

  async #submitKept(hash: string, block: Uint8Array): Promise<Verdict> {
    const hex = encodeHex(block);
    const until = performance.now() + GIVE_UP_MS;
    const verdicts = this.#options.nodes.map((node) => this.#submitTo(node, hex, until));
    const verdict = await firstAccepted(verdicts);
    if (verdict === undefined) {
      this.#options.log.error('no node has answered about a block; it is kept and submitted at the next start', {hash});
      return {accepted: false, reason: 'no node answers'};
    }
    if (verdict.accepted) this.#options.log.info('block accepted', {hash});
    else this.#options.log.error('block refused', {hash, reason: verdict.reason});
    await rm(this.#path(hash), {force: true});
    return verdict;
  }

  async #submitTo(node: RpcClient, hex: string, until: number): Promise<Verdict | undefined> {
    while (performance.now() < until && !this.#stop.signal.aborted) {
      try {
        const answer = await node.call('submitblock', [hex], this.#stop.signal);
        // A node that has it already, from another one, has taken it as well.
        if (answer === null || String(answer).includes('already have block')) return {accepted: true};
        return {accepted: false, reason: String(answer)};
      } catch (error) {
        if (!(error instanceof RpcClientError)) throw error;
        if (error.code === 'rpc-refused') return {accepted: false, reason: error.rpcMessage ?? error.message};
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    return undefined;
  }

  /** Ends waiting for nodes; what they have not answered about stays on disk. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#work);
  }
}

/** The first acceptance; else the first refusal; undefined when nobody answers. */
async function firstAccepted(verdicts: readonly Promise<Verdict | undefined>[]): Promise<Verdict | undefined> {
  const accepted = Promise.any(
    verdicts.map(async (verdict) => {
      const known = await verdict;
      if (known?.accepted === true) return known;
      throw new Error('not accepted');
    }),
  );
  try {
    return await accepted;
  } catch {
    const all = await Promise.all(verdicts);
    return all.find((verdict) => verdict !== undefined);
  }
}

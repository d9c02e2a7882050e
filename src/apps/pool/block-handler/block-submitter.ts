// Winning blocks on their way to the nodes: on disk first, with the share that is paid for them, so that neither is lost, and to
// all nodes at once.   pool spec §8.5
import {mkdir, readdir, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {encodeHex} from '../../../core/bytes/index.ts';
import type {ShareEvent} from '../../../core/protocol/pool/index.ts';
import type {Log} from '../../../service/logs/log.ts';
import {type RpcClient, RpcClientError} from '../../../service/rpc-client.ts';
import {readWholeFile, writeFileAtomically} from '../../../service/stores/atomic-file.ts';
import {StoreError} from '../../../service/stores/key-value-store.ts';

const MAX_BLOCK_BYTES = 8 * 2 ** 20;
const MAX_SHARE_BYTES = 10_000;
const RETRY_MS = 500;
/** A block that no node has answered about by then is left to the next start. */
const GIVE_UP_MS = 120_000;

export interface BlockSubmitterOptions {
  readonly nodes: readonly RpcClient[];
  readonly dir: string;
  /** Tells the paymaker of the share; resolves when that is on disk. Rejects with StoreError. */
  readonly record: (share: ShareEvent) => Promise<void>;
  readonly log: Log;
  readonly retryMs?: number;
  readonly giveUpMs?: number;
}

/** A share that is a block. */
export interface Win {
  /** Shown order. */
  readonly hash: string;
  readonly block: Uint8Array;
  /** As it is told if no node takes the block. */
  readonly share: ShareEvent;
  readonly onAccepted: () => void;
}

type Verdict = {readonly accepted: true} | {readonly accepted: false; readonly reason: string};

/** Submits blocks and tells of their shares; closes without losing any. */
export class BlockSubmitter {
  readonly #options: BlockSubmitterOptions;
  readonly #stop = new AbortController();
  readonly #work = new Set<Promise<unknown>>();

  private constructor(options: BlockSubmitterOptions) {
    this.#options = options;
  }

  /** Begins with what an earlier run left. Rejects with the system's error. */
  static async open(options: BlockSubmitterOptions): Promise<BlockSubmitter> {
    await mkdir(options.dir, {recursive: true});
    const submitter = new BlockSubmitter(options);
    for (const name of await readdir(options.dir)) {
      const hash = /^block_([0-9a-f]{64})\.bin$/.exec(name)?.[1];
      if (hash === undefined) continue;
      const block = await submitter.#read(name, MAX_BLOCK_BYTES);
      if (block === undefined) continue;
      const share = await submitter.#readShare(hash);
      options.log.warn('a block of an earlier run is submitted', {hash});
      void submitter.#track(submitter.#submitKept(hash, block, share)).catch((error: unknown) => {
        options.log.error('the share of a block cannot be told; it is kept', {hash, error});
      });
    }
    return submitter;
  }

  /** Blocks on their way to the nodes. */
  get waiting(): number {
    return this.#work.size;
  }

  #track<Result>(work: Promise<Result>): Promise<Result> {
    const forget = (): void => {
      this.#work.delete(settled);
    };
    const settled: Promise<void> = work.then(forget, forget);
    this.#work.add(settled);
    return work;
  }

  #blockPath(hash: string): string {
    return join(this.#options.dir, `block_${hash}.bin`);
  }

  #sharePath(hash: string): string {
    return join(this.#options.dir, `share_${hash}.json`);
  }

  async #read(name: string, maxBytes: number): Promise<Uint8Array | undefined> {
    try {
      return await readWholeFile(join(this.#options.dir, name), maxBytes);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#options.log.error('what an earlier run has left cannot be read', {name, error});
      return undefined;
    }
  }

  async #readShare(hash: string): Promise<ShareEvent | undefined> {
    const bytes = await this.#read(`share_${hash}.json`, MAX_SHARE_BYTES);
    if (bytes === undefined) return undefined;
    try {
      return JSON.parse(new TextDecoder().decode(bytes)) as ShareEvent;
    } catch (error) {
      this.#options.log.error('the share of a block cannot be read', {hash, error});
      return undefined;
    }
  }

  /**
   * Resolves when a node has taken the block, or all that answer refuse it, and the share is on disk as it has become. Rejects
   * with StoreError where it cannot be written down; then the next start tells of it.
   */
  async submit({hash, block, share, onAccepted}: Win): Promise<ShareEvent> {
    try {
      // The share first: who finds a block finds whom it pays.
      await writeFileAtomically(this.#sharePath(hash), new TextEncoder().encode(JSON.stringify(share)));
      await writeFileAtomically(this.#blockPath(hash), block);
    } catch (error) {
      this.#options.log.error('a block cannot be kept; it is submitted all the same', {hash, error});
    }
    return (await this.#track(this.#submitKept(hash, block, share, onAccepted)))!;
  }

  async #submitKept(
    hash: string,
    block: Uint8Array,
    share: ShareEvent | undefined,
    onAccepted?: () => void,
  ): Promise<ShareEvent | undefined> {
    const {nodes, record, log, giveUpMs = GIVE_UP_MS} = this.#options;
    const hex = encodeHex(block);
    const until = performance.now() + giveUpMs;
    const verdict = await firstAccepted(nodes.map((node) => this.#submitTo(node, hex, until)));
    const told: ShareEvent | undefined =
      share !== undefined && verdict?.accepted === true ? {...share, block: true, headerHash: hash} : share;
    if (verdict === undefined) {
      log.error('no node has answered about a block; it is kept and submitted at the next start', {hash});
    } else if (verdict.accepted) log.info('block accepted', {hash});
    else log.error('block refused', {hash, reason: verdict.reason});
    if (verdict?.accepted === true) onAccepted?.();
    if (told !== undefined) await record(told);
    if (verdict !== undefined) {
      await rm(this.#blockPath(hash), {force: true});
      await rm(this.#sharePath(hash), {force: true});
    }
    return told;
  }

  async #submitTo(node: RpcClient, hex: string, until: number): Promise<Verdict | undefined> {
    const {signal} = this.#stop;
    while (performance.now() < until && !signal.aborted) {
      try {
        const answer = await node.call('submitblock', [hex], signal);
        return answer === null ? {accepted: true} : judge(String(answer));
      } catch (error) {
        if (!(error instanceof RpcClientError)) throw error;
        if (error.code === 'rpc-refused') return judge(error.rpcMessage ?? error.message);
        await this.#pause();
      }
    }
    return undefined;
  }

  #pause(): Promise<void> {
    const {signal} = this.#stop;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, this.#options.retryMs ?? RETRY_MS);
      signal.addEventListener('abort', done, {once: true});
      if (signal.aborted) done();
    });
  }

  /** Ends waiting for nodes, so that those who wait for an answer get one; what no node has answered about stays on disk. */
  giveUp(): void {
    this.#stop.abort();
  }

  async close(): Promise<void> {
    this.giveUp();
    await Promise.all(this.#work);
  }
}

/** A node that has the block already, from another one, has taken it as well. */
function judge(reason: string): Verdict {
  return reason.includes('already have block') ? {accepted: true} : {accepted: false, reason};
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

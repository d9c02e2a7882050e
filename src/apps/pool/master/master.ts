import {mkdir} from 'node:fs/promises';
import {ed25519} from '@noble/curves/ed25519.js';
import {encodeHex} from '../../../core/bytes/index.ts';
import {CodedError} from '../../../core/errors.ts';
import {type BlockInfo, type PoolConfig, PoolError} from '../../../core/protocol/pool/index.ts';
import {HttpError, httpRequest} from '../../../service/http/http-client.ts';
import type {Log} from '../../../service/logs/log.ts';
import {type RpcClient, RpcClientError} from '../../../service/rpc-client.ts';
import {BlockInfos} from './block-infos.ts';
import {MasterError} from './errors.ts';
import {blockInfoOf, type MasterSettings, makeWork, readTemplate, signingKey} from './master-work.ts';
import {NodeGroup} from './node-group.ts';
import {hasSameTargets, isWhole, tipOfWork, type WorkFiles, WorkStore} from './work-store.ts';

export interface MasterOptions {
  /** In order of preference. */
  readonly nodes: readonly RpcClient[];
  readonly settings: MasterSettings;
  readonly dir: string;
  readonly log: Log;
  /** How often the nodes are asked for the tip. */
  readonly pollMs?: number;
  /** A standby takes the files of these masters, so that all hand out the same; its own only when none answers. */
  readonly standbyOf?: readonly string[];
}

const POLL_MS = 500;
/** Blocks below the tip whose documents must be there before a tip is named; clients walk back six. */
const DEPTH = 10;
const PEER_MS = 2000;
const MAX_FILE_BYTES = 8 * 2 ** 20;
const WARN_MS = 30_000;

/** What is handed out at one time. */
export interface Published extends WorkFiles {
  readonly config: PoolConfig;
}

/**
 * Turns templates of a node into work for the whole pool. Everything is a function of the template and the settings; nothing is
 * announced before everything that clients will ask for is there.   pool spec §7
 */
export class Master {
  readonly #options: MasterOptions;
  readonly #nodes: NodeGroup;
  readonly #infos: BlockInfos;
  readonly #works: WorkStore;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<(published: Published) => void>();
  #published: Published | undefined;
  #running: Promise<void> = Promise.resolve();
  #warnedMs = Number.NEGATIVE_INFINITY;
  #reason = 'the node has not been asked yet';

  private constructor(options: MasterOptions, nodes: NodeGroup, infos: BlockInfos, works: WorkStore) {
    this.#options = options;
    this.#nodes = nodes;
    this.#infos = infos;
    this.#works = works;
  }

  /** Reads what was kept and begins to follow the node. Throws StoreError. */
  static async open(options: MasterOptions): Promise<Master> {
    const {dir, log} = options;
    await mkdir(dir, {recursive: true});
    const nodes = new NodeGroup(options.nodes, log);
    const stop = new AbortController();
    const sigKey = (height: number): string | null => keyText(options.settings, height + 1);
    const infos = await BlockInfos.open({
      dir,
      log,
      fetch: async (hash) => {
        const header = (await nodes.call('getblockheader', [hash, true], stop.signal)) as {height: number};
        return blockInfoOf(header, sigKey(header.height));
      },
    });
    const master = new Master(options, nodes, infos, await WorkStore.open(dir, log));
    master.#stop.signal.addEventListener('abort', () => stop.abort());
    master.#running = master.#follow();
    return master;
  }

  /** What is handed out now; undefined until the node has given a template. */
  get published(): Published | undefined {
    return this.#published;
  }

  /** Why nothing, or nothing new, is handed out; empty when all is well. */
  get reason(): string {
    return this.#reason;
  }

  blockInfo(hash: string): BlockInfo | undefined {
    return this.#infos.get(hash);
  }

  work(height: number): WorkFiles | undefined {
    return this.#works.get(height);
  }

  /** The document of a block of the present chain by its height, where it is among the newest. */
  async blockInfoAt(height: number): Promise<BlockInfo | undefined> {
    const published = this.#published;
    const depth = published === undefined ? -1 : published.height - 1 - height;
    if (depth < 0 || depth > 300) return undefined;
    const infos = await this.#infos.ensure(published!.config.tipHash, depth);
    return infos.find(({header}) => header.height === height);
  }

  subscribe(listener: (published: Published) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #follow(): Promise<void> {
    const {pollMs = POLL_MS} = this.#options;
    const {signal} = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#look();
        this.#reason = '';
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(error);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, pollMs);
        function done(): void {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        }
        signal.addEventListener('abort', done, {once: true});
      });
    }
  }

  #failed(error: unknown): void {
    if (!(error instanceof CodedError)) throw error;
    this.#reason = error instanceof RpcClientError ? (error.rpcMessage ?? error.message) : error.message;
    if (error instanceof MasterError && error.code === 'chain-changed') return;
    if (performance.now() - this.#warnedMs < WARN_MS) return;
    this.#warnedMs = performance.now();
    this.#options.log.warn('no new work can be handed out', {reason: this.#reason});
  }

  /** One look at the node's tip. */
  async #look(): Promise<void> {
    const tip = await this.#nodes.call('getbestblockhash', [], this.#stop.signal);
    if (tip === this.#published?.config.tipHash) return;
    if (this.#published === undefined) await this.#checkSynchronised();
    const template = readTemplate(await this.#nodes.call('getrawblocktemplate', [], this.#stop.signal));
    const made = makeWork(template, this.#options.settings, (seed) => ed25519.getPublicKey(seed));
    // The next look will see the same tip in both.
    if (made.tipHash !== tip) throw new MasterError('chain-changed', {tip, template: made.tipHash});
    await this.#infos.ensure(made.tipHash, DEPTH);
    const files = await this.#choose(made);
    this.#publish({...files, config: made.config});
  }

  /** The first template of a run is not handed out while the node is far behind. */
  async #checkSynchronised(): Promise<void> {
    const info = (await this.#nodes.call('getblockchaininfo', [], this.#stop.signal)) as {
      initialblockdownload?: boolean;
    };
    if (info.initialblockdownload === true) throw new MasterError('not-synchronised');
  }

  /** The files that were handed out before a restart, those of another master, or the ones just made. */
  async #choose(made: WorkFiles): Promise<WorkFiles> {
    const tip = tipOfWork(made.work);
    const isGood = (files: WorkFiles): boolean =>
      tipOfWork(files.work) === tip && hasSameTargets(files.work, made.work) && isWhole(files);
    const kept = this.#works.get(made.height);
    if (kept !== undefined && isGood(kept)) return kept;
    if (kept !== undefined) this.#options.log.info('the chain was reorganised', {height: made.height, tip});
    const {height, work, template} = made;
    const chosen = (await this.#filesOfOthers(height, isGood)) ?? {height, work, template};
    await this.#works.put(chosen);
    return chosen;
  }

  async #filesOfOthers(height: number, isGood: (files: WorkFiles) => boolean): Promise<WorkFiles | undefined> {
    for (const url of this.#options.standbyOf ?? []) {
      try {
        const get = async (name: string): Promise<Uint8Array> => {
          const limits = {timeoutMs: PEER_MS, maxBytes: MAX_FILE_BYTES, signal: this.#stop.signal};
          const {status, body} = await httpRequest(`${url}/${name}_${height}.bin`, limits);
          if (status !== 200) throw new PoolError('bad-work-file', {url, status});
          return body;
        };
        const files = {height, work: await get('work'), template: await get('bt')};
        if (isGood(files)) return files;
      } catch (error) {
        if (!(error instanceof HttpError) && !(error instanceof PoolError)) throw error;
        this.#options.log.debug('another master has no files', {url, height, error});
      }
    }
    return undefined;
  }

  #publish(published: Published): void {
    this.#published = published;
    const {height, config} = published;
    this.#options.log.info('new work', {height, tip: config.tipHash});
    for (const listener of this.#listeners) listener(published);
  }

  /** Ends all calls to nodes. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

function keyText(settings: MasterSettings, height: number): string | null {
  if (settings.privateSeed === null) return null;
  return encodeHex(signingKey(settings, height, (seed) => ed25519.getPublicKey(seed)));
}

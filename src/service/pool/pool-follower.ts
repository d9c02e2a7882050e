// Following a pool's master: what is to be worked on, and the newest blocks of the chain.   pool spec §2.7
import {
  type BlockInfo,
  decodeWork,
  type PoolConfig,
  PoolError,
  type PoolWork,
  readBlockInfo,
  readPoolConfig,
} from '../../core/protocol/pool/index.ts';
import {HttpError, httpRequest, jsonOf} from '../http/http-client.ts';
import {type Log, NO_LOG} from '../logs/log.ts';

const CONFIG_MS = 5000;
const TIMEOUT_MS = 10_000;
/** A master holds a long poll for 30 seconds. */
const LONG_POLL_MS = 45_000;
const MAX_DOCUMENT_BYTES = 2 ** 20;
const MAX_WORK_BYTES = 8 * 2 ** 20;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
const LONG_POLL_AGAIN = 300;

export interface PoolFollowerOptions {
  /** Addresses of masters of one pool, the preferred one first; without slash at the end. */
  readonly urls: readonly string[];
  /** Blocks below the tip whose documents are fetched. */
  readonly depth: number;
  /** Whether work files are fetched, too; then new work is heard of at once. */
  readonly work: boolean;
  readonly userAgent: string;
  readonly log?: Log;
  /** How often the configuration is looked at. */
  readonly pollMs?: number;
  /** For each document. */
  readonly timeoutMs?: number;
}

/** What a pool says at one time. */
export interface PoolState {
  readonly config: PoolConfig;
  /** By height: the tip and some blocks below it. */
  readonly blocks: ReadonlyMap<number, BlockInfo>;
  /** For the height of the configuration, where work files are fetched. */
  readonly work: PoolWork | undefined;
}

export type PoolHealth = 'starting' | 'live' | 'silent';

/** Waits, or not: the signal ends it. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, {once: true});
    if (signal.aborted) done();
  });
}

/** Follows one pool until it is closed; keeps the last state when the pool falls silent. */
export class PoolFollower {
  readonly #options: PoolFollowerOptions;
  readonly #log: Log;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<(state: PoolState) => void>();
  readonly #blocks = new Map<number, BlockInfo>();
  /** Ends the pause before the next look. */
  #wake = new AbortController();
  #state: PoolState | undefined;
  #configText = '';
  #preferred = 0;
  #health: PoolHealth = 'starting';
  #failures = 0;
  #problem: string | undefined;
  #lookedAtMs = performance.now();
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: PoolFollowerOptions) {
    if (options.urls.length === 0) throw new RangeError('"urls" expected at least one address, got none');
    this.#options = options;
    this.#log = options.log ?? NO_LOG;
  }

  /** Begins to follow. */
  open(): void {
    const loops = [this.#followConfig()];
    if (this.#options.work) loops.push(this.#followWork());
    this.#work = Promise.all(loops);
  }

  /** The last that was heard; undefined until the pool has answered once. */
  get state(): PoolState | undefined {
    return this.#state;
  }

  get health(): PoolHealth {
    return this.#health;
  }

  /** Why the last look failed; undefined while the pool answers. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** When the last look ended, well or badly; monotonic. */
  get lookedAtMs(): number {
    return this.#lookedAtMs;
  }

  /** Calls the listener with every change, and with the present state where there is one. */
  subscribe(listener: (state: PoolState) => void): () => void {
    this.#listeners.add(listener);
    if (this.#state !== undefined) listener(this.#state);
    return () => this.#listeners.delete(listener);
  }

  get #url(): string {
    return this.#options.urls[this.#preferred]!;
  }

  async #followConfig(): Promise<void> {
    const {pollMs = CONFIG_MS} = this.#options;
    const {signal} = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#look();
        this.#failures = 0;
        this.#problem = undefined;
        this.#setHealth('live');
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(error);
      }
      this.#lookedAtMs = performance.now();
      this.#wake = new AbortController();
      const retryMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.#failures, 10));
      const pause = this.#failures === 0 ? pollMs : Math.min(pollMs, retryMs);
      await sleep(pause, AbortSignal.any([signal, this.#wake.signal]));
    }
  }

  #failed(error: unknown): void {
    this.#failures++;
    if (!(error instanceof HttpError || error instanceof PoolError || error instanceof SyntaxError)) throw error;
    this.#problem = (error as Error).message;
    if (this.#failures === 2) {
      this.#log.warn('pool does not answer', {pool: this.#url, reason: (error as Error).message});
      this.#setHealth('silent');
    }
    this.#preferred = (this.#preferred + 1) % this.#options.urls.length;
  }

  #setHealth(health: PoolHealth): void {
    if (this.#health === 'silent' && health === 'live') this.#log.info('pool answers again', {pool: this.#url});
    this.#health = health;
  }

  async #get(path: string, base: string = this.#url): Promise<unknown> {
    const url = `${base}/${path}`;
    const answer = await httpRequest(url, {
      timeoutMs: this.#options.timeoutMs ?? TIMEOUT_MS,
      maxBytes: MAX_DOCUMENT_BYTES,
      headers: {'user-agent': this.#options.userAgent},
      signal: this.#stop.signal,
    });
    if (answer.status !== 200) throw new PoolError('not-served', {url, status: answer.status});
    return jsonOf(answer);
  }

  /** One look at the configuration; what it changes is told once all of it is there. */
  async #look(): Promise<void> {
    const parsed = await this.#get('config.json');
    const config = readPoolConfig(parsed);
    const text = JSON.stringify(config);
    if (text === this.#configText) return;
    await this.#fetchBlocks(config);
    const work = this.#options.work ? await this.#fetchWork(config.currentHeight) : undefined;
    // A block that came meanwhile is heard of with the next look.
    this.#configText = text;
    this.#tell({config, blocks: new Map(this.#blocks), work});
  }

  /** Walks back from the tip until a block is known or enough have been seen. */
  async #fetchBlocks(config: PoolConfig): Promise<void> {
    const lowest = config.currentHeight - 1 - this.#options.depth;
    let hash = config.tipHash;
    for (let height = config.currentHeight - 1; height > lowest && height >= 0; height--) {
      const known = this.#blocks.get(height);
      if (known?.header.hash === hash) break;
      if (known !== undefined) this.#log.info('the chain of the pool was reorganised', {height});
      const info = readBlockInfo(await this.#get(`blkinfo_${hash}.json`, config.blkinfoUrl ?? this.#url));
      if (info.header.height !== height || info.header.hash !== hash)
        throw new PoolError('bad-document', {hash, height});
      this.#blocks.set(height, info);
      hash = info.header.previousblockhash;
    }
    for (const height of this.#blocks.keys()) {
      if (height <= lowest || height >= config.currentHeight) this.#blocks.delete(height);
    }
  }

  async #fetchWork(height: number): Promise<PoolWork> {
    for (;;) {
      const url = `${this.#url}/work_${height}.bin`;
      const answer = await httpRequest(url, {
        timeoutMs: LONG_POLL_MS,
        maxBytes: MAX_WORK_BYTES,
        headers: {'user-agent': this.#options.userAgent},
        signal: this.#stop.signal,
      });
      if (answer.status === LONG_POLL_AGAIN) continue;
      if (answer.status !== 200) throw new PoolError('not-served', {url, status: answer.status});
      const work = decodeWork(answer.body);
      if (work.height !== height) throw new PoolError('bad-work-file', {url, height: work.height});
      return work;
    }
  }

  /** Waits for the work that comes after the present one, and looks at the configuration as soon as it is there. */
  async #followWork(): Promise<void> {
    const {signal} = this.#stop;
    while (!signal.aborted) {
      const {config} = this.#state ?? {};
      if (config === undefined) {
        await sleep(FIRST_RETRY_MS, signal);
        continue;
      }
      try {
        await this.#fetchWork(config.currentHeight + 1);
        this.#wake.abort();
        // The configuration tells of it within a moment.
        await sleep(50, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof HttpError || error instanceof PoolError)) throw error;
        await sleep(Math.min(this.#options.pollMs ?? CONFIG_MS, 1000), signal);
      }
    }
  }

  #tell(state: PoolState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }

  /** Ends all requests. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#work.catch(() => {});
  }
}

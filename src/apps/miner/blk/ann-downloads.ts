// Announcements from the files of handlers.   pool spec §2.3.2, §6.1
import {ANN_BYTES} from '../../../core/packetcrypt/index.ts';
import {HttpError, httpRequest, jsonOf} from '../../../service/http/http-client.ts';
import type {Log} from '../../../service/logs/log.ts';

export interface AnnDownloadsOptions {
  /** Address of one handler, without slash at the end. */
  readonly url: string;
  readonly password: string;
  readonly parallel: number;
  /** Takes the announcements of a file. */
  readonly onAnns: (anns: Uint8Array) => void;
  /** True for parents whose announcements are of no use. */
  readonly isUseless: (parentHeight: number) => boolean;
  readonly log: Log;
  readonly pollMs?: number;
}

const POLL_MS = 2000;
const TIMEOUT_MS = 30_000;
const MAX_INDEX_BYTES = 2 ** 20;
const MAX_FILE_BYTES = 4 * 2 ** 20;
const MAX_NAMES = 5000;
const NAME = /^anns_(\d{1,10})_\d{1,10}_(\d{1,15})\.bin$/;

/** Fetches every file of a handler once, the newest first. */
export class AnnDownloads {
  readonly #options: AnnDownloadsOptions;
  readonly #stop = new AbortController();
  /** Numbers of files that were fetched or given up. */
  readonly #done = new Set<number>();
  readonly #open = new Set<Promise<void>>();
  #waiting: {name: string; number: number; parentHeight: number}[] = [];
  #running: Promise<void> = Promise.resolve();
  #failing = false;

  constructor(options: AnnDownloadsOptions) {
    this.#options = options;
  }

  get url(): string {
    return this.#options.url;
  }

  open(): void {
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    const {signal} = this.#stop;
    const {pollMs = POLL_MS} = this.#options;
    while (!signal.aborted) {
      await this.#look();
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, pollMs);
        signal.addEventListener('abort', done, {once: true});
      });
    }
    await Promise.all(this.#open);
  }

  async #look(): Promise<void> {
    const {url, log} = this.#options;
    try {
      const limits = {timeoutMs: TIMEOUT_MS, maxBytes: MAX_INDEX_BYTES, signal: this.#stop.signal};
      const answer = await httpRequest(`${url}/anns/index.json`, limits);
      const {files} = (jsonOf(answer) ?? {}) as {files?: unknown};
      if (answer.status !== 200 || !Array.isArray(files))
        throw new HttpError('http-unreachable', {url, status: answer.status});
      this.#take(files.filter((name) => typeof name === 'string'));
      this.#failing = false;
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (!(error instanceof HttpError)) throw error;
      if (!this.#failing) log.warn('a handler gives no announcements', {url, reason: error.message});
      this.#failing = true;
    }
  }

  #take(names: readonly string[]): void {
    const listed = new Set<number>();
    for (const name of names.slice(-MAX_NAMES)) {
      const [, height, digits] = NAME.exec(name) ?? [];
      if (height === undefined) continue;
      const file = {name, number: Number(digits), parentHeight: Number(height)};
      listed.add(file.number);
      if (this.#done.has(file.number) || this.#waiting.some(({number}) => number === file.number)) continue;
      this.#waiting.push(file);
    }
    this.#waiting = this.#waiting.filter(({number}) => listed.has(number)).sort((a, b) => a.number - b.number);
    for (const number of this.#done) if (!listed.has(number)) this.#done.delete(number);
    this.#fetchMore();
  }

  #fetchMore(): void {
    while (this.#open.size < this.#options.parallel && !this.#stop.signal.aborted) {
      const file = this.#waiting.pop();
      if (file === undefined) return;
      this.#done.add(file.number);
      if (this.#options.isUseless(file.parentHeight)) continue;
      const fetching = this.#fetch(file.name).finally(() => {
        this.#open.delete(fetching);
        this.#fetchMore();
      });
      this.#open.add(fetching);
    }
  }

  async #fetch(name: string): Promise<void> {
    const {url, password, onAnns, log} = this.#options;
    try {
      const answer = await httpRequest(`${url}/anns/${name}`, {
        headers: {'x-pc-passwd': password},
        timeoutMs: TIMEOUT_MS,
        maxBytes: MAX_FILE_BYTES,
        signal: this.#stop.signal,
      });
      if (answer.status === 401) log.error('the handler refuses the password for announcements', {url});
      // Other answers mean that it is gone.
      if (answer.status !== 200 || answer.body.length % ANN_BYTES !== 0) return;
      onAnns(answer.body);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      log.debug('a file of announcements was not fetched', {url, name, reason: error.message});
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

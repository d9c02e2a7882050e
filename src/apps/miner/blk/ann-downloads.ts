// Announcements from the files of handlers.   pool spec §2.3.2, §6.1
import {ANN_BYTES} from '../../../core/packetcrypt/index.ts';
import {HttpError, httpRequest, jsonOf} from '../../../service/http/http-client.ts';
import type {Log} from '../../../service/logs/log.ts';

export interface AnnDownloadsOptions {
  /** Address of one handler, without slash at the end. */
  readonly url: string;
  readonly password: string;
  readonly parallel: number;
  /**
   * Takes the announcements of a file, whose memory is used again once the promise is settled. Gives what is wrong with them where
   * the handler lies.
   */
  readonly onAnns: (anns: Uint8Array, parentHeight: number, isSuspicious: boolean) => Promise<string | undefined>;
  /** True for parents whose announcements are of no use. */
  readonly isUseless: (parentHeight: number) => boolean;
  readonly log: Log;
  readonly pollMs?: number;
  /** How long a handler that has lied is left alone at first. */
  readonly firstBackOffMs?: number;
  readonly timeoutMs?: number;
}

/** What is known of a handler that files come from. */
export interface DownloadStatus {
  readonly url: string;
  readonly state: 'ok' | 'failing' | 'lying';
  readonly reason: string | undefined;
  readonly files: number;
  readonly bytes: number;
  readonly failures: number;
  readonly lies: number;
}

const POLL_MS = 2000;
const TIMEOUT_MS = 30_000;
const MAX_INDEX_BYTES = 2 ** 20;
const MAX_FILE_BYTES = 4 * 2 ** 20;
const USUAL_FILE_BYTES = 2 ** 20;
const MAX_NAMES = 5000;
const MAX_TRIES = 3;
const FIRST_BACK_OFF_MS = 60_000;
const MAX_BACK_OFF_MS = 3_600_000;
const NAME = /^anns_(\d{1,10})_\d{1,10}_(\d{1,15})\.bin$/;

interface ListedFile {
  readonly name: string;
  readonly number: number;
  readonly parentHeight: number;
}

/** Fetches every file of a handler once, the newest first. */
export class AnnDownloads {
  readonly #options: AnnDownloadsOptions;
  readonly #stop = new AbortController();
  /** Numbers of files that were fetched or given up. */
  readonly #done = new Set<number>();
  /** Of files that were not fetched so far. */
  readonly #tries = new Map<number, number>();
  readonly #open = new Set<Promise<void>>();
  /** Memory for files, used again and again: as garbage it would cost more than all that is done with them. */
  readonly #memory: Uint8Array[] = [];
  #waiting: ListedFile[] = [];
  #running: Promise<void> = Promise.resolve();
  #failing = false;
  #reason: string | undefined;
  #files = 0;
  #bytes = 0;
  #failures = 0;
  #lies = 0;
  #backOffUntil = 0;

  constructor(options: AnnDownloadsOptions) {
    this.#options = options;
  }

  get url(): string {
    return this.#options.url;
  }

  get status(): DownloadStatus {
    const isLying = performance.now() < this.#backOffUntil;
    return {
      url: this.url,
      state: isLying ? 'lying' : this.#failing ? 'failing' : 'ok',
      reason: this.#reason,
      files: this.#files,
      bytes: this.#bytes,
      failures: this.#failures,
      lies: this.#lies,
    };
  }

  open(): void {
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    const {signal} = this.#stop;
    const {pollMs = POLL_MS} = this.#options;
    while (!signal.aborted) {
      if (performance.now() >= this.#backOffUntil) await this.#look();
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
      const limits = {
        timeoutMs: this.#options.timeoutMs ?? TIMEOUT_MS,
        maxBytes: MAX_INDEX_BYTES,
        signal: this.#stop.signal,
      };
      const answer = await httpRequest(`${url}/anns/index.json`, limits);
      const {files} = (jsonOf(answer) ?? {}) as {files?: unknown};
      if (answer.status !== 200 || !Array.isArray(files))
        throw new HttpError('http-unreachable', {url, status: answer.status});
      this.#take(files.filter((name) => typeof name === 'string'));
      this.#failing = false;
      this.#reason = undefined;
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (!(error instanceof HttpError)) throw error;
      if (!this.#failing) log.warn('a handler gives no announcements', {url, reason: error.message});
      this.#failing = true;
      this.#failures++;
      this.#reason = error.message;
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
    for (const number of this.#tries.keys()) if (!listed.has(number)) this.#tries.delete(number);
    this.#fetchMore();
  }

  #fetchMore(): void {
    while (
      this.#open.size < this.#options.parallel &&
      !this.#stop.signal.aborted &&
      performance.now() >= this.#backOffUntil
    ) {
      const file = this.#waiting.pop();
      if (file === undefined) return;
      this.#done.add(file.number);
      if (this.#options.isUseless(file.parentHeight)) continue;
      const fetching = this.#fetch(file).finally(() => {
        this.#open.delete(fetching);
        this.#fetchMore();
      });
      this.#open.add(fetching);
    }
  }

  async #fetch({name, number, parentHeight}: ListedFile): Promise<void> {
    const {url, password, onAnns, log, timeoutMs = TIMEOUT_MS} = this.#options;
    let memory = this.#memory.pop() ?? new Uint8Array(USUAL_FILE_BYTES);
    try {
      const {status, body} = await httpRequest(`${url}/anns/${name}`, {
        headers: {'x-pc-passwd': password},
        timeoutMs,
        maxBytes: MAX_FILE_BYTES,
        into: memory,
        signal: this.#stop.signal,
      });
      if (status === 401) log.error('the handler refuses the password for announcements', {url});
      // Other answers mean that it is gone.
      if (status !== 200) return;
      if (body.length > memory.length) memory = body;
      this.#files++;
      this.#bytes += body.length;
      const fault =
        body.length % ANN_BYTES === 0 ? await onAnns(body, parentHeight, this.#lies > 0) : 'length of the file';
      if (fault !== undefined) this.#caught(name, fault);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      if (this.#stop.signal.aborted) return;
      this.#failures++;
      const tries = (this.#tries.get(number) ?? 0) + 1;
      this.#tries.set(number, tries);
      // The next look at the index finds it again.
      if (tries < MAX_TRIES) this.#done.delete(number);
      log.debug('a file of announcements was not fetched', {url, name, reason: error.message});
    } finally {
      this.#memory.push(memory);
    }
  }

  /** A handler whose announcements are not what they claim is left alone for a while. */
  #caught(name: string, fault: string): void {
    const {firstBackOffMs = FIRST_BACK_OFF_MS, log, url} = this.#options;
    const pauseMs = Math.min(MAX_BACK_OFF_MS, firstBackOffMs * 2 ** Math.min(this.#lies, 10));
    this.#lies++;
    this.#backOffUntil = performance.now() + pauseMs;
    this.#reason = `${name}: ${fault}`;
    log.warn('a handler gives announcements that are not what they claim: it is left alone for a while', {
      url,
      name,
      fault,
      seconds: Math.round(pauseMs / 1000),
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

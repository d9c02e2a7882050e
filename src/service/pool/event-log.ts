// Events on their way to the paymaker: on disk before anyone is told of them, sent until the paymaker has them.
// pool spec §4.7, §8.4
import {mkdir, readdir, readFile, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {logId, PoolError, type PoolEvent, readEnvelope} from '../../core/protocol/pool/index.ts';
import {httpRequest, jsonOf} from '../http/http-client.ts';
import type {Log} from '../logs/log.ts';
import {DurableAppender} from '../stores/durable-appender.ts';

const ROTATE_MS = 10_000;
const ROTATE_BYTES = 8 * 2 ** 20;
const RETRY_MS = 5000;
const MAX_RETRY_MS = 60_000;
const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 2 ** 16;
const WARN_FILES = 20;

/** Takes a finished log; resolves when it need not be kept any more. */
export type SendLog = (body: Uint8Array, signal: AbortSignal) => Promise<void>;

export interface EventLogOptions {
  readonly dir: string;
  readonly log: Log;
  readonly send: SendLog;
  /** How long events gather before they are sent. */
  readonly rotateMs?: number;
  readonly retryMs?: number;
}

/** Sends logs to the paymaker over HTTP. paymaker: its present address, undefined while it is not known. */
export function createHttpSender(paymaker: () => string | undefined, user: string, password: string): SendLog {
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return async (body, signal) => {
    const url = paymaker();
    if (url === undefined)
      throw new PoolError('bad-document', {reason: 'the address of the paymaker is not known yet'});
    const answer = await httpRequest(`${url}/events`, {
      method: 'POST',
      body,
      headers: {authorization, 'content-type': 'application/x-ndjson'},
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
      signal,
    });
    const {result, error} = readEnvelope(jsonOf(answer));
    // Only this answer says that the paymaker has it.
    if ((result as {eventId?: unknown} | null)?.eventId === logId(body)) return;
    throw new PoolError('bad-document', {url, status: answer.status, error: error.join('; ')});
  };
}

function fileName(number: number): string {
  return `paylog_${number}.ndjson`;
}

/** The log of one handler, in a directory of its own. */
export class EventLog {
  readonly #options: EventLogOptions;
  readonly #stop = new AbortController();
  #number: number;
  #file: DurableAppender;
  #openedMs = performance.now();
  #rotating: Promise<void> = Promise.resolve();
  #sending: Promise<void> = Promise.resolve();
  #finished: number[];
  #wake: () => void = () => {};

  private constructor(options: EventLogOptions, finished: number[], number: number, file: DurableAppender) {
    this.#options = options;
    this.#finished = finished;
    this.#number = number;
    this.#file = file;
  }

  /** Opens the directory and begins to send what an earlier run left. Throws StoreError. */
  static async open(options: EventLogOptions): Promise<EventLog> {
    const {dir} = options;
    await mkdir(dir, {recursive: true});
    const finished = (await readdir(dir))
      .flatMap((name) => /^paylog_(\d{1,12})\.ndjson$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
    const number = (finished.at(-1) ?? 0) + 1;
    const file = await DurableAppender.open(join(dir, fileName(number)));
    const log = new EventLog(options, finished, number, file);
    log.#sending = log.#send();
    return log;
  }

  /** Files that wait to be sent. */
  get waitingFiles(): number {
    return this.#finished.length;
  }

  /** Resolves when the event is on disk. Throws StoreError. */
  async append(event: PoolEvent): Promise<void> {
    await this.#rotating;
    await this.#file.append(new TextEncoder().encode(`${JSON.stringify(event)}\n`));
    if (this.#file.size >= ROTATE_BYTES) this.rotate();
  }

  /** Closes the present file, if anything is in it, so that it is sent. */
  rotate(): void {
    this.#rotating = this.#rotating.then(async () => {
      this.#openedMs = performance.now();
      if (this.#file.size === 0) return;
      const [old, number] = [this.#file, this.#number];
      try {
        this.#file = await DurableAppender.open(join(this.#options.dir, fileName(number + 1)));
      } catch (error) {
        // Without room for another file the present one goes on.
        this.#options.log.warn('events cannot be passed on yet', {error});
        return;
      }
      this.#number++;
      await old.close();
      this.#finished.push(number);
      this.#wake();
    });
    this.#rotating.catch((error: unknown) => this.#options.log.error('the log of events cannot go on', {error}));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #send(): Promise<void> {
    const {log, rotateMs = ROTATE_MS, retryMs = RETRY_MS} = this.#options;
    const {signal} = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      if (performance.now() - this.#openedMs >= rotateMs) this.rotate();
      await this.#rotating.catch(() => {});
      try {
        while (this.#finished.length > 0 && !signal.aborted) {
          await this.#sendOne(this.#finished[0]!);
          this.#finished.shift();
          failures = 0;
        }
      } catch (error) {
        if (signal.aborted) return;
        // A file that cannot be read now may be readable later; nothing that goes wrong here ends the passing on.
        failures++;
        const fields = {files: this.#finished.length, reason: (error as Error).message};
        if (failures === 1 || this.#finished.length % WARN_FILES === 0)
          log.warn('events wait for the paymaker', fields);
      }
      const pause = failures === 0 ? rotateMs : Math.min(MAX_RETRY_MS, retryMs * 2 ** Math.min(failures - 1, 5));
      await this.#pause(pause);
    }
  }

  async #sendOne(number: number): Promise<void> {
    const path = join(this.#options.dir, fileName(number));
    let body: Buffer;
    try {
      body = await readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      this.#options.log.error('a file of events is gone; what was in it is not passed on', {path});
      return;
    }
    if (body.length > 0) await this.#options.send(body, this.#stop.signal);
    await rm(path, {force: true});
  }

  /** Keeps what was not sent for the next run. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#sending;
    await this.#rotating.catch(() => {});
    await this.#file.close();
  }
}

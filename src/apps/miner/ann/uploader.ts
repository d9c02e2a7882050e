import {ANN_BYTES} from '../../../core/packetcrypt/index.ts';
import {PoolError, readAnnouncementsResult, readEnvelope} from '../../../core/protocol/pool/index.ts';
import {HttpError, httpRequest, jsonOf} from '../../../service/http/http-client.ts';
import type {Log} from '../../../service/logs/log.ts';
import {type Batch, BatchQueue} from './batches.ts';

/** What became of announcements; sums since the start. */
export interface UploadCounts {
  accepted: number;
  rejected: number;
  overload: number;
  lost: number;
  /** In requests that are open now. */
  inflight: number;
}

export interface UploaderOptions {
  readonly url: string;
  readonly payTo: string;
  readonly parallel: number;
  readonly timeoutMs: number;
  readonly counts: UploadCounts;
  readonly log: Log;
  /** How long announcements gather. */
  readonly flushMs?: number;
}

const FLUSH_MS = 5000;
const MAX_ANSWER_BYTES = 2 ** 16;
const SOFT_VERSION = '1';
const ANN_VERSION = '1';
/** A handler that fails is left alone for a while, longer each time. */
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;
/** Pools switch a handler number off by naming a host that does not exist. */
const SWITCHED_OFF = /^https?:\/\/invalid(?:[:/]|$)/;

/** Sends announcements to one handler of one pool; nothing is tried twice, nothing waits for ever.   pool spec §5.4 */
export class Uploader {
  readonly #options: UploaderOptions;
  readonly #queue = new BatchQueue();
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #open = new Set<Promise<void>>();
  #failures = 0;
  #pausedUntil = 0;

  constructor(options: UploaderOptions) {
    this.#options = options;
    const {flushMs = FLUSH_MS} = options;
    // At some time of its own, so that the handlers of a pool are not sent to all at once.
    this.#timer = setInterval(() => this.#flush(), flushMs * (0.75 + 0.5 * Math.random()));
  }

  get url(): string {
    return this.#options.url;
  }

  /** True while the handler answers. */
  get isHealthy(): boolean {
    return this.#failures === 0;
  }

  add(parentHeight: number, ann: Uint8Array): void {
    const {counts, url} = this.#options;
    if (SWITCHED_OFF.test(url)) {
      counts.rejected++;
      return;
    }
    counts.lost += this.#queue.add(parentHeight, ann);
    this.#send();
  }

  /** Gives up what the pool would not take any more. */
  dropBelow(height: number): void {
    this.#options.counts.lost += this.#queue.dropBelow(height);
  }

  #flush(): void {
    this.#options.counts.lost += this.#queue.flush();
    this.#send();
  }

  #send(): void {
    while (this.#open.size < this.#options.parallel && performance.now() >= this.#pausedUntil) {
      const batch = this.#queue.take();
      if (batch === undefined) return;
      const post = this.#post(batch).finally(() => {
        this.#open.delete(post);
        this.#send();
      });
      this.#open.add(post);
    }
  }

  async #post({parentHeight, body}: Batch): Promise<void> {
    const {url, payTo, timeoutMs, counts, log} = this.#options;
    const count = body.length / ANN_BYTES;
    counts.inflight += count;
    try {
      const answer = await httpRequest(url, {
        method: 'POST',
        body,
        headers: {
          'x-pc-worknum': String(parentHeight + 1),
          'x-pc-payto': payTo,
          'x-pc-sver': SOFT_VERSION,
          'x-pc-annver': ANN_VERSION,
          'content-type': 'application/octet-stream',
        },
        timeoutMs,
        maxBytes: MAX_ANSWER_BYTES,
        signal: this.#stop.signal,
      });
      const {result, error, warn} = readEnvelope(jsonOf(answer));
      this.#failures = 0;
      for (const text of warn) log.warn('the handler warns', {url, text});
      if (result !== null && result !== '') {
        const accepted = Math.min(count, readAnnouncementsResult(result).accepted);
        counts.accepted += accepted;
        counts.rejected += count - accepted;
      } else if (error.includes('overloaded')) {
        counts.overload += count;
      } else {
        counts.lost += count;
        log.info('announcements refused', {url, count, reason: error.join('; ')});
      }
    } catch (error) {
      counts.lost += count;
      if (this.#stop.signal.aborted) return;
      if (!(error instanceof HttpError || error instanceof PoolError)) throw error;
      this.#failed(error);
    } finally {
      counts.inflight -= count;
    }
  }

  #failed(error: Error): void {
    this.#failures++;
    const pause = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures - 1, 10));
    this.#pausedUntil = performance.now() + pause;
    if (this.#failures === 1) this.#options.log.warn('handler fails', {url: this.url, reason: error.message});
  }

  /** Sends what has gathered and waits for the answers; at most `patienceMs`. */
  async close(patienceMs: number): Promise<void> {
    clearInterval(this.#timer);
    this.#flush();
    const timer = setTimeout(() => this.#stop.abort(), patienceMs);
    while (this.#open.size > 0) await Promise.all(this.#open);
    clearTimeout(timer);
    this.#stop.abort();
  }
}

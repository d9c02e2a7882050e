import {ANN_BYTES} from '../../../core/packetcrypt/index.ts';
import {PoolError, readAnnouncementsResult, readEnvelope} from '../../../core/protocol/pool/index.ts';
import {HttpError, httpRequest, jsonOf} from '../../../service/http/http-client.ts';
import type {Log} from '../../../service/logs/log.ts';
import type {DataUse} from '../data-use.ts';
import {type Batch, BatchQueue} from './batches.ts';
import {Deadline} from './deadline.ts';
import type {Pacer} from './pacer.ts';

/** What became of announcements; sums since the start, but for `inflight`. */
export interface UploadCounts {
  accepted: number;
  /** Taken note of by the handler, but not accepted: duplicates, invalid ones. */
  rejected: number;
  /** Of the rejected, those the handler calls invalid: this machine computes wrongly, or the handler does. */
  invalid: number;
  overload: number;
  /** Batches refused as a whole with another error. */
  refused: number;
  /** Failed uploads, and what waited too long for one. */
  lost: number;
  /** Given up before sending, because the pool takes that parent no more. */
  expired: number;
  /** In requests that are open now. */
  inflight: number;
}

export function noCounts(): UploadCounts {
  return {accepted: 0, rejected: 0, invalid: 0, overload: 0, refused: 0, lost: 0, expired: 0, inflight: 0};
}

/** off: the pool has switched this number off. waiting: nothing has been answered yet. */
export type HandlerState = 'waiting' | 'mining' | 'overloaded' | 'refused' | 'dead' | 'off';

/** What is known of one handler. */
export interface HandlerStatus {
  readonly url: string;
  readonly host: string;
  readonly state: HandlerState;
  readonly counts: Readonly<UploadCounts>;
  /** Batches that wait. */
  readonly waiting: number;
  /** Until it is tried again. */
  readonly retryInMs: number;
  readonly reason: string | undefined;
}

export interface UploaderOptions {
  readonly url: string;
  readonly payTo: string;
  readonly parallel: number;
  readonly timeoutMs: number;
  /** Sums of the pool: what happens here is added. */
  readonly counts: UploadCounts;
  readonly pacer: Pacer;
  readonly dataUse: DataUse;
  readonly log: Log;
  /** How long announcements gather. */
  readonly flushMs?: number;
  readonly maxQueued?: number;
  /** Longest pause after failures. */
  readonly maxPauseMs?: number;
}

const FLUSH_MS = 5000;
const MAX_ANSWER_BYTES = 2 ** 16;
const SOFT_VERSION = '1';
const ANN_VERSION = '1';
/** A handler that fails is left alone for a while, longer each time. */
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 60_000;
/** One that has too much to do gets less at a time, with pauses that end sooner. */
const MAX_OVERLOAD_PAUSE_MS = 8000;
const MAX_REASON = 200;
/** What an upload can take at most, its turns included: beyond that something is broken. */
const LONGEST_MS = 300_000;
const STUCK_MS = 15_000;
/** Pools switch a handler number off by naming a host that does not exist. */
const SWITCHED_OFF = /^https?:\/\/invalid(?:[:/]|$)/;

function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

/** Sends announcements to one handler of one pool; nothing is tried twice, nothing waits for ever.   pool spec §5.4 */
export class Uploader {
  readonly #options: UploaderOptions;
  readonly #queue: BatchQueue;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #open = new Map<Promise<void>, number>();
  readonly #counts: UploadCounts = noCounts();
  #last: HandlerState;
  #reason: string | undefined;
  /** In a row. */
  #failures = 0;
  #overloads = 0;
  #pausedUntil = 0;
  #lowest = 0;

  constructor(options: UploaderOptions) {
    this.#options = options;
    const {flushMs = FLUSH_MS, maxQueued, url} = options;
    this.#queue = new BatchQueue(maxQueued);
    this.#last = SWITCHED_OFF.test(url) ? 'off' : 'waiting';
    // At some time of its own, so that the handlers of a pool are not sent to all at once.
    this.#timer = setInterval(() => this.#flush(), flushMs * (0.75 + 0.5 * Math.random()));
  }

  get url(): string {
    return this.#options.url;
  }

  get status(): HandlerStatus {
    return {
      url: this.url,
      host: hostOf(this.url),
      state: this.#last,
      counts: {...this.#counts},
      waiting: this.#queue.waiting,
      retryInMs: Math.max(0, Math.round(this.#pausedUntil - performance.now())),
      reason: this.#reason,
    };
  }

  /** True when an upload is open long after its deadline. */
  get isStuck(): boolean {
    const oldest = Math.min(...this.#open.values());
    return performance.now() - oldest > this.#options.timeoutMs + LONGEST_MS + STUCK_MS;
  }

  #count(what: keyof UploadCounts, anns: number): void {
    this.#counts[what] += anns;
    this.#options.counts[what] += anns;
  }

  add(parentHeight: number, ann: Uint8Array): void {
    if (this.#last === 'off') {
      this.#count('rejected', 1);
      return;
    }
    // What is found for a dead handler is not sent, so it does not speed up the others.
    if (this.#failures === 0) this.#options.pacer.offer(ann.length);
    this.#count('lost', this.#queue.add(parentHeight, ann));
    this.#send();
  }

  /** Gives up what the pool would not take any more: parents below a height. */
  dropBelow(height: number): void {
    this.#lowest = height;
    this.#count('expired', this.#queue.dropBelow(height));
  }

  /** Ends a pause: there is reason to believe that the handler is back. */
  retry(): void {
    this.#pausedUntil = 0;
    this.#send();
  }

  #flush(): void {
    this.#count('lost', this.#queue.flush());
    this.#send();
  }

  /** Uploads at a time: a handler in trouble gets one, to see how it is. */
  get #parallel(): number {
    return this.#failures > 0 || this.#overloads > 0 ? 1 : this.#options.parallel;
  }

  #send(): void {
    while (
      this.#open.size < this.#parallel &&
      performance.now() >= this.#pausedUntil &&
      this.#options.pacer.hasRoom &&
      !this.#stop.signal.aborted
    ) {
      const batch = this.#queue.take();
      if (batch === undefined) return;
      if (batch.parentHeight < this.#lowest) {
        this.#count('expired', batch.body.length / ANN_BYTES);
        continue;
      }
      const post = this.#post(batch).finally(() => {
        this.#open.delete(post);
        this.#send();
      });
      this.#open.set(post, performance.now());
    }
  }

  async #post({parentHeight, body}: Batch): Promise<void> {
    const {url, payTo, timeoutMs, pacer, dataUse} = this.#options;
    const count = body.length / ANN_BYTES;
    const deadline = new Deadline(timeoutMs);
    this.#count('inflight', count);
    try {
      const answer = await httpRequest(url, {
        method: 'POST',
        body: this.#pieces(pacer.pieces(body), deadline),
        headers: {
          'x-pc-worknum': String(parentHeight + 1),
          'x-pc-payto': payTo,
          'x-pc-sver': SOFT_VERSION,
          'x-pc-annver': ANN_VERSION,
          'content-type': 'application/octet-stream',
        },
        timeoutMs: timeoutMs + LONGEST_MS,
        maxBytes: MAX_ANSWER_BYTES,
        signal: AbortSignal.any([this.#stop.signal, deadline.signal]),
      });
      dataUse.add(0, answer.body.length);
      this.#answered(count, jsonOf(answer));
    } catch (error) {
      this.#count('lost', count);
      if (this.#stop.signal.aborted) return;
      if (!(error instanceof HttpError || error instanceof PoolError)) throw error;
      this.#failed(deadline.signal.aborted ? new HttpError('http-timeout', {url, timeoutMs}, error) : error);
    } finally {
      deadline.end();
      this.#count('inflight', -count);
    }
  }

  /** The pieces, in the time that is theirs: waiting for a turn does not count. */
  async *#pieces(pieces: AsyncGenerator<Uint8Array>, deadline: Deadline): AsyncGenerator<Uint8Array> {
    deadline.hold();
    for await (const piece of pieces) {
      deadline.resume();
      this.#options.dataUse.add(piece.length, 0);
      yield piece;
      deadline.hold();
    }
    deadline.resume();
  }

  /** Throws PoolError for what is no answer of a handler. */
  #answered(count: number, parsed: unknown): void {
    const {log} = this.#options;
    const {result, error, warn} = readEnvelope(parsed);
    for (const text of warn.slice(0, 3))
      log.warn('the handler warns', {url: this.url, text: text.slice(0, MAX_REASON)});
    if (result !== null && result !== '') {
      const {accepted: claimed, inval} = readAnnouncementsResult(result);
      const accepted = Math.min(count, claimed);
      this.#count('accepted', accepted);
      this.#count('rejected', count - accepted);
      this.#noteInvalid(Math.min(count - accepted, inval));
      this.#become(accepted * 2 < count ? 'refused' : 'mining');
      this.#overloads = 0;
    } else if (error.includes('overloaded')) {
      this.#count('overload', count);
      this.#become('overloaded', 'overloaded');
      const pause = Math.min(MAX_OVERLOAD_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#overloads++, 10));
      this.#pausedUntil = performance.now() + pause;
    } else {
      this.#count('refused', count);
      const reason = error.join('; ').slice(0, MAX_REASON);
      log.info('announcements refused', {url: this.url, count, reason});
      this.#become('refused', reason);
      this.#overloads = 0;
    }
    this.#failures = 0;
  }

  #noteInvalid(count: number): void {
    if (count === 0) return;
    this.#count('invalid', count);
    const {host, counts} = this.status;
    this.#options.log.warn('a handler calls announcements invalid: one of the two machines computes wrongly', {
      host,
      invalid: count,
      since_start: counts.invalid,
    });
  }

  #become(state: HandlerState, reason?: string): void {
    this.#last = state;
    this.#reason = reason;
  }

  #failed(error: Error): void {
    this.#failures++;
    const {maxPauseMs = MAX_PAUSE_MS} = this.#options;
    const pause = Math.min(maxPauseMs, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures - 1, 10));
    this.#pausedUntil = performance.now() + pause;
    this.#become('dead', error.message.slice(0, MAX_REASON));
    if (this.#failures === 1) this.#options.log.warn('handler fails', {url: this.url, reason: error.message});
  }

  /** Sends what has gathered and waits for the answers; at most `patienceMs`. */
  async close(patienceMs: number): Promise<void> {
    clearInterval(this.#timer);
    this.#flush();
    const timer = setTimeout(() => this.#stop.abort(), patienceMs);
    while (this.#open.size > 0) await Promise.all(this.#open.keys());
    clearTimeout(timer);
    this.#stop.abort();
    this.#count('lost', this.#queue.dropBelow(Number.POSITIVE_INFINITY));
  }
}

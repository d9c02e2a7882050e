// Shares on their way to block handlers.   pool spec §6.7
import {encodeShare, type Share, shareHandler} from '../../../core/packetcrypt/index.ts';
import {PoolError, readEnvelope, readShareResult} from '../../../core/protocol/pool/index.ts';
import {HttpError, httpRequest, jsonOf} from '../../../service/http/http-client.ts';
import type {Log} from '../../../service/logs/log.ts';

export interface ShareCounts {
  accepted: number;
  blocks: number;
  stale: number;
  refused: number;
  lost: number;
}

export interface ShareUploaderOptions {
  readonly payTo: string;
  readonly parallel: number;
  readonly timeoutMs: number;
  readonly log: Log;
}

/** A share, and until when it is worth sending. */
export interface OutgoingShare {
  readonly share: Share;
  /** In the order of the pool. */
  readonly urls: readonly string[];
  /** True for one that is a block: losing it would lose a block. */
  readonly isBlock: boolean;
  readonly isCurrent: () => boolean;
}

const SOFT_VERSION = '1';
const MAX_ANSWER_BYTES = 2 ** 16;
const MAX_WAITING = 1000;
const RETRY_MS = 500;
/** Tries of a plain share; a block is tried on every handler in turn as long as it is worth anything. */
const SHARE_TRIES = 3;
const STALE = /expecting previous hash/;

type Outcome = 'done' | 'failed';

export class ShareUploader {
  readonly #options: ShareUploaderOptions;
  readonly #stop = new AbortController();
  readonly #open = new Set<Promise<void>>();
  readonly #waiting: OutgoingShare[] = [];
  readonly counts: ShareCounts = {accepted: 0, blocks: 0, stale: 0, refused: 0, lost: 0};

  constructor(options: ShareUploaderOptions) {
    this.#options = options;
  }

  /** Sends a share; blocks go first. */
  send(share: OutgoingShare): void {
    if (share.isBlock) this.#waiting.unshift(share);
    else this.#waiting.push(share);
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.pop();
      this.counts.lost++;
    }
    this.#next();
  }

  #next(): void {
    while (this.#open.size < this.#options.parallel) {
      const share = this.#waiting.shift();
      if (share === undefined) return;
      const sending = this.#sendOne(share).finally(() => {
        this.#open.delete(sending);
        this.#next();
      });
      this.#open.add(sending);
    }
  }

  async #sendOne({share, urls, isBlock, isCurrent}: OutgoingShare): Promise<void> {
    const first = shareHandler(share.header, share.proof.nonce2, urls.length);
    const body = JSON.stringify(encodeShare(share));
    for (let attempt = 0; isCurrent() && (isBlock || attempt < SHARE_TRIES); attempt++) {
      // The handler that shares are meant for comes first; for a block any other will do.
      const url = urls[(first + (isBlock ? attempt : 0)) % urls.length]!;
      if ((await this.#post(url, body)) === 'done') return;
      if (this.#stop.signal.aborted) break;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    this.counts.lost++;
  }

  async #post(url: string, body: string): Promise<Outcome> {
    const {payTo, timeoutMs, log} = this.#options;
    try {
      const answer = await httpRequest(url, {
        method: 'POST',
        body,
        headers: {'x-pc-payto': payTo, 'x-pc-sver': SOFT_VERSION, 'content-type': 'application/json'},
        timeoutMs,
        maxBytes: MAX_ANSWER_BYTES,
        signal: this.#stop.signal,
      });
      const {result, error, warn} = readEnvelope(jsonOf(answer));
      for (const text of warn) log.warn('the handler warns', {url, text});
      if (error.length > 0 || result === '' || result === null)
        return this.#refused(url, answer.status, error.join('; '));
      const {block, headerHash} = readShareResult(result);
      this.counts.accepted++;
      if (block) this.counts.blocks++;
      if (headerHash !== undefined) log.info('BLOCK', {hash: headerHash});
      return 'done';
    } catch (error) {
      if (this.#stop.signal.aborted) return 'failed';
      if (!(error instanceof HttpError || error instanceof PoolError)) throw error;
      log.warn('a share did not arrive', {url, reason: error.message});
      return 'failed';
    }
  }

  #refused(url: string, status: number, reason: string): Outcome {
    // What the server could not do may be done later or elsewhere; what it refused stays refused.
    if (status >= 500) return 'failed';
    if (STALE.test(reason)) {
      this.counts.stale++;
      this.#options.log.debug('Stale share', {url});
    } else {
      this.counts.refused++;
      this.#options.log.warn('a share was refused', {url, reason});
    }
    return 'done';
  }

  /** Waits for what is being sent; at most `patienceMs`. */
  async close(patienceMs: number): Promise<void> {
    const timer = setTimeout(() => this.#stop.abort(), patienceMs);
    while (this.#open.size > 0) await Promise.all(this.#open);
    clearTimeout(timer);
    this.#stop.abort();
  }
}

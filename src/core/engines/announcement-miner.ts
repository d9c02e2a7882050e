import {equalBytes} from '../bytes/index.ts';
import {type AnnouncementWork, searchHeader} from '../packetcrypt/announcement/announcement-search.ts';
import type {FromAnnouncementThread, ToAnnouncementThread} from './announcement-thread.ts';
import {EngineError} from './errors.ts';
import {StopGate} from './stop-gate.ts';
import {type ThreadCrash, ThreadPool} from './thread-pool.ts';
import type {SpawnThread} from './thread-port.ts';

/** Hard nonces handed to a thread at a time. */
const RANGE = 4096;

export interface AnnouncementMinerOptions {
  readonly threads: number;
  readonly spawn: SpawnThread;
  /** Monotonic clock, ms. */
  readonly now: () => number;
  /** First hard nonce, u32. Miners of one payee that work at the same time need different ones; draw it at random. */
  readonly firstHardNonce: number;
  /**
   * Takes announcements found (1024 bytes each, one after another) and the work they belong to. While its promise is pending
   * they count as not taken, and a thread with 8 MiB of those waits.
   */
  readonly onFound: (anns: Uint8Array, work: AnnouncementWork) => void | Promise<void>;
  readonly onCrash?: (crash: ThreadCrash) => void;
}

export interface AnnouncementMinerStats {
  readonly threads: number;
  readonly hashes: number;
  readonly announcements: number;
  readonly jobs: number;
  readonly rejected: number;
}

/**
 * Mines announcements on several threads.   spec §6
 *
 * `start` and `update` set the work, `stop` pauses (a later `start` with the same work goes on where it stopped), `close` ends.
 * Every hard nonce is handed out once, to one thread; one that crashes loses its range, nobody repeats it.
 */
export class AnnouncementMiner {
  readonly #options: AnnouncementMinerOptions;
  readonly #pool: ThreadPool<ToAnnouncementThread, FromAnnouncementThread>;
  readonly #works = new Map<number, AnnouncementWork>();
  readonly #done: AnnouncementMinerStats[] = [];
  readonly #stats: AnnouncementMinerStats[] = [];
  readonly #gate = new StopGate();
  #job = -1;
  #going = false;
  #closed = false;
  #nextNonce: number;

  constructor(options: AnnouncementMinerOptions) {
    this.#options = options;
    this.#nextNonce = options.firstHardNonce >>> 0;
    this.#pool = new ThreadPool({
      kind: 'announcement',
      threads: options.threads,
      spawn: options.spawn,
      now: options.now,
      onStart: (thread) => this.#prepare(thread),
      onMessage: (thread, message) => this.#receive(thread, message),
      onCrash: (crash) => this.#crashed(crash),
    });
    this.#pool.open();
  }

  /** Starts mining, or goes on after stop(). Throws EngineError 'closed'. */
  start(work: AnnouncementWork): void {
    this.update(work);
    this.#going = true;
    this.#pool.postAll({type: 'go'});
  }

  /**
   * Replaces the work; what was found for the old one is still delivered with it.
   * Throws EngineError 'closed', TypeError or RangeError for work that cannot be mined.
   */
  update(work: AnnouncementWork): void {
    if (this.#closed) throw new EngineError('closed');
    const header = searchHeader(work);
    const current = this.#works.get(this.#job);
    if (
      current !== undefined &&
      equalBytes(searchHeader(current), header) &&
      equalBytes(current.parentHash, work.parentHash)
    )
      return;
    this.#job++;
    this.#works.set(this.#job, work);
    // Finds of the work before are under way at most; older ones have been delivered.
    this.#works.delete(this.#job - 8);
    this.#pool.postAll({type: 'work', job: this.#job, work});
  }

  /** Pauses all threads; resolves when they have stopped and delivered what they held. */
  stop(): Promise<void> {
    this.#going = false;
    if (this.#closed) return Promise.resolve();
    const {stop, done} = this.#gate.open(this.#pool.alive);
    this.#pool.postAll({type: 'stop', stop});
    return done;
  }

  /** Ends all threads at once. What they had not delivered is lost; call stop() before. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#gate.release();
    await this.#pool.close();
  }

  get stats(): AnnouncementMinerStats {
    const sum = {threads: this.#pool.alive.length, hashes: 0, announcements: 0, jobs: 0, rejected: 0};
    for (const part of [...this.#done, ...this.#stats]) {
      if (part === undefined) continue;
      sum.hashes += part.hashes;
      sum.announcements += part.announcements;
      sum.jobs += part.jobs;
      sum.rejected += part.rejected;
    }
    return sum;
  }

  #prepare(thread: number): void {
    const work = this.#works.get(this.#job);
    if (work !== undefined) this.#pool.post(thread, {type: 'work', job: this.#job, work});
    if (this.#going) this.#pool.post(thread, {type: 'go'});
  }

  #receive(thread: number, message: FromAnnouncementThread): void {
    switch (message.type) {
      case 'nonces-wanted':
        this.#pool.post(thread, {type: 'nonces', range: {from: this.#nextNonce, count: RANGE}});
        this.#nextNonce = (this.#nextNonce + RANGE) >>> 0;
        break;
      case 'found':
        void this.#deliver(thread, message.job, message.anns);
        break;
      case 'stats':
        this.#stats[thread] = {threads: 1, ...message.stats};
        break;
      case 'stopped':
        this.#gate.answered(thread, message.stop);
        break;
    }
  }

  async #deliver(thread: number, job: number, anns: Uint8Array): Promise<void> {
    const bytes = anns.length;
    const work = this.#works.get(job);
    try {
      if (work !== undefined) await this.#options.onFound(anns, work);
    } finally {
      this.#pool.post(thread, {type: 'taken', bytes});
    }
  }

  #crashed(crash: ThreadCrash): void {
    const stats = this.#stats[crash.thread];
    if (stats !== undefined) this.#done.push(stats);
    delete this.#stats[crash.thread];
    this.#gate.died(crash.thread);
    this.#options.onCrash?.(crash);
  }
}

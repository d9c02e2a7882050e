import {AnnouncementMiner, type SpawnThread, type ThreadCrash} from '../../../core/engines/index.ts';
import {ANN_BYTES, workForCompact} from '../../../core/packetcrypt/index.ts';
import {announcementHandler, announcementPrefix} from '../../../core/protocol/pool/index.ts';
import type {Log} from '../../../service/logs/log.ts';
import {PoolFollower, type PoolState} from '../../../service/pool/pool-follower.ts';
import {type ChosenWork, chooseWork} from './choose-work.ts';
import type {Figures, PoolFigures} from './statistics.ts';
import {type UploadCounts, Uploader} from './uploader.ts';

export interface AnnMinerOptions {
  /** Addresses of pools, the preferred one first. */
  readonly pools: readonly string[];
  readonly payTo: string;
  readonly threads: number;
  /** Uploads at a time, for each handler. */
  readonly uploaders: number;
  readonly uploadTimeoutMs: number;
  /** Blocks behind the tip; −1: as the pool says. */
  readonly mineOld: number;
  readonly userAgent: string;
  readonly spawn: SpawnThread;
  /** Random, u32: miners of one payee must not repeat each other. */
  readonly firstHardNonce: number;
  readonly log: Log;
  /** Nothing can be mined any more. */
  readonly onFailure: (error: unknown) => void;
  readonly pollMs?: number;
  readonly flushMs?: number;
}

const FOLLOW_DEPTH = 6;
/** Seconds over which the rate of announcements is taken. */
const RATE_SECONDS = 10;
const CLOSE_MS = 3000;
/** Parents further below a pool's tip are not taken. */
const TAKEN_BELOW_TIP = 5;

/** What is known of one pool and on its way to it. */
interface Pool {
  readonly url: string;
  readonly follower: PoolFollower;
  readonly counts: UploadCounts;
  /** In the order of the pool's list. */
  uploaders: Uploader[];
  /** Sums at the last line. */
  told: UploadCounts;
}

function noCounts(): UploadCounts {
  return {accepted: 0, rejected: 0, overload: 0, lost: 0, inflight: 0};
}

/** Mines announcements for any number of pools at once, and goes on while any of them answers.   pool spec §5 */
export class AnnMiner {
  readonly #options: AnnMinerOptions;
  readonly #pools: readonly Pool[];
  readonly #engine: AnnouncementMiner;
  readonly #closing: Promise<void>[] = [];
  /** Announcements found in each of the last seconds. */
  readonly #seconds: {second: number; count: number}[] = [];
  #work: ChosenWork | undefined;
  #closed = false;

  constructor(options: AnnMinerOptions) {
    if (options.pools.length === 0) throw new RangeError('"pools" expected at least one address, got none');
    this.#options = options;
    const {log, userAgent, pollMs} = options;
    this.#pools = options.pools.map((url) => ({
      url,
      follower: new PoolFollower({
        urls: [url],
        depth: FOLLOW_DEPTH,
        work: false,
        userAgent,
        log,
        ...(pollMs !== undefined && {pollMs}),
      }),
      counts: noCounts(),
      uploaders: [],
      told: noCounts(),
    }));
    this.#engine = new AnnouncementMiner({
      threads: options.threads,
      spawn: options.spawn,
      now: () => performance.now(),
      firstHardNonce: options.firstHardNonce,
      onFound: (anns, work) => this.#found(anns, work.parentBlockHeight),
      onCrash: (crash) => this.#crashed(crash),
    });
  }

  /** Begins to follow the pools; mines as soon as one has answered. */
  open(): void {
    for (const pool of this.#pools) {
      pool.follower.subscribe((state) => this.#follow(pool, state));
      pool.follower.open();
    }
  }

  get work(): ChosenWork | undefined {
    return this.#work;
  }

  /** State of each pool, for people. */
  get pools(): {
    readonly url: string;
    readonly health: string;
    readonly handlers: number;
    readonly counts: UploadCounts;
  }[] {
    return this.#pools.map(({url, follower, uploaders, counts}) => ({
      url,
      health: follower.health,
      handlers: uploaders.length,
      counts: {...counts},
    }));
  }

  #crashed({thread, error, replaced}: ThreadCrash): void {
    this.#options.log.error('a mining thread died', {thread, error, replaced});
    if (!replaced) this.#options.onFailure(error);
  }

  #follow(pool: Pool, {config}: PoolState): void {
    if (this.#closed) return;
    const {payTo, uploaders: parallel, uploadTimeoutMs: timeoutMs, log, flushMs} = this.#options;
    const before = pool.uploaders;
    pool.uploaders = config.submitAnnUrls.map(
      (url) =>
        before.find((uploader) => uploader.url === url) ??
        new Uploader({
          url,
          payTo,
          parallel,
          timeoutMs,
          counts: pool.counts,
          log,
          ...(flushMs !== undefined && {flushMs}),
        }),
    );
    for (const gone of before.filter((uploader) => !pool.uploaders.includes(uploader))) {
      this.#closing.push(gone.close(timeoutMs));
    }
    for (const uploader of pool.uploaders) uploader.dropBelow(config.currentHeight - 1 - TAKEN_BELOW_TIP);
    this.reconsider();
  }

  /** Looks again at what to mine; to be called now and then, since pools fall silent without a word. */
  reconsider(): void {
    const {mineOld, log} = this.#options;
    const views = this.#pools.map(({follower}) => ({state: follower.state, isLive: follower.health !== 'silent'}));
    const work = chooseWork(views, mineOld);
    if (work === undefined || this.#closed) return;
    const before = this.#work;
    this.#work = work;
    const {parentHash, parentBlockHeight, workBits, signingKey} = work;
    if (before?.parentBlockHeight !== parentBlockHeight || before.workBits !== workBits) {
      log.info('mining announcements', {
        parentBlockHeight,
        workBits: workBits.toString(16),
        pool: this.#pools[work.pool]!.url,
      });
    }
    // The same work goes on where it is.
    this.#engine.start({parentHash, parentBlockHeight, workBits, ...(signingKey && {signingKey})});
  }

  #found(anns: Uint8Array, parentHeight: number): void {
    const count = anns.length / ANN_BYTES;
    this.#note(count);
    for (let i = 0; i < count; i++) {
      const ann = anns.slice(ANN_BYTES * i, ANN_BYTES * (i + 1));
      const prefix = announcementPrefix(ann);
      for (const {uploaders} of this.#pools) {
        if (uploaders.length > 0) uploaders[announcementHandler(prefix, uploaders.length)]!.add(parentHeight, ann);
      }
    }
  }

  #note(count: number): void {
    const second = Math.floor(performance.now() / 1000);
    const last = this.#seconds.at(-1);
    if (last?.second === second) last.count += count;
    else this.#seconds.push({second, count});
    while (this.#seconds.length > RATE_SECONDS + 1) this.#seconds.shift();
  }

  /** Announcements per second over the last seconds. */
  get annsPerSecond(): number {
    const now = Math.floor(performance.now() / 1000);
    const recent = this.#seconds.filter(({second}) => second < now && second >= now - RATE_SECONDS);
    return Math.floor(recent.reduce((sum, {count}) => sum + count, 0) / (RATE_SECONDS - 1));
  }

  /** What has happened since this was last asked. */
  figures(): Figures {
    const {annsPerSecond} = this;
    const perAnn = Number(workForCompact(this.#work?.workBits ?? 0) ?? 0n);
    const pools = this.#pools.map((pool): PoolFigures => {
      const {counts, told, uploaders} = pool;
      pool.told = {...counts};
      return {
        lost: counts.lost - told.lost,
        overload: counts.overload - told.overload,
        accepted: counts.accepted - told.accepted,
        rejected: counts.rejected - told.rejected,
        inflight: counts.inflight,
        handlers: uploaders.length,
      };
    });
    return {encryptionsPerSecond: annsPerSecond * perAnn, annsPerSecond, pools};
  }

  /** Stops mining, sends what has gathered, and closes. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#engine.stop();
    await Promise.all(this.#pools.map(({follower}) => follower.close()));
    const uploaders = this.#pools.flatMap((pool) => pool.uploaders);
    await Promise.all([...uploaders.map((uploader) => uploader.close(CLOSE_MS)), ...this.#closing]);
    await this.#engine.close();
  }
}

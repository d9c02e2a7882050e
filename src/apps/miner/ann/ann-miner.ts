import {AnnouncementMiner, type SpawnThread, type ThreadCrash} from '../../../core/engines/index.ts';
import {ANN_BYTES, workForCompact} from '../../../core/packetcrypt/index.ts';
import {announcementHandler, announcementPrefix} from '../../../core/protocol/pool/index.ts';
import type {Log} from '../../../service/logs/log.ts';
import {PoolFollower, type PoolState} from '../../../service/pool/pool-follower.ts';
import {DataUse} from '../data-use.ts';
import type {PauseReason} from '../pauses.ts';
import {MAX_QUEUED} from './batches.ts';
import {type ChosenWork, chooseWork, TAKEN_BELOW_TIP} from './choose-work.ts';
import {Pacer} from './pacer.ts';
import {judgePool, type PoolStateName, type PoolStatus} from './pool-status.ts';
import type {Figures, PoolFigures} from './statistics.ts';
import {noCounts, type UploadCounts, Uploader} from './uploader.ts';

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
  /** Bytes per second that uploads may take. */
  readonly uploadCap?: number;
  /** Kept by its owner; by default this run alone is counted. */
  readonly dataUse?: DataUse;
  /** Asked now and then whether to rest. */
  readonly pause?: () => Promise<PauseReason>;
  /** A part that makes no progress for so long is started anew. */
  readonly watchdogMs?: number;
  readonly pollMs?: number;
  readonly flushMs?: number;
  /** Longest pause after failures of a handler. */
  readonly maxPauseMs?: number;
  /** How often the miner looks at itself. */
  readonly tickMs?: number;
}

const FOLLOW_DEPTH = 6;
/** Seconds over which the rate of announcements is taken. */
const RATE_SECONDS = 10;
const CLOSE_MS = 3000;
const TICK_MS = 1000;
const PAUSE_MS = 5000;
const WATCHDOG_MS = 120_000;
/** Ticks over which the state of a pool is judged. */
const RECENT_TICKS = 20;
const LEAST_QUEUED = 4;
/** Far from where the hard nonces of the engine before can have come. */
const NONCE_STEP = 0x9e37_79b1;

/** What is known of one pool and on its way to it. */
interface Pool {
  readonly url: string;
  follower: PoolFollower;
  readonly counts: UploadCounts;
  /** In the order of the pool's list. */
  uploaders: Uploader[];
  /** Sums at the last line. */
  told: UploadCounts;
  /** Sums at the last ticks, oldest first. */
  readonly past: UploadCounts[];
  state: PoolStateName;
  reason: string | undefined;
  /** At the last look. */
  wasSilent: boolean;
}

function difference(now: UploadCounts, before: UploadCounts): UploadCounts {
  const result = {...now};
  for (const name of Object.keys(result) as (keyof UploadCounts)[]) result[name] -= before[name];
  result.inflight = now.inflight;
  return result;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** What a miner is doing, for people and programs. */
export interface AnnMinerStatus {
  readonly paused: string | null;
  readonly work: {readonly parentHeight: number; readonly workBits: string; readonly pool: string} | null;
  readonly annsPerSecond: number;
  readonly encryptionsPerSecond: number;
  readonly hashes: number;
  readonly found: number;
  readonly uploadBytesPerSecond: number;
  readonly data: {readonly sent: number; readonly received: number; readonly since: string};
  readonly restarts: number;
  readonly pools: readonly PoolStatus[];
}

/** Mines announcements for any number of pools at once, and goes on while any of them answers.   pool spec §5 */
export class AnnMiner {
  readonly #options: AnnMinerOptions;
  readonly #pools: readonly Pool[];
  readonly #pacer: Pacer;
  readonly #dataUse: DataUse;
  readonly #closing: Promise<void>[] = [];
  /** Announcements found in each of the last seconds. */
  readonly #seconds: {second: number; count: number}[] = [];
  #engine: AnnouncementMiner;
  #tickTimer: NodeJS.Timeout | undefined;
  #pauseTimer: NodeJS.Timeout | undefined;
  #paused: PauseReason;
  #work: ChosenWork | undefined;
  #found = 0;
  /** Of engines that are gone. */
  #hashesBefore = 0;
  /** Hashes when they were last seen to have grown, and when that was. */
  #progress = {hashes: 0, atMs: 0};
  #restarts = 0;
  #isCapTold = false;
  #closed = false;

  constructor(options: AnnMinerOptions) {
    if (options.pools.length === 0) throw new RangeError('"pools" expected at least one address, got none');
    this.#options = options;
    const {uploadCap, dataUse} = options;
    this.#pacer = new Pacer({
      now: () => performance.now(),
      ...(uploadCap !== undefined && {capPerSecond: uploadCap}),
    });
    this.#dataUse = dataUse ?? DataUse.ofThisRun();
    this.#pools = options.pools.map((url) => ({
      url,
      follower: this.#createFollower(url),
      counts: noCounts(),
      uploaders: [],
      told: noCounts(),
      past: [],
      state: 'connecting',
      reason: undefined,
      wasSilent: false,
    }));
    this.#engine = this.#createEngine();
  }

  #createFollower(url: string): PoolFollower {
    const {log, userAgent, pollMs} = this.#options;
    return new PoolFollower({
      urls: [url],
      depth: FOLLOW_DEPTH,
      work: false,
      userAgent,
      log,
      ...(pollMs !== undefined && {pollMs}),
    });
  }

  #createEngine(): AnnouncementMiner {
    const {threads, spawn, firstHardNonce} = this.#options;
    return new AnnouncementMiner({
      threads,
      spawn,
      now: () => performance.now(),
      firstHardNonce: (firstHardNonce + Math.imul(NONCE_STEP, this.#restarts)) >>> 0,
      onFound: (anns, work) => this.#take(anns, work.parentBlockHeight),
      onCrash: (crash) => this.#crashed(crash),
    });
  }

  /** Begins to follow the pools; mines as soon as one has answered. */
  open(): void {
    const {tickMs = TICK_MS, pause} = this.#options;
    for (const pool of this.#pools) this.#openFollower(pool);
    this.#progress.atMs = performance.now();
    this.#tickTimer = setInterval(() => this.#tick(), tickMs);
    if (pause !== undefined)
      this.#pauseTimer = setInterval(() => void this.#askPause(), Math.min(PAUSE_MS, 5 * tickMs));
    void this.#askPause();
  }

  #openFollower(pool: Pool): void {
    pool.follower.subscribe((state) => this.#follow(pool, state));
    pool.follower.open();
  }

  get work(): ChosenWork | undefined {
    return this.#work;
  }

  get paused(): string | undefined {
    return this.#paused;
  }

  /** State of each pool. */
  get pools(): readonly PoolStatus[] {
    return this.#pools.map(({url, follower, uploaders, counts, state, reason}) => ({
      url,
      state,
      reason,
      tipHeight: follower.state && follower.state.config.currentHeight - 1,
      handlers: uploaders.map((uploader) => uploader.status),
      counts: {...counts},
    }));
  }

  #crashed({thread, error, replaced}: ThreadCrash): void {
    this.#options.log.error('a mining thread died', {thread, error, replaced});
    if (!replaced) this.#options.onFailure(error);
  }

  #follow(pool: Pool, {config}: PoolState): void {
    if (this.#closed) return;
    const {payTo, uploaders: parallel, uploadTimeoutMs: timeoutMs, log, flushMs, maxPauseMs} = this.#options;
    const before = pool.uploaders;
    const maxQueued = Math.max(LEAST_QUEUED, Math.floor(MAX_QUEUED / Math.max(1, config.submitAnnUrls.length)));
    pool.uploaders = config.submitAnnUrls.map(
      (url) =>
        before.find((uploader) => uploader.url === url) ??
        new Uploader({
          url,
          payTo,
          parallel,
          timeoutMs,
          counts: pool.counts,
          pacer: this.#pacer,
          dataUse: this.#dataUse,
          log,
          maxQueued,
          ...(flushMs !== undefined && {flushMs}),
          ...(maxPauseMs !== undefined && {maxPauseMs}),
        }),
    );
    for (const gone of before.filter((uploader) => !pool.uploaders.includes(uploader))) {
      this.#closing.push(gone.close(timeoutMs));
    }
    for (const uploader of pool.uploaders) uploader.dropBelow(config.currentHeight - 1 - TAKEN_BELOW_TIP);
    this.#reconsider();
  }

  /** Looks again at what to mine: pools fall silent without a word. */
  #reconsider(): void {
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
    if (this.#paused !== undefined) return;
    // The same work goes on where it is.
    this.#engine.start({parentHash, parentBlockHeight, workBits, ...(signingKey && {signingKey})});
  }

  async #askPause(): Promise<void> {
    const {pause, log} = this.#options;
    if (pause === undefined || this.#closed) return;
    const reason = await pause();
    if (reason === this.#paused || this.#closed) return;
    this.#paused = reason;
    if (reason === undefined) {
      log.info('mining goes on');
      this.#progress.atMs = performance.now();
      this.#reconsider();
    } else {
      log.info('mining rests', {reason});
      await this.#engine.stop();
    }
  }

  #tick(): void {
    this.#reconsider();
    for (const pool of this.#pools) this.#judge(pool);
    this.#noteCap();
    this.#watch();
  }

  #judge(pool: Pool): void {
    const {counts, past, follower, uploaders} = pool;
    past.push({...counts});
    if (past.length > RECENT_TICKS) past.shift();
    const isSilent = follower.health === 'silent';
    if (pool.wasSilent && !isSilent) for (const uploader of uploaders) uploader.retry();
    pool.wasSilent = isSilent;
    const {state, reason} = judgePool({
      health: follower.health,
      isKnown: follower.state !== undefined,
      problem: follower.problem,
      handlers: uploaders.map((uploader) => uploader.status),
      recent: difference(counts, past[0]!),
    });
    pool.reason = reason;
    if (state === pool.state) return;
    const {log} = this.#options;
    const tell = state === 'mining' || state === 'connecting' ? log.info : log.warn;
    tell(`pool is ${state}`, {pool: pool.url, before: pool.state, ...(reason !== undefined && {reason})});
    pool.state = state;
  }

  /** Says once when more is found than the cap lets through. */
  #noteCap(): void {
    const {uploadCap, log} = this.#options;
    if (uploadCap === undefined || this.#isCapTold) return;
    const takers = this.#pools.filter(({state}) => state === 'mining').length;
    if (this.annsPerSecond * ANN_BYTES * takers <= uploadCap) return;
    this.#isCapTold = true;
    log.warn('more is found than the bandwidth cap lets through: what does not fit is given up and counts as overflow');
  }

  /** Restarts what makes no progress. */
  #watch(): void {
    const {watchdogMs = WATCHDOG_MS, log} = this.#options;
    const nowMs = performance.now();
    const {hashes} = this.#engine.stats;
    const isIdle = this.#paused !== undefined || this.#work === undefined;
    if (isIdle || hashes !== this.#progress.hashes) this.#progress = {hashes, atMs: nowMs};
    if (nowMs - this.#progress.atMs > watchdogMs) {
      log.error('no hash for too long: the mining threads are started anew', {seconds: Math.round(watchdogMs / 1000)});
      this.#restartEngine();
    }
    for (const pool of this.#pools) {
      if (nowMs - pool.follower.lookedAtMs > watchdogMs) {
        log.error('a pool was not looked at for too long: its follower is started anew', {pool: pool.url});
        this.#restarts++;
        this.#closing.push(pool.follower.close());
        pool.follower = this.#createFollower(pool.url);
        this.#openFollower(pool);
      }
      for (const stuck of pool.uploaders.filter((uploader) => uploader.isStuck)) {
        log.error('an upload is stuck: the uploader is started anew', {url: stuck.url});
        this.#restarts++;
        this.#closing.push(stuck.close(0));
        pool.uploaders = pool.uploaders.filter((uploader) => uploader !== stuck);
        if (pool.follower.state !== undefined) this.#follow(pool, pool.follower.state);
      }
    }
  }

  #restartEngine(): void {
    this.#restarts++;
    const old = this.#engine;
    this.#hashesBefore += old.stats.hashes;
    this.#closing.push(old.close());
    this.#engine = this.#createEngine();
    this.#progress = {hashes: 0, atMs: performance.now()};
    this.#reconsider();
  }

  #take(anns: Uint8Array, parentHeight: number): void {
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
    this.#found += count;
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

  get #encryptionsPerSecond(): number {
    return this.annsPerSecond * Number(workForCompact(this.#work?.workBits ?? 0) ?? 0n);
  }

  /** What has happened since this was last asked. */
  figures(): Figures {
    const pools = this.#pools.map((pool): PoolFigures => {
      const {lost, expired, refused, overload, accepted, rejected, inflight} = difference(pool.counts, pool.told);
      pool.told = {...pool.counts};
      const handlers = pool.uploaders.length;
      return {lost: lost + expired + refused, overload, accepted, rejected, inflight, handlers};
    });
    return {encryptionsPerSecond: this.#encryptionsPerSecond, annsPerSecond: this.annsPerSecond, pools};
  }

  get status(): AnnMinerStatus {
    const work = this.#work;
    return {
      paused: this.#paused ?? null,
      work: work
        ? {
            parentHeight: work.parentBlockHeight,
            workBits: work.workBits.toString(16),
            pool: this.#pools[work.pool]!.url,
          }
        : null,
      annsPerSecond: this.annsPerSecond,
      encryptionsPerSecond: this.#encryptionsPerSecond,
      hashes: this.#hashesBefore + this.#engine.stats.hashes,
      found: this.#found,
      uploadBytesPerSecond: Math.round(this.#pacer.sentPerSecond),
      data: this.#dataUse.totals,
      restarts: this.#restarts,
      pools: this.pools,
    };
  }

  /** Stops mining, sends what has gathered, and closes. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#tickTimer);
    clearInterval(this.#pauseTimer);
    // Threads that hang must not keep the program.
    await Promise.race([this.#engine.stop(), wait(CLOSE_MS)]);
    await Promise.all(this.#pools.map(({follower}) => follower.close()));
    const uploaders = this.#pools.flatMap((pool) => pool.uploaders);
    await Promise.all([...uploaders.map((uploader) => uploader.close(CLOSE_MS)), ...this.#closing]);
    await this.#engine.close();
  }
}

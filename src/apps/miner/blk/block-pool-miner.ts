import {decodeHex, equalBytes, readU32} from '../../../core/bytes/index.ts';
import {
  AnnouncementValidator,
  BlockMiner,
  type BlockSet,
  type FoundShare,
  type SpawnThread,
  type ThreadCrash,
} from '../../../core/engines/index.ts';
import {
  ANN_BYTES,
  type AnnouncementChoice,
  type AnnouncementClass,
  chooseAnnouncements,
  compactForWork,
  degradedTarget,
  effectiveTarget,
  encodeCommitment,
  fillPlaceholder,
  MAX_TARGET,
  meetsTarget,
  minAnnDiffOk,
  powerMultiplier,
  type Share,
  workForCompact,
} from '../../../core/packetcrypt/index.ts';
import {type PoolWork, workHeader} from '../../../core/protocol/pool/index.ts';
import type {Log} from '../../../service/logs/log.ts';
import {PoolFollower, type PoolState} from '../../../service/pool/pool-follower.ts';
import type {SourceStats} from '../../../service/sprayer/spray-hub.ts';
import {Sprayer, type SprayerOptions} from '../../../service/sprayer/sprayer.ts';
import type {PauseReason} from '../pauses.ts';
import {AnnDownloads, type DownloadStatus} from './ann-downloads.ts';
import {AnnIntake, type IntakeCounts} from './ann-intake.ts';
import {AnnKeeper} from './ann-keeper.ts';
import {type ShareCounts, ShareUploader} from './share-uploader.ts';

export interface BlockPoolMinerOptions {
  readonly pool: string;
  readonly payTo: string;
  readonly threads: number;
  /** Announcements that are held at most; about 1.25 KiB each. */
  readonly capacity: number;
  readonly downloaders: number;
  readonly uploaders: number;
  readonly uploadTimeoutMs: number;
  readonly handlerPassword: string;
  /** Share of the capacity that sets leave free for what comes. */
  readonly minFree?: number;
  /** Announcements that are sprayed, beside the files. */
  readonly spray?: Pick<SprayerOptions, 'bind' | 'subscribeTo' | 'mss' | 'multicast'>;
  /** Announcements are kept here over restarts. */
  readonly keepDir?: string;
  /** Asked now and then whether to rest. */
  readonly pause?: () => Promise<PauseReason>;
  /** Mining threads without progress for so long: mining cannot go on. */
  readonly watchdogMs?: number;
  readonly userAgent: string;
  /** Where this miner's search begins, at random: others may have the same announcements. */
  readonly firstHeaderNonce: number;
  readonly spawn: SpawnThread;
  readonly log: Log;
  readonly onFailure: (error: unknown) => void;
  readonly pollMs?: number;
  readonly downloadPollMs?: number;
  /** How often a set that has grown is taken anew, where that is quickly done. */
  readonly refreshMs?: number;
}

const BITS_OFFSET = 72;
const REFRESH_MS = 1000;
/** Between two sets that take time to make it waits so many times as long: the thread is there for others, too. */
const REST_FACTOR = 9;
/** A set is only taken anew for so much more power. */
const REFRESH_GAIN = 1.05;
const MIN_ANNOUNCEMENTS = 33;
const CLOSE_MS = 3000;
const PAUSE_MS = 5000;
const WATCHDOG_MS = 120_000;
/** Blocks whose hashes are known: announcements on them can be verified. */
const FOLLOW_DEPTH = 12;
/** How long a set that is waited for may hold up everything else at a time. */
const HASTY_SLICE_MS = 60;
const FIRST_LIAR_MS = 60_000;
const MAX_LIAR_MS = 3_600_000;
/** Announcements cannot be used before their parent is so many blocks below the height. */
const WAIT_BLOCKS = 3;
const PROOF_VERSION = 2n;
const ROOT_END = 68;
const MAX_MININGS = 4;
/** Hashes per second and thread until there is a measure. */
const FIRST_RATE = 5000;
const MAX_SHARES_PER_SECOND = 10;

/** What is mined now. */
interface Mining {
  readonly work: PoolWork;
  /** As it was handed to the threads. */
  readonly header: Uint8Array;
  readonly commitment: Uint8Array;
  readonly count: number;
  readonly worst: number;
  readonly urls: readonly string[];
  readonly power: number;
}

/** A set for the next height, ready beside the one that is mined. */
interface Next {
  readonly height: number;
  readonly set: BlockSet;
  readonly worst: number;
  readonly power: number;
}

/** Numbers for people and programs. */
export interface BlockMinerFigures {
  readonly paused: string | null;
  readonly height: number;
  readonly shares: ShareCounts;
  /** Block hashes since the start. */
  readonly hashes: number;
  /** Announcements that are held. */
  readonly announcements: number;
  /** Of those, worth something at this height; and those that will be. */
  readonly ready: number;
  readonly immature: number;
  readonly spare: number;
  readonly classes: number;
  /** Of the set that is mined. */
  readonly setSize: number;
  readonly leastWork: number;
  readonly powerMultiplier: number;
  readonly intake: Readonly<IntakeCounts>;
  readonly hashesPerShare: number;
  readonly hashesPerBlock: number;
  /** From new work to mining, the last time, milliseconds; and of how many starts the set was ready. */
  readonly switchMs: number;
  readonly readySwitches: number;
  readonly switches: number;
  readonly handlers: readonly DownloadStatus[];
  readonly sources: readonly SourceStats[];
  readonly keptBytes: number;
}

/** Mines blocks for a pool: fetches announcements, chooses the best set of them, sends shares.   pool spec §6 */
export class BlockPoolMiner {
  readonly #options: BlockPoolMinerOptions;
  readonly #follower: PoolFollower;
  readonly #engine: BlockMiner;
  readonly #uploader: ShareUploader;
  readonly #timer: NodeJS.Timeout;
  readonly #validator: AnnouncementValidator;
  readonly #intake: AnnIntake;
  #sprayer: Sprayer | undefined;
  #keeper: AnnKeeper | undefined;
  #next: Next | undefined;
  /** Whether sets are being made, and whether to look again when that is done. */
  /** Until then a set that has grown is left as it is. */
  #restUntilMs = 0;
  #improving = false;
  #again = false;
  #background: Promise<void> = Promise.resolve();
  #paused: PauseReason;
  #switch = {ms: 0, ready: 0, count: 0};
  #progress = {hashes: 0, atMs: 0, isTold: false};
  #pauseTimer: NodeJS.Timeout | undefined;
  #downloads: AnnDownloads[] = [];
  readonly #closing: Promise<void>[] = [];
  #state: PoolState | undefined;
  #mining: Mining | undefined;
  /** Also the ones before: finds for them may still come, and be worth something. */
  #minings: Mining[] = [];
  /** When the present work came. */
  #workAtMs = 0;
  /** Sprayers that have lied. */
  readonly #liars = new Map<string, {readonly lies: number; readonly untilMs: number}>();
  readonly #openedMs = performance.now();
  #closed = false;

  constructor(options: BlockPoolMinerOptions) {
    this.#options = options;
    const {pool, userAgent, log, pollMs, refreshMs = REFRESH_MS} = options;
    this.#follower = new PoolFollower({
      urls: [pool],
      depth: FOLLOW_DEPTH,
      work: true,
      userAgent,
      log,
      ...(pollMs !== undefined && {pollMs}),
    });
    this.#uploader = new ShareUploader({
      payTo: options.payTo,
      parallel: options.uploaders,
      timeoutMs: options.uploadTimeoutMs,
      log,
    });
    this.#engine = new BlockMiner({
      threads: options.threads,
      spawn: options.spawn,
      firstHeaderNonce: options.firstHeaderNonce,
      now: () => performance.now(),
      capacity: options.capacity,
      onFound: (share) => this.#found(share),
      onCrash: (crash) => this.#crashed(crash),
      pause: () => new Promise((resolve) => setImmediate(resolve)),
    });
    this.#validator = new AnnouncementValidator({
      threads: 1,
      spawn: options.spawn,
      now: () => performance.now(),
      onCrash: ({error, replaced}) => log.error('a checking thread died', {error, replaced}),
    });
    this.#intake = new AnnIntake({
      judge: this.#validator,
      parentHash: (height) => {
        const info = this.#state?.blocks.get(height);
        return info && decodeHex(info.header.hash).reverse();
      },
      isUsable: (height, workBits) => this.#isUsable(height, workBits),
      height: () => this.#state?.config.currentHeight ?? 0,
      onAnns: (anns) => this.#take(anns, true),
    });
    this.#timer = setInterval(() => this.#tick(), refreshMs);
  }

  /**
   * Begins to follow the pool; mines as soon as there are announcements. Rejects with StoreError or an error of the system for a
   * directory or an address that cannot be used.
   */
  async open(): Promise<void> {
    const {keepDir, spray, capacity, log, handlerPassword, pause} = this.#options;
    if (keepDir !== undefined) this.#keeper = await AnnKeeper.open({dir: keepDir, maxBytes: capacity * ANN_BYTES, log});
    if (spray !== undefined) {
      this.#sprayer = await Sprayer.open({
        ...spray,
        password: handlerPassword,
        log,
        onAnns: (anns, source) => void this.#takeSprayed(anns, source),
      });
    }
    if (pause !== undefined) this.#pauseTimer = setInterval(() => void this.#askPause(), PAUSE_MS);
    await this.#askPause();
    this.#follower.subscribe((state) => this.#follow(state));
    this.#follower.open();
  }

  async #takeSprayed(anns: Uint8Array, source: string): Promise<void> {
    if (this.#closed || this.#state === undefined) return;
    const suspects = this.#liars.get(source) ?? {lies: 0, untilMs: 0};
    if (performance.now() < suspects.untilMs) return;
    const fault = await this.#intake.take(anns, undefined, suspects.lies > 0);
    if (fault === undefined) return;
    const pauseMs = Math.min(MAX_LIAR_MS, FIRST_LIAR_MS * 2 ** suspects.lies);
    this.#liars.set(source, {lies: suspects.lies + 1, untilMs: performance.now() + pauseMs});
    this.#options.log.warn('a sprayer gives announcements that are not what they claim: it is not heard for a while', {
      source,
      fault,
      seconds: Math.round(pauseMs / 1000),
    });
  }

  /** What was kept comes back, once it is known what it is worth. */
  async #restore(): Promise<void> {
    const keeper = this.#keeper;
    if (keeper === undefined) return;
    keeper.drop((height) => !this.#isUsable(height, this.#state!.config.annTarget));
    let count = 0;
    for await (const {parentHeight, anns} of keeper.load()) {
      if (this.#closed) return;
      const fault = await this.#checkKept(anns, parentHeight);
      if (fault === undefined) count += anns.length / ANN_BYTES;
      else
        this.#options.log.warn('kept announcements are not what they were: they are left out', {parentHeight, fault});
    }
    this.#options.log.info('announcements of the last run are back', {count});
    this.#improve();
  }

  async #checkKept(anns: Uint8Array, parentHeight: number): Promise<string | undefined> {
    const kept = new AnnIntake({...this.#intake.options, onAnns: (good) => this.#take(good, false)});
    return kept.take(anns, parentHeight);
  }

  get paused(): string | undefined {
    return this.#paused;
  }

  async #askPause(): Promise<void> {
    const {pause, log} = this.#options;
    if (pause === undefined || this.#closed) return;
    const reason = await pause();
    if (reason === this.#paused || this.#closed) return;
    this.#paused = reason;
    log.info(reason === undefined ? 'mining goes on' : 'mining rests', {...(reason !== undefined && {reason})});
    if (reason !== undefined) await this.#engine.stop();
    else if (this.#mining !== undefined && this.#mining.work === this.#state?.work) this.#engine.resume();
    else this.#improve();
  }

  #tick(): void {
    if (performance.now() >= this.#restUntilMs) this.#improve();
    const {watchdogMs = WATCHDOG_MS, log} = this.#options;
    const {hashes} = this.#engine.stats;
    const isIdle = this.#paused !== undefined || this.#mining === undefined;
    if (isIdle || hashes !== this.#progress.hashes) this.#progress = {hashes, atMs: performance.now(), isTold: false};
    if (performance.now() - this.#progress.atMs <= watchdogMs || this.#progress.isTold) return;
    this.#progress.isTold = true;
    log.error('no hash for too long: the mining threads hang', {seconds: Math.round(watchdogMs / 1000)});
    // The announcements belong to the threads' memory: only a new process can do without them.
    this.#options.onFailure(new Error('the mining threads hang'));
  }

  get health(): string {
    return this.#follower.health;
  }

  #crashed({thread, error, replaced}: ThreadCrash): void {
    this.#options.log.error('a mining thread died', {thread, error, replaced});
    if (!replaced) this.#options.onFailure(error);
  }

  #follow(state: PoolState): void {
    if (this.#closed) return;
    const isFirst = this.#state === undefined;
    const before = this.#state?.work;
    this.#state = state;
    this.#followHandlers(state.config.downloadAnnUrls);
    if (isFirst) this.#background = this.#restore();
    if (state.work === undefined || (before !== undefined && equalBytes(before.header, state.work.header))) return;
    this.#workAtMs = performance.now();
    const next = this.#next;
    this.#next = undefined;
    if (next?.height === state.work.height && !this.#improving && this.#paused === undefined) {
      this.#switch.ready++;
      this.#start(state.work, next.set, next.worst);
    } else if (this.#improving) this.#engine.cancelPreparation();
    this.#improve();
  }

  #followHandlers(urls: readonly string[]): void {
    const {handlerPassword, downloaders, log, downloadPollMs} = this.#options;
    const before = this.#downloads;
    this.#downloads = urls.map((url) => {
      const known = before.find((downloads) => downloads.url === url);
      if (known !== undefined) return known;
      const fresh = new AnnDownloads({
        url,
        password: handlerPassword,
        parallel: downloaders,
        onAnns: (anns, height, isSuspicious) => this.#intake.take(anns, height, isSuspicious),
        isUseless: (height) => !this.#isUsable(height, this.#state?.config.annTarget ?? MAX_TARGET),
        log,
        ...(downloadPollMs !== undefined && {pollMs: downloadPollMs}),
      });
      fresh.open();
      return fresh;
    });
    for (const gone of before.filter((downloads) => !this.#downloads.includes(downloads)))
      this.#closing.push(gone.close());
  }

  #take(anns: Uint8Array, isNew: boolean): void {
    if (this.#closed) return;
    this.#engine.add(anns);
    if (isNew) this.#keeper?.add(anns);
    if (this.#mining === undefined && !this.#improving) this.#improve();
  }

  /** True for announcements that are, or will be, worth something at the next height. */
  #isUsable(parentHeight: number, workBits: number): boolean {
    const height = this.#state?.config.currentHeight ?? 0;
    return height - parentHeight < 3 || minAnnDiffOk(degradedTarget(workBits, height, parentHeight));
  }

  /** Sees to it that the best set is mined, and that one for the next height is ready. One at a time. */
  #improve(): void {
    if (this.#improving) {
      this.#again = true;
      return;
    }
    this.#improving = true;
    const begunMs = performance.now();
    this.#background = Promise.all([this.#background, this.#improveNow()])
      .catch((error: unknown) => this.#options.onFailure(error))
      .then(() => {
        this.#improving = false;
        this.#restUntilMs = performance.now() + REST_FACTOR * (performance.now() - begunMs);
        if (!this.#again || this.#closed) return;
        this.#again = false;
        this.#improve();
      });
  }

  async #improveNow(): Promise<void> {
    const work = this.#state?.work;
    if (work === undefined || this.#closed) return;
    this.#engine.drop(({parentBlockHeight, workBits}) => !this.#isUsable(parentBlockHeight, workBits));
    this.#keeper?.drop((height) => !this.#isUsable(height, this.#state!.config.annTarget));
    if (this.#paused !== undefined) return;
    const mining = this.#mining?.work === work ? this.#mining : undefined;
    const choice = this.#choose(work.height);
    const isBetter = choice !== undefined && choice.power > REFRESH_GAIN * (mining?.power ?? 0);
    if (choice !== undefined && isBetter) {
      this.#next = undefined;
      // Nothing is mined for this work: then all haste is worth it.
      const set = await this.#engine.prepareSlowly(choice.chosen, mining === undefined ? HASTY_SLICE_MS : undefined);
      if (set === undefined || this.#state?.work !== work || this.#paused !== undefined) {
        this.#again = true;
        return;
      }
      this.#start(work, set, choice.worst);
    }
    await this.#prepareNext(work.height + 1);
  }

  async #prepareNext(height: number): Promise<void> {
    const choice = this.#choose(height);
    if (choice === undefined || this.#mining === undefined) return;
    if (this.#next?.height === height && choice.power <= REFRESH_GAIN * this.#next.power) return;
    this.#next = undefined;
    const set = await this.#engine.prepareSlowly(choice.chosen);
    if (set === undefined) return;
    this.#next = {height, set, worst: choice.worst, power: choice.power};
    // Work that came meanwhile finds it.
    const {work} = this.#state!;
    if (work !== undefined && work.height === height && this.#mining?.work !== work) {
      this.#next = undefined;
      this.#start(work, set, choice.worst);
    }
  }

  #choose(height: number): {chosen: (entry: AnnouncementClass) => boolean; worst: number; power: number} | undefined {
    const {classes} = this.#engine;
    const {minFree = 0, capacity} = this.#options;
    const most = Math.max(1, Math.floor((1 - minFree) * capacity));
    const choice: AnnouncementChoice | undefined = chooseAnnouncements(classes, height, MAX_TARGET, most);
    if (choice === undefined) return undefined;
    const {taken, annLeastWorkTarget: worst} = choice;
    const count = taken.reduce((sum, part) => sum + part, 0);
    if (count < MIN_ANNOUNCEMENTS) return undefined;
    const keys = new Set(classes.filter((_, i) => taken[i]! > 0).map(classKey));
    return {chosen: (entry) => keys.has(classKey(entry)), worst, power: Number(powerMultiplier(worst, count))};
  }

  #start(work: PoolWork, set: BlockSet, worst: number): void {
    const commitment = encodeCommitment({annLeastWorkTarget: worst, root: set.root, numAnns: BigInt(set.count)});
    const header = workHeader(work, fillPlaceholder(work.coinbase, commitment), 0);
    const urls = this.#state!.config.submitBlockUrls;
    const target = Math.min(effectiveTarget(work.shareTarget, worst, set.count), this.#easiest());
    const power = Number(powerMultiplier(worst, set.count));
    const isNewWork = this.#mining?.work !== work;
    this.#mining = {work, header, commitment, count: set.count, worst, urls, power};
    this.#minings = [this.#mining, ...this.#minings].slice(0, MAX_MININGS);
    this.#engine.mine(header, target);
    if (isNewWork) {
      this.#switch.ms = performance.now() - this.#workAtMs;
      this.#switch.count++;
    }
    const tell = isNewWork ? this.#options.log.info : this.#options.log.debug;
    tell('mining a block', {
      height: work.height,
      announcements: set.count,
      leastWork: Number(workForCompact(worst) ?? 0n),
      afterMs: Math.round(performance.now() - this.#workAtMs),
    });
  }

  /** At easier targets there would be more shares than anyone can take: harder ones are shares as well. */
  #easiest(): number {
    const {hashes, threads} = this.#engine.stats;
    const seconds = (performance.now() - this.#openedMs) / 1000;
    const rate = Math.max(hashes / Math.max(1, seconds), FIRST_RATE * threads);
    return compactForWork(BigInt(Math.ceil(rate / MAX_SHARES_PER_SECOND)));
  }

  #found({header, nonce2, announcements, treeProof, hash}: FoundShare): void {
    const rootOf = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, ROOT_END);
    const mining = this.#minings.find((known) => equalBytes(rootOf(known.header), rootOf(header)));
    if (mining === undefined || mining.urls.length === 0 || this.#closed) return;
    const {work, commitment, worst, count} = mining;
    const share: Share = {
      commitment,
      header,
      proof: {
        version: PROOF_VERSION,
        nonce2,
        announcements: [0, 1, 2, 3].map((k) => announcements.slice(ANN_BYTES * k, ANN_BYTES * (k + 1))),
        treeProof,
        signatures: [undefined, undefined, undefined, undefined],
        contentProofs: undefined,
      },
    };
    const isBlock = meetsTarget(hash, effectiveTarget(readU32(work.header, BITS_OFFSET), worst, count));
    this.#uploader.send({
      share,
      urls: mining.urls,
      isBlock,
      isCurrent: () => this.#state?.work === work,
    });
  }

  figures(): BlockMinerFigures {
    const {hashes, announcements} = this.#engine.stats;
    const {classes} = this.#engine;
    const mining = this.#mining;
    const height = this.#state?.work?.height ?? 0;
    const worst = mining?.worst ?? 0;
    const work = (target: number): number =>
      mining === undefined ? 0 : Number(workForCompact(effectiveTarget(target, worst, mining.count)) ?? 0n);
    const sum = (wanted: (entry: AnnouncementClass) => boolean): number =>
      classes.reduce((total, entry) => total + (wanted(entry) ? entry.count : 0), 0);
    const immature = sum(({parentBlockHeight}) => height - parentBlockHeight < WAIT_BLOCKS);
    return {
      paused: this.#paused ?? null,
      height,
      shares: {...this.#uploader.counts},
      hashes,
      announcements,
      ready: announcements - immature,
      immature,
      spare: this.#options.capacity - announcements,
      classes: classes.length,
      intake: {...this.#intake.counts},
      setSize: mining?.count ?? 0,
      leastWork: Number(workForCompact(worst) ?? 0n),
      powerMultiplier: mining?.power ?? 0,
      hashesPerShare: work(mining?.work.shareTarget ?? 0),
      hashesPerBlock: work(mining === undefined ? 0 : readU32(mining.work.header, BITS_OFFSET)),
      switchMs: Math.round(this.#switch.ms),
      readySwitches: this.#switch.ready,
      switches: this.#switch.count,
      handlers: this.#downloads.map((downloads) => downloads.status),
      sources: this.#sprayer?.stats.sources ?? [],
      keptBytes: this.#keeper?.bytes ?? 0,
    };
  }

  /** Stops mining, sends what was found, and closes. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    clearInterval(this.#pauseTimer);
    await Promise.race([this.#engine.stop(), new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())]);
    await this.#uploader.close(CLOSE_MS);
    this.#closed = true;
    this.#engine.cancelPreparation();
    await this.#sprayer?.close();
    await this.#follower.close();
    await Promise.all([...this.#downloads.map((downloads) => downloads.close()), ...this.#closing]);
    await this.#validator.close();
    await this.#background;
    await this.#keeper?.close();
    await this.#engine.close();
  }
}

function classKey({parentBlockHeight, workBits}: AnnouncementClass): string {
  return `${parentBlockHeight} ${workBits}`;
}

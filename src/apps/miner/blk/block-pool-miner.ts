import {equalBytes, readU32} from '../../../core/bytes/index.ts';
import {BlockMiner, type FoundShare, type SpawnThread, type ThreadCrash} from '../../../core/engines/index.ts';
import {
  ANN_BYTES,
  type AnnouncementChoice,
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
import {AnnDownloads} from './ann-downloads.ts';
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
  readonly userAgent: string;
  readonly spawn: SpawnThread;
  readonly log: Log;
  readonly onFailure: (error: unknown) => void;
  readonly pollMs?: number;
  readonly downloadPollMs?: number;
  /** How often a set that has grown is taken anew. */
  readonly refreshMs?: number;
}

const BITS_OFFSET = 72;
const REFRESH_MS = 10_000;
/** A set is only taken anew for so much more power. */
const REFRESH_GAIN = 1.05;
const MIN_ANNOUNCEMENTS = 33;
const CLOSE_MS = 3000;
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
}

/** Numbers for people. */
export interface BlockMinerFigures {
  readonly shares: ShareCounts;
  /** Block hashes since the start. */
  readonly hashes: number;
  readonly announcements: number;
  /** Of the set that is mined. */
  readonly setSize: number;
  readonly leastWork: number;
  readonly powerMultiplier: number;
  readonly received: number;
  readonly hashesPerShare: number;
  readonly hashesPerBlock: number;
}

/** Mines blocks for a pool: fetches announcements, chooses the best set of them, sends shares.   pool spec §6 */
export class BlockPoolMiner {
  readonly #options: BlockPoolMinerOptions;
  readonly #follower: PoolFollower;
  readonly #engine: BlockMiner;
  readonly #uploader: ShareUploader;
  readonly #timer: NodeJS.Timeout;
  #downloads: AnnDownloads[] = [];
  readonly #closing: Promise<void>[] = [];
  #state: PoolState | undefined;
  #mining: Mining | undefined;
  /** Also the ones before: finds for them may still come, and be worth something. */
  #minings: Mining[] = [];
  #received = 0;
  readonly #openedMs = performance.now();
  #closed = false;

  constructor(options: BlockPoolMinerOptions) {
    this.#options = options;
    const {pool, userAgent, log, pollMs, refreshMs = REFRESH_MS} = options;
    this.#follower = new PoolFollower({
      urls: [pool],
      depth: 1,
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
      now: () => performance.now(),
      capacity: options.capacity,
      onFound: (share) => this.#found(share),
      onCrash: (crash) => this.#crashed(crash),
    });
    this.#timer = setInterval(() => this.#mine(false), refreshMs);
  }

  /** Begins to follow the pool; mines as soon as there are announcements. */
  open(): void {
    this.#follower.subscribe((state) => this.#follow(state));
    this.#follower.open();
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
    this.#state = state;
    this.#followHandlers(state.config.downloadAnnUrls);
    this.#mine(true);
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
        onAnns: (anns) => this.#take(anns),
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

  #take(anns: Uint8Array): void {
    if (this.#closed) return;
    this.#received += anns.length / ANN_BYTES;
    this.#engine.add(anns);
    if (this.#mining === undefined) this.#mine(false);
  }

  /** True for announcements that are, or will be, worth something at the next height. */
  #isUsable(parentHeight: number, workBits: number): boolean {
    const height = this.#state?.config.currentHeight ?? 0;
    return height - parentHeight < 3 || minAnnDiffOk(degradedTarget(workBits, height, parentHeight));
  }

  /** Takes the best set there is; anew: for work that has changed, whatever the gain. */
  #mine(anew: boolean): void {
    const work = this.#state?.work;
    if (work === undefined || this.#closed || this.#engine.switching) return;
    this.#engine.drop(({parentBlockHeight, workBits}) => !this.#isUsable(parentBlockHeight, workBits));
    const {classes} = this.#engine;
    const choice = chooseAnnouncements(classes, work.height, MAX_TARGET);
    if (choice === undefined) return;
    const count = choice.taken.reduce((sum, taken) => sum + taken, 0);
    if (count < MIN_ANNOUNCEMENTS) return;
    const power = Number(powerMultiplier(choice.annLeastWorkTarget, count));
    const before = this.#mining;
    const isBetter = before === undefined || power > REFRESH_GAIN * Number(powerMultiplier(before.worst, before.count));
    if (!anew && !isBetter) return;
    this.#start(work, choice);
  }

  #start(work: PoolWork, {annLeastWorkTarget, taken}: AnnouncementChoice): void {
    const {classes} = this.#engine;
    const set = this.#engine.prepare((entry) =>
      classes.some(
        ({parentBlockHeight, workBits}, i) =>
          taken[i]! > 0 && parentBlockHeight === entry.parentBlockHeight && workBits === entry.workBits,
      ),
    );
    if (set === undefined) return;
    const commitment = encodeCommitment({annLeastWorkTarget, root: set.root, numAnns: BigInt(set.count)});
    const header = workHeader(work, fillPlaceholder(work.coinbase, commitment), 0);
    const urls = this.#state!.config.submitBlockUrls;
    this.#mining = {work, header, commitment, count: set.count, worst: annLeastWorkTarget, urls};
    this.#minings = [this.#mining, ...this.#minings].slice(0, MAX_MININGS);
    this.#engine.mine(
      header,
      Math.min(effectiveTarget(work.shareTarget, annLeastWorkTarget, set.count), this.#easiest()),
    );
    this.#options.log.info('mining a block', {
      height: work.height,
      announcements: set.count,
      leastWork: Number(workForCompact(annLeastWorkTarget) ?? 0n),
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
    const mining = this.#mining;
    const worst = mining?.worst ?? 0;
    const work = (target: number): number =>
      mining === undefined ? 0 : Number(workForCompact(effectiveTarget(target, worst, mining.count)) ?? 0n);
    return {
      shares: {...this.#uploader.counts},
      hashes,
      announcements,
      received: this.#received,
      setSize: mining?.count ?? 0,
      leastWork: Number(workForCompact(worst) ?? 0n),
      powerMultiplier: mining === undefined ? 0 : Number(powerMultiplier(worst, mining.count)),
      hashesPerShare: work(mining?.work.shareTarget ?? 0),
      hashesPerBlock: work(mining === undefined ? 0 : readU32(mining.work.header, BITS_OFFSET)),
    };
  }

  /** Stops mining, sends what was found, and closes. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#engine.stop();
    await this.#uploader.close(CLOSE_MS);
    this.#closed = true;
    await this.#follower.close();
    await Promise.all([...this.#downloads.map((downloads) => downloads.close()), ...this.#closing]);
    await this.#engine.close();
  }
}

import {randomBytes} from 'node:crypto';
import {AnnouncementMiner} from '../../core/engines/index.ts';
import {annHash0, encodeAnnouncementHeader, v1Seed} from '../../core/packetcrypt/announcement/announcement.ts';
import {AnnouncementKernel} from '../../core/packetcrypt/announcement/announcement-kernel.ts';
import {
  DIGEST_A,
  FOUND,
  HEADER,
  IMAGE_1,
  IMAGE_2,
  KEPT_2,
  MINER_PAGES,
  STATE_STRIDE,
  STATES,
  TABLE,
  TREE,
  TREE_ROOT,
} from '../../core/packetcrypt/announcement/announcement-memory.ts';
import {AnnouncementSearch, type AnnouncementWork} from '../../core/packetcrypt/announcement/announcement-search.ts';
import {compileImage, ItemMaker, ItemTable, makeImage} from '../../core/packetcrypt/announcement/item-table.ts';
import {spawnNodeThread} from '../../service/threads/node-threads.ts';
import {type BenchRow, measureRow, startWatch} from './row.ts';

export const JOBS = 16;
const PARENT_HEIGHT = 200_000;
const now = (): number => performance.now();

function benchWork(workBits: number): AnnouncementWork {
  return {parentHash: randomBytes(32), parentBlockHeight: PARENT_HEIGHT, workBits};
}

export function randomNonce(): number {
  return randomBytes(4).readUInt32LE();
}

function hex(bits: number): string {
  return `0x${bits.toString(16)}`;
}

/** Announcements per second of one thread as the miner mines them; warmed up, over at least 16 jobs. */
export function benchAnnouncements(workBits: number, seconds: number): Promise<BenchRow> {
  return measureRow(async () => {
    let nonce = randomNonce();
    const search = new AnnouncementSearch(new AnnouncementKernel(MINER_PAGES), () => nonce++ >>> 0, now);
    search.setWork(benchWork(workBits));
    while (search.stats.jobs < 3) search.step();
    const begun = search.stats;
    const time = startWatch();
    while (time().wall < seconds || search.stats.jobs - begun.jobs < JOBS) search.step();
    const spent = time();
    const {announcements, jobs} = search.stats;
    return {
      name: 'ann',
      bits: hex(workBits),
      threads: 1,
      group: null,
      unit: 'announcements',
      jobs: jobs - begun.jobs,
      done: announcements - begun.announcements,
      time: spent,
    };
  });
}

/** The same through the engine, on several threads. */
export function benchMiner(workBits: number, threads: number, seconds: number): Promise<BenchRow> {
  return measureRow(async () => {
    let found = 0;
    const miner = new AnnouncementMiner({
      threads,
      spawn: spawnNodeThread,
      now,
      firstHardNonce: randomNonce(),
      onFound: (anns) => {
        found += anns.length / 1024;
      },
    });
    const work = benchWork(workBits);
    miner.start(work);
    while (miner.stats.jobs < 3 * threads) await wait(50);
    await miner.stop();
    const begun = miner.stats.jobs;
    found = 0;
    const time = startWatch();
    miner.start(work);
    while (time().wall < seconds || miner.stats.jobs - begun < JOBS * threads) await wait(100);
    await miner.stop();
    const spent = time();
    const {jobs} = miner.stats;
    await miner.close();
    return {
      name: 'miner',
      bits: hex(workBits),
      threads,
      group: null,
      unit: 'announcements',
      jobs: jobs - begun,
      done: found,
      time: spent,
    };
  });
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A kernel with the tables of one random job, as they come. */
export class RandomJob {
  readonly kernel: AnnouncementKernel = new AnnouncementKernel(MINER_PAGES);
  readonly #table: ItemTable = new ItemTable(new ItemMaker(this.kernel, KEPT_2));

  /** Makes the tables of a new job; returns its parent hash. */
  open(workBits: number): Uint8Array {
    const {kernel} = this;
    const work = benchWork(workBits);
    const header = encodeAnnouncementHeader({
      version: 1,
      softNonce: 0,
      hardNonce: randomNonce(),
      workBits,
      parentBlockHeight: work.parentBlockHeight,
      contentType: 0,
      contentLength: 0,
      contentHash: new Uint8Array(32),
      signingKey: new Uint8Array(32),
    });
    kernel.bytes.set(header, HEADER);
    const hash0 = annHash0(header, work.parentHash);
    this.#fill(hash0, IMAGE_1);
    kernel.exports.buildTree(TABLE, TREE);
    const root = kernel.copyOut(TREE_ROOT, 64);
    this.#fill(v1Seed(root, hash0), IMAGE_2);
    kernel.compress64(header, root);
    const first = kernel.exports.beginSearch(DIGEST_A);
    kernel.exports.setFirstItem(TABLE + 1024 * first);
    return work.parentHash;
  }

  /** The announcements of soft nonces 0..count-1, whether their hashes meet the target or not. */
  allAnnouncements(count: number): {ann: Uint8Array; workHash: Uint8Array}[] {
    const {kernel} = this;
    const all: {ann: Uint8Array; workHash: Uint8Array}[] = [];
    for (let nonce = 0; nonce < count; nonce += 4) {
      kernel.exports.search(TABLE, TREE, HEADER, nonce, 4, 32, 0xffffffff, FOUND);
      for (let j = 0; j < 4; j++) {
        all.push({
          ann: kernel.copyOut(FOUND + 1024 * j, 1024),
          workHash: kernel.copyOut(STATES + STATE_STRIDE * j, 32),
        });
      }
    }
    return all;
  }

  #fill(seed: Uint8Array, image: number): void {
    this.kernel.bytes.set(seed, DIGEST_A);
    const program = compileImage(this.kernel, image, makeImage(this.kernel, DIGEST_A, image));
    if (program === undefined) throw new Error('a seed gave a program that cannot be compiled; run again');
    this.#table.begin(program, seed.subarray(32));
    this.#table.fill(8192);
  }
}

/** Whole jobs as they come: two tables and the tree. */
export function benchTables(seconds: number): Promise<BenchRow> {
  return measureRow(async () => {
    const job = new RandomJob();
    for (let i = 0; i < 3; i++) job.open(0x2001ffff);
    let jobs = 0;
    const time = startWatch();
    while (time().wall < seconds || jobs < JOBS) {
      job.open(0x2001ffff);
      jobs++;
    }
    return {name: 'tables', bits: null, threads: 1, group: null, unit: 'table pairs', jobs, done: jobs, time: time()};
  });
}

/** Announcement hashes per second over full tables, mean of the rates of 16 random jobs. */
export function benchSearch(seconds: number): Promise<BenchRow> {
  return measureRow(async () => {
    const job = new RandomJob();
    const {exports} = job.kernel;
    const search = (nonce: number): void => {
      exports.search(TABLE, TREE, HEADER, nonce, 512, 3, 1, FOUND);
    };
    let cpu = 0;
    let wall = 0;
    for (let i = 0; i < JOBS; i++) {
      job.open(0x2001ffff);
      for (let nonce = 0; nonce < (i === 0 ? 100 : 8) * 512; nonce += 512) search(nonce);
      let nonce = 8 * 512;
      const time = startWatch();
      while (time().wall < seconds / JOBS) {
        for (let k = 0; k < 8; k++, nonce += 512) search(nonce);
      }
      const spent = time();
      const hashes = nonce - 8 * 512;
      cpu += hashes / spent.cpu / JOBS;
      wall += hashes / spent.wall / JOBS;
    }
    return {
      name: 'search',
      bits: null,
      threads: 1,
      group: null,
      unit: 'hashes',
      jobs: JOBS,
      done: 1,
      time: {cpu: 1 / cpu, wall: 1 / wall},
    };
  });
}

import {copyBytes, writeU32} from '../../bytes/index.ts';
import {checkBytes, checkInteger, checkU32} from '../../errors.ts';
import {relativeHashCost} from '../cycle-cost.ts';
import {MAX_TARGET, softNonceMax} from '../difficulty.ts';
import {programCost} from '../rand-hash/rand-hash-cost.ts';
import {ANN_BYTES, ANN_HEADER_BYTES, ANN_VERSION, encodeAnnouncementHeader, TABLE_ITEMS} from './announcement.ts';
import type {AnnouncementKernel} from './announcement-kernel.ts';
import {
  BATCH,
  BATCH_LENGTH,
  DECODED_1,
  DIGEST_A,
  FOUND,
  GENERATOR,
  HEADER,
  IMAGE_1,
  IMAGE_2,
  KEPT_2,
  LIST,
  NUMBERS,
  PROGRAM,
  STATE_STRIDE,
  TABLE,
  TREE,
  TREE_ROOT,
} from './announcement-memory.ts';
import {compileImage, ItemMaker, ItemTable, imageProgram, interpretImage, makeImage, WINDOWS} from './item-table.ts';

/** What announcements to look for; soft and hard nonce are the search's own. */
export interface AnnouncementWork {
  /** Hash of the block at parentBlockHeight, 32 bytes, internal byte order. */
  readonly parentHash: Uint8Array;
  readonly parentBlockHeight: number;
  /** Compact target, exponent 3..32, at most 0x207fffff. */
  readonly workBits: number;
  readonly contentType?: number;
  readonly contentLength?: number;
  /** 32 bytes each; zero by default. */
  readonly contentHash?: Uint8Array;
  readonly signingKey?: Uint8Array;
}

export interface AnnouncementSearchStats {
  readonly hashes: number;
  readonly announcements: number;
  /** Pairs of tables searched, and first tables given up because what follows them would be slow. */
  readonly jobs: number;
  readonly rejected: number;
}

/** Hard nonces whose first program is compared: programs differ tenfold in cost, and looking at one costs little. */
const CANDIDATES = 48;
/** Items made and nonces tried in one step: a few milliseconds. */
const ITEMS_A_STEP = 512;
const NONCES_A_STEP = 512;
/** Up to this many nonces a table is filled only where it is read (each nonce reads three of its 8192 items). */
const LAZY_NONCES = 4096;
/** First tables given up in a row before one is searched whatever it costs. */
const MAX_REJECTED = 16;

type Phase = 'choose' | 'table1' | 'tree' | 'table2' | 'search';

/**
 * One thread's search for announcements, in steps of a few milliseconds.   spec §6
 *
 * Hard nonces are free, so the search picks those that are cheap: of some candidates the one with the cheapest first
 * program, and of the first tables only those whose second program and first cycle promise more than a new start would.
 */
export class AnnouncementSearch {
  readonly #kernel: AnnouncementKernel;
  readonly #nextHardNonce: () => number;
  readonly #now: () => number;
  readonly #choosy: boolean;
  readonly #table: ItemTable;
  #work: AnnouncementWork | undefined;
  #header: Uint8Array = new Uint8Array(ANN_HEADER_BYTES);
  #hash0: Uint8Array = new Uint8Array(64);
  #phase: Phase = 'choose';
  #nonces = 0;
  #nonce = 0;
  #tableCost = 0;
  #hashCost = 0;
  #begun = 0;
  #rejectedInRow = 0;
  #stats = {hashes: 0, announcements: 0, jobs: 0, rejected: 0};
  // Learned: ms a unit of table cost, ms a hash of mean cost, ms from one searched job to the next.
  #msPerCost: Average = new Average();
  #msPerHash: Average = new Average();
  #msPerJob: Average = new Average();
  #spent = 0;
  #searchMs = 0;
  readonly #firstItem: Uint32Array = new Uint32Array(1);

  /**
   * nextHardNonce  u32, a new one at each call; threads must never be given the same
   * now            a clock in ms, used only to learn what is cheap
   * choosy         false: take every hard nonce as it comes, as other miners do
   */
  constructor(kernel: AnnouncementKernel, nextHardNonce: () => number, now: () => number, choosy = true) {
    this.#choosy = choosy;
    this.#kernel = kernel;
    this.#nextHardNonce = nextHardNonce;
    this.#now = now;
    this.#table = new ItemTable(new ItemMaker(kernel, KEPT_2));
  }

  get stats(): AnnouncementSearchStats {
    return {...this.#stats};
  }

  /** Starts over with new work. Throws TypeError or RangeError for fields that do not fit. */
  setWork(work: AnnouncementWork): void {
    this.#header = searchHeader(work);
    if (work.workBits !== this.#work?.workBits) this.#msPerJob = new Average();
    this.#work = {...work, parentHash: copyBytes(work.parentHash)};
    this.#nonces = softNonceMax(work.workBits)! + 1;
    this.#spent = 0;
    this.#phase = 'choose';
  }

  /**
   * Works for a few milliseconds; the announcements found are in the result one after another, 1024 bytes each.
   * Throws Error when no work is set.
   */
  step(): Uint8Array {
    if (this.#work === undefined) throw new Error('no work set');
    const begun = this.#now();
    let found: Uint8Array = NOTHING;
    switch (this.#phase) {
      case 'choose':
        this.#choose(this.#work);
        break;
      case 'table1':
        this.#fillFirstTable();
        break;
      case 'tree':
        this.#buildTree();
        break;
      case 'table2':
        this.#fillSecondTable();
        break;
      case 'search':
        found = this.#search(this.#work);
        break;
    }
    this.#spent += this.#now() - begun;
    return found;
  }

  #choose(work: AnnouncementWork): void {
    const {exports, words} = this.#kernel;
    let best: {nonce: number; cost: number} | undefined;
    for (let i = 0; i < (this.#choosy ? CANDIDATES : 1); i++) {
      const nonce = this.#nextHardNonce();
      this.#hashHeader(work, nonce);
      const count = exports.generateProgram(DIGEST_A, PROGRAM, GENERATOR);
      if (count < 0) continue;
      const cost = tableNs(words.subarray(PROGRAM / 4, PROGRAM / 4 + count), TABLE_ITEMS);
      if (best === undefined || cost < best.cost) best = {nonce, cost};
    }
    if (best === undefined) return;
    this.#hashHeader(work, best.nonce);
    this.#kernel.bytes.set(this.#header, HEADER);
    this.#hash0 = this.#kernel.copyOut(DIGEST_A, 64);
    const count = makeImage(this.#kernel, DIGEST_A, IMAGE_1);
    this.#beginTable(IMAGE_1, count, this.#hash0);
    this.#tableCost = best.cost;
    this.#begun = this.#now();
    this.#phase = 'table1';
  }

  /** annHash0 of the header with this hard nonce, to DIGEST_A.   spec §2.5 */
  #hashHeader(work: AnnouncementWork, hardNonce: number): void {
    writeU32(this.#header, 4, hardNonce);
    this.#kernel.compress64(this.#header, work.parentHash, ZERO_32);
  }

  /** Starts an empty table with the program at the start of an image; seed: 64 bytes, its second half for the items. */
  #beginTable(image: number, count: number, seed: Uint8Array): void {
    const program = compileImage(this.#kernel, image, count) ?? interpretImage(this.#kernel, image, count, DECODED_1);
    this.#table.begin(program, seed.subarray(32));
  }

  #fillFirstTable(): void {
    if (!this.#table.fill(ITEMS_A_STEP)) {
      this.#phase = 'choose';
    } else if (this.#table.complete) {
      this.#msPerCost.add((this.#now() - this.#begun) / this.#tableCost);
      this.#phase = 'tree';
    }
  }

  /** Tree of the first table, seeds of the second table and of the search, and the decision whether to go on. */
  #buildTree(): void {
    const kernel = this.#kernel;
    kernel.exports.buildTree(TABLE, TREE);
    const root = kernel.copyOut(TREE_ROOT, 64);
    kernel.compress64(this.#header, root);
    const first = kernel.exports.beginSearch(DIGEST_A);
    kernel.compress64(root, this.#hash0);
    const seed2 = kernel.copyOut(DIGEST_A, 64);
    const count = makeImage(kernel, DIGEST_A, IMAGE_2);
    this.#phase = 'choose';
    if (count < 0) return;
    this.#hashCost = relativeHashCost(kernel.exports.firstData());
    if (!this.#isWorthwhile(imageProgram(kernel, IMAGE_2, count))) {
      this.#stats.rejected++;
      this.#rejectedInRow++;
      return;
    }
    this.#rejectedInRow = 0;
    this.#beginTable(IMAGE_2, count, seed2);
    this.#firstItem[0] = first;
    this.#nonce = 0;
    this.#phase = 'table2';
  }

  /** What is left of the job must take less time than a job takes on average, new start included. */
  #isWorthwhile(program: Uint32Array): boolean {
    if (!this.#choosy || this.#rejectedInRow >= MAX_REJECTED) return true;
    const {mean: msPerCost} = this.#msPerCost;
    const {mean: msPerHash} = this.#msPerHash;
    const {mean: msPerJob} = this.#msPerJob;
    if (msPerCost === undefined || msPerHash === undefined || msPerJob === undefined) return true;
    const items = TABLE_ITEMS * (this.#isLazy ? 1 - Math.exp((-3 * this.#nonces) / TABLE_ITEMS) : 1);
    const left = tableNs(program, items) * msPerCost + this.#nonces * this.#hashCost * msPerHash;
    return left <= msPerJob;
  }

  get #isLazy(): boolean {
    return this.#nonces <= LAZY_NONCES;
  }

  #fillSecondTable(): void {
    const ready = this.#isLazy ? this.#table.ensure(this.#firstItem) : this.#table.fill(ITEMS_A_STEP);
    if (!ready) {
      this.#phase = 'choose';
    } else if (this.#isLazy || this.#table.complete) {
      this.#kernel.exports.setFirstItem(TABLE + ANN_BYTES * this.#firstItem[0]!);
      this.#searchMs = 0;
      this.#phase = 'search';
    }
  }

  #search(work: AnnouncementWork): Uint8Array {
    const begun = this.#now();
    const count = this.#isLazy ? BATCH_LENGTH : Math.min(NONCES_A_STEP, this.#nonces - this.#nonce);
    const found = this.#isLazy ? this.#searchBatch(work, count) : this.#searchTable(work, count);
    this.#nonce += count;
    this.#stats.hashes += count;
    this.#stats.announcements += found;
    this.#searchMs += this.#now() - begun;
    if (this.#nonce >= this.#nonces) this.#endJob();
    return found === 0 ? NOTHING : this.#kernel.copyOut(FOUND, found * ANN_BYTES);
  }

  #searchTable(work: AnnouncementWork, count: number): number {
    const {workBits} = work;
    const exponent = workBits >>> 24;
    const mantissa = workBits & 0x7fffff;
    return this.#kernel.exports.search(TABLE, TREE, HEADER, this.#nonce, count, exponent, mantissa, FOUND);
  }

  /** Tries nonces cycle by cycle, making the items that each cycle reads. */
  #searchBatch(work: AnnouncementWork, count: number): number {
    const {exports, words} = this.#kernel;
    const list = words.subarray(LIST / 4, LIST / 4 + count);
    const numbers = NUMBERS / 4;
    for (let i = 0; i < count; i++) list[i] = this.#nonce + i;
    exports.startBatch(BATCH, count, LIST);
    for (let k = 1; k < 4; k++) {
      exports.batchItems(BATCH, count, NUMBERS);
      if (!this.#ensureItems(words.subarray(numbers, numbers + count))) {
        this.#nonce = this.#nonces;
        return 0;
      }
      exports.updateBatch(BATCH, count, TABLE, NUMBERS, k === 3 ? 1 : 0);
    }
    exports.finishBatch(BATCH, count);
    const found = exports.batchHits(BATCH, count, work.workBits >>> 24, work.workBits & 0x7fffff, LIST);
    for (let i = 0; i < found; i++) {
      const j = list[i]!;
      const item = words[numbers + j]!;
      exports.assemble(FOUND + ANN_BYTES * i, HEADER, this.#nonce + j, TREE, item, BATCH + STATE_STRIDE * j);
    }
    return found;
  }

  /** Makes missing items; the time is not counted as the search's own. */
  #ensureItems(numbers: Uint32Array): boolean {
    const begun = this.#now();
    const ready = this.#table.ensure(numbers);
    this.#searchMs -= this.#now() - begun;
    return ready;
  }

  #endJob(): void {
    this.#stats.jobs++;
    this.#msPerHash.add(this.#searchMs / (this.#nonces * this.#hashCost));
    this.#msPerJob.add(this.#spent);
    this.#spent = 0;
    this.#phase = 'choose';
  }
}

/**
 * The 88 header bytes of work, nonces zero. Throws TypeError or RangeError for work that cannot be mined.   spec §2
 */
export function searchHeader(work: AnnouncementWork): Uint8Array {
  checkBytes('parentHash', work.parentHash, 32);
  checkU32('workBits', work.workBits);
  checkInteger('workBits exponent', work.workBits >>> 24, 3, 32);
  checkInteger('workBits', work.workBits, 1, MAX_TARGET);
  checkInteger('workBits mantissa', work.workBits & 0xffffff, 1, 0x7fffff);
  return encodeAnnouncementHeader({
    version: ANN_VERSION,
    softNonce: 0,
    hardNonce: 0,
    workBits: work.workBits,
    parentBlockHeight: work.parentBlockHeight,
    contentType: work.contentType ?? 0,
    contentLength: work.contentLength ?? 0,
    contentHash: work.contentHash ?? new Uint8Array(32),
    signingKey: work.signingKey ?? new Uint8Array(32),
  });
}

const NOTHING = new Uint8Array(0);
const ZERO_32 = new Uint8Array(32);

/** Template, encryption and copies of an item, beside its program. */
const ITEM_NS = 800;

/** Estimated time of `items` items of a program, on the machine that the estimates were made for. */
function tableNs(program: Uint32Array, items: number): number {
  const {itemNs, compileNs, readsItemNumber} = programCost(program);
  const runs = readsItemNumber ? items : WINDOWS * (1 - Math.exp(-items / WINDOWS));
  return compileNs + runs * itemNs + items * ITEM_NS;
}

/** Mean that forgets: recent values count most. */
class Average {
  mean: number | undefined;

  add(value: number): void {
    this.mean = this.mean === undefined ? value : this.mean + (value - this.mean) / 12;
  }
}

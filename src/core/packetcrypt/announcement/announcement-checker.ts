import {copyBytes, latin1} from '../../bytes/index.ts';
import {checkBytes, checkInteger} from '../../errors.ts';
import {meetsTarget} from '../work-check.ts';
import {ANN_BYTES, ANN_HEADER_BYTES, ANN_ROOT_OFFSET, annSoftNonce, annWorkBits} from './announcement.ts';
import {earlyVerdict} from './announcement-check.ts';
import type {AnnouncementKernel} from './announcement-kernel.ts';
import {
  BATCH,
  BATCH_LENGTH,
  DECODED_1,
  DECODED_2,
  DIGEST_A,
  DIGEST_B,
  FOUND,
  IMAGE_1,
  IMAGE_2,
  INPUT_A,
  INPUT_B,
  KEPT_1,
  KEPT_2,
  LIST,
  NUMBERS,
  PROVED_ITEMS,
  STATE_STRIDE,
  TABLE,
} from './announcement-memory.ts';
import type {AnnouncementContext, AnnouncementVerdict} from './announcement-verdict.ts';
import {compileImage, ItemMaker, ItemTable, interpretImage, type LoadedProgram, makeImage} from './item-table.ts';

/** Announcements of one job from which on its programs are compiled instead of interpreted. */
const COMPILE_FROM = 64;
/** A job's first announcements are interpreted; only if half of them are good is compiling worth the time. */
const TRIAL = 16;
/** Words of both programs that an announcement seen pays for: compiling long programs takes more announcements. */
const WORDS_PER_ANNOUNCEMENT = 8;
/** Jobs whose compiled programs are kept. */
const COMPILED_JOBS = 16;
/** Jobs of which it is remembered how many announcements came. */
const RECENT_JOBS = 256;

/** What the announcements of one header and root under one parent share.   spec §7 steps 2, 3, 6 */
interface Job {
  readonly hash0: Uint8Array;
  readonly hash1: Uint8Array;
  readonly seed2: Uint8Array;
  good: number;
  program1: LoadedProgram | undefined;
  program2: LoadedProgram | undefined;
}

const BAD_PROGRAM: AnnouncementVerdict = {verdict: 'BAD_PROGRAM'};

/**
 * Judges announcements in bulk, grouped by job.   spec §7
 *
 * Cost is linear in the input: about a tenth of a millisecond for an announcement of its own job, a third of that and less
 * where many share a job. Memory is bounded: the kernel's, and the compiled programs of 16 jobs.
 */
export class AnnouncementChecker {
  readonly #kernel: AnnouncementKernel;
  readonly #table: ItemTable;
  readonly #compiled = new Map<string, Job>();
  readonly #recent = new Map<string, number>();
  readonly #maker1: ItemMaker;
  readonly #maker2: ItemMaker;
  readonly #first: Uint32Array = new Uint32Array(1);

  constructor(kernel: AnnouncementKernel) {
    this.#kernel = kernel;
    this.#maker1 = new ItemMaker(kernel, KEPT_1);
    this.#maker2 = new ItemMaker(kernel, KEPT_2);
    this.#table = new ItemTable(this.#maker2);
  }

  /**
   * anns          a multiple of 1024 bytes
   * parentHashes  32 bytes, the hash of every announcement's parent, or 32 bytes for each
   * returns a verdict for each announcement, in order
   * throws TypeError or RangeError for arguments of another shape
   */
  validate(anns: Uint8Array, parentHashes: Uint8Array, context: AnnouncementContext = {}): AnnouncementVerdict[] {
    checkBytes('anns', anns);
    checkBytes('parentHashes', parentHashes);
    const count = anns.length / ANN_BYTES;
    checkInteger('anns.length / 1024', count, 0, 0x3fffff);
    if (parentHashes.length !== 32) checkBytes('parentHashes', parentHashes, 32 * count);
    const verdicts = new Array<AnnouncementVerdict>(count);
    const groups = new Map<string, Uint8Array[]>();
    const places = new Map<string, number[]>();
    for (let i = 0; i < count; i++) {
      const ann = anns.subarray(i * ANN_BYTES, (i + 1) * ANN_BYTES);
      const parent = parentHashes.length === 32 ? parentHashes : parentHashes.subarray(32 * i, 32 * i + 32);
      const early = earlyVerdict(ann, parent, context);
      if (early !== undefined) {
        verdicts[i] = early;
        continue;
      }
      const key = jobKey(ann, parent);
      const group = groups.get(key);
      if (group === undefined) {
        groups.set(key, [parent, ann]);
        places.set(key, [i]);
      } else {
        group.push(ann);
        places.get(key)!.push(i);
      }
    }
    for (const [key, [parent, ...group]] of groups) {
      const judged = this.#judgeGroup(key, group, parent!, context);
      const at = places.get(key)!;
      for (let k = 0; k < at.length; k++) verdicts[at[k]!] = judged[k]!;
    }
    return verdicts;
  }

  #judgeGroup(
    key: string,
    anns: readonly Uint8Array[],
    parent: Uint8Array,
    context: AnnouncementContext,
  ): AnnouncementVerdict[] {
    const known = this.#compiled.get(key);
    const job = known ?? this.#makeJob(anns[0]!, parent);
    const seen = (this.#recent.get(key) ?? 0) + anns.length;
    const verdicts: AnnouncementVerdict[] = [];
    if (!this.#load(job)) return anns.map(() => BAD_PROGRAM);
    if (known === undefined && seen >= COMPILE_FROM) {
      this.#judge(job, anns.slice(0, TRIAL), context, verdicts);
      const words = this.#image1Words + this.#image2Words;
      if (2 * job.good >= verdicts.length && WORDS_PER_ANNOUNCEMENT * seen >= words) {
        this.#compile(job);
        remember(this.#compiled, key, job, COMPILED_JOBS);
      }
    } else if (known !== undefined) {
      remember(this.#compiled, key, job, COMPILED_JOBS);
    }
    // A compiled job starts anew: once others have displaced it, it must be worth compiling again.
    if (this.#compiled.has(key)) this.#recent.delete(key);
    else remember(this.#recent, key, seen, RECENT_JOBS);
    while (verdicts.length < anns.length) {
      this.#judge(job, anns.slice(verdicts.length, verdicts.length + BATCH_LENGTH), context, verdicts);
    }
    return verdicts;
  }

  #makeJob(ann: Uint8Array, parent: Uint8Array): Job {
    const kernel = this.#kernel;
    const header = copyBytes(ann, 0, ANN_HEADER_BYTES);
    header.fill(0, 1, 4);
    const root = ann.subarray(ANN_ROOT_OFFSET, ANN_ROOT_OFFSET + 64);
    const length = kernel.writeInput(INPUT_A, header, parent, ZERO_32);
    kernel.writeInput(INPUT_B, header, root);
    kernel.exports.blake2bPair(INPUT_A, INPUT_B, length, 64, DIGEST_A, DIGEST_B);
    const hash0 = kernel.copyOut(DIGEST_A, 64);
    const hash1 = kernel.copyOut(DIGEST_B, 32);
    kernel.compress64(root, hash0);
    return {hash0, hash1, seed2: kernel.copyOut(DIGEST_A, 64), good: 0, program1: undefined, program2: undefined};
  }

  /** Puts the second program and an empty table of the job in place; false when its seed gives no program. */
  #load(job: Job): boolean {
    const kernel = this.#kernel;
    kernel.bytes.set(job.seed2, DIGEST_A);
    const count = makeImage(kernel, DIGEST_A, IMAGE_2);
    if (count < 0) return false;
    this.#image1Words = 0;
    const program = job.program2 ?? interpretImage(kernel, IMAGE_2, count, DECODED_2);
    this.#image2Words = count;
    this.#table.begin(program, job.seed2.subarray(32));
    return true;
  }

  #image1Words = 0;
  #image2Words = 0;

  /** Puts the first program in place unless it is; false when its seed gives no program. */
  #loadFirst(job: Job): boolean {
    if (this.#image1Words !== 0) return this.#image1Words > 0;
    const kernel = this.#kernel;
    kernel.bytes.set(job.hash0, DIGEST_A);
    this.#image1Words = makeImage(kernel, DIGEST_A, IMAGE_1);
    if (this.#image1Words < 0) return false;
    const program = job.program1 ?? interpretImage(kernel, IMAGE_1, this.#image1Words, DECODED_1);
    this.#maker1.begin(program, job.hash0.subarray(32));
    return true;
  }

  #compile(job: Job): void {
    job.program2 = compileImage(this.#kernel, IMAGE_2, this.#image2Words);
    if (job.program2 !== undefined) this.#maker2.replace(job.program2);
    if (!this.#loadFirst(job)) return;
    job.program1 = compileImage(this.#kernel, IMAGE_1, this.#image1Words);
    if (job.program1 !== undefined) this.#maker1.replace(job.program1);
  }

  /** Judges at most BATCH_LENGTH announcements of the loaded job. */
  #judge(job: Job, anns: readonly Uint8Array[], context: AnnouncementContext, out: AnnouncementVerdict[]): void {
    const {exports, bytes, words} = this.#kernel;
    const count = anns.length;
    if (!this.#hash(job, anns)) {
      // An item failed; which announcements need it is found one by one.
      if (count === 1) out.push(BAD_PROGRAM);
      else for (const ann of anns) this.#judge(job, [ann], context, out);
      return;
    }
    const base = out.length;
    const proved: number[] = [];
    for (let j = 0; j < count; j++) {
      const at = FOUND + ANN_BYTES * j;
      bytes.set(anns[j]!, at);
      out.push(INVAL_ITEM4);
      if (exports.openAnnouncement(at, BATCH + STATE_STRIDE * j) !== 0) proved.push(j);
    }
    if (proved.length === 0) return;
    const numbers = words.slice(NUMBERS / 4, NUMBERS / 4 + count);
    const proofs = this.#prove(job, proved, numbers);
    proved.forEach((j, k) => {
      if (proofs[k] === NO_ITEM) {
        out[base + j] = BAD_PROGRAM;
      } else if (proofs[k] === WRONG_ITEM) {
        out[base + j] = INVAL;
      } else {
        const state = BATCH + STATE_STRIDE * j;
        const workHash = this.#kernel.copyOut(state, 32);
        const good = meetsTarget(workHash, annWorkBits(anns[j]!), context.profile);
        out[base + j] = good ? {verdict: 'OK', workHash} : INSUF_POW;
        if (good) job.good++;
      }
    });
  }

  /** Runs the four cycles of all announcements; final states at BATCH, fourth item numbers at NUMBERS.   spec §7 step 4 */
  #hash(job: Job, anns: readonly Uint8Array[]): boolean {
    const {exports, bytes, words} = this.#kernel;
    const count = anns.length;
    this.#maker2.resume();
    bytes.set(job.hash1, DIGEST_A);
    this.#first[0] = exports.beginSearch(DIGEST_A);
    if (!this.#table.ensure(this.#first)) return false;
    exports.setFirstItem(TABLE + ANN_BYTES * this.#first[0]!);
    for (let j = 0; j < count; j++) words[LIST / 4 + j] = annSoftNonce(anns[j]!);
    exports.startBatch(BATCH, count, LIST);
    const numbers = words.subarray(NUMBERS / 4, NUMBERS / 4 + count);
    for (let k = 1; k < 4; k++) {
      exports.batchItems(BATCH, count, NUMBERS);
      if (!this.#table.ensure(numbers)) return false;
      exports.updateBatch(BATCH, count, TABLE, NUMBERS, k === 3 ? 1 : 0);
    }
    exports.finishBatch(BATCH, count);
    return true;
  }

  /**
   * Makes the items that opened announcements prove and climbs their branches.   spec §7 step 6
   * returns 1, WRONG_ITEM or NO_ITEM for each of `proved`
   */
  #prove(job: Job, proved: readonly number[], numbers: Uint32Array): Uint8Array {
    const kernel = this.#kernel;
    if (!this.#loadFirst(job)) return new Uint8Array(proved.length).fill(NO_ITEM);
    this.#maker1.resume();
    const made = proved.map((j, k) => this.#maker1.make(numbers[j]!, PROVED_ITEMS + ANN_BYTES * k));
    this.#maker1.flush();
    const proofs = new Uint8Array(proved.length);
    for (let k = 0; k < proved.length; k += 2) {
      const a = k;
      const b = Math.min(k + 1, proved.length - 1);
      const place = (i: number): [number, number, number] => [
        FOUND + ANN_BYTES * proved[i]!,
        PROVED_ITEMS + ANN_BYTES * i,
        numbers[proved[i]!]!,
      ];
      const ok = kernel.exports.proveItems(...place(a), ...place(b), INPUT_A);
      proofs[a] = ok & 1;
      proofs[b] = b === a ? ok & 1 : ok >> 1;
    }
    for (let k = 0; k < made.length; k++) if (made[k] === false) proofs[k] = NO_ITEM;
    return proofs;
  }
}

const ZERO_32 = new Uint8Array(32);
/** Why an announcement does not prove its item. */
const WRONG_ITEM = 0;
const NO_ITEM = 2;
const INVAL: AnnouncementVerdict = {verdict: 'INVAL'};
const INVAL_ITEM4: AnnouncementVerdict = {verdict: 'INVAL_ITEM4'};
const INSUF_POW: AnnouncementVerdict = {verdict: 'INSUF_POW'};

/** Header without soft nonce, root and parent: what announcements of one job have in common. */
export function jobKey(ann: Uint8Array, parent: Uint8Array): string {
  return (
    latin1(ann, 0, 1) +
    latin1(ann, 4, ANN_HEADER_BYTES) +
    latin1(ann, ANN_ROOT_OFFSET, ANN_ROOT_OFFSET + 64) +
    latin1(parent, 0, 32)
  );
}

/** True for announcements at places a and b that have the same job on the same parent: the same as equal keys, at a tenth of the cost. */
export function isSameJob(anns: Uint8Array, a: number, b: number): boolean {
  const [atA, atB] = [ANN_BYTES * a, ANN_BYTES * b];
  if (anns[atA] !== anns[atB]) return false;
  for (let i = 4; i < ANN_HEADER_BYTES; i++) if (anns[atA + i] !== anns[atB + i]) return false;
  for (let i = ANN_ROOT_OFFSET; i < ANN_ROOT_OFFSET + 64; i++) if (anns[atA + i] !== anns[atB + i]) return false;
  return true;
}

/** Puts an entry last and drops the first one above the bound. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value, bound: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > bound) map.delete(map.keys().next().value!);
}

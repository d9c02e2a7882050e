import {copyBytes, equalBytes} from '../bytes/index.ts';
import {checkBytes, checkInteger} from '../errors.ts';
import {ANN_BYTES} from '../packetcrypt/announcement/announcement.ts';
import type {AnnouncementClass} from '../packetcrypt/block/announcement-choice.ts';
import {type AddResult, AnnouncementSet, type PreparedSet} from '../packetcrypt/block/announcement-set.ts';
import {AnnouncementStore} from '../packetcrypt/block/announcement-store.ts';
import {type BlockFind, checkBlockTarget} from '../packetcrypt/block/block-search.ts';
import type {FromBlockThread, ToBlockThread} from './block-thread.ts';
import {EngineError} from './errors.ts';
import {StopGate} from './stop-gate.ts';
import {type ThreadCrash, ThreadPool} from './thread-pool.ts';
import type {SpawnThread} from './thread-port.ts';

/**
 * Header nonces that a thread looks at for one work before it moves on by 64 times as many; a thread that takes the place of
 * a crashed one begins far from where any other will come.
 */
const HEADER_NONCES = 4096;
const CRASH_STEP = 1 << 24;
/** How long a preparation may hold up everything else at a time. */
const SLICE_MS = 8;

export interface BlockMinerOptions {
  readonly threads: number;
  readonly spawn: SpawnThread;
  readonly now: () => number;
  /** Announcements the miner holds at most; each takes 1 KiB and about 100 bytes. */
  readonly capacity: number;
  /**
   * Where the search of header nonces begins, u32. Miners who have the same announcements look for the same shares unless they
   * begin elsewhere.
   */
  readonly firstHeaderNonce?: number;
  readonly onFound: (share: FoundShare) => void;
  readonly onCrash?: (crash: ThreadCrash) => void;
  /** Lets the event loop have its turn; for `prepareSlowly`. */
  readonly pause?: () => Promise<void>;
}

/** Everything a share or block needs besides the coinbase.   spec §8.6–8.9 */
export interface FoundShare {
  /** 80 bytes, with the nonce that was mined. */
  readonly header: Uint8Array;
  readonly nonce2: number;
  /** 4 × 1024 bytes in order of access. */
  readonly announcements: Uint8Array;
  readonly treeProof: Uint8Array;
  readonly selected: readonly [number, number, number, number];
  readonly hash: Uint8Array;
}

/** A set ready for mining; its root and count go into the coinbase commitment.   spec §8.4 */
export interface BlockSet {
  readonly root: Uint8Array;
  readonly count: number;
}

export interface BlockMinerStats {
  readonly threads: number;
  readonly hashes: number;
  readonly announcements: number;
}

/**
 * Mines blocks on several threads over one announcement set.   spec §8
 *
 * `add` and `drop` change what is held, `prepare` makes a set ready beside the one being mined, and `mine` goes over to it
 * with a header that commits to it. `stop` pauses, `close` ends.
 */
export class BlockMiner {
  readonly #options: BlockMinerOptions;
  readonly #store: AnnouncementStore;
  readonly #set: AnnouncementSet;
  readonly #pool: ThreadPool<ToBlockThread, FromBlockThread>;
  readonly #hashes: number[] = [];
  readonly #gate = new StopGate();
  #doneHashes = 0;
  #crashes = 0;
  #prepared: PreparedSet | undefined;
  /** Number of the preparation that counts. */
  #preparation = 0;
  #mined: PreparedSet | undefined;
  /** Sets of the jobs that finds may still come from. */
  readonly #sets = new Map<number, PreparedSet>();
  #work: {readonly header: Uint8Array; readonly target: number} | undefined;
  #job = 0;
  #going = false;
  #closed = false;
  /** Threads that still mine on the order that is to be written next. */
  readonly #behind = new Set<number>();

  constructor(options: BlockMinerOptions) {
    this.#options = options;
    checkInteger('threads', options.threads, 1, 63);
    checkInteger('firstHeaderNonce', options.firstHeaderNonce ?? 0, 0, 0xffffffff);
    // One region more than threads: the set works in it.
    this.#store = new AnnouncementStore(options.capacity, options.threads + 1);
    this.#set = new AnnouncementSet(this.#store, options.threads);
    this.#pool = new ThreadPool({
      kind: 'block',
      threads: options.threads,
      spawn: options.spawn,
      now: options.now,
      onStart: (thread) => this.#start(thread),
      onMessage: (thread, message) => this.#receive(thread, message),
      onCrash: (crash) => this.#crashed(crash),
    });
    this.#pool.open();
  }

  /** Takes valid announcements, 1024 bytes each; may be called while mining. */
  add(anns: Uint8Array): AddResult {
    if (this.#closed) throw new EngineError('closed');
    return this.#set.add(anns);
  }

  /** Gives up whole classes, for instance those too old to be used. Returns how many announcements. */
  drop(unwanted: (entry: AnnouncementClass) => boolean): number {
    return this.#set.drop(unwanted);
  }

  get classes(): AnnouncementClass[] {
    return this.#set.classes;
  }

  /** True while threads have not yet gone over to the last `mine`; `prepare` must wait for it. */
  get switching(): boolean {
    return this.#behind.size > 0;
  }

  /**
   * Makes the chosen classes ready while mining goes on; undefined when nothing is chosen.
   * Throws EngineError 'overloaded' while `switching`.
   */
  prepare(chosen: (entry: AnnouncementClass) => boolean): BlockSet | undefined {
    if (this.switching) throw new EngineError('overloaded', {threads: this.#behind.size});
    this.#preparation++;
    this.#prepared = this.#set.prepare(this.#mined?.order === 0 ? 1 : 0, chosen);
    return this.#prepared && {root: this.#prepared.tree.root, count: this.#prepared.count};
  }

  /**
   * The same without holding up anything for longer than some milliseconds; may be called while `switching`. A later call, or
   * `prepare`, ends an earlier one, which then gives undefined.
   */
  async prepareSlowly(
    chosen: (entry: AnnouncementClass) => boolean,
    sliceMs: number = SLICE_MS,
  ): Promise<BlockSet | undefined> {
    const {pause = () => Promise.resolve(), now} = this.#options;
    const number = ++this.#preparation;
    const steps = this.#set.draftSteps(chosen);
    let sliceEnd = now() + sliceMs;
    for (;;) {
      const {done, value: draft} = steps.next();
      const isWaiting = done === true && this.switching && draft !== undefined;
      if (done === true && draft === undefined) return undefined;
      if (isWaiting || now() >= sliceEnd) {
        do {
          await pause();
          if (number !== this.#preparation || this.#closed) return undefined;
        } while (isWaiting && this.switching);
        sliceEnd = now() + sliceMs;
      }
      if (draft === undefined) continue;
      this.#prepared = this.#set.install(this.#mined?.order === 0 ? 1 : 0, draft);
      return {root: this.#prepared.tree.root, count: this.#prepared.count};
    }
  }

  /** Ends `prepareSlowly`. */
  cancelPreparation(): void {
    this.#preparation++;
    this.#set.abandon();
  }

  /**
   * Mines a header over the prepared set, or over the one mined already if none was prepared since. With the header, target
   * and set of before it goes on where stop() paused.
   *
   * header  80 bytes; the nonce field is chosen by the miner    target  compact effective target, exponent 3..32
   */
  mine(header: Uint8Array, target: number): void {
    if (this.#closed) throw new EngineError('closed');
    checkBytes('header', header, 80);
    checkBlockTarget(target);
    const prepared = this.#prepared ?? this.#mined;
    if (prepared === undefined) throw new RangeError('"prepare" expected to be called before "mine"');
    const same = this.#work !== undefined && this.#work.target === target && equalBytes(this.#work.header, header);
    this.#going = true;
    if (prepared === this.#mined && same) {
      this.#pool.postAll({type: 'go'});
      return;
    }
    this.#mined = prepared;
    this.#prepared = undefined;
    this.#work = {header: copyBytes(header), target};
    this.#job++;
    this.#sets.set(this.#job, prepared);
    for (const thread of this.#pool.alive) {
      this.#behind.add(thread);
      this.#postWork(thread);
    }
    this.#pool.postAll({type: 'go'});
  }

  #postWork(thread: number): void {
    const {order, count} = this.#mined!;
    const {firstHeaderNonce = 0} = this.#options;
    const headerNonce = (firstHeaderNonce + HEADER_NONCES * thread + CRASH_STEP * this.#crashes) >>> 0;
    const work = {...this.#work!, total: count, order, headerNonce};
    this.#pool.post(thread, {type: 'work', job: this.#job, work});
  }

  /** Goes on after stop() with what was mined before, whatever has been prepared since. */
  resume(): void {
    if (this.#closed) throw new EngineError('closed');
    this.#going = true;
    this.#pool.postAll({type: 'go'});
  }

  /** Pauses all threads; resolves when they have stopped. */
  stop(): Promise<void> {
    this.#going = false;
    if (this.#closed) return Promise.resolve();
    const {stop, done} = this.#gate.open(this.#pool.alive);
    this.#pool.postAll({type: 'stop', stop});
    return done;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#gate.release();
    await this.#pool.close();
  }

  get stats(): BlockMinerStats {
    let hashes = this.#doneHashes;
    for (const part of this.#hashes) hashes += part ?? 0;
    return {threads: this.#pool.alive.length, hashes, announcements: this.#set.size};
  }

  #start(thread: number): void {
    this.#pool.post(thread, {type: 'open', thread, store: this.#store.shared});
    if (this.#work !== undefined) this.#postWork(thread);
    if (this.#going) this.#pool.post(thread, {type: 'go'});
  }

  #receive(thread: number, message: FromBlockThread): void {
    switch (message.type) {
      case 'working':
        this.#working(thread, message.job);
        break;
      case 'found':
        this.#deliver(message.job, message.find);
        break;
      case 'stats':
        this.#hashes[thread] = message.hashes;
        break;
      case 'stopped':
        this.#gate.answered(thread, message.stop);
        break;
    }
  }

  #working(thread: number, job: number): void {
    if (job !== this.#job) return;
    this.#behind.delete(thread);
    // A thread's finds for older work came before this message.
    if (!this.switching) for (const old of this.#sets.keys()) if (old !== job) this.#sets.delete(old);
  }

  #deliver(job: number, find: BlockFind): void {
    const {tree, slots} = this.#sets.get(job)!;
    const announcements = new Uint8Array(4 * ANN_BYTES);
    find.selected.forEach((number, k) => {
      announcements.set(this.#store.slot(slots[number]!), k * ANN_BYTES);
    });
    this.#options.onFound({...find, announcements, treeProof: tree.prove(find.selected)});
  }

  #crashed(crash: ThreadCrash): void {
    this.#crashes++;
    this.#doneHashes += this.#hashes[crash.thread] ?? 0;
    this.#hashes[crash.thread] = 0;
    this.#behind.delete(crash.thread);
    this.#gate.died(crash.thread);
    this.#options.onCrash?.(crash);
  }
}

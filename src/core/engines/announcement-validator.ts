import {copyBytes} from '../bytes/index.ts';
import {checkBytes} from '../errors.ts';
import {ANN_BYTES} from '../packetcrypt/announcement/announcement.ts';
import {isSameJob, jobKey} from '../packetcrypt/announcement/announcement-checker.ts';
import type {AnnouncementContext, AnnouncementVerdict} from '../packetcrypt/announcement/announcement-verdict.ts';
import {checkProfile} from '../packetcrypt/profile.ts';
import type {FromCheckerThread, ToCheckerThread} from './checker-thread.ts';
import {EngineError} from './errors.ts';
import {type ThreadCrash, ThreadPool} from './thread-pool.ts';
import type {SpawnThread} from './thread-port.ts';

/** Announcements of one job that go to a thread at once; smaller jobs share a task of about PACK announcements. */
const TASK = 1024;
const PACK = 64;
/** Tasks a thread holds: one at work, one waiting. */
const HELD = 2;

export interface AnnouncementValidatorOptions {
  readonly threads: number;
  readonly spawn: SpawnThread;
  readonly now: () => number;
  /** Announcements that may wait; more are refused as 'overloaded'. 65536 (64 MiB) by default. */
  readonly maxWaiting?: number;
  readonly onCrash?: (crash: ThreadCrash) => void;
}

interface Request {
  readonly verdicts: AnnouncementVerdict[];
  left: number;
  readonly resolve: (verdicts: AnnouncementVerdict[]) => void;
  readonly reject: (error: Error) => void;
}

interface Task {
  readonly request: Request;
  readonly places: readonly number[];
  readonly anns: Uint8Array;
  readonly parentHashes: Uint8Array;
  readonly context: AnnouncementContext;
  crashes: number;
}

/**
 * Judges announcements on several threads.   spec §7
 *
 * Announcements of one job are kept together, since they share most of the work. A bounded number may wait. A task whose
 * thread crashes twice is failed, not tried for ever.
 */
export class AnnouncementValidator {
  readonly #options: AnnouncementValidatorOptions;
  readonly #pool: ThreadPool<ToCheckerThread, FromCheckerThread>;
  readonly #queue: Task[] = [];
  readonly #held: Map<number, Task>[];
  readonly #maxWaiting: number;
  #waiting = 0;
  #task = 0;
  #closed = false;

  constructor(options: AnnouncementValidatorOptions) {
    this.#options = options;
    this.#maxWaiting = options.maxWaiting ?? 65536;
    this.#held = Array.from({length: options.threads}, () => new Map<number, Task>());
    this.#pool = new ThreadPool({
      kind: 'check',
      threads: options.threads,
      spawn: options.spawn,
      now: options.now,
      onStart: (thread) => this.#feed(thread),
      onMessage: (thread, message) => this.#receive(thread, message),
      onCrash: (crash) => this.#crashed(crash),
    });
    this.#pool.open();
  }

  /** Announcements taken and not yet judged. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * anns          a multiple of 1024 bytes
   * parentHashes  32 bytes for all, or 32 bytes for each
   * returns a verdict for each announcement, in order
   * throws  EngineError 'overloaded' (nothing was taken), 'closed', 'threads-lost'; TypeError, RangeError
   */
  validate(
    anns: Uint8Array,
    parentHashes: Uint8Array,
    context: AnnouncementContext = {},
  ): Promise<AnnouncementVerdict[]> {
    checkBytes('anns', anns);
    checkBytes('parentHashes', parentHashes);
    if (anns.length % ANN_BYTES !== 0) {
      throw new RangeError(`"anns" expected a multiple of 1024 bytes, got ${anns.length}`);
    }
    const count = anns.length / ANN_BYTES;
    if (parentHashes.length !== 32) checkBytes('parentHashes', parentHashes, 32 * count);
    checkProfile(context.profile ?? 'strict');
    if (this.#closed) throw new EngineError('closed');
    if (this.#pool.alive.length === 0) throw new EngineError('threads-lost');
    if (this.#waiting + count > this.#maxWaiting) {
      throw new EngineError('overloaded', {waiting: this.#waiting, limit: this.#maxWaiting});
    }
    if (count === 0) return Promise.resolve([]);
    this.#waiting += count;
    return new Promise((resolve, reject) => {
      const request: Request = {verdicts: new Array(count), left: count, resolve, reject};
      for (const places of divide(anns, parentHashes)) {
        this.#queue.push(makeTask(request, places, anns, parentHashes, context));
      }
      for (const thread of this.#pool.alive) this.#feed(thread);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const tasks = [...this.#queue.splice(0), ...this.#held.flatMap((held) => [...held.values()])];
    for (const task of tasks) task.request.reject(new EngineError('closed'));
    await this.#pool.close();
  }

  #feed(thread: number): void {
    const held = this.#held[thread]!;
    while (held.size < HELD) {
      const task = this.#queue.shift();
      if (task === undefined) return;
      const number = ++this.#task;
      held.set(number, task);
      const {anns, parentHashes, context} = task;
      this.#pool.post(thread, {task: number, anns, parentHashes, context});
    }
  }

  #receive(thread: number, {task: number, verdicts}: FromCheckerThread): void {
    const task = this.#held[thread]!.get(number);
    if (task === undefined) return;
    this.#held[thread]!.delete(number);
    const {request, places} = task;
    for (let k = 0; k < places.length; k++) request.verdicts[places[k]!] = verdicts[k]!;
    this.#waiting -= places.length;
    request.left -= places.length;
    if (request.left === 0) request.resolve(request.verdicts);
    this.#feed(thread);
  }

  #crashed(crash: ThreadCrash): void {
    const held = this.#held[crash.thread]!;
    for (const task of held.values()) {
      task.crashes++;
      if (task.crashes < 2 && crash.replaced) this.#queue.unshift(task);
      else this.#fail(task, crash.error);
    }
    held.clear();
    if (!crash.replaced && this.#pool.alive.length === 0) {
      for (const task of this.#queue.splice(0)) this.#fail(task, crash.error);
    }
    this.#options.onCrash?.(crash);
  }

  #fail(task: Task, error: Error): void {
    this.#waiting -= task.places.length;
    task.request.reject(error);
  }
}

/** Which announcements go into a task together. */
function divide(anns: Uint8Array, parentHashes: Uint8Array): number[][] {
  const jobs = new Map<string, number[]>();
  const count = anns.length / ANN_BYTES;
  const one = parentHashes.length === 32;
  let places: number[] | undefined;
  for (let i = 0; i < count; i++) {
    // Those of one job mostly come one after another.
    if (places === undefined || !one || !isSameJob(anns, i - 1, i)) {
      const parent = one ? parentHashes : parentHashes.subarray(32 * i, 32 * i + 32);
      const key = jobKey(anns.subarray(i * ANN_BYTES, (i + 1) * ANN_BYTES), parent);
      places = jobs.get(key);
      if (places === undefined) {
        places = [];
        jobs.set(key, places);
      }
    }
    places.push(i);
  }
  const tasks: number[][] = [];
  let pack: number[] = [];
  for (const places of jobs.values()) {
    if (places.length >= PACK) {
      for (let at = 0; at < places.length; at += TASK) tasks.push(places.slice(at, at + TASK));
      continue;
    }
    pack.push(...places);
    if (pack.length >= PACK) {
      tasks.push(pack);
      pack = [];
    }
  }
  if (pack.length > 0) tasks.push(pack);
  return tasks;
}

function makeTask(
  request: Request,
  places: readonly number[],
  anns: Uint8Array,
  parentHashes: Uint8Array,
  context: AnnouncementContext,
): Task {
  const one = parentHashes.length === 32;
  const ownAnns = new Uint8Array(ANN_BYTES * places.length);
  const ownParents = one ? copyBytes(parentHashes) : new Uint8Array(32 * places.length);
  places.forEach((place, k) => {
    ownAnns.set(anns.subarray(place * ANN_BYTES, (place + 1) * ANN_BYTES), k * ANN_BYTES);
    if (!one) ownParents.set(parentHashes.subarray(32 * place, 32 * place + 32), 32 * k);
  });
  return {request, places, anns: ownAnns, parentHashes: ownParents, context, crashes: 0};
}

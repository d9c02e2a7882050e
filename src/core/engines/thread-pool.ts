import {checkInteger} from '../errors.ts';
import {EngineError} from './errors.ts';
import type {SpawnThread, ThreadKind, ThreadPort} from './thread-port.ts';

/** Crashes within CRASH_WINDOW_MS, per thread, after which replacing them is useless. */
const MAX_CRASHES = 8;
const CRASH_WINDOW_MS = 60_000;
const MAX_THREADS = 64;

/** A thread died; `replaced` says whether another took its place. */
export interface ThreadCrash {
  readonly thread: number;
  readonly error: Error;
  readonly replaced: boolean;
}

export interface ThreadPoolOptions<FromThread> {
  readonly kind: ThreadKind;
  readonly threads: number;
  readonly spawn: SpawnThread;
  readonly now: () => number;
  /** A thread is up, for the first time or in place of a crashed one. */
  readonly onStart: (thread: number) => void;
  readonly onMessage: (thread: number, message: FromThread) => void;
  readonly onCrash: (crash: ThreadCrash) => void;
}

/** A fixed number of numbered threads of one kind; a crashed one is reported and replaced. */
export class ThreadPool<ToThread, FromThread> {
  readonly #options: ThreadPoolOptions<FromThread>;
  readonly #ports: (ThreadPort<ToThread, FromThread> | undefined)[] = [];
  #crashes: number[] = [];
  #closed = false;

  constructor(options: ThreadPoolOptions<FromThread>) {
    checkInteger('threads', options.threads, 1, MAX_THREADS);
    this.#options = options;
    for (let thread = 0; thread < options.threads; thread++) this.#ports.push(undefined);
  }

  get size(): number {
    return this.#ports.length;
  }

  /** Numbers of the threads that have not died for good. */
  get alive(): number[] {
    return [...this.#ports.keys()].filter((thread) => this.#ports[thread] !== undefined);
  }

  /** Starts all threads. */
  open(): void {
    for (let thread = 0; thread < this.size; thread++) this.#spawn(thread);
  }

  #spawn(thread: number): void {
    const {kind, spawn, onMessage, onStart} = this.#options;
    const port = spawn<ToThread, FromThread>(kind);
    this.#ports[thread] = port;
    port.onMessage((message) => {
      if (this.#ports[thread] === port) onMessage(thread, message);
    });
    port.onCrash((error) => {
      if (this.#ports[thread] === port) this.#replace(thread, error);
    });
    onStart(thread);
  }

  #replace(thread: number, error: Error): void {
    this.#ports[thread] = undefined;
    if (this.#closed) return;
    const {now, onCrash} = this.#options;
    this.#crashes = this.#crashes.filter((at) => at > now() - CRASH_WINDOW_MS);
    this.#crashes.push(now());
    const replaced = this.#crashes.length <= MAX_CRASHES * this.size;
    const cause = replaced ? error : new EngineError('threads-lost', {crashes: this.#crashes.length}, error);
    onCrash({thread, error: cause, replaced});
    if (replaced) this.#spawn(thread);
  }

  post(thread: number, message: ToThread, transfer?: readonly ArrayBuffer[]): void {
    this.#ports[thread]?.post(message, transfer);
  }

  postAll(message: ToThread): void {
    for (const port of this.#ports) port?.post(message);
  }

  /** Ends all threads. */
  async close(): Promise<void> {
    this.#closed = true;
    const ports = this.#ports.splice(0);
    await Promise.all(ports.map((port) => port?.terminate()));
  }
}

// A program of this project as a child process that is kept running.
import {type ChildProcess, spawn} from 'node:child_process';
import {mkdirSync} from 'node:fs';
import {setPriority} from 'node:os';
import {createInterface} from 'node:readline';
import {finished} from 'node:stream/promises';
import {setTimeout as sleep} from 'node:timers/promises';
import {createStream, type RotatingFileStream} from 'rotating-file-stream';
import type {Log} from '../logs/log.ts';
import {PartError} from './errors.ts';

/** starting: not ready yet; waiting: it has ended and will be started again. */
export type PartState = 'starting' | 'running' | 'waiting' | 'stopped' | 'failed';

export interface PartOptions {
  readonly name: string;
  /** JavaScript file and its arguments, run with this Node. */
  readonly command: readonly string[];
  /** Whether it says when it is ready, by a line `ready` and JSON on stdout. Without, it is ready as soon as it runs. */
  readonly saysReady: boolean;
  /** Its output goes to NAME.log in this directory; 3 files of 10 MB at most. */
  readonly logDir: string;
  /** 0 to 19; more lets others go first. */
  readonly nice?: number;
  readonly log: Log;
  /** It is ready, for the first time or again. */
  readonly onReady?: (about: unknown) => void;
  readonly onLine?: (line: string) => void;
  /** It cannot be kept running. */
  readonly onFailure: (error: PartError) => void;
  readonly readyMs?: number;
  /** After so long a stop becomes a kill. */
  readonly stopMs?: number;
  /** Pause before the second start; it doubles up to maxBackOffMs. */
  readonly backOffMs?: number;
  readonly maxBackOffMs?: number;
  /** Ends soon after a start until it is given up. */
  readonly patience?: number;
}

const READY_MS = 60_000;
const STOP_MS = 15_000;
const BACK_OFF_MS = 500;
const MAX_BACK_OFF_MS = 30_000;
/** One that ran so long was well. */
const WELL_MS = 60_000;
const PATIENCE = 6;
/** Exit code of programs that were told something wrong: the same again would not help. */
const EXIT_USAGE = 2;
/** The last words of one that has ended. */
const OUTPUT_MS = 1000;
const KEPT_LINES = 20;
const MAX_LINE = 2000;

/** Keeps one program running until it is stopped: what ends by itself is started again after a pause that grows. */
export class Part {
  readonly #options: PartOptions;
  readonly #output: RotatingFileStream;
  #child: ChildProcess | undefined;
  #state: PartState = 'starting';
  #lines: string[] = [];
  #failures = 0;
  #restarts = 0;
  #startedMs = 0;
  #wasReady = false;
  #isStopping = false;
  #timer: NodeJS.Timeout | undefined;
  #ended: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(options: PartOptions) {
    this.#options = options;
    mkdirSync(options.logDir, {recursive: true});
    this.#output = createStream(`${options.name}.log`, {path: options.logDir, size: '10M', maxFiles: 2, mode: 0o600});
    this.#output.on('error', (error) => options.log.warn('the output of a part cannot be kept', {error}));
  }

  get name(): string {
    return this.#options.name;
  }

  get state(): PartState {
    return this.#state;
  }

  /** Times that it had to be started again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Of the present process. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const {name, command, nice, readyMs = READY_MS, log} = this.#options;
    this.#state = 'starting';
    this.#startedMs = performance.now();
    // The channel tells the part when this process is gone, however that came about.
    const child = spawn(process.execPath, command, {stdio: ['ignore', 'pipe', 'pipe', 'ipc'], windowsHide: true});
    this.#child = child;
    this.#ended = this.#watch(child);
    if (nice !== undefined && child.pid !== undefined) {
      try {
        setPriority(child.pid, nice);
      } catch (error) {
        log.debug('a part runs with the usual priority', {part: name, error});
      }
    }
    if (!this.#options.saysReady) this.#ready(undefined);
    else this.#timer = setTimeout(() => this.#late(), readyMs);
  }

  /** Resolves when it has ended and everything that it wrote has been read. */
  async #watch(child: ChildProcess): Promise<void> {
    const outputs = [child.stdout!, child.stderr!];
    createInterface({input: child.stdout!}).on('line', (line) => this.#read(line));
    createInterface({input: child.stderr!}).on('line', (line) => this.#keep(line));
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      child.once('exit', (...end) => resolve(end));
      child.once('error', (error) => {
        this.#keep(`cannot be started: ${error.message}`);
        if (child.pid === undefined) resolve([null, null]);
      });
    });
    // A child of its own may hold them open.
    await Promise.race([
      Promise.allSettled(outputs.map((output) => finished(output))),
      sleep(OUTPUT_MS, undefined, {ref: false}),
    ]);
    clearTimeout(this.#timer);
    this.#child = undefined;
    this.#exited(code, signal);
  }

  #keep(line: string): void {
    const short = line.slice(0, MAX_LINE);
    this.#lines = [...this.#lines.slice(1 - KEPT_LINES), short];
    this.#output.write(`${short}\n`);
  }

  #read(line: string): void {
    this.#keep(line);
    if (this.#options.saysReady && this.#state === 'starting' && line.startsWith('ready ')) {
      try {
        this.#ready(JSON.parse(line.slice('ready '.length)));
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
      }
    }
    this.#options.onLine?.(line);
  }

  #ready(about: unknown): void {
    clearTimeout(this.#timer);
    this.#state = 'running';
    this.#wasReady = true;
    this.#options.onReady?.(about);
  }

  #late(): void {
    this.#options.log.error('a part is not ready in time and is ended', {part: this.name});
    this.#child?.kill('SIGKILL');
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    const {
      log,
      onFailure,
      backOffMs = BACK_OFF_MS,
      maxBackOffMs = MAX_BACK_OFF_MS,
      patience = PATIENCE,
    } = this.#options;
    if (this.#isStopping) {
      this.#state = 'stopped';
      return;
    }
    const details = {part: this.name, code, signal, lines: this.#lines};
    if (code === EXIT_USAGE && !this.#wasReady) {
      this.#state = 'failed';
      onFailure(new PartError('part-refuses', details));
      return;
    }
    if (performance.now() - this.#startedMs > WELL_MS) this.#failures = 0;
    if (++this.#failures > patience) {
      this.#state = 'failed';
      onFailure(new PartError('part-crashes', details));
      return;
    }
    const pause = Math.min(maxBackOffMs, backOffMs * 2 ** (this.#failures - 1));
    log.warn('a part has ended and is started again', {part: this.name, code, signal, pauseMs: pause});
    this.#state = 'waiting';
    this.#restarts++;
    this.#timer = setTimeout(() => this.start(), pause);
  }

  /** Asks it to stop, in order; kills it after its time. Resolves when it has ended. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const {stopMs = STOP_MS, log} = this.#options;
    this.#isStopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined) {
      this.#state = 'stopped';
    } else {
      if (child.connected) child.disconnect();
      const kill = setTimeout(() => {
        log.error('a part does not stop and is killed', {part: this.name});
        child.kill('SIGKILL');
      }, stopMs);
      await this.#ended;
      clearTimeout(kill);
    }
    await new Promise<void>((resolve) => {
      this.#output.end(resolve);
    });
  }
}

import type {Log} from '../logs/log.ts';
import {PartError} from './errors.ts';
import {Part, type PartOptions, type PartState} from './part.ts';

export interface PartGroupOptions {
  /** JavaScript file of the program that all parts are commands of. */
  readonly main: string;
  readonly logDir: string;
  readonly log: Log;
  /** A part that was ready before cannot be kept running. */
  readonly onFailure: (error: PartError) => void;
  /** For all parts. */
  readonly restarts?: Pick<PartOptions, 'backOffMs' | 'maxBackOffMs' | 'patience'>;
}

export interface PartReport {
  readonly name: string;
  readonly state: PartState;
  readonly restarts: number;
  readonly pid: number | undefined;
  /** The last line that it has printed. */
  readonly line: string | undefined;
}

export type MoreOptions = Partial<Pick<PartOptions, 'saysReady' | 'nice'>>;

/** Programs that belong together, each kept running. */
export class PartGroup {
  readonly #options: PartGroupOptions;
  readonly #parts: Part[] = [];
  readonly #lines = new Map<string, string>();
  #isStopping = false;

  constructor(options: PartGroupOptions) {
    this.#options = options;
  }

  get reports(): readonly PartReport[] {
    return this.#parts.map(({name, state, restarts, pid}) => {
      return {name, state, restarts, pid, line: this.#lines.get(name)};
    });
  }

  /** Starts a part; gives what it says about itself when it is ready for the first time. Throws PartError. */
  start(name: string, args: readonly string[], more: MoreOptions = {}): Promise<unknown> {
    if (this.#isStopping) return Promise.reject(new PartError('part-stopped', {part: name, lines: []}));
    const {main, logDir, log, onFailure, restarts} = this.#options;
    return new Promise((resolve, reject) => {
      let wasReady = false;
      const part = new Part({
        name,
        command: [main, ...args],
        saysReady: true,
        logDir,
        log,
        onReady: (about) => {
          wasReady = true;
          resolve(about);
        },
        onFailure: (error) => {
          if (wasReady) onFailure(error);
          else reject(error);
        },
        onLine: (line) => this.#lines.set(name, line),
        ...restarts,
        ...more,
      });
      this.#parts.push(part);
      part.start();
    });
  }

  /** Stops some of the parts at once; none of them is started again. */
  async stop(...names: readonly string[]): Promise<void> {
    await Promise.all(this.#parts.filter(({name}) => names.includes(name)).map((part) => part.stop()));
  }

  /** Stops the parts that are left, the last one first. */
  async stopAll(): Promise<void> {
    this.#isStopping = true;
    for (const part of [...this.#parts].reverse()) await part.stop();
  }
}

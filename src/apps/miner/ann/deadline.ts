/** Time that something may take, not counting when it is held: an upload does not run out of time by waiting for its turn. */
export class Deadline {
  readonly #abort = new AbortController();
  #leftMs: number;
  #sinceMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  /** Runs at once. */
  constructor(limitMs: number) {
    this.#leftMs = limitMs;
    this.resume();
  }

  /** Aborted when the time is over. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  hold(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#leftMs -= performance.now() - this.#sinceMs;
  }

  resume(): void {
    if (this.#ended) return;
    this.#sinceMs = performance.now();
    this.#timer ??= setTimeout(() => this.#abort.abort(), Math.max(0, this.#leftMs));
  }

  /** For good: it will not be over any more. */
  end(): void {
    this.hold();
    this.#ended = true;
  }
}

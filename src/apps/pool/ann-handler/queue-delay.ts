/**
 * Milliseconds an announcement is taken to need before any has been measured: a slow machine with one thread. It counts as much as a
 * large post, since the very first one also waits for threads to start.
 */
const FIRST_MS = 0.25;
const FIRST_ITEMS = 1024;
/** The waits of fewer tell more of what else the machine does, like starting threads. */
const LEAST_AHEAD = 16;
/** Announcements after which a measurement counts half. */
const HALF_LIFE = 2048;

export interface QueueDelayOptions {
  /** Nobody shall wait longer, milliseconds. */
  readonly maxMs: number;
  /** Milliseconds. */
  readonly now: () => number;
}

/**
 * Bounds a queue by the time that its last item will wait, not by its length: how fast items leave it is measured as they do. Who
 * comes when nobody waits is always let in.
 */
export class QueueDelay {
  readonly #options: QueueDelayOptions;
  #waiting = 0;
  /** Sums of waits and of what was waited for; old ones fade. */
  #waitedMs = FIRST_MS * FIRST_ITEMS;
  #items = FIRST_ITEMS;

  constructor(options: QueueDelayOptions) {
    this.#options = options;
  }

  /** Items that have come in and not left. */
  get waiting(): number {
    return this.#waiting;
  }

  /** How long an item that came now would wait, milliseconds. */
  get ms(): number {
    return (this.#waiting * this.#waitedMs) / this.#items;
  }

  /** Whether so many more would be through in time. */
  hasRoom(count: number): boolean {
    return this.#waiting === 0 || ((this.#waiting + count) * this.#waitedMs) / this.#items <= this.#options.maxMs;
  }

  /** Takes items in together; the function is to be called when they have left. */
  enter(count: number): () => void {
    this.#waiting += count;
    const [ahead, since] = [this.#waiting, this.#options.now()];
    return () => {
      this.#waiting -= count;
      if (ahead < LEAST_AHEAD) return;
      // A long wait tells more than a short one, in which other threads may have had nothing to do.
      const fade = 2 ** (-count / HALF_LIFE);
      this.#waitedMs = this.#waitedMs * fade + (this.#options.now() - since);
      this.#items = this.#items * fade + ahead;
    };
  }
}

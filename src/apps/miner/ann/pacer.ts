// Uploads as an even stream.
//
// Announcements are found evenly but sent in batches. The pacer spreads the batches: it lets pieces through one after another, at
// half as much again as the mean of what was found for somebody in the last seconds, so that in no moment twice the mean is sent,
// and never above a cap. (Taking the mean of what was sent instead would let one slow second slow down all that follow.)

/** Seconds over which the mean is taken. */
const MEAN_SECONDS = 10;
const HEADROOM = 1.5;
/** Bytes per second that are always let through: below that nothing needs smoothing. */
const LEAST_RATE = 8192;
const SMALLEST_PIECE = 1024;
const LARGEST_PIECE = 16_384;
/** Uploads that have begun are through within about this time; others wait for their turn in the queue, where the newest is first. */
const BACKLOG_SECONDS = 5;

export interface PacerOptions {
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  /** Bytes per second; no cap where it is missing. */
  readonly capPerSecond?: number;
  readonly sleep?: (ms: number) => Promise<void>;
}

/** Bytes of each of the last seconds. */
class Seconds {
  readonly #slots: {second: number; bytes: number}[] = [];

  add(bytes: number, nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    const last = this.#slots.at(-1);
    if (last?.second === second) last.bytes += bytes;
    else this.#slots.push({second, bytes});
    while (this.#slots.length > MEAN_SECONDS) this.#slots.shift();
  }

  /** Bytes per second over the last seconds, the present one included; `sinceMs`: when counting began. */
  mean(nowMs: number, sinceMs: number): number {
    const first = Math.floor(nowMs / 1000) - MEAN_SECONDS + 1;
    const bytes = this.#slots.reduce((sum, slot) => sum + (slot.second >= first ? slot.bytes : 0), 0);
    return bytes / Math.min(MEAN_SECONDS, Math.max(1, (nowMs - sinceMs) / 1000));
  }
}

export class Pacer {
  readonly #options: PacerOptions;
  readonly #offered = new Seconds();
  readonly #sent = new Seconds();
  readonly #openedMs: number;
  /** When the next piece may go. */
  #freeMs: number;
  /** Of uploads that have begun, not yet sent. */
  #backlog = 0;

  constructor(options: PacerOptions) {
    this.#options = options;
    this.#openedMs = options.now();
    this.#freeMs = this.#openedMs;
  }

  /** Bytes per second that are let through now. */
  get ratePerSecond(): number {
    const {now, capPerSecond = Number.POSITIVE_INFINITY} = this.#options;
    return Math.min(capPerSecond, Math.max(LEAST_RATE, HEADROOM * this.#offered.mean(now(), this.#openedMs)));
  }

  /** Mean of what was sent in the last seconds, bytes per second. */
  get sentPerSecond(): number {
    return this.#sent.mean(this.#options.now(), this.#openedMs);
  }

  /** False while so much is under way that another upload would only wait. Only a cap brings that about. */
  get hasRoom(): boolean {
    const {capPerSecond} = this.#options;
    return capPerSecond === undefined || this.#backlog <= BACKLOG_SECONDS * capPerSecond;
  }

  /** Notes bytes that are to be sent: the rate follows. */
  offer(bytes: number): void {
    this.#offered.add(bytes, this.#options.now());
  }

  /** The body of an upload, in pieces that come when they may go. */
  async *pieces(body: Uint8Array): AsyncGenerator<Uint8Array> {
    const {now, sleep = wait} = this.#options;
    this.#backlog += body.length;
    let left = body.length;
    try {
      while (left > 0) {
        const rate = this.ratePerSecond;
        const size = Math.min(left, Math.max(SMALLEST_PIECE, Math.min(LARGEST_PIECE, Math.floor(rate / 8))));
        const startMs = Math.max(this.#freeMs, now());
        this.#freeMs = startMs + (size * 1000) / rate;
        if (startMs > now()) await sleep(startMs - now());
        const at = body.length - left;
        left -= size;
        this.#backlog -= size;
        this.#sent.add(size, now());
        yield body.subarray(at, at + size);
      }
    } finally {
      // An upload that was given up.
      this.#backlog -= left;
    }
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

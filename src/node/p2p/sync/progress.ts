/** How far synchronisation is, for people. */
export interface SyncProgress {
  readonly height: number;
  /** What peers tell of; proved by nothing. */
  readonly target: number;
  readonly blocksPerSecond: number;
  /** Undefined while it cannot be told. */
  readonly secondsLeft: number | undefined;
}

const WINDOW_MS = 60_000;
const SAMPLE_MS = 1000;

/** Measures the pace over the last minute. */
export class Progress {
  readonly #samples: {readonly atMs: number; readonly height: number}[] = [];

  constructor(height: number, nowMs: number) {
    this.#samples.push({atMs: nowMs, height});
  }

  blockTaken(height: number, nowMs: number): void {
    const last = this.#samples.at(-1)!;
    if (nowMs - last.atMs < SAMPLE_MS) return;
    this.#samples.push({atMs: nowMs, height});
    while (this.#samples.length > 2 && nowMs - this.#samples[1]!.atMs >= WINDOW_MS) this.#samples.shift();
  }

  report(height: number, target: number, nowMs: number): SyncProgress {
    const first = this.#samples.find(({atMs}) => nowMs - atMs <= 2 * WINDOW_MS) ?? this.#samples.at(-1)!;
    const seconds = (nowMs - first.atMs) / 1000;
    const blocksPerSecond = seconds < 1 ? 0 : Math.max(0, height - first.height) / seconds;
    const left = target - height;
    const secondsLeft = left <= 0 ? 0 : blocksPerSecond > 0 ? Math.ceil(left / blocksPerSecond) : undefined;
    return {height, target, blocksPerSecond, secondsLeft};
  }
}

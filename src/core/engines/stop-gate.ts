/** Waits until every thread has said that it heard a stop, or has died. */
export class StopGate {
  readonly #pending = new Map<number, {left: Set<number>; resolve: () => void}>();
  #last = 0;

  /** Number to send with the stop, and a promise for these threads having answered with it. */
  open(threads: readonly number[]): {readonly stop: number; readonly done: Promise<void>} {
    const stop = ++this.#last;
    const left = new Set(threads);
    if (left.size === 0) return {stop, done: Promise.resolve()};
    const done = new Promise<void>((resolve) => {
      this.#pending.set(stop, {left, resolve});
    });
    return {stop, done};
  }

  answered(thread: number, stop: number): void {
    const entry = this.#pending.get(stop);
    entry?.left.delete(thread);
    if (entry?.left.size !== 0) return;
    this.#pending.delete(stop);
    entry.resolve();
  }

  died(thread: number): void {
    for (const stop of [...this.#pending.keys()]) this.answered(thread, stop);
  }

  /** Lets everybody go who still waits. */
  release(): void {
    for (const {resolve} of this.#pending.values()) resolve();
    this.#pending.clear();
  }
}

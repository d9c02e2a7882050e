const LONGEST_MS = 10;

/**
 * For loops over things that are small each and many together: awaiting what is at hand already gives nobody else a turn, so a
 * loop lets them have one when it has held the thread for long.
 */
export class Breather {
  #sinceMs = performance.now();

  /** Call it between two steps and await the result. */
  pause(): Promise<void> | undefined {
    if (performance.now() - this.#sinceMs < LONGEST_MS) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#sinceMs = performance.now();
        resolve();
      });
    });
  }
}

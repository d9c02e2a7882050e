/** Work that was begun and that a close must wait for. */
export class Tasks {
  readonly #running = new Set<Promise<void>>();

  /** Runs work; what it fails with is told. */
  run(work: Promise<void>, onFailure: (error: unknown) => void): void {
    const watched = work.catch(onFailure).finally(() => {
      this.#running.delete(watched);
    });
    this.#running.add(watched);
  }

  /** Resolves when nothing runs any more. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}

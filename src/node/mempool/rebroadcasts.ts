/** Local transactions are announced again at random intervals up to this.   chain spec §2.8.7 */
const MAX_INTERVAL_MS = 30 * 60_000;

/** When which of the own transactions is announced again. Random, so that nobody can tell by the rhythm whose they are. */
export class Rebroadcasts {
  readonly #random: () => number;
  readonly #dueMs = new Map<string, number>();

  constructor(random: () => number) {
    this.#random = random;
  }

  #later(nowMs: number): number {
    return nowMs + this.#random() * MAX_INTERVAL_MS;
  }

  add(key: string, nowMs: number): void {
    if (!this.#dueMs.has(key)) this.#dueMs.set(key, this.#later(nowMs));
  }

  delete(key: string): void {
    this.#dueMs.delete(key);
  }

  /** Those whose time has come; each is put off. */
  due(nowMs: number): string[] {
    const due = [...this.#dueMs].filter(([, at]) => at <= nowMs).map(([key]) => key);
    for (const key of due) this.#dueMs.set(key, this.#later(nowMs));
    return due;
  }
}

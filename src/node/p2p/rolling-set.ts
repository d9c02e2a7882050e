/** Remembers at least the last `capacity` keys, at most twice as many. */
export class RollingSet {
  readonly #capacity: number;
  #young = new Set<string>();
  #old = new Set<string>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  has(key: string): boolean {
    return this.#young.has(key) || this.#old.has(key);
  }

  add(key: string): void {
    if (this.#young.has(key)) return;
    if (this.#young.size >= this.#capacity) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(key);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  delete(key: string): boolean {
    const young = this.#young.delete(key);
    return this.#old.delete(key) || young;
  }
}

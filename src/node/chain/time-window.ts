/** The newest times of a chain and their median; each further time costs one search, not a sort.   chain spec §3.5 */
export class TimeWindow {
  readonly #size: number;
  /** In order of the chain, oldest first. */
  readonly #times: number[] = [];
  readonly #sorted: number[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** Place of a time among the sorted ones, or where it belongs. */
  #find(time: number): number {
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sorted[middle]! < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  push(time: number): void {
    this.#times.push(time);
    this.#sorted.splice(this.#find(time), 0, time);
    if (this.#times.length > this.#size) this.#sorted.splice(this.#find(this.#times.shift()!), 1);
  }

  /** Of an even number the later one in the middle. */
  get median(): number {
    return this.#sorted[this.#sorted.length >>> 1]!;
  }
}

/** A set of 64-bit numbers other than 0, in one array outside the JS heap: 12 to 24 bytes a number. */
export class PrefixSet {
  #table = new BigUint64Array(1024);
  #count = 0;

  get size(): number {
    return this.#count;
  }

  #place(table: BigUint64Array, prefix: bigint): number {
    const mask = table.length - 1;
    // They are parts of hashes, so their lower bits are as good as any.
    let place = Number(prefix & BigInt(mask));
    while (table[place] !== 0n && table[place] !== prefix) place = (place + 1) & mask;
    return place;
  }

  has(prefix: bigint): boolean {
    return this.#table[this.#place(this.#table, prefix)] === prefix;
  }

  /** False when it was there. */
  add(prefix: bigint): boolean {
    const place = this.#place(this.#table, prefix);
    if (this.#table[place] === prefix) return false;
    this.#table[place] = prefix;
    this.#count++;
    if (3 * this.#count > 2 * this.#table.length) this.#grow();
    return true;
  }

  #grow(): void {
    const table = new BigUint64Array(2 * this.#table.length);
    for (const prefix of this.#table) if (prefix !== 0n) table[this.#place(table, prefix)] = prefix;
    this.#table = table;
  }
}

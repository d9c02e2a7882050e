/** Seeded pseudo-random numbers for tests that make millions of cases. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** 32 random bits. */
  word(): number {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let x = this.state;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return (x ^ (x >>> 16)) >>> 0;
  }

  below(limit: number): number {
    return this.word() % limit;
  }

  /** True once in n times. */
  toss(n: number): boolean {
    return this.below(n) === 0;
  }

  fill(words: Uint32Array): void {
    for (let i = 0; i < words.length; i++) words[i] = this.word();
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = this.word();
      bytes[i] = word;
      if (i + 1 < length) bytes[i + 1] = word >>> 8;
      if (i + 2 < length) bytes[i + 2] = word >>> 16;
      if (i + 3 < length) bytes[i + 3] = word >>> 24;
    }
    return bytes;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  /** 32 bits, often a number at which something changes. */
  edgeWord(): number {
    return this.toss(2) ? this.word() : (this.pick(EDGES) + this.below(5) - 2) >>> 0;
  }

  /** 64 bits, often a number at which something changes. */
  edgeBig(): bigint {
    const low = BigInt(this.edgeWord());
    const high = this.toss(3) ? 0n : BigInt(this.edgeWord()) << 32n;
    return this.toss(8) ? BigInt.asUintN(64, (1n << BigInt(this.below(65))) + BigInt(this.below(3)) - 1n) : high | low;
  }
}

const EDGES: readonly number[] = [0, 1, 0xfc, 0xfd, 0xff, 0x100, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];

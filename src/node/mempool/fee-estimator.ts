// What a transaction should pay to be mined soon, from what others paid.   chain spec §4.3
import type {MempoolEvent} from './mempool-types.ts';
import {feeRate, type MempoolEntry, transactionKey} from './pool-graph.ts';

/** Longest wait that is estimated for, in blocks. */
export const MAX_TARGET = 25;
const FIRST_RATE = 1000;
const STEP = 1.2;
const BUCKETS = 80;
/** After a day of blocks half of what was learnt counts no more. */
const DECAY = 0.5 ** (1 / 1440);
/** Fewer transactions prove nothing. */
const MIN_SAMPLES = 5;
const MIN_SUCCESS = 0.85;
const MAX_TRACKED = 100_000;

interface Bucket {
  /** Transactions that were mined or gave up; all numbers here fade. */
  total: number;
  /** Sum of their rates. */
  rates: number;
  /** Of those, how many had been mined after at most 1, 2, … blocks. */
  readonly within: Float64Array;
}

interface Tracked {
  readonly bucket: number;
  readonly height: number;
}

export interface FeeEstimate {
  /** Units per 1000 virtual bytes. */
  readonly rate: bigint;
  /** Blocks for which it holds; more than was asked for where nothing is known of so few. */
  readonly blocks: number;
}

function bucketOf(rate: number): number {
  if (rate <= FIRST_RATE) return 0;
  return Math.min(BUCKETS - 1, Math.floor(Math.log(rate / FIRST_RATE) / Math.log(STEP)));
}

/** Learns how long transactions wait, by what they pay. Only those count that depend on no other in the pool. */
export class FeeEstimator {
  readonly #buckets: readonly Bucket[] = Array.from({length: BUCKETS}, () => ({
    total: 0,
    rates: 0,
    within: new Float64Array(MAX_TARGET),
  }));
  readonly #tracked = new Map<string, Tracked>();
  #height = 0;

  /** To be told of everything that happens to the pool. */
  readonly follow = (event: MempoolEvent): void => {
    if (event.type === 'block') {
      this.#height = event.height;
      this.#fade();
    } else if (event.type === 'added') {
      const {entry, origin} = event;
      // What comes back or out of a file has waited for a time that nobody knows.
      if (origin.source === 'peer' || origin.source === 'local') this.#track(entry);
    } else if (event.reason === 'mined') {
      this.#settle(event.entry, event.height);
    } else {
      // Thrown out for what it pays, it counts as one that nobody mined; other reasons say nothing about fees.
      const failed = event.reason === 'evicted' || event.reason === 'expired';
      this.#settle(event.entry, failed ? Number.POSITIVE_INFINITY : undefined);
    }
  };

  #track(entry: MempoolEntry): void {
    if (entry.parents.size > 0 || this.#tracked.size >= MAX_TRACKED) return;
    this.#height = Math.max(this.#height, entry.height);
    const bucket = bucketOf(feeRate(entry.fee, entry.vsize) * 1000);
    this.#tracked.set(transactionKey(entry.txid), {bucket, height: entry.height});
  }

  #settle(entry: MempoolEntry, height: number | undefined): void {
    const key = transactionKey(entry.txid);
    const tracked = this.#tracked.get(key);
    this.#tracked.delete(key);
    if (tracked === undefined || height === undefined) return;
    const bucket = this.#buckets[tracked.bucket]!;
    bucket.total++;
    bucket.rates += feeRate(entry.fee, entry.vsize) * 1000;
    for (let waited = Math.max(1, height - tracked.height); waited <= MAX_TARGET; waited++)
      bucket.within[waited - 1]!++;
  }

  #fade(): void {
    for (const bucket of this.#buckets) {
      bucket.total *= DECAY;
      bucket.rates *= DECAY;
      for (let i = 0; i < MAX_TARGET; i++) bucket.within[i]! *= DECAY;
    }
  }

  /** Transactions of each bucket that wait for `target` blocks and longer. */
  #waiting(target: number): Float64Array {
    const waiting = new Float64Array(BUCKETS);
    for (const {bucket, height} of this.#tracked.values()) if (this.#height - height >= target) waiting[bucket]!++;
    return waiting;
  }

  /**
   * What to pay to be mined within `target` blocks, 1 to 25.
   *
   * minimum  units per 1000 virtual bytes: what the pool asks for, and the answer as long as nothing speaks against it
   */
  estimate(target: number, minimum: bigint): FeeEstimate {
    for (let blocks = Math.min(Math.max(target, 1), MAX_TARGET); blocks <= MAX_TARGET; blocks++) {
      const rate = this.#rateFor(blocks);
      if (rate === undefined) continue;
      const found = BigInt(Math.ceil(rate));
      return {rate: found > minimum ? found : minimum, blocks};
    }
    return {rate: minimum, blocks: MAX_TARGET};
  }

  /**
   * From the dearest transactions down in groups that are large enough: what the cheapest group paid on average above one of which
   * too many waited longer. 0 where all groups were quick, undefined where the dearest was not.
   */
  #rateFor(target: number): number | undefined {
    const waiting = this.#waiting(target);
    let good: number | undefined;
    let group = {total: 0, rates: 0, quick: 0, waiting: 0};
    for (let i = BUCKETS - 1; i >= 0; i--) {
      const {total, rates, within} = this.#buckets[i]!;
      group.total += total;
      group.rates += rates;
      group.quick += within[target - 1]!;
      group.waiting += waiting[i]!;
      if (group.total + group.waiting < MIN_SAMPLES) continue;
      if (group.quick / (group.total + group.waiting) < MIN_SUCCESS) return good;
      good = group.rates / group.total;
      group = {total: 0, rates: 0, quick: 0, waiting: 0};
    }
    return 0;
  }
}

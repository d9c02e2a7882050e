// The minimum fee that rises when the pool overflows and sinks afterwards.   chain spec §4.3
const HALF_LIFE_MS = 12 * 3_600_000;
const UPDATE_MS = 10_000;

/**
 * A fee rate in units per 1000 virtual bytes. It is raised to what was thrown out, and from the next block on halves every 12
 * hours, faster where the pool is less than half or a quarter full.
 */
export class RollingFee {
  readonly #step: number;
  #rate = 0;
  #updatedMs = 0;
  #blockSinceRise = true;

  /** step: the rate by which a newcomer must exceed what was thrown out; below half of it the minimum vanishes */
  constructor(step: number) {
    this.#step = step;
  }

  /** The pool has thrown out transactions of this rate. */
  raise(rate: number, nowMs: number): void {
    if (rate + this.#step <= this.#rate) return;
    this.#rate = rate + this.#step;
    this.#updatedMs = nowMs;
    this.#blockSinceRise = false;
  }

  blockConnected(nowMs: number): void {
    if (this.#blockSinceRise) return;
    this.#blockSinceRise = true;
    this.#updatedMs = nowMs;
  }

  /** The minimum now. filled: how much of the pool is used, 0 to 1 */
  rate(filled: number, nowMs: number): number {
    if (!this.#blockSinceRise || this.#rate === 0) return this.#rate;
    const passedMs = nowMs - this.#updatedMs;
    if (passedMs > UPDATE_MS) {
      const speed = filled < 1 / 4 ? 4 : filled < 1 / 2 ? 2 : 1;
      this.#rate /= 2 ** ((passedMs * speed) / HALF_LIFE_MS);
      this.#updatedMs = nowMs;
      if (this.#rate < this.#step / 2) this.#rate = 0;
    }
    return this.#rate === 0 ? 0 : Math.max(this.#rate, this.#step);
  }
}

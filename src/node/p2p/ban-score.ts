// What an address has been charged for, fading with time.   chain spec §2.8.5
const HALF_LIFE_MS = 60_000;
/** From here on the address is banned. */
export const BAN_LIMIT = 120;

/** A score with a half-life of a minute. Connections of one address share one, so that reconnecting clears nothing. */
export class BanScore {
  #value = 0;
  #atMs = 0;

  /** The score at a time; a clock that goes back lets nothing fade. */
  at(nowMs: number): number {
    return this.#value * 2 ** (-Math.max(0, nowMs - this.#atMs) / HALF_LIFE_MS);
  }

  /** Adds points; true when the limit is reached. */
  add(points: number, nowMs: number): boolean {
    this.#value = this.at(nowMs) + points;
    this.#atMs = nowMs;
    return this.#value >= BAN_LIMIT;
  }
}

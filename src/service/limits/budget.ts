/** So much per second, and so much at once after a pause. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** What may be taken at a rate; begins full. A clock that goes back refills nothing. */
export class Budget {
  readonly #rate: Rate;
  #left: number;
  #atMs: number;

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#left = rate.burst;
    this.#atMs = nowMs;
  }

  #refill(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - this.#atMs);
    this.#left = Math.min(this.#rate.burst, this.#left + (elapsedMs * this.#rate.perSecond) / 1000);
    this.#atMs = nowMs;
  }

  /** Takes all of it, on credit if need be. */
  spend(amount: number, nowMs: number): void {
    this.#refill(nowMs);
    this.#left -= amount;
  }

  /** Takes all of it or, where there is less, nothing: false. */
  take(amount: number, nowMs: number): boolean {
    this.#refill(nowMs);
    if (this.#left < amount) return false;
    this.#left -= amount;
    return true;
  }

  /** Takes as much of it as there is, in whole numbers; gives how much that was. */
  takeUpTo(amount: number, nowMs: number): number {
    this.#refill(nowMs);
    const taken = Math.max(0, Math.min(amount, Math.floor(this.#left)));
    this.#left -= taken;
    return taken;
  }

  /** When the credit is paid back; `nowMs` where there is none. */
  solventAtMs(nowMs: number): number {
    this.#refill(nowMs);
    return this.#left >= 0 ? nowMs : nowMs + Math.ceil((-this.#left * 1000) / this.#rate.perSecond);
  }
}

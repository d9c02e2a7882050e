import {Budget, type Rate} from './budget.ts';

export interface AddressGuardOptions {
  /** What one address may use, in whatever unit is charged. */
  readonly rate: Rate;
  /** Bad things of one address until it is shut out for a while. */
  readonly tolerance: number;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

interface Entry {
  readonly budget: Budget;
  bad: number;
  badAtMs: number;
  bans: number;
  bannedUntilMs: number;
  seenMs: number;
}

/** What was bad counts half after this time. */
const HALF_LIFE_MS = 600_000;
const FIRST_BAN_MS = 60_000;
const MAX_BAN_MS = 3_600_000;
const MAX_ADDRESSES = 50_000;
const FORGET_MS = 2 * MAX_BAN_MS;

/**
 * Budgets of addresses, and bans that begin short, double with every repetition and end by themselves: honest mistakes are
 * forgiven. Memory is bounded.
 */
export class AddressGuard {
  readonly #options: AddressGuardOptions;
  /** Least recently seen first. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: AddressGuardOptions) {
    this.#options = options;
  }

  #entry(address: string): Entry {
    const nowMs = this.#options.now();
    let entry = this.#entries.get(address);
    if (entry === undefined || nowMs - entry.seenMs > FORGET_MS) {
      entry = {
        budget: new Budget(this.#options.rate, nowMs),
        bad: 0,
        badAtMs: nowMs,
        bans: 0,
        bannedUntilMs: 0,
        seenMs: nowMs,
      };
    }
    this.#entries.delete(address);
    this.#entries.set(address, entry);
    entry.seenMs = nowMs;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_ADDRESSES) break;
      this.#entries.delete(oldest);
    }
    return entry;
  }

  isBanned(address: string): boolean {
    return this.#entry(address).bannedUntilMs > this.#options.now();
  }

  /** Takes from the budget; false when it is used up. */
  take(address: string, amount: number): boolean {
    return this.#entry(address).budget.take(amount, this.#options.now());
  }

  /** Notes bad things; true when the address is shut out now. */
  bad(address: string, count: number): boolean {
    const nowMs = this.#options.now();
    const entry = this.#entry(address);
    entry.bad = entry.bad * 2 ** (-(nowMs - entry.badAtMs) / HALF_LIFE_MS) + count;
    entry.badAtMs = nowMs;
    if (entry.bad < this.#options.tolerance) return false;
    entry.bad = 0;
    entry.bannedUntilMs = nowMs + Math.min(MAX_BAN_MS, FIRST_BAN_MS * 2 ** Math.min(entry.bans, 10));
    entry.bans++;
    return true;
  }
}

// What one handler may claim: it could be broken, or no longer the pool's.   pool spec §12.5
import {Budget} from '../../../service/limits/budget.ts';
import {PaymakerError} from './errors.ts';
import {toDouble18} from './fixed.ts';
import type {LedgerEvent} from './ledger.ts';
import type {HandlerSettings} from './settings.ts';

interface Budgets {
  readonly events: Budget | undefined;
  readonly credit: Budget | undefined;
}

const MINUTE_SECONDS = 60;
const HOUR_SECONDS = 3600;
/** An upload is taken while there is no debt, so that one larger than the budget comes through too. */
const BURST_MINUTES = 10;

export class HandlerBudgets {
  readonly #handlers = new Map<string, Budgets>();
  readonly #nowMs: () => number;

  constructor(handlers: readonly HandlerSettings[], nowMs: () => number) {
    this.#nowMs = nowMs;
    const budget = (amount: number | undefined, seconds: number, burst: number): Budget | undefined =>
      amount === undefined ? undefined : new Budget({perSecond: amount / seconds, burst}, nowMs());
    for (const {name, eventsPerMinute, creditPerHour} of handlers) {
      this.#handlers.set(name, {
        events: budget(eventsPerMinute, MINUTE_SECONDS, BURST_MINUTES * (eventsPerMinute ?? 0)),
        credit: budget(creditPerHour, HOUR_SECONDS, creditPerHour ?? 0),
      });
    }
  }

  /** Throws PaymakerError 'over-budget' while there is a debt. */
  check(handler: string): void {
    const now = this.#nowMs();
    const {events} = this.#handlers.get(handler) ?? {};
    if (events !== undefined && events.solventAtMs(now) > now) {
      throw new PaymakerError('over-budget', {handler, what: 'events per minute'});
    }
  }

  /** Throws PaymakerError 'over-budget' where it claims more credit at once than it has left. */
  checkCredit(handler: string, events: readonly LedgerEvent[]): void {
    const {credit} = this.#handlers.get(handler) ?? {};
    if (credit === undefined) return;
    const claimed = creditOf(events);
    if (!credit.take(claimed, this.#nowMs())) {
      throw new PaymakerError('over-budget', {handler, what: 'credit per hour', claimed});
    }
    // Taken for good once the upload is on disk.
    credit.spend(-claimed, this.#nowMs());
  }

  spend(handler: string, count: number, events: readonly LedgerEvent[]): void {
    const now = this.#nowMs();
    const budgets = this.#handlers.get(handler);
    budgets?.events?.spend(count, now);
    budgets?.credit?.spend(creditOf(events), now);
  }
}

function creditOf(events: readonly LedgerEvent[]): number {
  return toDouble18(events.reduce((sum, {credit}) => sum + credit, 0n));
}

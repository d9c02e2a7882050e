// Credit in whole numbers, the same whatever the order in which uploads arrive.   pool spec §9.4, §9.5
import type {Books, CreditedUpload, Paid, PartPaid} from './books.ts';
import {CreditWindow} from './credit-window.ts';
import {ONE, toDouble18, toFixed18} from './fixed.ts';
import type {Ledger, LedgerEvent} from './ledger.ts';
import type {PaymakerSettings} from './settings.ts';

type PartKind = 'anns' | 'share';

interface Part {
  readonly kind: PartKind;
  /** Fraction of everything, and the credit that it stands for. */
  readonly fraction: bigint;
  readonly size: bigint;
  readonly window: CreditWindow;
}

/** Takes from what is left of a part until nothing is. */
class Purse {
  readonly credits: Map<string, bigint>;
  left: bigint;
  oldest: number | undefined;

  constructor(credits: ReadonlyMap<string, bigint>, left: bigint) {
    this.credits = new Map(credits);
    this.left = left;
  }

  pay(address: string, credit: bigint, time: number): void {
    const paid = credit < this.left ? credit : this.left;
    if (paid <= 0n) return;
    this.left -= paid;
    this.credits.set(address, (this.credits.get(address) ?? 0n) + paid);
    this.oldest = time;
  }
}

/** Sums by address in order of their first event. */
function byAddress(events: readonly LedgerEvent[]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const {payTo, credit} of events) if (credit > 0n) sums.set(payTo, (sums.get(payTo) ?? 0n) + credit);
  return sums;
}

function createPart(kind: PartKind, fraction: bigint, constantX: number): Part {
  const size = (fraction * toFixed18(constantX)) / ONE;
  return {kind, fraction, size, window: new CreditWindow(size)};
}

/** The number of the slot of a time; slots are named by their end. */
export function slotOf(timeMs: number, timespanMs: number): number {
  return Math.floor(timeMs / timespanMs) + 1;
}

export class ExactBooks implements Books {
  readonly #ledger: Ledger;
  readonly #timespanMs: number;
  readonly #shares: Part;
  readonly #anns: Part;

  private constructor(ledger: Ledger, settings: PaymakerSettings) {
    this.#ledger = ledger;
    this.#timespanMs = settings.annCompressor.timespanMs;
    const fraction = toFixed18(settings.blockPayoutFraction);
    this.#shares = createPart('share', fraction, settings.pplnsBlkConstantX);
    this.#anns = createPart('anns', ONE - fraction, settings.pplnsAnnConstantX);
  }

  static async open(ledger: Ledger, settings: PaymakerSettings): Promise<ExactBooks> {
    const books = new ExactBooks(ledger, settings);
    for (const part of [books.#shares, books.#anns]) {
      part.window.reset(await ledger.slotCredits(part.kind, books.#timespanMs));
    }
    await books.#settle();
    return books;
  }

  get annSlots(): number {
    return this.#anns.window.slots;
  }

  #part(kind: LedgerEvent['kind']): Part | undefined {
    if (kind === 'share') return this.#shares;
    return kind === 'anns' ? this.#anns : undefined;
  }

  #readSlot({kind}: Part, slot: number): ReturnType<Ledger['addressCredits']> {
    return this.#ledger.addressCredits(kind, (slot - 1) * this.#timespanMs, slot * this.#timespanMs);
  }

  async add({events, recredited}: CreditedUpload): Promise<void> {
    for (const {kind, time, payTo, credit} of events) {
      this.#part(kind)?.window.add(slotOf(time, this.#timespanMs), payTo, credit);
    }
    for (const {event, before} of recredited) {
      const slot = slotOf(event.time, this.#timespanMs);
      this.#part(event.kind)?.window.add(slot, event.payTo, event.credit - before);
    }
    await this.#settle();
  }

  async #settle(): Promise<void> {
    for (const part of [this.#shares, this.#anns]) await part.window.settle((slot) => this.#readSlot(part, slot));
  }

  async whoIsPaid(maxTime?: number): Promise<Paid> {
    // There is nothing to do unless the ledger could not be read when it was time.
    await this.#settle();
    const pay = (part: Part): Promise<PartPaid> =>
      maxTime === undefined ? this.#paid(part) : this.recompute(part.kind, maxTime);
    return {shares: await pay(this.#shares), anns: await pay(this.#anns)};
  }

  async #paid(part: Part): Promise<PartPaid> {
    const {window} = part;
    const purse = new Purse(window.addresses, window.left);
    const {boundary, oldestFull} = window;
    if (oldestFull !== undefined) {
      const oldest = part.kind === 'anns' ? oldestFull * this.#timespanMs : await this.#firstTime(part, oldestFull);
      purse.oldest = oldest;
    }
    if (boundary !== undefined && purse.left > 0n)
      await this.#payBack(part, purse, (boundary - 1) * this.#timespanMs - 1, boundary * this.#timespanMs - 1);
    return this.#result(part, purse);
  }

  async #firstTime({kind}: Part, slot: number): Promise<number | undefined> {
    const from = (slot - 1) * this.#timespanMs;
    for await (const page of this.#ledger.eventsBetween(kind, from - 1, slot * this.#timespanMs - 1)) {
      const first = page.find(({credit}) => credit > 0n);
      if (first !== undefined) return first.time;
    }
    return undefined;
  }

  /** Pays events with after < time ≤ upTo, newest first. */
  async #payBack(part: Part, purse: Purse, after: number, upTo: number): Promise<void> {
    const {kind} = part;
    let waiting: LedgerEvent[] = [];
    const paySlot = (): void => {
      const time = waiting.length === 0 ? 0 : slotOf(waiting[0]!.time, this.#timespanMs) * this.#timespanMs;
      for (const [address, credit] of byAddress(waiting.reverse())) purse.pay(address, credit, time);
      waiting = [];
    };
    for await (const page of this.#ledger.eventsBack(kind, after, upTo)) {
      for (const event of page) {
        if (kind === 'share') {
          purse.pay(event.payTo, event.credit, event.time);
          continue;
        }
        const isNewSlot =
          waiting.length > 0 && slotOf(waiting[0]!.time, this.#timespanMs) !== slotOf(event.time, this.#timespanMs);
        if (isNewSlot) paySlot();
        waiting.push(event);
      }
      if (purse.left === 0n) return;
    }
    paySlot();
  }

  /** The same from the events alone; cost grows with the events that are paid. */
  async recompute(kind: PartKind, maxTime: number): Promise<PartPaid> {
    const part = kind === 'share' ? this.#shares : this.#anns;
    const purse = new Purse(new Map(), part.size);
    // A slot counts once it has ended.
    const upTo = kind === 'share' ? maxTime : Math.floor(maxTime / this.#timespanMs) * this.#timespanMs - 1;
    await this.#payBack(part, purse, -1, Math.min(upTo, Number.MAX_SAFE_INTEGER - 1));
    return this.#result(part, purse);
  }

  #result({fraction, size}: Part, {credits, left, oldest}: Purse): PartPaid {
    const share = (credit: bigint): number => (size === 0n ? 0 : toDouble18((credit * fraction) / size));
    const paid = new Map([...credits].map(([address, credit]) => [address, share(credit)]));
    return {paid, credits, size, left, unpaid: size === 0n ? toDouble18(fraction) : share(left), oldest};
  }

  async forgetBefore(timeMs: number): Promise<void> {
    const slot = slotOf(timeMs, this.#timespanMs);
    for (const part of [this.#shares, this.#anns]) {
      await part.window.forgetBelow(slot, (number) => this.#readSlot(part, number));
    }
    await this.#settle();
  }
}

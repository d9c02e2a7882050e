// Credit as existing paymakers keep it, with their doubles and oddities.   pool spec §9.4, §9.5
import type {Books, CreditedUpload, Paid, PartPaid} from './books.ts';
import {type BlockMark, blockBefore, compareMarks, doubleCredit} from './credit.ts';
import type {Ledger, LedgerEvent} from './ledger.ts';
import type {PaymakerSettings} from './settings.ts';

interface Sum {
  accepted: number;
  credit: number;
  encryptions: number;
}

/** Announcements of about a minute. */
export interface CompatibleSlot {
  readonly time: number;
  /** In order of first appearance. */
  readonly credits: Map<string, Sum>;
  /** Undefined where it is too old to take any more. */
  ids: Set<string> | undefined;
}

interface Share {
  readonly time: number;
  readonly id: string;
  readonly payTo: string;
  readonly credit: number;
}

function placeOf<Mark extends {time: number; id: string}>(
  list: readonly Mark[],
  mark: {time: number; id: string},
): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareMarks(list[middle]!, mark) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** All of it stands in memory and depends on the order of arrival; kept for pools that move over and want the same numbers. */
export class CompatibleBooks implements Books {
  readonly #settings: PaymakerSettings;
  readonly slots: CompatibleSlot[] = [];
  readonly #shares: Share[] = [];
  readonly #blocks: BlockMark[] = [];
  #newest = 0;
  /** Announcement events that came when their slot was closed. */
  lost = 0;

  private constructor(settings: PaymakerSettings) {
    this.#settings = settings;
  }

  /** Goes through all events of the ledger as they arrived. */
  static async open(ledger: Ledger, settings: PaymakerSettings): Promise<CompatibleBooks> {
    const books = new CompatibleBooks(settings);
    const lastTimes = new Map((await ledger.uploads()).map(({number, lastTime}) => [number, lastTime]));
    let [upload, events]: [number, LedgerEvent[]] = [0, []];
    for await (const page of ledger.eventsByArrival()) {
      for (const event of page) {
        if (ledger.uploadOf(event) !== upload) {
          books.#take(events, lastTimes.get(upload) ?? 0);
          [upload, events] = [ledger.uploadOf(event), []];
        }
        events.push(event);
      }
    }
    books.#take(events, lastTimes.get(upload) ?? 0);
    return books;
  }

  get annSlots(): number {
    return this.slots.length;
  }

  add({events, lastTime}: CreditedUpload): Promise<void> {
    this.#take(events, lastTime);
    return Promise.resolve();
  }

  #take(events: readonly LedgerEvent[], lastTime: number): void {
    const oldest = this.#newest - this.#settings.historyDepth * 1000;
    for (const event of events) {
      if (event.time < oldest) continue;
      const {id, time, payTo, difficulty} = event;
      if (event.kind === 'block') {
        const mark = {id, time, difficulty};
        this.#blocks.splice(placeOf(this.#blocks, mark), 0, mark);
      } else if (payTo !== '') {
        const credit = doubleCredit(event, blockBefore(this.#blocks, time));
        if (event.kind === 'anns') this.#addAnns(event, credit);
        else this.#shares.splice(placeOf(this.#shares, event), 0, {id, time, payTo, credit});
      }
    }
    this.#newest = Math.max(this.#newest, lastTime);
    this.#discard();
  }

  #slotFor(time: number): CompatibleSlot {
    const {timespanMs} = this.#settings.annCompressor;
    const newest = this.slots.at(-1);
    if (newest === undefined || newest.time <= time) {
      const end = newest === undefined ? time - (time % timespanMs) : newest.time + timespanMs;
      const slot = {time: end, credits: new Map(), ids: new Set<string>()};
      this.slots.push(slot);
      return slot;
    }
    let place = this.slots.length - 1;
    while (place > 0 && this.slots[place - 1]!.time > time) place--;
    return this.slots[place]!;
  }

  #addAnns({id, time, payTo, accepted, encryptions}: LedgerEvent, credit: number): void {
    const slot = this.#slotFor(time);
    if (slot.ids === undefined) {
      this.lost++;
      return;
    }
    if (slot.ids.has(id)) return;
    slot.ids.add(id);
    const sum = slot.credits.get(payTo) ?? {accepted: 0, credit: 0, encryptions: 0};
    sum.accepted += accepted;
    sum.credit += credit;
    sum.encryptions += encryptions;
    slot.credits.set(payTo, sum);
  }

  #discard(): void {
    const {historyDepth, annCompressor} = this.#settings;
    const oldest = this.#newest - historyDepth * 1000;
    for (const list of [this.slots, this.#shares, this.#blocks]) {
      const kept = (list as {time: number}[]).findIndex(({time}) => time >= oldest);
      list.splice(0, kept < 0 ? list.length : kept);
    }
    const newest = this.slots.at(-1)?.time ?? 0;
    const closed = newest - annCompressor.timespanMs * annCompressor.slotsToKeepEvents;
    for (const slot of this.slots) {
      if (slot.time > closed) break;
      slot.ids = undefined;
    }
  }

  whoIsPaid(maxTime: number = Number.POSITIVE_INFINITY): Promise<Paid> {
    const {blockPayoutFraction: fraction} = this.#settings;
    return Promise.resolve({shares: this.#payShares(fraction, maxTime), anns: this.#payAnns(1 - fraction, maxTime)});
  }

  #payShares(fraction: number, maxTime: number): PartPaid {
    const paid = new Map<string, number>();
    let unpaid = fraction;
    let oldest: number | undefined;
    for (let i = this.#shares.length - 1; i >= 0 && unpaid > 0; i--) {
      const {time, payTo, credit} = this.#shares[i]!;
      if (time > maxTime) continue;
      const part = Math.min(credit / this.#settings.pplnsBlkConstantX, unpaid);
      paid.set(payTo, (paid.get(payTo) ?? 0) + part);
      unpaid -= part;
      oldest = time;
    }
    return {paid, credits: undefined, size: 0n, left: 0n, unpaid, oldest};
  }

  #payAnns(fraction: number, maxTime: number): PartPaid {
    const paid = new Map<string, number>();
    let unpaid = fraction;
    let oldest: number | undefined;
    for (let i = this.slots.length - 1; i >= 0 && unpaid > 0; i--) {
      const {time, credits} = this.slots[i]!;
      if (time > maxTime) continue;
      for (const [address, {credit}] of credits) {
        // Existing paymakers leave the rest of the slot here.
        if (credit === 0 || unpaid <= 0) break;
        const part = Math.min(credit / this.#settings.pplnsAnnConstantX, unpaid);
        paid.set(address, (paid.get(address) ?? 0) + part);
        unpaid -= part;
        oldest = time;
      }
    }
    return {paid, credits: undefined, size: 0n, left: 0n, unpaid, oldest};
  }

  forgetBefore(): Promise<void> {
    return Promise.resolve();
  }
}

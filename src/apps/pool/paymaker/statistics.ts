// What the pool shows of its miners; no money depends on it.   pool spec §9.7
import {slotOf} from './exact-books.ts';
import type {Ledger, LedgerEvent} from './ledger.ts';

interface SlotTotals {
  readonly slot: number;
  accepted: number;
  encryptions: number;
}

interface AnnMiner {
  first: number;
  /** The newest two slots in which it appears, newest first. */
  readonly slots: SlotTotals[];
}

interface BlockMiner {
  lastSeen: number;
  /** Shares of the last ten minutes. */
  recent: {time: number; encryptions: number}[];
}

export interface AnnMinerStats {
  readonly kbps: number;
  readonly warmupPercent: number | null;
  readonly currentEncryptionsPerSecond: number;
  readonly lastSeen: number;
  readonly credits: number;
}

export interface BlockMinerStats {
  readonly currentEncryptionsPerSecond: number;
  readonly lastSeen: number;
  readonly credits: number;
}

/** A block, by its shown hash or its event's id. */
export interface HourMark {
  readonly time: number;
  readonly hash: string;
}

const HOUR_MS = 3_600_000;
const DAY_HOURS = 24;
const RECENT_MS = 600_000;
const RECENT_SECONDS = 600;
const REPLAY_MS = 1_800_000;
const MAX_RECENT = 100_000;
const ALMOST_WARM = 90;
const BITS = 8;

export class Statistics {
  readonly #timespanMs: number;
  readonly #anns = new Map<string, AnnMiner>();
  readonly #blocks = new Map<string, BlockMiner>();
  #blockMarks: HourMark[] = [];
  #winMarks: HourMark[] = [];
  #newestSlot = 0;
  #newestShare = 0;
  #newestAnns = 0;

  private constructor(timespanMs: number) {
    this.#timespanMs = timespanMs;
  }

  /** Reads what it needs of the ledger. */
  static async open(ledger: Ledger, timespanMs: number): Promise<Statistics> {
    const statistics = new Statistics(timespanMs);
    for (const kind of ['anns', 'share'] as const) {
      let newest = 0;
      for (const [address, times] of await ledger.addressTimes(kind)) {
        statistics.#remember(kind, {address, ...times});
        newest = Math.max(newest, times.last);
      }
      const after = newest - Math.max(REPLAY_MS, 3 * timespanMs);
      for await (const page of ledger.eventsBetween(kind, after, newest))
        for (const event of page) statistics.#add(event);
    }
    for (const event of await ledger.blocks()) statistics.#addBlock(event);
    for (const event of await ledger.wins(MAX_RECENT)) statistics.#addWin(event);
    return statistics;
  }

  #remember(kind: 'anns' | 'share', {address, first, last}: {address: string; first: number; last: number}): void {
    if (kind === 'anns') {
      this.#anns.set(address, {first: slotOf(first, this.#timespanMs), slots: []});
      this.#newestSlot = Math.max(this.#newestSlot, slotOf(last, this.#timespanMs));
      this.#newestAnns = Math.max(this.#newestAnns, last);
    } else {
      this.#blocks.set(address, {lastSeen: last, recent: []});
      this.#newestShare = Math.max(this.#newestShare, last);
    }
  }

  /** Newest share or end of a slot; 0 where there is none. */
  get latest(): number {
    return Math.max(this.#newestSlot * this.#timespanMs, this.#newestShare);
  }

  /** Time of the newest event that somebody is paid for; 0 where there is none. */
  get newestEvent(): number {
    return Math.max(this.#newestAnns, this.#newestShare);
  }

  /** Time of the last share, or end of the last slot with announcements. */
  lastSeen(address: string): number | undefined {
    const slot = this.#anns.get(address)?.slots[0]?.slot;
    const share = this.#blocks.get(address)?.lastSeen;
    if (slot === undefined) return share;
    return Math.max(slot * this.#timespanMs, share ?? 0);
  }

  get wins(): readonly HourMark[] {
    return this.#winMarks;
  }

  get lastWin(): HourMark | undefined {
    return this.#winMarks.reduce<HourMark | undefined>(
      (last, mark) => (last === undefined || mark.time > last.time ? mark : last),
      undefined,
    );
  }

  get blockCount(): number {
    return this.#blockMarks.length;
  }

  add(events: readonly LedgerEvent[]): void {
    for (const event of events) {
      if (event.kind === 'block') this.#addBlock(event);
      else this.#add(event);
      if (event.kind === 'share') this.#addWin(event);
    }
  }

  #addBlock({id, time}: {id: string; time: number}): void {
    this.#blockMarks.push({hash: id, time});
  }

  #addWin({hash, time}: LedgerEvent): void {
    // Several handlers may tell of the same block.
    if (hash !== undefined && !this.#winMarks.some((mark) => mark.hash === hash)) this.#winMarks.push({hash, time});
  }

  #add(event: LedgerEvent): void {
    if (event.payTo === '') return;
    if (event.kind === 'anns') this.#addAnns(event);
    else this.#addShare(event);
  }

  #addAnns({payTo, time, accepted, encryptions}: LedgerEvent): void {
    const slot = slotOf(time, this.#timespanMs);
    this.#newestAnns = Math.max(this.#newestAnns, time);
    this.#newestSlot = Math.max(this.#newestSlot, slot);
    let miner = this.#anns.get(payTo);
    if (miner === undefined) {
      miner = {first: slot, slots: []};
      this.#anns.set(payTo, miner);
    }
    miner.first = Math.min(miner.first, slot);
    let totals = miner.slots.find((entry) => entry.slot === slot);
    if (totals === undefined) {
      totals = {slot, accepted: 0, encryptions: 0};
      miner.slots.push(totals);
      miner.slots.sort((a, b) => b.slot - a.slot);
      miner.slots.length = Math.min(2, miner.slots.length);
    }
    totals.accepted += accepted;
    totals.encryptions += encryptions;
  }

  #addShare({payTo, time, encryptions}: LedgerEvent): void {
    this.#newestShare = Math.max(this.#newestShare, time);
    let miner = this.#blocks.get(payTo);
    if (miner === undefined) {
      miner = {lastSeen: 0, recent: []};
      this.#blocks.set(payTo, miner);
    }
    miner.lastSeen = Math.max(miner.lastSeen, time);
    miner.recent.push({time, encryptions});
    if (miner.recent.length > MAX_RECENT) this.#trim(miner);
  }

  #trim(miner: BlockMiner): void {
    miner.recent = miner.recent.filter(({time}) => time >= this.latest - RECENT_MS).slice(-MAX_RECENT / 2);
  }

  /** Forgets miners and marks that are older. */
  forgetBefore(timeMs: number): void {
    const slot = slotOf(timeMs, this.#timespanMs);
    for (const [address, miner] of this.#anns) {
      miner.first = Math.max(miner.first, slot);
      if (miner.slots.every((entry) => entry.slot < slot)) this.#anns.delete(address);
    }
    for (const [address, miner] of this.#blocks) {
      if (miner.lastSeen < timeMs) this.#blocks.delete(address);
      else this.#trim(miner);
    }
    this.#blockMarks = this.#blockMarks.filter(({time}) => time >= timeMs);
    this.#winMarks = this.#winMarks.filter(({time}) => time >= timeMs);
  }

  /** oldestPaid: end of the oldest slot that is paid. Miners seen in one slot only are left out. */
  annMiners(credits: ReadonlyMap<string, number>, oldestPaid: number | undefined): Record<string, AnnMinerStats> {
    const warm = oldestPaid === undefined ? 0 : this.#newestSlot - oldestPaid / this.#timespanMs;
    const perSecond = (count: number): number => Math.floor((count * 1000) / this.#timespanMs);
    const rows = [...this.#anns].flatMap(
      ([
        address,
        {
          first,
          slots: [last, before],
        },
      ]) => {
        if (last === undefined || before === undefined) return [];
        const percent = warm > 0 ? Math.floor(((last.slot - first) / warm) * 100) : null;
        const stats: AnnMinerStats = {
          kbps: perSecond(BITS * before.accepted),
          warmupPercent: percent !== null && percent > ALMOST_WARM ? 100 : percent,
          currentEncryptionsPerSecond: perSecond(before.encryptions),
          lastSeen: last.slot * this.#timespanMs,
          credits: credits.get(address) ?? 0,
        };
        return [[address, stats] as const];
      },
    );
    return Object.fromEntries(rows.sort(([, a], [, b]) => b.credits - a.credits));
  }

  blockMiners(credits: ReadonlyMap<string, number>): Record<string, BlockMinerStats> {
    const rows = [...this.#blocks].map(([address, {lastSeen, recent}]) => {
      const after = this.latest - RECENT_MS;
      const sum = recent.reduce((total, {time, encryptions}) => (time >= after ? total + encryptions : total), 0);
      const stats: BlockMinerStats = {
        currentEncryptionsPerSecond: Math.floor(sum / RECENT_SECONDS),
        lastSeen,
        credits: credits.get(address) ?? 0,
      };
      return [address, stats] as const;
    });
    return Object.fromEntries(rows.sort(([, a], [, b]) => b.credits - a.credits));
  }

  /** Blocks of the chain and those won, for each UTC hour from the oldest known to the present, at most a day. */
  hours(nowMs: number): {blocks: number[]; wins: number[]} {
    const present = Math.floor(nowMs / HOUR_MS);
    const hourOf = ({time}: HourMark): number => Math.floor(time / HOUR_MS);
    const recent = [...this.#blockMarks, ...this.#winMarks].map(hourOf).filter((hour) => hour > present - DAY_HOURS);
    if (recent.length === 0) return {blocks: [], wins: []};
    const from = recent.reduce((least, hour) => Math.min(least, hour), present);
    const counts = (marks: readonly HourMark[]): number[] => {
      const row = Array.from({length: present - from + 1}, () => 0);
      for (const mark of marks) {
        const place = hourOf(mark) - from;
        if (place >= 0 && place < row.length) row[place]!++;
      }
      return row;
    };
    return {blocks: counts(this.#blockMarks), wins: counts(this.#winMarks)};
  }
}

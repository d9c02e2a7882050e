// Books of the pool: who has done how much, and who is paid how much of the next block.   pool spec §9
import {mkdir, readdir} from 'node:fs/promises';
import {join} from 'node:path';
import type {Network} from '../../../core/params/index.ts';
import {logId} from '../../../core/protocol/pool/index.ts';
import type {Log} from '../../../service/logs/log.ts';
import {writeFileAtomically} from '../../../service/stores/atomic-file.ts';
import type {Books, CreditedUpload, Paid} from './books.ts';
import {CompatibleBooks} from './compatible-books.ts';
import {type BlockMark, blockBefore, compareMarks, exactCredit} from './credit.ts';
import {PaymakerError} from './errors.ts';
import {type EventKind, EventReader, type ReadEvent} from './events.ts';
import {ExactBooks} from './exact-books.ts';
import {HandlerBudgets} from './handler-budgets.ts';
import {Ledger, type LedgerEvent, type LedgerSession, ledgerEvent, UPLOAD_PLACES} from './ledger.ts';
import {type PayoutMap, payoutMap} from './payout-map.ts';
import type {PaymakerSettings} from './settings.ts';
import type {Sql} from './sql.ts';
import {openSqlite} from './sqlite.ts';
import {Statistics} from './statistics.ts';

export interface PaymakerOptions {
  readonly dir: string;
  readonly network: Network;
  readonly settings: PaymakerSettings;
  /** Wall clock, milliseconds. */
  readonly nowMs: () => number;
  readonly log: Log;
  /** Another database than the one in `dir`. */
  readonly sql?: Sql;
}

/** What the sender of an upload is told. */
export interface Ingested {
  readonly eventId: string;
  readonly warn: readonly string[];
}

export interface WhoToPay {
  readonly map: PayoutMap;
  readonly paid: Paid;
}

/** Clocks of handlers may be ahead by so much. */
const MAX_AHEAD_MS = 300_000;
/** Events later than this are told of. */
const LATE_MS = 600_000;
/** How often history is cut off. */
const PRUNE_MS = 600_000;
/** How often is told that the ledger is still being read. */
const PROGRESS_MS = 2000;
const MAX_INSPECT_FILES = 100;

/** Runs one thing after another. */
class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }
}

/** What is kept of the ledger in memory. */
interface Known {
  readonly generation: number;
  readonly books: Books;
  readonly statistics: Statistics;
  readonly blocks: readonly BlockMark[];
  readonly shares: number;
}

/** Tells how long it takes where it takes long. */
async function withProgress<Result>(log: Log, work: () => Promise<Result>): Promise<Result> {
  const begun = performance.now();
  const seconds = (): number => Math.round((performance.now() - begun) / 1000);
  const timer = setInterval(() => log.info('reading the ledger', {seconds: seconds()}), PROGRESS_MS);
  try {
    const result = await work();
    if (seconds() * 1000 >= PROGRESS_MS) log.info('the ledger is read', {seconds: seconds()});
    return result;
  } finally {
    clearInterval(timer);
  }
}

async function readLedger(ledger: Ledger, settings: PaymakerSettings): Promise<Known> {
  const {generation} = ledger;
  const Kind = settings.compatible ? CompatibleBooks : ExactBooks;
  const books = await Kind.open(ledger, settings);
  const statistics = await Statistics.open(ledger, settings.annCompressor.timespanMs);
  return {generation, books, statistics, blocks: await ledger.blocks(), shares: await ledger.countEvents('share')};
}

export class Paymaker {
  readonly #options: PaymakerOptions;
  readonly #ledger: Ledger;
  readonly #reader: EventReader;
  readonly #budgets: HandlerBudgets;
  readonly #turns = new Turns();
  #generation!: number;
  #books!: Books;
  #statistics!: Statistics;
  #blocks!: readonly BlockMark[];
  #shares!: number;
  #prunedMs: number;

  private constructor(options: PaymakerOptions, ledger: Ledger, known: Known) {
    const {network, settings, nowMs} = options;
    this.#options = options;
    this.#ledger = ledger;
    this.#reader = new EventReader({network, paysUnsigned: settings.privateSeed === null});
    this.#budgets = new HandlerBudgets(settings.handlers, nowMs);
    this.#prunedMs = nowMs();
    this.#remember(known);
  }

  /** Opens the ledger and reads what it knows. Throws PaymakerError, StoreError. */
  static async open(options: PaymakerOptions): Promise<Paymaker> {
    const {dir, settings, log} = options;
    await mkdir(join(dir, 'inspect'), {recursive: true});
    const sql = options.sql ?? (await openSqlite(dir));
    try {
      return await withProgress(log, async () => {
        const ledger = await Ledger.open(sql, log);
        return new Paymaker(options, ledger, await readLedger(ledger, settings));
      });
    } catch (error) {
      await sql.close();
      throw error;
    }
  }

  #remember({generation, books, statistics, blocks, shares}: Known): void {
    this.#generation = generation;
    this.#books = books;
    this.#statistics = statistics;
    this.#blocks = blocks;
    this.#shares = shares;
  }

  /** One thing after another, each with what the ledger has at that time. */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#turns.take(async () => {
      if (this.#ledger.generation !== this.#generation) {
        const {log} = this.#options;
        log.warn('the ledger is read anew');
        this.#remember(await withProgress(log, () => readLedger(this.#ledger, this.settings)));
      }
      return work();
    });
  }

  get settings(): PaymakerSettings {
    return this.#options.settings;
  }

  get statistics(): Statistics {
    return this.#statistics;
  }

  get counts(): {readonly blocks: number; readonly compressedAnnSlots: number; readonly shares: number} {
    return {blocks: this.#blocks.length, compressedAnnSlots: this.#books.annSlots, shares: this.#shares};
  }

  get ledger(): Ledger {
    return this.#ledger;
  }

  /**
   * Credits an upload; resolves when that is on disk. The same again changes nothing. Throws PaymakerError 'over-budget',
   * 'ledger-…', StoreError: then nothing of it counts, and it may be sent again.
   */
  ingest(body: Uint8Array, handler: string): Promise<Ingested> {
    return this.#inTurn(() => this.#ingest(body, handler));
  }

  async #ingest(body: Uint8Array, handler: string): Promise<Ingested> {
    const eventId = logId(body);
    if ((await this.#ledger.findUpload(eventId)) !== undefined) return {eventId, warn: []};
    const {events, bad, unpayable, lastTime} = this.#reader.read(body);
    const {taken, warn} = this.#datedEvents(events);
    if (bad > 0) warn.push(`${bad} lines are no events`);
    if (unpayable > 0) warn.push(`${unpayable} events have an address that cannot be paid`);
    if (events.length === 0) {
      warn.push('there is no event in it; kept for inspection');
      await this.#keepForInspection(eventId, body);
    }
    this.#budgets.check(handler);
    const about = {logId: eventId, handler, lastTime: lastTime ?? 0};
    const upload = await this.#ledger.transaction((session) => this.#write(session, about, taken));
    this.#budgets.spend(handler, taken.length, upload.events);
    this.#blocks = upload.blocks;
    this.#statistics.add(upload.events);
    this.#shares += upload.events.filter(({kind}) => kind === 'share').length;
    await this.#afterwards('sums cannot be brought up to date', () => this.#books.add(upload));
    const {log, nowMs} = this.#options;
    if (nowMs() - this.#prunedMs > PRUNE_MS) await this.#afterwards('history cannot be cut off', () => this.#prune());
    log.debug('events credited', {handler, events: events.length, credited: upload.events.length});
    if (warn.length > 0) log.warn('an upload has peculiarities', {handler, eventId, warn: warn.join('; ')});
    return {eventId, warn};
  }

  /** The upload is in the ledger: whatever goes wrong now is made good later, and is not the sender's trouble. */
  async #afterwards(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof PaymakerError)) throw error;
      this.#options.log.error(what, {error});
    }
  }

  /** Leaves out what is too old; clocks that are ahead are set right. */
  #datedEvents(events: readonly ReadEvent[]): {taken: ReadEvent[]; warn: string[]} {
    const {nowMs, settings} = this.#options;
    const now = nowMs();
    const oldest = this.#oldest(now);
    const latest = now + MAX_AHEAD_MS;
    let [old, late, ahead] = [0, 0, 0];
    const taken = events.flatMap((event) => {
      if (event.time < oldest) {
        old++;
        return [];
      }
      if (event.time < now - LATE_MS) late++;
      if (event.time <= latest) return [event];
      ahead++;
      return [{...event, time: now}];
    });
    const warn: string[] = [];
    if (old > 0) warn.push(`${old} events are older than ${settings.historyDepth} seconds and not credited`);
    if (late > 0) warn.push(`${late} events are late; they are credited by their time`);
    if (ahead > 0) warn.push(`${ahead} events are from the future and credited as of now; is the clock right?`);
    return {taken, warn};
  }

  /** Where history begins: with a slot. */
  #oldest(now: number): number {
    const {historyDepth, annCompressor} = this.#options.settings;
    return Math.floor((now - 1000 * historyDepth) / annCompressor.timespanMs) * annCompressor.timespanMs;
  }

  async #keepForInspection(eventId: string, body: Uint8Array): Promise<void> {
    const dir = join(this.#options.dir, 'inspect');
    if (body.length === 0 || (await readdir(dir)).length >= MAX_INSPECT_FILES) return;
    await writeFileAtomically(join(dir, `${eventId}.bin`), body);
  }

  async #write(
    session: LedgerSession,
    about: {logId: string; handler: string; lastTime: number},
    events: readonly ReadEvent[],
  ): Promise<CreditedUpload> {
    const number = await session.nextUpload();
    const changes = this.#blockChanges(events);
    for (const {id, time} of changes.moved) await session.setBlockTime(id, time);
    const recredited = await this.#recredit(session, changes);
    const rows = events.map((event, i) => {
      const credit = event.kind === 'block' ? 0n : exactCredit(event, blockBefore(changes.blocks, event.time));
      return ledgerEvent(event, number * UPLOAD_PLACES + i + 1, credit);
    });
    const added = await session.addEvents(rows);
    const fresh = added === undefined ? rows : rows.filter(({sequence}) => added.has(sequence));
    this.#budgets.checkCredit(about.handler, fresh);
    const {nowMs} = this.#options;
    await session.addUpload({...about, number, timeMs: nowMs(), events: events.length, credited: fresh.length});
    return {number, lastTime: about.lastTime, events: fresh, recredited, blocks: changes.blocks};
  }

  /** Of a block that several handlers tell of, the earliest time counts: so the order of uploads does not matter. */
  #blockChanges(events: readonly ReadEvent[]): BlockChanges {
    const marks = new Map(this.#blocks.map((mark) => [mark.id, mark]));
    const moved = new Map<string, BlockMark>();
    const edges: number[] = [];
    const fresh = new Set<string>();
    for (const {kind, id, time, difficulty} of events) {
      if (kind !== 'block') continue;
      const known = marks.get(id);
      if (known !== undefined && (known.time <= time || this.settings.compatible)) continue;
      const mark = {id, time, difficulty: known?.difficulty ?? difficulty};
      marks.set(id, mark);
      edges.push(time);
      if (known === undefined) fresh.add(id);
      else {
        edges.push(known.time);
        if (!fresh.has(id)) moved.set(id, mark);
      }
    }
    return {blocks: [...marks.values()].sort(compareMarks), moved: [...moved.values()], edges};
  }

  /** Events between a new block and the next one were credited by the difficulty of an older one, or by none. */
  async #recredit(session: LedgerSession, {blocks, edges}: BlockChanges): Promise<CreditedUpload['recredited']> {
    const recredited: {event: LedgerEvent; before: bigint}[] = [];
    const done = new Set<string>();
    for (const edge of new Set(edges)) {
      const next = blocks.find(({time}) => time > edge)?.time ?? Number.MAX_SAFE_INTEGER;
      for (const kind of ['anns', 'share'] as const) {
        for await (const page of session.eventsBetween(kind, edge, next)) {
          for (const event of page) {
            const credit = exactCredit(event, blockBefore(blocks, event.time));
            if (credit === event.credit || done.has(event.id)) continue;
            done.add(event.id);
            await session.setCredit(event, credit);
            recredited.push({event: {...event, credit}, before: event.credit});
          }
        }
      }
    }
    return recredited;
  }

  /** The present map. maxTime: as if everything newer did not exist, which costs more. */
  whoToPay(maxTime?: number): Promise<WhoToPay> {
    return this.#inTurn(async () => {
      const paid = await this.#books.whoIsPaid(maxTime);
      return {paid, map: payoutMap(paid, this.settings)};
    });
  }

  /** Forgets what is older than the history. */
  prune(): Promise<void> {
    return this.#inTurn(() => this.#prune());
  }

  async #prune(): Promise<void> {
    this.#prunedMs = this.#options.nowMs();
    const oldest = this.#oldest(this.#options.nowMs());
    await this.#books.forgetBefore(oldest);
    this.#statistics.forgetBefore(oldest);
    // The newest block before history still says what its first events are worth.
    const mark = blockBefore(this.#blocks, oldest);
    for (const kind of ['anns', 'share'] as const) await this.#deleteBefore(kind, oldest);
    if (mark !== undefined) await this.#deleteBefore('block', mark.time);
    await this.#ledger.transaction(async (session) => {
      await session.deleteUploadsBefore(oldest);
      await session.deletePayoutsBefore(oldest);
    });
    this.#shares = await this.#ledger.countEvents('share');
    if (mark !== undefined) this.#blocks = this.#blocks.filter(({time}) => time >= mark.time);
  }

  async #deleteBefore(kind: EventKind, time: number): Promise<void> {
    let isMore = true;
    while (isMore) isMore = await this.#ledger.transaction((session) => session.deleteBefore(kind, time));
  }

  /** Finishes what is under way. */
  async close(): Promise<void> {
    await this.#turns.take(() => this.#ledger.close());
  }
}

interface BlockChanges {
  readonly blocks: readonly BlockMark[];
  /** Blocks of the ledger that were earlier than it knows. */
  readonly moved: readonly BlockMark[];
  /** Times from which on up to the next block credit has to be computed again. */
  readonly edges: readonly number[];
}

// Everything the paymaker must not forget, and the only place with statements about it.
import {type Log, NO_LOG} from '../../../service/logs/log.ts';
import {StoreError} from '../../../service/stores/key-value-store.ts';
import type {BlockMark} from './credit.ts';
import {PaymakerError} from './errors.ts';
import type {EventIds, EventPlace} from './event-ids.ts';
import type {EventKind, ReadEvent} from './events.ts';
import {bigOf, numberOf, placeholders, type Sql, type SqlRow, type SqlSession, type SqlValue} from './sql.ts';

/** An event as it stands in the ledger. */
export interface LedgerEvent extends Omit<ReadEvent, 'height'> {
  /** Upload and place in it: the order of arrival. */
  readonly sequence: number;
  /** Units of 10^-18. */
  readonly credit: bigint;
}

export interface UploadRow {
  readonly number: number;
  readonly logId: string;
  readonly timeMs: number;
  readonly handler: string;
  /** `time` of its last line that has one. */
  readonly lastTime: number;
  readonly events: number;
  readonly credited: number;
}

/** Of one address in one slot. */
export interface SlotSum {
  readonly address: string;
  readonly credit: bigint;
}

/** A map that was handed to the node. */
export interface PayoutRow {
  readonly number: number;
  readonly timeMs: number;
  /** JSON; what makes the map, and the map. */
  readonly document: string;
}

const COLUMN_NAMES =
  'id, sequence, kind, time, pay_to, target, accepted, payable, encryptions, credit, hash, difficulty';
const EVENT_COLUMNS = `kind INTEGER NOT NULL, time BIGINT NOT NULL,
       pay_to {TEXT} NOT NULL, target BIGINT NOT NULL, accepted BIGINT NOT NULL, payable BIGINT NOT NULL,
       encryptions BIGINT NOT NULL, credit BIGINT NOT NULL, hash {TEXT}, difficulty DOUBLE PRECISION NOT NULL`;
const EVENTS_BY_TIME = 'CREATE INDEX events_by_time ON events (kind, time, id)';

/** Each runs once, in order; never changed after a release. {ROWID}, {TEXT}: Sql.types. */
const MIGRATIONS: readonly ((sql: Sql) => readonly string[])[] = [
  () => [
    `CREATE TABLE events (sequence {ROWID} NOT NULL PRIMARY KEY, id {TEXT} NOT NULL UNIQUE, ${EVENT_COLUMNS})`,
    EVENTS_BY_TIME,
    `CREATE TABLE uploads (
       number BIGINT NOT NULL PRIMARY KEY, log_id {TEXT} NOT NULL UNIQUE, time BIGINT NOT NULL, handler {TEXT} NOT NULL,
       last_time BIGINT NOT NULL, events BIGINT NOT NULL, credited BIGINT NOT NULL)`,
    'CREATE TABLE payouts (number BIGINT NOT NULL PRIMARY KEY, time BIGINT NOT NULL, document {TEXT} NOT NULL)',
    'CREATE TABLE balances (address {TEXT} NOT NULL PRIMARY KEY, units BIGINT NOT NULL)',
    'CREATE TABLE settlements (hash {TEXT} NOT NULL PRIMARY KEY, time BIGINT NOT NULL, outcome {TEXT} NOT NULL)',
  ],
  // Where ids are found otherwise, the database keeps no index of them.
  ({eventIds}) =>
    eventIds === undefined
      ? []
      : [
          `CREATE TABLE new_events (sequence {ROWID} NOT NULL PRIMARY KEY, id {TEXT} NOT NULL, ${EVENT_COLUMNS})`,
          `INSERT INTO new_events (${COLUMN_NAMES}) SELECT ${COLUMN_NAMES} FROM events ORDER BY sequence`,
          'DROP TABLE events',
          'ALTER TABLE new_events RENAME TO events',
          EVENTS_BY_TIME,
        ],
];

const KINDS: readonly EventKind[] = ['anns', 'share', 'block'];
const COLUMNS = 12;
const ROWS_AT_ONCE = [100, 10, 1] as const;
const INSERT_EVENTS = `INSERT INTO events (${COLUMN_NAMES}) VALUES`;
const PAGE = 2000;
/** Events of about so long are summed at once. */
const SPAN_MS = 1_800_000;
/** Events removed in one transaction. */
const MAX_REMOVED = 50_000;
/** Sums of many credits do not fit into 64 bits; of their halves they do. */
const HALF = 1_000_000_000n;
/** Places in one upload: its lines are fewer. */
export const UPLOAD_PLACES: number = 2 ** 20;

const SUMS = `SUM(credit / ${HALF}) AS high, SUM(credit % ${HALF}) AS low`;

function sumOf(row: SqlRow): bigint {
  return bigOf(row['high']) * HALF + bigOf(row['low']);
}

function kindNumber(kind: EventKind): number {
  return KINDS.indexOf(kind);
}

function eventOf(row: SqlRow): LedgerEvent {
  return {
    id: String(row['id']),
    sequence: numberOf(row['sequence']),
    kind: KINDS[numberOf(row['kind'])]!,
    time: numberOf(row['time']),
    payTo: String(row['pay_to']),
    target: numberOf(row['target']),
    accepted: numberOf(row['accepted']),
    payable: numberOf(row['payable']),
    encryptions: numberOf(row['encryptions']),
    credit: bigOf(row['credit']),
    hash: row['hash'] === null ? undefined : String(row['hash']),
    difficulty: numberOf(row['difficulty']),
  };
}

/** An event of an upload with its place and worth. */
export function ledgerEvent(event: ReadEvent, sequence: number, credit: bigint): LedgerEvent {
  // Field after field, which costs a tenth of a copy by `...`.
  const {kind, id, time, payTo, target, accepted, payable, encryptions, hash, difficulty} = event;
  return {sequence, credit, kind, id, time, payTo, target, accepted, payable, encryptions, hash, difficulty};
}

/** Values of rows one after another, in the order of INSERT_EVENTS. */
function valuesOf(events: readonly LedgerEvent[], from: number, rows: number): SqlValue[] {
  const values: SqlValue[] = [];
  for (let i = from; i < from + rows; i++) {
    const {id, sequence, kind, time, payTo, target, accepted, payable, encryptions, credit, hash, difficulty} =
      events[i]!;
    values.push(id, sequence, kindNumber(kind), time, payTo, target, accepted, payable);
    values.push(encryptions, credit, hash ?? null, difficulty);
  }
  return values;
}

async function migrate(sql: Sql, log: Log): Promise<void> {
  await sql.transaction(async (session) => {
    await session.all('CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)');
    const [row] = await session.all('SELECT MAX(version) AS version FROM schema_version');
    const version = numberOf(row?.['version']);
    if (version > MIGRATIONS.length) throw new PaymakerError('ledger-newer', {version});
    for (const [i, statementsOf] of MIGRATIONS.entries()) {
      if (i < version) continue;
      if (version > 0)
        log.info('the ledger is brought up to date; with millions of events it takes minutes', {version: i + 1});
      for (const statement of statementsOf(sql)) {
        await session.all(statement.replaceAll('{ROWID}', sql.types.rowid).replaceAll('{TEXT}', sql.types.text));
      }
      await session.all('INSERT INTO schema_version (version) VALUES (?)', [i + 1]);
    }
  });
}

/** What may be done within one transaction. */
export class LedgerSession {
  protected readonly sql: SqlSession;
  readonly #eventIds: EventIds | undefined;
  readonly #added = new Map<string, number>();
  readonly #removed: string[] = [];

  constructor(sql: SqlSession, eventIds: EventIds | undefined) {
    this.sql = sql;
    this.#eventIds = eventIds;
  }

  /** The number of an upload; undefined where it is not known. */
  async findUpload(logId: string): Promise<number | undefined> {
    const [row] = await this.sql.all('SELECT number FROM uploads WHERE log_id = ?', [logId]);
    return row === undefined ? undefined : numberOf(row['number']);
  }

  async nextUpload(): Promise<number> {
    const [row] = await this.sql.all('SELECT MAX(number) AS number FROM uploads');
    return numberOf(row?.['number']) + 1;
  }

  async addUpload({number, logId, timeMs, handler, lastTime, events, credited}: UploadRow): Promise<void> {
    const values = [number, logId, timeMs, handler, lastTime, events, credited];
    await this.sql.run(
      `INSERT INTO uploads (number, log_id, time, handler, last_time, events, credited) VALUES ${placeholders(1, 7)}`,
      values,
    );
  }

  /** Adds events that are not there yet, of one upload in order; gives the sequences of those, undefined where it is all. */
  async addEvents(events: readonly LedgerEvent[]): Promise<Set<number> | undefined> {
    if (this.#eventIds !== undefined) return this.#addUnknown(events, this.#eventIds);
    const added = await this.#insert(events, ' ON CONFLICT (id) DO NOTHING');
    if (added === events.length) return undefined;
    const kept = 'SELECT sequence FROM events WHERE sequence >= ? AND sequence <= ?';
    const rows = await this.sql.all(kept, [events[0]!.sequence, events.at(-1)!.sequence]);
    return new Set(rows.map((row) => numberOf(row['sequence'])));
  }

  async #addUnknown(events: readonly LedgerEvent[], eventIds: EventIds): Promise<Set<number> | undefined> {
    if (this.#added.size === 0) await followEvents(this.sql, eventIds);
    const hints = await eventIds.find(events.map(({id}) => id));
    const idAt = await this.#idsAt(hints.filter((hint) => hint !== undefined));
    const unknown = events.filter(({id, sequence}, i) => {
      const hint = hints[i];
      if (this.#added.has(id) || (hint !== undefined && idAt.get(hint) === id)) return false;
      this.#added.set(id, sequence);
      return true;
    });
    await this.#insert(unknown, '');
    return unknown.length === events.length ? undefined : new Set(unknown.map(({sequence}) => sequence));
  }

  async #insert(events: readonly LedgerEvent[], otherwise: string): Promise<number> {
    let at = 0;
    let added = 0;
    for (const rows of ROWS_AT_ONCE) {
      const sql = `${INSERT_EVENTS} ${placeholders(rows, COLUMNS)}${otherwise}`;
      for (; events.length - at >= rows; at += rows) {
        added += await this.sql.run(sql, valuesOf(events, at, rows));
      }
    }
    return added;
  }

  async #idsAt(sequences: readonly number[]): Promise<Map<number, string>> {
    const ids = new Map<number, string>();
    let at = 0;
    for (const rows of ROWS_AT_ONCE) {
      const sql = `SELECT sequence, id FROM events WHERE sequence IN ${placeholders(1, rows)}`;
      for (; sequences.length - at >= rows; at += rows) {
        for (const row of await this.sql.all(sql, sequences.slice(at, at + rows)))
          ids.set(numberOf(row['sequence']), String(row['id']));
      }
    }
    return ids;
  }

  /** What became of events in this transaction, for those who find them by their ids. */
  get changes(): {readonly added: readonly EventPlace[]; readonly removed: readonly string[]} {
    return {added: [...this.#added].map(([id, sequence]) => ({id, sequence})), removed: this.#removed};
  }

  /** Block events of the history, in order. */
  async blocks(): Promise<(BlockMark & {readonly hash: string | undefined})[]> {
    const rows = await this.sql.all('SELECT * FROM events WHERE kind = ? ORDER BY time, id', [kindNumber('block')]);
    return rows.map(eventOf);
  }

  /** Shares that won a block, newest first. */
  async wins(limit: number): Promise<LedgerEvent[]> {
    const sql = 'SELECT * FROM events WHERE kind = ? AND hash IS NOT NULL ORDER BY time DESC, id DESC LIMIT ?';
    return (await this.sql.all(sql, [kindNumber('share'), limit])).map(eventOf);
  }

  async setBlockTime(id: string, time: number): Promise<void> {
    await this.sql.run('UPDATE events SET time = ? WHERE id = ? AND kind = ?', [time, id, kindNumber('block')]);
  }

  async setCredit({sequence}: LedgerEvent, credit: bigint): Promise<void> {
    await this.sql.run('UPDATE events SET credit = ? WHERE sequence = ?', [credit, sequence]);
  }

  /** Events of a kind with after < time ≤ upTo, oldest first, a page at a time. */
  async *eventsBetween(kind: EventKind, after: number, upTo: number): AsyncGenerator<LedgerEvent[]> {
    let [time, id] = [after + 1, ''];
    while (true) {
      const rows = await this.sql.all(
        'SELECT * FROM events WHERE kind = ? AND (time > ? OR (time = ? AND id > ?)) AND time >= ? AND time <= ? ' +
          'ORDER BY time, id LIMIT ?',
        [kindNumber(kind), time, time, id, time, upTo, PAGE],
      );
      if (rows.length > 0) yield rows.map(eventOf);
      if (rows.length < PAGE) return;
      const last = rows.at(-1)!;
      [time, id] = [numberOf(last['time']), String(last['id'])];
    }
  }

  /** The same, newest first. */
  async *eventsBack(kind: EventKind, after: number, upTo: number): AsyncGenerator<LedgerEvent[]> {
    let [time, id] = [upTo + 1, ''];
    while (true) {
      const rows = await this.sql.all(
        'SELECT * FROM events WHERE kind = ? AND (time < ? OR (time = ? AND id < ?)) AND time <= ? AND time > ? ' +
          'ORDER BY time DESC, id DESC LIMIT ?',
        [kindNumber(kind), time, time, id, time, after, PAGE],
      );
      if (rows.length > 0) yield rows.map(eventOf);
      if (rows.length < PAGE) return;
      const last = rows.at(-1)!;
      [time, id] = [numberOf(last['time']), String(last['id'])];
    }
  }

  /** The number of the upload that an event came with. */
  uploadOf({sequence}: LedgerEvent): number {
    return Math.floor(sequence / UPLOAD_PLACES);
  }

  /** Events of all kinds in the order in which they arrived. */
  async *eventsByArrival(): AsyncGenerator<LedgerEvent[]> {
    let sequence = 0;
    while (true) {
      const sql = 'SELECT * FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?';
      const rows = await this.sql.all(sql, [sequence, PAGE]);
      if (rows.length > 0) yield rows.map(eventOf);
      if (rows.length < PAGE) return;
      sequence = numberOf(rows.at(-1)!['sequence']);
    }
  }

  async #outermostTime(kind: EventKind, order: 'ASC' | 'DESC'): Promise<number | undefined> {
    const sql = `SELECT time FROM events WHERE kind = ? ORDER BY time ${order} LIMIT 1`;
    const [row] = await this.sql.all(sql, [kindNumber(kind)]);
    return row === undefined ? undefined : numberOf(row['time']);
  }

  /** What a statement says of the events of a kind with ? ≤ time < ?, span after span: over millions it would hold up all else. */
  async *#bySpan(sql: string, kind: EventKind, spanMs: number): AsyncGenerator<SqlRow[]> {
    const first = await this.#outermostTime(kind, 'ASC');
    const last = await this.#outermostTime(kind, 'DESC');
    if (first === undefined || last === undefined) return;
    for (let from = Math.floor(first / spanMs) * spanMs; from <= last; from += spanMs) {
      yield await this.sql.all(sql, [kindNumber(kind), from, from + spanMs]);
    }
  }

  /** Credit of each slot: events of slot n have a time from (n-1)·timespan to before n·timespan. */
  async slotCredits(kind: EventKind, timespanMs: number): Promise<Map<number, bigint>> {
    const slot = `time / ${timespanMs}`;
    const sql = `SELECT ${slot} AS slot, ${SUMS} FROM events WHERE kind = ? AND time >= ? AND time < ? GROUP BY ${slot}`;
    const credits = new Map<number, bigint>();
    const spanMs = Math.ceil(SPAN_MS / timespanMs) * timespanMs;
    for await (const rows of this.#bySpan(sql, kind, spanMs)) {
      for (const row of rows) credits.set(numberOf(row['slot']) + 1, sumOf(row));
    }
    return credits;
  }

  /** Credit by address of the events with from ≤ time < to. */
  async addressCredits(kind: EventKind, from: number, to: number): Promise<SlotSum[]> {
    const sql = `SELECT pay_to, ${SUMS} FROM events WHERE kind = ? AND time >= ? AND time < ? AND credit > 0 GROUP BY pay_to`;
    const rows = await this.sql.all(sql, [kindNumber(kind), from, to]);
    return rows.map((row) => ({address: String(row['pay_to']), credit: sumOf(row)}));
  }

  /** First and last time of each address. */
  async addressTimes(kind: EventKind): Promise<Map<string, {readonly first: number; readonly last: number}>> {
    const sql =
      'SELECT pay_to, MIN(time) AS first_time, MAX(time) AS last_time FROM events ' +
      "WHERE kind = ? AND time >= ? AND time < ? AND pay_to <> '' GROUP BY pay_to";
    const times = new Map<string, {readonly first: number; readonly last: number}>();
    for await (const rows of this.#bySpan(sql, kind, SPAN_MS)) {
      for (const row of rows) {
        const address = String(row['pay_to']);
        const first = times.get(address)?.first ?? numberOf(row['first_time']);
        times.set(address, {first, last: numberOf(row['last_time'])});
      }
    }
    return times;
  }

  /** Removes events with an earlier time, oldest first; true where there are more, which is for another transaction. */
  async deleteBefore(kind: EventKind, time: number): Promise<boolean> {
    const sql = 'SELECT time, id FROM events WHERE kind = ? AND time < ? ORDER BY time, id LIMIT ?';
    const rows = await this.sql.all(sql, [kindNumber(kind), time, MAX_REMOVED]);
    const last = rows.at(-1);
    if (last === undefined) return false;
    const upTo = numberOf(last['time']);
    await this.sql.run('DELETE FROM events WHERE kind = ? AND (time < ? OR (time = ? AND id <= ?))', [
      kindNumber(kind),
      upTo,
      upTo,
      String(last['id']),
    ]);
    for (const row of rows) this.#removed.push(String(row['id']));
    return rows.length === MAX_REMOVED;
  }

  async countEvents(kind: EventKind): Promise<number> {
    const [row] = await this.sql.all('SELECT COUNT(*) AS n FROM events WHERE kind = ?', [kindNumber(kind)]);
    return numberOf(row?.['n']);
  }

  async uploads(): Promise<{number: number; lastTime: number}[]> {
    const rows = await this.sql.all('SELECT number, last_time FROM uploads ORDER BY number');
    return rows.map((row) => ({number: numberOf(row['number']), lastTime: numberOf(row['last_time'])}));
  }

  async deleteUploadsBefore(timeMs: number): Promise<void> {
    const [newest] = await this.sql.all('SELECT MAX(number) AS number FROM uploads');
    await this.sql.run('DELETE FROM uploads WHERE time < ? AND number < ?', [timeMs, numberOf(newest?.['number'])]);
  }

  /** Numbers them in order; gives the number. */
  async addPayout(timeMs: number, document: string): Promise<number> {
    const [row] = await this.sql.all('SELECT MAX(number) AS number FROM payouts');
    const number = numberOf(row?.['number']) + 1;
    await this.sql.run(`INSERT INTO payouts (number, time, document) VALUES ${placeholders(1, 3)}`, [
      number,
      timeMs,
      document,
    ]);
    return number;
  }

  /** Newest first, without their documents; of those before a number. */
  async payoutTimes(limit: number, before: number): Promise<Omit<PayoutRow, 'document'>[]> {
    const sql = 'SELECT number, time FROM payouts WHERE number < ? ORDER BY number DESC LIMIT ?';
    const rows = await this.sql.all(sql, [before, limit]);
    return rows.map((row) => ({number: numberOf(row['number']), timeMs: numberOf(row['time'])}));
  }

  /** The record of one; undefined where there is none. */
  async payoutRecord(number: number): Promise<string | undefined> {
    const [row] = await this.sql.all('SELECT document FROM payouts WHERE number = ?', [number]);
    return row === undefined ? undefined : String(row['document']);
  }

  /** Newest first. */
  async payouts(limit: number): Promise<PayoutRow[]> {
    const rows = await this.sql.all('SELECT * FROM payouts ORDER BY number DESC LIMIT ?', [limit]);
    return rows.map((row) => ({
      number: numberOf(row['number']),
      timeMs: numberOf(row['time']),
      document: String(row['document']),
    }));
  }

  async deletePayoutsBefore(timeMs: number): Promise<void> {
    await this.sql.run('DELETE FROM payouts WHERE time < ?', [timeMs]);
  }

  /** Units owed to addresses; negative where an address holds what belongs to others. They sum to 0. */
  async balances(): Promise<Map<string, bigint>> {
    const rows = await this.sql.all('SELECT address, units FROM balances WHERE units <> 0 ORDER BY address');
    return new Map(rows.map((row) => [String(row['address']), bigOf(row['units'])]));
  }

  async setBalance(address: string, units: bigint): Promise<void> {
    await this.sql.run(
      'INSERT INTO balances (address, units) VALUES (?, ?) ON CONFLICT (address) DO UPDATE SET units = excluded.units',
      [address, units],
    );
  }

  /** What became of won blocks. */
  async settlements(): Promise<Map<string, string>> {
    const rows = await this.sql.all('SELECT hash, outcome FROM settlements');
    return new Map(rows.map((row) => [String(row['hash']), String(row['outcome'])]));
  }

  async addSettlement(hash: string, timeMs: number, outcome: string): Promise<void> {
    await this.sql.run('INSERT INTO settlements (hash, time, outcome) VALUES (?, ?, ?)', [hash, timeMs, outcome]);
  }
}

/** The newest event of the ledger; 0 where there is none. */
async function lastSequence(sql: SqlSession): Promise<number> {
  const [row] = await sql.all('SELECT MAX(sequence) AS sequence FROM events');
  return numberOf(row?.['sequence']);
}

/** Tells it of the events that it has not heard of. */
async function followEvents(sql: SqlSession, eventIds: EventIds): Promise<void> {
  const end = await lastSequence(sql);
  let at = (await eventIds.last())?.sequence ?? 0;
  while (at < end) {
    const rows = await sql.all('SELECT sequence, id FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?', [
      at,
      PAGE,
    ]);
    const places = rows.map((row) => ({id: String(row['id']), sequence: numberOf(row['sequence'])}));
    await eventIds.add(places);
    at = places.at(-1)!.sequence;
  }
}

/** True where it has followed this ledger and no other one, such as a copy that is restored. */
async function hasFollowed(sql: SqlSession, eventIds: EventIds): Promise<boolean> {
  const last = await eventIds.last();
  if (last === undefined) return true;
  const [row] = await sql.all('SELECT id FROM events WHERE sequence = ?', [last.sequence]);
  return row !== undefined && String(row['id']) === last.id;
}

/** The ledger outside of a transaction, which is for reading. */
export class Ledger extends LedgerSession {
  readonly #sql: Sql;
  readonly #log: Log;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(sql: Sql, log: Log) {
    super(sql, sql.eventIds);
    this.#sql = sql;
    this.#log = log;
  }

  /** Brings the tables up to date. Throws PaymakerError 'ledger-newer', 'ledger-unusable'; StoreError. */
  static async open(sql: Sql, log: Log = NO_LOG): Promise<Ledger> {
    await migrate(sql, log);
    const {eventIds} = sql;
    if (eventIds !== undefined) {
      if (!(await hasFollowed(sql, eventIds))) await eventIds.clear();
      const isNew = (await eventIds.last()) === undefined && (await lastSequence(sql)) > 0;
      if (isNew) log.info('ids of events are taken from the ledger');
      await followEvents(sql, eventIds);
    }
    return new Ledger(sql, log);
  }

  /** Grows when the ledger may have been written to by another program. */
  get generation(): number {
    return this.#sql.generation;
  }

  /** All or nothing, one after another; resolves when it is on disk. */
  transaction<Result>(work: (session: LedgerSession) => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(() => this.#transaction(work));
    this.#turn = result.catch(() => {});
    return result;
  }

  async #transaction<Result>(work: (session: LedgerSession) => Promise<Result>): Promise<Result> {
    let changes: LedgerSession['changes'] = {added: [], removed: []};
    const result = await this.#sql.transaction(async (sql) => {
      const session = new LedgerSession(sql, this.#sql.eventIds);
      const done = await work(session);
      changes = session.changes;
      return done;
    });
    await this.#tellIds(changes);
    return result;
  }

  /** The transaction counts whatever comes of this: what was added is asked for again, what was removed is found to be missing. */
  async #tellIds({added, removed}: LedgerSession['changes']): Promise<void> {
    try {
      if (removed.length > 0) await this.#sql.eventIds?.remove(removed);
      await this.#sql.eventIds?.add(added);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#log.warn('ids of events cannot be kept; they are taken from the ledger before the next upload', {error});
    }
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#sql.close();
  }
}

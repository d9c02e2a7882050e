// The ledger's database in a file: SQLite as WebAssembly, which needs nothing installed.
import {mkdir, rm} from 'node:fs/promises';
import {join} from 'node:path';
import sqlite, {type Database, type Statement} from 'node-sqlite3-wasm';
import {StoreError} from '../../../service/stores/key-value-store.ts';
import {openLevelStore} from '../../../service/stores/level-store.ts';
import {PaymakerError} from './errors.ts';
import {EventIds} from './event-ids.ts';
import type {Sql, SqlRow, SqlSession, SqlValue} from './sql.ts';

const CACHE_KIB = 256 * 1024;
const MAX_STATEMENTS = 64;
/** Statements in a row until others get their turn: they hold up the thread. */
const TURN = 8;

/** Exclusive locking lets the journal do without shared memory; every commit waits for the disk. */
const PRAGMAS = [
  'PRAGMA locking_mode = EXCLUSIVE',
  'PRAGMA journal_mode = WAL',
  'PRAGMA synchronous = FULL',
  'PRAGMA temp_store = MEMORY',
  // Pages, 128 MB: the journal is written back the more seldom the longer it may be. With 4000 taking events costs a fifteenth more.
  'PRAGMA wal_autocheckpoint = 32000',
  `PRAGMA cache_size = -${CACHE_KIB}`,
];

function unusable(error: unknown): PaymakerError {
  return new PaymakerError('ledger-unusable', {reason: (error as Error).message}, error);
}

class SqliteLedger implements Sql {
  readonly types = {rowid: 'INTEGER', text: 'TEXT'} as const;
  /** Nobody else can write. */
  readonly generation = 0;
  readonly eventIds: EventIds;
  readonly #database: Database;
  readonly #unlock: () => Promise<void>;
  readonly #statements = new Map<string, Statement>();
  #turn: Promise<unknown> = Promise.resolve();
  #done = 0;

  constructor(database: Database, eventIds: EventIds, unlock: () => Promise<void>) {
    this.#database = database;
    this.eventIds = eventIds;
    this.#unlock = unlock;
  }

  #statement(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement !== undefined) return statement;
    statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    for (const [oldest, old] of this.#statements) {
      if (this.#statements.size <= MAX_STATEMENTS) break;
      this.#statements.delete(oldest);
      old.finalize();
    }
    return statement;
  }

  async #with<Result>(sql: string, use: (statement: Statement) => Result): Promise<Result> {
    if (++this.#done % TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    try {
      return use(this.#statement(sql));
    } catch (error) {
      throw unusable(error);
    }
  }

  // The library does not change what it is given.
  #all(sql: string, values: readonly SqlValue[] = []): Promise<SqlRow[]> {
    return this.#with(sql, (statement) => statement.all(values as SqlValue[]) as SqlRow[]);
  }

  #run(sql: string, values: readonly SqlValue[] = []): Promise<number> {
    return this.#with(sql, (statement) => statement.run(values as SqlValue[]).changes);
  }

  #queue<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  all(sql: string, values?: readonly SqlValue[]): Promise<SqlRow[]> {
    return this.#queue(() => this.#all(sql, values));
  }

  run(sql: string, values?: readonly SqlValue[]): Promise<number> {
    return this.#queue(() => this.#run(sql, values));
  }

  transaction<Result>(work: (session: SqlSession) => Promise<Result>): Promise<Result> {
    return this.#queue(async () => {
      await this.#run('BEGIN');
      try {
        const result = await work({
          all: (sql, values) => this.#all(sql, values),
          run: (sql, values) => this.#run(sql, values),
        });
        await this.#run('COMMIT');
        return result;
      } catch (error) {
        // A full disk has rolled back already.
        if (this.#database.inTransaction) await this.#run('ROLLBACK');
        throw error;
      }
    });
  }

  async close(): Promise<void> {
    await this.#queue(() => {
      for (const statement of this.#statements.values()) statement.finalize();
      this.#database.close();
      return Promise.resolve();
    });
    await this.eventIds.close();
    await this.#unlock();
  }
}

/** Opens or creates the ledger's database in a directory. Throws PaymakerError, StoreError 'store-locked'. */
export async function openSqlite(dir: string): Promise<Sql> {
  await mkdir(dir, {recursive: true});
  // The library's own lock outlives a killed process; the one of this store does not.
  const lock = await openLevelStore(join(dir, 'lock'));
  const path = join(dir, 'ledger.db');
  try {
    await rm(`${path}.lock`, {recursive: true, force: true});
    const eventIds = await EventIds.open(join(dir, 'event-ids'));
    try {
      const database = new sqlite.Database(path);
      for (const pragma of PRAGMAS) database.all(pragma);
      return new SqliteLedger(database, eventIds, () => lock.close());
    } catch (error) {
      await eventIds.close();
      throw error;
    }
  } catch (error) {
    await lock.close();
    throw error instanceof StoreError ? error : unusable(error);
  }
}

// What the ledger asks of a database: the common part of SQLite and PostgreSQL. Statements have `?` for parameters; whatever
// the two say differently belongs into their adapters.

import type {EventIds} from './event-ids.ts';

export type SqlValue = string | number | bigint | null;
export type SqlRow = Readonly<Record<string, SqlValue>>;

export interface SqlSession {
  /** Rows that a statement gives. Throws PaymakerError 'ledger-unusable'. */
  all(sql: string, values?: readonly SqlValue[]): Promise<SqlRow[]>;
  /** How many rows a statement added, changed or removed. Throws as `all`. */
  run(sql: string, values?: readonly SqlValue[]): Promise<number>;
}

export interface Sql extends SqlSession {
  readonly types: {
    /** Of a 64-bit key in whose order rows are stored. */
    readonly rowid: 'INTEGER' | 'BIGINT';
    /** Of texts that are compared by their bytes. */
    readonly text: 'TEXT' | 'TEXT COLLATE "C"';
  };
  /** Finds events by their ids; undefined where the database's own index does that. */
  readonly eventIds?: EventIds | undefined;
  /** Grows when somebody else may have written: what was read before is to be read anew. */
  readonly generation: number;
  /**
   * Runs `work` so that all of it reaches the disk, or nothing where it throws. One after another; nothing else is seen or done
   * in between.
   */
  transaction<Result>(work: (session: SqlSession) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

/** Whole numbers come back as number, bigint or text, as the database likes. */
export function bigOf(value: SqlValue | undefined): bigint {
  return value === null || value === undefined ? 0n : BigInt(value);
}

export function numberOf(value: SqlValue | undefined): number {
  return Number(value ?? 0);
}

/** `(?,?),(?,?)` */
export function placeholders(rows: number, columns: number): string {
  const row = `(${Array.from({length: columns}, () => '?').join(',')})`;
  return Array.from({length: rows}, () => row).join(',');
}

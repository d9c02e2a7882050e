// Where paymakers of tests keep their ledgers: in files, or on a PostgreSQL server where one is given.
import {createHash} from 'node:crypto';
import type {TestContext} from 'node:test';
import {Client} from 'pg';
import {openPostgres} from '../../src/apps/pool/paymaker/postgres.ts';
import type {Sql} from '../../src/apps/pool/paymaker/sql.ts';
import {openSqlite} from '../../src/apps/pool/paymaker/sqlite.ts';
import {NO_LOG} from '../../src/service/logs/log.ts';

export interface TestLedgers {
  /** Says that somebody else has it. */
  readonly lockedCode: string;
  /** The address of the ledger that belongs to a folder; undefined where it is in the folder. */
  url(t: TestContext, dir: string): Promise<string | undefined>;
  open(t: TestContext, dir: string): Promise<Sql>;
}

/** A server of PostgreSQL, postgresql://user@host:port/database, whose user may make schemas. */
export const POSTGRES_URL: string | undefined = process.env['PKT_TEST_POSTGRES'];

/** False, or why tests with PostgreSQL are left out. */
export const SKIP_POSTGRES: string | false =
  POSTGRES_URL === undefined && 'PKT_TEST_POSTGRES names no PostgreSQL server';

const SQLITE: TestLedgers = {
  lockedCode: 'store-locked',
  url: () => Promise.resolve(undefined),
  open: (_t, dir) => openSqlite(dir),
};

/** Runs statements on the server of the tests, as its user. */
export async function askPostgres(sql: string, values: readonly string[] = []): Promise<Record<string, unknown>[]> {
  const client = new Client({connectionString: POSTGRES_URL!});
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql, [...values])).rows;
  } finally {
    await client.end();
  }
}

/** The address of a schema of its own for a folder; the same again for the same folder. It is dropped with the test. */
export async function postgresSchema(t: TestContext, dir: string): Promise<string> {
  const schema = `pkt_${createHash('sha256').update(dir).digest('hex').slice(0, 24)}`;
  const known = await askPostgres('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  if (known.length === 0) {
    await askPostgres(`CREATE SCHEMA ${schema}`);
    t.after(() => askPostgres(`DROP SCHEMA ${schema} CASCADE`));
  }
  const url = new URL(POSTGRES_URL!);
  url.searchParams.set('schema', schema);
  return url.href;
}

export const POSTGRES: TestLedgers = {
  lockedCode: 'ledger-locked',
  url: postgresSchema,
  open: async (t, dir) => openPostgres({url: await postgresSchema(t, dir), log: NO_LOG}),
};

let present = SQLITE;

/** Those of this process. */
export function testLedgers(): TestLedgers {
  return present;
}

/** Before any test begins. */
export function useLedgers(ledgers: TestLedgers): void {
  present = ledgers;
}

// The ledger's database on a PostgreSQL server. One connection does everything, one thing after another; it holds an advisory
// lock, so that whoever has the connection is the only writer.
import {Socket} from 'node:net';
import {Client, DatabaseError} from 'pg';
import type {Log} from '../../../service/logs/log.ts';
import {PaymakerError} from './errors.ts';
import {type PostgresAddress, readPostgresAddress} from './postgres-address.ts';
import {bigOf, type Sql, type SqlRow, type SqlSession, type SqlValue} from './sql.ts';

export interface PostgresOptions {
  /** As readPostgresAddress takes it. */
  readonly url: string;
  readonly passwordFile?: string | undefined;
  readonly log: Log;
  /** For one statement; the largest read a history of millions of events. */
  readonly statementMs?: number;
  /** Until the last holder's lock must be free. */
  readonly lockMs?: number;
}

const CONNECT_MS = 10_000;
const STATEMENT_MS = 300_000;
/** The server gives up first, so that the connection remains. */
const SLACK_MS = 5000;
const CLOSE_MS = 5000;
const LOCK_MS = 3000;
const LOCK_POLL_MS = 100;
/** After a failure nobody waits for the next one so long. */
const QUIET_MS = 500;
const KEEP_ALIVE_MS = 10_000;
const MIN_VERSION = 130_000;
/** Of advisory locks of ours, beside the one of the schema. */
const LOCK_CLASS = 0x504b54;
/** Where a host vanishes without a word, the server notices after a minute and frees its lock. */
const SERVER_OPTIONS = ['tcp_keepalives_idle=30', 'tcp_keepalives_interval=10', 'tcp_keepalives_count=3'];

/** Every value comes as the server writes it: amounts are never doubles on the way. */
const AS_TEXT = {getTypeParser: () => (text: string | Buffer) => String(text)};

/** Counts who has opened the ledger: after a lost connection it tells whether somebody else has been there. */
const WRITERS = 'CREATE TABLE IF NOT EXISTS ledger_writers (epoch BIGINT NOT NULL)';
const EPOCH = 'SELECT MAX(epoch) AS epoch FROM ledger_writers';

interface Connection {
  readonly client: Client;
  readonly socket: Socket;
  /** Names the session for ever, whatever becomes of its process id. */
  readonly pid: string;
  readonly startedAt: string;
}

/** True where the server refused a statement, and the connection is as it was. */
function isRefusal(error: unknown): boolean {
  return error instanceof DatabaseError && !/^(57P|08|25P03)/.test(error.code ?? '');
}

function reasonOf(error: unknown): string {
  const {code, message} = error as NodeJS.ErrnoException;
  return message === '' ? String(code) : message;
}

function numbered(sql: string): string {
  let number = 0;
  return sql.replaceAll('?', () => `$${++number}`);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

class PostgresLedger implements Sql {
  readonly types = {rowid: 'BIGINT', text: 'TEXT COLLATE "C"'} as const;
  readonly #address: PostgresAddress;
  readonly #options: PostgresOptions;
  /** Statements and the names that the server keeps their plans by. */
  readonly #statements = new Map<string, {readonly name: string; readonly text: string}>();
  #connection: Connection | undefined;
  /** The last one, as long as it may still hold the lock. */
  #lost: Connection | undefined;
  #epoch: bigint | undefined;
  #generation = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #failure: {readonly error: PaymakerError; readonly atMs: number} | undefined;
  #isClosed = false;

  constructor(address: PostgresAddress, options: PostgresOptions) {
    this.#address = address;
    this.#options = options;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Connects, or says why it does not. Throws PaymakerError. */
  async #connected(): Promise<Connection> {
    if (this.#connection !== undefined) return this.#connection;
    if (this.#isClosed) throw new PaymakerError('ledger-unusable', {reason: 'it is closed'});
    if (this.#failure !== undefined && performance.now() - this.#failure.atMs < QUIET_MS) throw this.#failure.error;
    try {
      const connection = await this.#connect();
      this.#failure = undefined;
      return connection;
    } catch (error) {
      if (error instanceof PaymakerError && error.code !== 'ledger-changed') {
        this.#failure = {error, atMs: performance.now()};
      }
      throw error;
    }
  }

  async #connect(): Promise<Connection> {
    const {host, port, user, password, database, schema, tls} = this.#address;
    const {statementMs = STATEMENT_MS, log} = this.#options;
    const options = schema === undefined ? SERVER_OPTIONS : [...SERVER_OPTIONS, `search_path=${schema}`];
    const socket = new Socket();
    const client = new Client({
      host,
      port,
      user,
      password: () => password,
      database,
      ssl: tls,
      stream: () => socket,
      application_name: 'pktstack paymaker',
      options: options.map((option) => `-c ${option}`).join(' '),
      connectionTimeoutMillis: CONNECT_MS,
      statement_timeout: statementMs,
      query_timeout: statementMs + SLACK_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      types: AS_TEXT,
    });
    const gone = (error?: Error): void => {
      if (this.#connection?.client !== client) return;
      log.error('the connection to the ledger is lost', {reason: error === undefined ? 'closed' : reasonOf(error)});
      this.#drop(this.#connection);
    };
    client.on('error', gone);
    client.on('end', () => gone());
    try {
      await client.connect();
      const connection = await this.#greet(client, socket);
      await this.#takeLock(connection);
      const isChanged = await this.#enter(connection);
      this.#connection = connection;
      this.#lost = undefined;
      log.info('the ledger is open', {host, port, database, ...(schema !== undefined && {schema})});
      if (!isChanged) return connection;
    } catch (error) {
      socket.destroy();
      if (error instanceof PaymakerError) throw error;
      throw new PaymakerError('ledger-unreachable', {host, port, database, reason: reasonOf(error)}, error);
    }
    this.#generation++;
    throw new PaymakerError('ledger-changed');
  }

  async #greet(client: Client, socket: Socket): Promise<Connection> {
    const {rows} = await client.query<Record<string, string>>(
      `SELECT current_setting('server_version_num') AS version, current_setting('server_encoding') AS encoding,
         pid, backend_start::text AS started, current_schema() AS schema,
         CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END
       FROM pg_stat_activity WHERE pid = pg_backend_pid()`,
    );
    const {version, encoding, pid = '', started = '', schema} = rows[0] ?? {};
    const mistake =
      (Number(version) < MIN_VERSION && 'it is older than PostgreSQL 13') ||
      (encoding !== 'UTF8' && `its encoding is ${encoding}, expected UTF8`) ||
      (schema === null && 'it has no such schema');
    if (mistake) throw new PaymakerError('ledger-unusable', {reason: mistake});
    return {client, socket, pid, startedAt: started};
  }

  /** Throws PaymakerError 'ledger-locked' where another session keeps it. */
  async #takeLock({client}: Connection): Promise<void> {
    const {lockMs = LOCK_MS} = this.#options;
    for (let waitedMs = 0; ; waitedMs += LOCK_POLL_MS) {
      const {rows} = await client.query<{taken: string}>(
        `SELECT pg_try_advisory_lock(${LOCK_CLASS}, hashtext(current_schema())) AS taken`,
      );
      if (rows[0]?.taken === 't') return;
      if (waitedMs >= lockMs) throw new PaymakerError('ledger-locked', {database: this.#address.database});
      // Our own last session may not know yet that nobody listens to it.
      if (this.#lost !== undefined) {
        await client.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2',
          [this.#lost.pid, this.#lost.startedAt],
        );
      }
      await sleep(LOCK_POLL_MS);
    }
  }

  /** True where somebody else has had the lock meanwhile. */
  async #enter({client}: Connection): Promise<boolean> {
    await client.query(WRITERS);
    const {rows} = await client.query<{epoch: string | null}>(EPOCH);
    const last = bigOf(rows[0]?.epoch);
    if (last === this.#epoch) return false;
    await client.query('DELETE FROM ledger_writers');
    await client.query('INSERT INTO ledger_writers (epoch) VALUES ($1)', [String(last + 1n)]);
    const isFirst = this.#epoch === undefined;
    this.#epoch = last + 1n;
    return !isFirst;
  }

  #drop(connection: Connection): void {
    connection.socket.destroy();
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#lost = connection;
  }

  #statement(sql: string): {readonly name: string; readonly text: string} {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = {name: `s${this.#statements.size}`, text: numbered(sql)};
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  async #query(
    connection: Connection,
    sql: string,
    values: readonly SqlValue[] = [],
  ): Promise<{rows: SqlRow[]; changes: number}> {
    if (this.#connection !== connection) throw new PaymakerError('ledger-unreachable', {reason: 'connection lost'});
    try {
      const query = values.length === 0 ? sql : {...this.#statement(sql), values: [...values]};
      const {rows, rowCount} = await connection.client.query<SqlRow>(query);
      return {rows, changes: rowCount ?? 0};
    } catch (error) {
      if (isRefusal(error)) throw new PaymakerError('ledger-unusable', {reason: reasonOf(error)}, error);
      this.#drop(connection);
      throw new PaymakerError('ledger-unreachable', {reason: reasonOf(error)}, error);
    }
  }

  #session(connection: Connection): SqlSession {
    return {
      all: async (sql, values) => (await this.#query(connection, sql, values)).rows,
      run: async (sql, values) => (await this.#query(connection, sql, values)).changes,
    };
  }

  #queue<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(async () => work(await this.#connected()));
    this.#turn = result.catch(() => {});
    return result;
  }

  all(sql: string, values?: readonly SqlValue[]): Promise<SqlRow[]> {
    return this.#queue((connection) => this.#session(connection).all(sql, values));
  }

  run(sql: string, values?: readonly SqlValue[]): Promise<number> {
    return this.#queue((connection) => this.#session(connection).run(sql, values));
  }

  transaction<Result>(work: (session: SqlSession) => Promise<Result>): Promise<Result> {
    return this.#queue(async (connection) => {
      const session = this.#session(connection);
      await session.run('BEGIN');
      let result: Result;
      let xid: SqlValue | undefined;
      try {
        result = await work(session);
        const [row] = await session.all('SELECT pg_current_xact_id_if_assigned()::text AS xid');
        xid = row?.['xid'];
      } catch (error) {
        if (this.#connection === connection) await session.run('ROLLBACK');
        throw error;
      }
      try {
        await session.run('COMMIT');
      } catch (error) {
        if (this.#connection === connection || xid === null || xid === undefined) throw error;
        if (!(await this.#wasCommitted(String(xid)))) throw error;
      }
      return result;
    });
  }

  /** The connection was lost between question and answer: only the server knows. Throws where it cannot be asked. */
  async #wasCommitted(xid: string): Promise<boolean> {
    try {
      const connection = await this.#connected();
      const [row] = await this.#session(connection).all('SELECT pg_xact_status(?::text::xid8) AS status', [xid]);
      return row?.['status'] === 'committed';
    } catch (error) {
      this.#generation++;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#turn;
    this.#isClosed = true;
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    const timer = setTimeout(() => connection.socket.destroy(), CLOSE_MS);
    await connection.client.end();
    clearTimeout(timer);
  }

  /** Throws PaymakerError 'ledger-unreachable', 'ledger-locked', 'ledger-unusable'. */
  async open(): Promise<void> {
    await this.#queue(() => Promise.resolve());
  }
}

/**
 * Opens the ledger's database on a server. Lost connections are made again when they are needed; statements meanwhile throw
 * PaymakerError 'ledger-unreachable'. Throws PaymakerError 'bad-settings', 'ledger-unreachable', 'ledger-locked',
 * 'ledger-unusable'.
 */
export async function openPostgres(options: PostgresOptions): Promise<Sql> {
  const ledger = new PostgresLedger(await readPostgresAddress(options.url, options.passwordFile), options);
  await ledger.open();
  return ledger;
}

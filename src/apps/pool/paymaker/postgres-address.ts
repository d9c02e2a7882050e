// Where the PostgreSQL server of a ledger is: an address as libpq knows it, of which only what is listed here is taken.
import {readFile} from 'node:fs/promises';
import type {ConnectionOptions} from 'node:tls';
import {PaymakerError} from './errors.ts';

export interface PostgresAddress {
  /** Name or address; a folder for a socket of the machine. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Holds the tables; undefined for that of the server. */
  readonly schema: string | undefined;
  readonly tls: ConnectionOptions | false;
}

const PORT = 5432;
const PARAMETERS = ['host', 'schema', 'sslmode', 'sslrootcert'];
const SSL_MODES = ['disable', 'require', 'verify-full'];

/** The address itself is never told: it may have a password. */
function bad(reason: string, cause?: unknown): PaymakerError {
  return new PaymakerError('bad-settings', {mistakes: `ledger: ${reason}`}, cause);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw bad(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`, error);
  }
}

async function readTls(host: string, parameters: URLSearchParams): Promise<ConnectionOptions | false> {
  const mode = parameters.get('sslmode') ?? 'disable';
  if (!SSL_MODES.includes(mode)) throw bad(`sslmode is one of ${SSL_MODES.join(', ')}`);
  const root = parameters.get('sslrootcert');
  if (mode === 'disable') return false;
  const ca = root === null ? {} : {ca: await readText(root)};
  return {...ca, servername: host, rejectUnauthorized: mode === 'verify-full'};
}

/**
 * Reads postgresql://USER[:PASSWORD]@HOST[:PORT]/DATABASE[?schema=…&sslmode=…&sslrootcert=…&host=…], host in place of HOST. passwordFile: its first
 * line is the password. Throws PaymakerError 'bad-settings'.
 */
export async function readPostgresAddress(text: string, passwordFile?: string): Promise<PostgresAddress> {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw bad('expected an address like postgresql://user@host:5432/database');
  }
  const {searchParams: parameters} = url;
  const strange = [...parameters.keys()].filter((name) => !PARAMETERS.includes(name));
  if (!/^postgres(ql)?:$/.test(url.protocol)) throw bad('expected an address that begins with postgresql://');
  if (strange.length > 0) throw bad(`unknown parameter ${strange.join(', ')}; there are ${PARAMETERS.join(', ')}`);
  const [user, database] = [decodeURIComponent(url.username), decodeURIComponent(url.pathname.slice(1))];
  if (user === '' || database === '') throw bad('the address lacks user or database');
  const schema = parameters.get('schema') ?? undefined;
  if (schema !== undefined && !/^[a-z_][a-z0-9_]{0,62}$/.test(schema))
    throw bad('schema: lower-case letters, digits and _ only');
  const host = parameters.get('host') ?? url.hostname.replace(/^\[|\]$/g, '');
  const given = decodeURIComponent(url.password);
  const password = passwordFile === undefined ? given : (await readText(passwordFile)).split(/\r?\n/)[0]!;
  const port = url.port === '' ? PORT : Number(url.port);
  return {host, port, user, password, database, schema, tls: await readTls(host, parameters)};
}

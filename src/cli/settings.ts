// Options of long-running programs from three places, strongest first: the command line, the environment, a configuration file.
// All three have the same names, from the same table.
import {readFileSync} from 'node:fs';
import {type Command, InvalidArgumentError} from 'commander';
import {parse as parseToml, TomlError} from 'smol-toml';
import {HttpError, httpRequest} from '../service/http/http-client.ts';
import type {OptionRow, OptionTable} from './options.ts';
import {fileError, UsageError} from './usage-error.ts';

const MAX_FILE_BYTES = 2 ** 20;
const FETCH_MS = 10_000;

/** '--p2p-listen <host:port>' → 'p2p-listen' */
function longName({flags}: OptionRow<unknown>): string {
  return /--([a-z0-9-]+)/.exec(flags)![1]!;
}

/** Name of the environment variable of an option. */
export function environmentName(prefix: string, row: OptionRow<unknown>): string {
  return `${prefix}_${longName(row).replaceAll('-', '_').toUpperCase()}`;
}

/** Texts of an option as they would stand on the command line. */
function texts(value: unknown, where: string, row: OptionRow<unknown>): string[] {
  const many = Array.isArray(value) ? value : [value];
  if (Array.isArray(value) && row.many !== true) throw new UsageError(`${where}: give one value, not a list.`);
  return many.map((entry) => {
    if (typeof entry === 'string') return entry;
    if (typeof entry === 'number' || typeof entry === 'bigint' || typeof entry === 'boolean') return String(entry);
    throw new UsageError(`${where}: give a text, a number, true or false.`);
  });
}

function readValue(row: OptionRow<unknown>, given: readonly string[], where: string): unknown {
  const {parse} = row;
  const [last] = given.slice(-1);
  try {
    if (parse === undefined) return readSwitch(last!, where);
    return row.many === true ? given.map((text) => parse(text)) : parse(last!);
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw new UsageError(`${where}: ${error.message}`);
    throw error;
  }
}

function readSwitch(text: string, where: string): boolean {
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  throw new UsageError(`${where}: give true or false.`);
}

export function isAddress(file: string): boolean {
  return /^https?:\/\//.test(file);
}

/** A configuration from a server. Throws UsageError. */
export async function fetchSettings(url: string): Promise<string> {
  try {
    const {status, body} = await httpRequest(url, {timeoutMs: FETCH_MS, maxBytes: MAX_FILE_BYTES});
    if (status === 200) return Buffer.from(body).toString();
    throw new UsageError(`cannot read ${url}: the server answers ${status}.`);
  } catch (error) {
    if (error instanceof HttpError) throw new UsageError(`cannot read ${url}: ${error.message}`, {cause: error});
    throw error;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw fileError('read', path, error);
  }
}

/** TOML, or JSON where the text is an object. */
function parseFile(path: string, text: string): Record<string, unknown> {
  if (text.length > MAX_FILE_BYTES) throw new UsageError(`${path}: a configuration file has at most 1 MiB.`);
  if (isAddress(path) || /^\s*\{/.test(text)) return parseJson(path, text);
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason] = error.message.split('\n');
    throw new UsageError(`${path}, line ${error.line}: ${reason}.`);
  }
}

function parseJson(path: string, text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch (error) {
    throw new UsageError(`${path}: no JSON: ${(error as Error).message}.`, {cause: error});
  }
  throw new UsageError(`${path}: a JSON object is wanted.`);
}

/** Where settings come from beside the command line. */
export interface SettingsSource {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly prefix: string;
  /** TOML or JSON. */
  readonly file: string | undefined;
  /** What is in it, where it has been fetched already. */
  readonly text?: string;
  /** Other names of options in the file, each with the option's own. */
  readonly aliases?: Readonly<Record<string, string>>;
}

/**
 * Fills in what the command line does not say. Throws UsageError, with file and key, for unknown keys and wrong values.
 * Returns the values of all options.
 */
export function readSettings(table: OptionTable, command: Command, source: SettingsSource): Record<string, unknown> {
  const {environment, prefix, file, aliases = {}} = source;
  const named = file === undefined ? {} : parseFile(file, source.text ?? readText(file));
  const fromFile = Object.fromEntries(Object.entries(named).map(([key, value]) => [aliases[key] ?? key, value]));
  const rows = new Map(Object.entries(table).map(([name, row]) => [longName(row), {name, row}]));
  for (const key of Object.keys(fromFile)) {
    if (key === 'config') throw new UsageError(`${file}: config: a configuration file cannot name another.`);
    if (rows.has(key)) continue;
    throw new UsageError(`${file}: unknown key "${key}"; known are ${[...rows.keys()].join(', ')}.`);
  }
  const values: Record<string, unknown> = command.opts();
  for (const [key, {name, row}] of rows) {
    if (command.getOptionValueSource(name) === 'cli') continue;
    const variable = environmentName(prefix, row);
    const text = environment[variable];
    if (text !== undefined && text !== '') {
      const given = row.many === true ? text.split(',').map((part) => part.trim()) : [text];
      values[name] = readValue(row, given, `environment variable ${variable}`);
    } else if (fromFile[key] !== undefined) {
      values[name] = readValue(row, texts(fromFile[key], `${file}: ${key}`, row), `${file}: ${key}`);
    }
  }
  return values;
}

// Option tables. A command states its options once, as a table of rows; parsing, checks, help and the reference in the README
// come from it.
import {Command, InvalidArgumentError, Option} from 'commander';
import {fetchSettings, isAddress, readSettings, type SettingsSource} from './settings.ts';
import type {Terminal} from './terminal.ts';
import {UsageError} from './usage-error.ts';

/** One option. `parse` turns its text into the value or throws InvalidArgumentError; a row without it is a switch. */
export interface OptionRow<Value> {
  readonly flags: string;
  readonly help: string;
  readonly parse?: (text: string) => Value;
  readonly required?: boolean;
  /** May be given several times; the value is a list. */
  readonly many?: boolean;
  readonly standard?: {readonly value: Value; readonly shown: string};
}

export type OptionTable = Readonly<Record<string, OptionRow<unknown>>>;
export type OptionValues<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends OptionRow<infer Value> ? Value : never;
};

export function flag(flags: string, help: string): OptionRow<boolean> {
  return {flags, help};
}

export function option<Value>(
  flags: string,
  help: string,
  parse: (text: string) => Value,
): OptionRow<Value | undefined> {
  return {flags, help, parse};
}

export function required<Value>(flags: string, help: string, parse: (text: string) => Value): OptionRow<Value> {
  return {flags, help, parse, required: true};
}

/** An option that may be given several times; none gives an empty list. */
export function repeated<Value>(
  flags: string,
  help: string,
  parse: (text: string) => Value,
): OptionRow<readonly Value[]> {
  // The text of one value is parsed; the list is made of them.
  const row: OptionRow<unknown> = {flags, help, parse, many: true, standard: {value: [], shown: 'none'}};
  return row as OptionRow<readonly Value[]>;
}

/** shown: how the help writes the value used when the option is not given. */
export function optionOr<Value>(
  flags: string,
  help: string,
  parse: (text: string) => Value,
  value: Value,
  shown: string = String(value),
): OptionRow<Value> {
  return {flags, help, parse, standard: {value, shown}};
}

/** What a command works with beside its options. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Aborted by Ctrl-C; a command then ends within a second. */
  readonly interrupted: AbortSignal;
}

export interface CommandText {
  readonly name: string;
  readonly summary: string;
  readonly argument?: {readonly syntax: string; readonly help: string};
  /** Further lines of the help. */
  readonly notes?: string;
  /** Prefix of environment variables: the options can be given by them and by the file of the option --config, too. */
  readonly settings?: string;
  /** Other names of options in that file, each with the option's own. */
  readonly aliases?: Readonly<Record<string, string>>;
}

/** Adds the parsed value to those before it. */
function collect(parse: (text: string) => unknown): (text: string, before: unknown) => unknown[] {
  let first = true;
  return (text, before) => {
    const values = first ? [] : (before as unknown[]);
    first = false;
    return [...values, parse(text)];
  };
}

async function sourceOf({settings, aliases}: CommandText, command: Command): Promise<SettingsSource> {
  const prefix = settings!;
  const {config} = command.opts<{config?: string}>();
  const file = config ?? process.env[`${prefix}_CONFIG`];
  const text = file !== undefined && isAddress(file) ? await fetchSettings(file) : undefined;
  return {environment: process.env, prefix, file, ...(aliases && {aliases}), ...(text !== undefined && {text})};
}

/**
 * Builds a command from its table. `run` returns the exit code; its second parameter is the argument, '' without one, a list where
 * its syntax ends in dots.
 */
export function makeCommand<Table extends OptionTable>(
  text: CommandText,
  table: Table,
  context: CommandContext,
  run: (values: OptionValues<Table>, argument: string, context: CommandContext) => Promise<number>,
): Command {
  const command = new Command(text.name).description(text.summary);
  if (text.argument !== undefined) command.argument(text.argument.syntax, text.argument.help);
  for (const [name, {flags, help, parse, many, required: mandatory, standard}] of Object.entries(table)) {
    const row = new Option(flags, help);
    if (row.attributeName() !== name) throw new Error(`bug: the option ${flags} stands in the table as ${name}`);
    if (parse !== undefined && many === true) row.argParser(collect(parse));
    else if (parse !== undefined) row.argParser(parse);
    if (mandatory === true) row.makeOptionMandatory();
    if (standard !== undefined) row.default(standard.value, standard.shown);
    command.addOption(row);
  }
  if (text.notes !== undefined) command.addHelpText('after', `\n${text.notes}`);
  return command.action(async (...given: unknown[]) => {
    const argument = text.argument === undefined ? '' : (given[0] as string);
    const values =
      text.settings === undefined ? command.opts() : readSettings(table, command, await sourceOf(text, command));
    for (const [name, {parse}] of Object.entries(table)) if (parse === undefined) values[name] ??= false;
    process.exitCode = await run(values as OptionValues<Table>, argument, context);
  });
}

/** A command that only holds others, like `pkt ann`. */
export function makeGroup(name: string, summary: string, commands: readonly Command[]): Command {
  const group = new Command(name).description(summary);
  for (const command of commands) group.addCommand(command);
  return group;
}

/** A whole number within limits. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
  };
}

export function seconds(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value > 0 && value <= 1e7) return value;
  throw new InvalidArgumentError('Give a number of seconds above 0.');
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value > 0 && value <= 1e7) return value;
  throw new InvalidArgumentError('Give a number above 0.');
}

/** From 0 to below 1. */
export function share(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value < 1) return value;
  throw new InvalidArgumentError('Give a number from 0 to below 1.');
}

/** 32 bytes of hex. */
export function hash32(text: string): Uint8Array {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Uint8Array.from(Buffer.from(text, 'hex'));
  throw new InvalidArgumentError(`Give 64 hex digits; this has ${text.length} characters.`);
}

/** Compact work bits that announcements can be mined with. */
export function workBits(text: string): number {
  const value = /^(0x)?[0-9a-fA-F]{8}$/.test(text) ? Number.parseInt(text.replace(/^0x/, ''), 16) : Number.NaN;
  const exponent = value >>> 24;
  const mantissa = value & 0xffffff;
  if (exponent >= 3 && value <= 0x207fffff && mantissa > 0 && mantissa <= 0x7fffff) return value;
  throw new InvalidArgumentError(
    'Give 8 hex digits like 207fffff: at most 207fffff, exponent at least 03, mantissa 000001..7fffff.',
  );
}

/** One word out of a list. */
export function oneOf<Word extends string>(...words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const word = words.find((candidate) => candidate === text);
    if (word !== undefined) return word;
    throw new InvalidArgumentError(`Give ${words.join(' or ')}.`);
  };
}

export function anyText(text: string): string {
  if (text.length > 0) return text;
  throw new InvalidArgumentError('Give a name.');
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** HOST:PORT, where an IPv6 address stands in brackets. lowest: 0 where any free port will do. */
export function hostPort(lowest: 0 | 1): (text: string) => HostPort {
  return (text) => {
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text);
    const host = match?.[1] ?? match?.[2];
    const port = Number(match?.[3]);
    if (host !== undefined && port >= lowest && port <= 65_535) return {host, port};
    throw new InvalidArgumentError(
      `"${text}" is no HOST:PORT with a port from ${lowest} to 65535; write [::1]:80 for IPv6.`,
    );
  };
}

/** Address of a pool, without slash at the end. */
export function poolUrl(text: string): string {
  if (/^https?:\/\/[^\s/?#]+[^\s?#]*$/.test(text)) return text.replace(/\/+$/, '');
  throw new UsageError(`"${text}" is no address of a pool; write it like http://pool.example/master.`);
}

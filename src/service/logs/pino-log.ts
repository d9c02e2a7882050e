import {type Logger, pino} from 'pino';
import {PinoPretty} from 'pino-pretty';
import {encodeHex} from '../../core/bytes/index.ts';
import {CodedError} from '../../core/errors.ts';
import type {Log, LogFields} from './log.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** A log whose level can be changed while it runs. */
export interface LevelLog extends Log {
  level: LogLevel;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** One JSON object a line, or text for people. */
  readonly format: 'json' | 'text';
  readonly out: NodeJS.WritableStream;
}

/** Values as JSON can hold them: numbers of any size as text, hashes reversed as everywhere, errors by code. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return value.length === 32 ? encodeHex(value.slice().reverse()) : encodeHex(value);
  if (value instanceof CodedError) return {code: value.code, message: value.message, ...plainFields(value.details)};
  if (value instanceof Error) return {message: value.message, stack: value.stack};
  return value;
}

function plainFields(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plain(value)]));
}

function adapt(logger: Logger): LevelLog {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: LogFields = {}): void => {
      if (logger.isLevelEnabled(level)) logger[level](plainFields(fields), message);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    get level() {
      return logger.level as LogLevel;
    },
    set level(level) {
      logger.level = level;
    },
  };
}

/** A log that writes lines to a stream. */
export function createLog({level, format, out}: LogOptions): LevelLog {
  const options = {level, base: null, timestamp: pino.stdTimeFunctions.isoTime};
  const stream =
    format === 'json'
      ? out
      : PinoPretty({destination: out, colorize: false, singleLine: true, translateTime: 'SYS:HH:MM:ss', sync: true});
  return adapt(pino(options, stream));
}

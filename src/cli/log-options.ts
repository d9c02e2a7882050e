// Options of every long-running program about its log.
import type {LogLevel} from '../service/logs/pino-log.ts';
import {type OptionRow, oneOf, optionOr} from './options.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];

export const LOG_OPTIONS: {
  readonly logLevel: OptionRow<LogLevel>;
  readonly logFormat: OptionRow<'text' | 'json'>;
} = {
  logLevel: optionOr('--log-level <level>', LEVELS.join(', '), oneOf(...LEVELS), 'info'),
  logFormat: optionOr('--log-format <form>', 'text or json', oneOf('text', 'json'), 'text'),
};

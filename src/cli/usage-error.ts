import type {PartError} from '../service/processes/errors.ts';

/** What the user of a command asked for cannot be done; `message` says what to do instead. One line, exit code 2. */
export class UsageError extends Error {}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a folder, a file is wanted',
  ENOTDIR: 'a part of its path is not a folder',
  EEXIST: 'it is a file, a folder is wanted',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read-only',
};

/** What went wrong with a file, as a sentence for the user; `doing` as in 'read'. */
export function fileError(doing: string, path: string, error: unknown): UsageError {
  const {code, message} = error as NodeJS.ErrnoException;
  const reason = (code === undefined ? undefined : REASONS[code]) ?? message;
  return new UsageError(`cannot ${doing} ${path}: ${reason}`, {cause: error});
}

/** A program that could not be kept running, with its last words. */
export function partFailure(error: PartError): UsageError {
  const lines = error.details['lines'] as readonly string[];
  const {part, code, signal} = error.details;
  const end = `${String(part)} ended with ${String(signal ?? `exit code ${String(code)}`)}`;
  return new UsageError([`${error.message.split(' (')[0]}: ${end}`, ...lines].join('\n  '), {cause: error});
}

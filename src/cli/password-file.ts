import {readFile} from 'node:fs/promises';
import {fileError, UsageError} from './usage-error.ts';

const MAX_PASSWORD_BYTES = 4096;

/** The first line of a file with a password. Throws UsageError. */
export async function readPassword(path: string): Promise<string> {
  try {
    const bytes = await readFile(path);
    const [line = ''] = bytes.subarray(0, MAX_PASSWORD_BYTES).toString().split(/\r?\n/, 1);
    if (line.length > 0) return line;
  } catch (error) {
    throw fileError('read', path, error);
  }
  throw new UsageError(`cannot read ${path}: its first line is empty, a password is wanted`);
}

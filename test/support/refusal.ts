import {throws} from 'node:assert/strict';
import {CodedError} from '../../src/core/errors.ts';

/** The call must refuse with a coded error that carries `code`. */
export function refuses(call: () => unknown, code: string, note?: string): void {
  throws(call, (error) => error instanceof CodedError && error.code === code, note ?? `must refuse with ${code}`);
}

/** Runs `call`; true when it returned, false when it refused with a code. Anything uncoded is thrown on. */
export function acceptsOrRefuses(call: () => unknown): boolean {
  try {
    call();
    return true;
  } catch (error) {
    if (error instanceof CodedError) return false;
    throw error;
  }
}

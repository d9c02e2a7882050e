import {equal} from 'node:assert/strict';
import {CodedError} from '../../src/core/errors.ts';
import type {Random} from './random.ts';

/** One decoder or validator under hostile input. */
export interface FuzzTarget {
  readonly name: string;
  /** Cases of a normal test run; the script multiplies them. */
  readonly cases: number;
  /** Makes one case and throws unless what must hold of it does. */
  readonly run: (random: Random) => void | Promise<void>;
}

/** The value, or `undefined` for a refusal with a code. Anything uncoded is a finding and thrown on. */
export function accepted<Value>(call: () => Value): Value | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}

/** The value, or the code of a refusal. */
export function outcome<Value>(call: () => Value): Value | string {
  try {
    return call();
  } catch (error) {
    if (error instanceof CodedError) return error.code;
    throw error;
  }
}

export function sameBytes(a: Uint8Array, b: Uint8Array, what: string): void {
  if (Buffer.compare(a, b) !== 0) equal(Buffer.from(a).toString('hex'), Buffer.from(b).toString('hex'), what);
}

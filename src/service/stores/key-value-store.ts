// An ordered store of byte keys and values: what the rest of the project knows of its embedded database.
import {CodedError, type ErrorTable} from '../../core/errors.ts';

/** One change of a batch; a put without value is a deletion. */
export interface StoreChange {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

export interface StoreRange {
  /** First key, inclusive, and the one behind the last. */
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly reverse?: boolean;
  readonly limit?: number;
}

export interface KeyValueStore {
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  /** Applies all changes or none. durable: the call returns only when they have reached the disk. */
  write(changes: readonly StoreChange[], durable?: boolean): Promise<void>;
  entries(range: StoreRange): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]>;
  close(): Promise<void>;
}

export type StoreErrorCode = 'store-locked' | 'store-damaged' | 'store-unusable' | 'disk-full';

export const STORE_ERRORS: ErrorTable<StoreErrorCode> = Object.freeze({
  'store-locked': {text: 'another process uses this data directory; stop it or choose another directory'},
  'store-damaged': {text: 'the stored data is damaged; restore a copy, or remove the directory and start over'},
  'disk-full': {text: 'the disk has less room left than the configured reserve; free some'},
  'store-unusable': {
    text: 'the data directory cannot be used; check that it can be written and that the disk has room',
  },
});

export class StoreError extends CodedError<StoreErrorCode> {
  constructor(code: StoreErrorCode, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(code, STORE_ERRORS[code], details, cause);
  }
}

/** The key behind all keys that begin with `prefix`; the prefix must not be all 0xff. */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  const end = prefix.slice();
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i]! < 0xff) {
      end[i] = end[i]! + 1;
      return end.slice(0, i + 1);
    }
  }
  throw new RangeError('"prefix" expected a byte below 255, got none');
}

// The announcement hash.   spec §3.6
import {copyBytes} from '../../bytes/index.ts';
import {checkBytes} from '../../errors.ts';
import {finalize, initState, itemNumber, update} from '../crypto-cycle.ts';
import {TABLE_ITEMS} from './announcement.ts';

const ACCESSES = 4;

export interface AnnouncementWork {
  /** Final state, 2048 bytes; the first 32 are the work hash, the others encrypt the announcement. */
  readonly state: Uint8Array;
  readonly workHash: Uint8Array;
  /** Numbers of the four items taken; the last one is proved in the first table. */
  readonly items: readonly number[];
}

/**
 * One try of the search.
 *
 * hash1   64 bytes (annHash1), of which the first 32 count
 * itemAt  item of a number 0..8191 of the second table, 1024 bytes
 */
export function annWork(
  hash1: Uint8Array,
  softNonce: number,
  itemAt: (number: number) => Uint8Array,
): AnnouncementWork {
  checkBytes('hash1', hash1, 64);
  const state = initState(hash1.subarray(0, 32), softNonce);
  const items: number[] = [];
  for (let access = 0; access < ACCESSES; access++) {
    const number = Number(itemNumber(state) % BigInt(TABLE_ITEMS));
    items.push(number);
    update(state, itemAt(number));
  }
  finalize(state);
  return {state, workHash: copyBytes(state, 0, 32), items};
}

import {statfs} from 'node:fs/promises';
import {StoreError} from './key-value-store.ts';

/** How long an answer of the system counts. */
const FRESH_MS = 5000;

/**
 * A check that throws StoreError 'disk-full' while the disk of a directory has less than `reserveBytes` left, so that a data
 * base is never caught by a full disk.
 */
export function createRoomCheck(path: string, reserveBytes: number, nowMs: () => number): () => Promise<void> {
  let askedMs = Number.NEGATIVE_INFINITY;
  let free = Number.POSITIVE_INFINITY;
  return async () => {
    if (nowMs() - askedMs >= FRESH_MS || nowMs() < askedMs) {
      const {bavail, bsize} = await statfs(path);
      free = bavail * bsize;
      askedMs = nowMs();
    }
    if (free < reserveBytes) throw new StoreError('disk-full', {path, free, reserve: reserveBytes});
  };
}

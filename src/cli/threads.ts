import {randomInt} from 'node:crypto';
import {availableParallelism} from 'node:os';

/** Threads that every engine can run. */
export const MAX_CLI_THREADS = 63;

/** One thread per core. */
export function standardThreads(): number {
  return Math.min(availableParallelism(), MAX_CLI_THREADS);
}

/** Where a miner starts among the hard nonces, so that miners at the same work do not repeat each other. */
export function randomU32(): number {
  return randomInt(2 ** 32);
}

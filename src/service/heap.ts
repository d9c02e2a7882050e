// How the heap of this process grows.
import {setFlagsFromString} from 'node:v8';

/** Percent of what lives. */
const GROWTH = 600;

/**
 * For programs through which much passes and in which little lives: buffers count in the heap, so that one of 10 MiB is collected
 * for every few MiB that come, by as many threads as there are cores. Afterwards it may grow to seven times what lives in it.
 */
export function allowHeapGrowth(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH}`);
}

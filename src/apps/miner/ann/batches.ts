// Announcements on their way to one handler of one pool.   pool spec §5.4
import {ANN_BYTES} from '../../../core/packetcrypt/index.ts';

export const BATCH_ANNS = 1024;
/** Batches that wait for one handler. */
export const MAX_QUEUED = 100;

/** Announcements of one parent height, ready to be sent. */
export interface Batch {
  readonly parentHeight: number;
  readonly body: Uint8Array;
}

/**
 * Gathers announcements into batches and keeps those that wait: the newest is sent first, the oldest is given up when too many
 * wait. No I/O and no clock: the caller flushes.
 */
export class BatchQueue {
  readonly #maxQueued: number;
  readonly #queue: Batch[] = [];
  #parts: Uint8Array[] = [];
  #count = 0;
  #parentHeight = -1;

  constructor(maxQueued: number = MAX_QUEUED) {
    this.#maxQueued = maxQueued;
  }

  /** Announcements that gather. */
  get gathering(): number {
    return this.#count;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** Takes one announcement; gives how many are lost by it. One on an older parent than those that gather is of no use. */
  add(parentHeight: number, ann: Uint8Array): number {
    if (parentHeight < this.#parentHeight) return 1;
    let lost = 0;
    if (parentHeight > this.#parentHeight) lost += this.flush();
    this.#parentHeight = parentHeight;
    this.#parts.push(ann);
    this.#count++;
    return this.#count >= BATCH_ANNS ? lost + this.flush() : lost;
  }

  /** Ends the batch that gathers; gives how many announcements are lost because too many batches wait. */
  flush(): number {
    if (this.#count === 0) return 0;
    const body = new Uint8Array(this.#count * ANN_BYTES);
    for (const [i, part] of this.#parts.entries()) body.set(part, i * ANN_BYTES);
    this.#queue.push({parentHeight: this.#parentHeight, body});
    this.#parts = [];
    this.#count = 0;
    const given = this.#queue.length > this.#maxQueued ? this.#queue.shift() : undefined;
    return given === undefined ? 0 : given.body.length / ANN_BYTES;
  }

  /** The newest batch that waits. */
  take(): Batch | undefined {
    return this.#queue.pop();
  }

  /** Gives up what is on parents below a height, which the pool takes no more; gives how many announcements. */
  dropBelow(height: number): number {
    let lost = 0;
    if (this.#parentHeight < height) {
      lost += this.#count;
      this.#parts = [];
      this.#count = 0;
    }
    for (let i = this.#queue.length - 1; i >= 0; i--) {
      if (this.#queue[i]!.parentHeight >= height) continue;
      lost += this.#queue[i]!.body.length / ANN_BYTES;
      this.#queue.splice(i, 1);
    }
    return lost;
  }
}

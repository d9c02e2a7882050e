import type {SpawnThread, ThreadKind, ThreadPort} from '../../../src/core/engines/index.ts';
import {spawnNodeThread} from '../../../src/service/threads/node-threads.ts';

export const now = (): number => performance.now();

export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Resolves when the condition holds; fails after 20 seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const begun = now();
  while (!condition()) {
    if (now() - begun > 20_000) throw new Error(`waited in vain: ${what}`);
    await wait(10);
  }
}

/** Node threads that can be made to crash: they cannot digest a message of null and die of it, as of a bug. */
export class FragileThreads {
  readonly #ports: ThreadPort<unknown, unknown>[] = [];
  /** Threads that were started. */
  started = 0;
  /** So many threads from now on are killed by the first message they get. */
  poisoned = 0;

  readonly spawn: SpawnThread = <ToThread, FromThread>(kind: ThreadKind): ThreadPort<ToThread, FromThread> => {
    const port = spawnNodeThread<ToThread, FromThread>(kind);
    this.started++;
    let poisoned = this.poisoned > 0;
    if (poisoned) this.poisoned--;
    this.#ports.push(port as ThreadPort<unknown, unknown>);
    return {
      ...port,
      post: (message, transfer) => {
        if (poisoned) port.post(null as ToThread);
        poisoned = false;
        port.post(message, transfer);
      },
    };
  };

  /** Crashes the thread that was started as number `index`. */
  crash(index: number): void {
    this.#ports[index]!.post(null);
  }
}

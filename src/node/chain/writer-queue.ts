import {ChainError} from './errors.ts';

/**
 * What changes the chain, one after another: items that wait are taken together, other work runs between them. Order of the
 * calls is kept.
 */
export class WriterQueue<Item extends {readonly reject: (error: unknown) => void}> {
  readonly #take: (group: readonly Item[]) => Promise<void>;
  readonly #maxGroup: number;
  readonly #jobs: (Item | (() => Promise<void>))[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  /** take: deals with a group and tells everyone who waits; must not throw. */
  constructor(take: (group: readonly Item[]) => Promise<void>, maxGroup: number) {
    this.#take = take;
    this.#maxGroup = maxGroup;
  }

  push(item: Item): void {
    if (this.#closed) item.reject(new ChainError('closed'));
    else this.#add(item);
  }

  /** Runs other work in its turn. */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#closed) return Promise.reject(new ChainError('closed'));
    return new Promise((resolve, reject) => {
      this.#add(async () => {
        try {
          resolve(await work());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #add(job: Item | (() => Promise<void>)): void {
    this.#jobs.push(job);
    this.#running ??= this.#work();
  }

  async #work(): Promise<void> {
    // Lets the caller go on first, and others join the group.
    await Promise.resolve();
    for (let job = this.#jobs.shift(); job !== undefined; job = this.#jobs.shift()) {
      if (typeof job === 'function') await job();
      else await this.#take([job, ...this.#moreItems()]);
    }
    this.#running = undefined;
  }

  #moreItems(): Item[] {
    const items: Item[] = [];
    while (items.length < this.#maxGroup - 1) {
      const next = this.#jobs[0];
      if (next === undefined || typeof next === 'function') break;
      items.push(next);
      this.#jobs.shift();
    }
    return items;
  }

  /** Waits for what was begun or waits, then refuses everything. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }
}

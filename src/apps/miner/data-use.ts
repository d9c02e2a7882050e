// How much a miner has sent and fetched, over all its runs.
import {mkdir} from 'node:fs/promises';
import {join} from 'node:path';
import {type Log, NO_LOG} from '../../service/logs/log.ts';
import {readWholeFile, writeFileAtomically} from '../../service/stores/atomic-file.ts';
import {StoreError} from '../../service/stores/key-value-store.ts';

const FILE = 'data-use.json';
const MAX_BYTES = 4096;
const SAVE_MS = 60_000;

/** Bytes of bodies, without what the network adds. */
export interface DataTotals {
  readonly sent: number;
  readonly received: number;
  /** ISO time of the first run. */
  readonly since: string;
}

function isTotals(value: unknown): value is DataTotals {
  const {sent, received, since} = (value ?? {}) as Record<string, unknown>;
  return Number.isSafeInteger(sent) && Number.isSafeInteger(received) && typeof since === 'string';
}

export class DataUse {
  readonly #path: string | undefined;
  readonly #log: Log;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #since: string;
  #sent: number;
  #received: number;
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string | undefined, totals: DataTotals, log: Log) {
    this.#path = path;
    this.#log = log;
    this.#since = totals.since;
    this.#sent = totals.sent;
    this.#received = totals.received;
    if (path !== undefined) this.#timer = setInterval(() => this.#save(), SAVE_MS);
  }

  /** Counts this run alone. */
  static ofThisRun(): DataUse {
    return new DataUse(undefined, {sent: 0, received: 0, since: new Date().toISOString()}, NO_LOG);
  }

  /** dir: where it is kept over restarts. Throws StoreError for a folder that cannot be used. */
  static async open(dir: string, log: Log): Promise<DataUse> {
    const fresh = {sent: 0, received: 0, since: new Date().toISOString()};
    const path = join(dir, FILE);
    try {
      await mkdir(dir, {recursive: true});
    } catch (error) {
      throw new StoreError('store-unusable', {path: dir, reason: (error as Error).message}, error);
    }
    const bytes = await readWholeFile(path, MAX_BYTES).catch((error: unknown) => {
      if (error instanceof StoreError && error.code === 'store-damaged') return new Uint8Array(0);
      throw error;
    });
    if (bytes === undefined) return new DataUse(path, fresh, log);
    try {
      const parsed: unknown = JSON.parse(Buffer.from(bytes).toString());
      if (isTotals(parsed)) return new DataUse(path, parsed, log);
    } catch {
      // As below.
    }
    log.warn('the count of data used is damaged and begins anew', {path});
    return new DataUse(path, fresh, log);
  }

  add(sent: number, received: number): void {
    this.#sent += sent;
    this.#received += received;
  }

  get totals(): DataTotals {
    return {sent: this.#sent, received: this.#received, since: this.#since};
  }

  #save(): void {
    const path = this.#path;
    if (path === undefined) return;
    this.#saving = this.#saving.then(async () => {
      try {
        await writeFileAtomically(path, Buffer.from(JSON.stringify(this.totals)), 0o644);
      } catch (error) {
        this.#log.warn('the count of data used cannot be written', {error});
      }
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#save();
    await this.#saving;
  }
}

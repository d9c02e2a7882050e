// Work and template files on disk.   pool spec §7.4
import {mkdir, readdir, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {readU32} from '../../../core/bytes/index.ts';
import {decodeTemplateFile, decodeWork, PoolError} from '../../../core/protocol/pool/index.ts';
import type {Log} from '../../../service/logs/log.ts';
import {readWholeFile, writeFileAtomically} from '../../../service/stores/atomic-file.ts';

const KEEP_HEIGHTS = 300;
const MAX_FILE_BYTES = 8 * 2 ** 20;
const PREVIOUS_OFFSET = 4;
const SHARE_TARGET_OFFSET = 112;

export interface WorkFiles {
  readonly height: number;
  readonly work: Uint8Array;
  readonly template: Uint8Array;
}

/** Shown hash of the block that a work stands on. */
export function tipOfWork(work: Uint8Array): string {
  return Buffer.from(work.slice(PREVIOUS_OFFSET, PREVIOUS_OFFSET + 32).reverse()).toString('hex');
}

/** True when both files are whole and belong to a height. */
export function isWhole({height, work, template}: WorkFiles): boolean {
  try {
    return decodeWork(work).height === height && decodeTemplateFile(template).height === height;
  } catch (error) {
    if (error instanceof PoolError) return false;
    throw error;
  }
}

/** True when two works ask for the same targets: what the settings decide. */
export function hasSameTargets(a: Uint8Array, b: Uint8Array): boolean {
  return [SHARE_TARGET_OFFSET, SHARE_TARGET_OFFSET + 4].every((at) => readU32(a, at) === readU32(b, at));
}

/** The newest works, in memory and on disk. */
export class WorkStore {
  readonly #dir: string;
  readonly #log: Log;
  readonly #files = new Map<number, WorkFiles>();

  private constructor(dir: string, log: Log) {
    this.#dir = dir;
    this.#log = log;
  }

  /** Reads what was kept; damaged files are left out. */
  static async open(dir: string, log: Log): Promise<WorkStore> {
    await mkdir(dir, {recursive: true});
    const store = new WorkStore(dir, log);
    const heights = (await readdir(dir))
      .flatMap((name) => /^work_(\d{1,10})\.bin$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
    for (const height of heights.slice(-KEEP_HEIGHTS)) {
      const [work, template] = await Promise.all([store.#read(`work_${height}.bin`), store.#read(`bt_${height}.bin`)]);
      if (work === undefined || template === undefined) continue;
      const files = {height, work, template};
      if (isWhole(files)) store.#files.set(height, files);
      else log.warn('files of a work are damaged and left out', {height});
    }
    return store;
  }

  #read(name: string): Promise<Uint8Array | undefined> {
    return readWholeFile(join(this.#dir, name), MAX_FILE_BYTES);
  }

  get(height: number): WorkFiles | undefined {
    return this.#files.get(height);
  }

  /** Keeps the files of a height in place of any others; both are on disk when this resolves. Throws StoreError. */
  async put(files: WorkFiles): Promise<void> {
    const {height, work, template} = files;
    // The template first: who sees the work must find it.
    await writeFileAtomically(join(this.#dir, `bt_${height}.bin`), template);
    await writeFileAtomically(join(this.#dir, `work_${height}.bin`), work);
    this.#files.set(height, files);
    await this.#forget(height - KEEP_HEIGHTS);
  }

  async #forget(below: number): Promise<void> {
    for (const height of [...this.#files.keys()].filter((known) => known <= below)) {
      this.#files.delete(height);
      for (const name of [`work_${height}.bin`, `bt_${height}.bin`]) {
        await rm(join(this.#dir, name), {force: true}).catch((error: unknown) => {
          this.#log.warn('an old file stays', {name, error});
        });
      }
    }
  }
}

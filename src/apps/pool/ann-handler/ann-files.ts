// Files of announcements that block miners download.   pool spec §2.3.2
import {mkdir, readdir, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {ANN_BYTES} from '../../../core/packetcrypt/index.ts';
import type {Log} from '../../../service/logs/log.ts';
import {readWholeFile, writeFileAtomically} from '../../../service/stores/atomic-file.ts';

const FILE_ANNS = 1024;
const FLUSH_MS = 10_000;
const SWEEP_MS = 1000;
const MAX_FILE_BYTES = FILE_ANNS * ANN_BYTES;
/** Files of which the bytes are kept in memory: block miners want the newest. */
const CACHED = 64;

export interface AnnFilesOptions {
  readonly dir: string;
  readonly handler: () => number;
  readonly filesToKeep: number;
  readonly log: Log;
  /** Wall clock, milliseconds: numbers grow over restarts. */
  readonly nowMs: () => number;
  readonly flushMs?: number;
}

export interface AnnIndex {
  readonly highestAnnFile: number;
  readonly files: readonly string[];
}

interface Filling {
  readonly parts: Uint8Array[];
  bytes: number;
  readonly sinceMs: number;
}

interface Kept {
  readonly name: string;
  readonly number: number;
}

/** Collects announcements into files of one parent height each. */
export class AnnFiles {
  readonly #options: AnnFilesOptions;
  readonly #filling = new Map<number, Filling>();
  readonly #kept: Kept[];
  readonly #cache = new Map<string, Uint8Array>();
  #next: number;
  #writing: Promise<void> = Promise.resolve();
  readonly #timer: NodeJS.Timeout;

  private constructor(options: AnnFilesOptions, kept: Kept[]) {
    this.#options = options;
    this.#kept = kept;
    // Old clients skip every number that is not above the greatest they have seen.
    this.#next = Math.max((kept.at(-1)?.number ?? 0) + 1, Math.floor(options.nowMs() / 1000));
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  static async open(options: AnnFilesOptions): Promise<AnnFiles> {
    await mkdir(options.dir, {recursive: true});
    const kept = (await readdir(options.dir))
      .flatMap((name): Kept[] => {
        const number = /^anns_\d+_\d+_(\d+)\.bin$/.exec(name)?.[1];
        return number === undefined ? [] : [{name, number: Number(number)}];
      })
      .sort((a, b) => a.number - b.number);
    return new AnnFiles(options, kept);
  }

  /** Takes announcements of one parent height, 1024 bytes each. */
  add(parentHeight: number, anns: Uint8Array): void {
    for (let at = 0; at < anns.length; ) {
      let filling = this.#filling.get(parentHeight);
      if (filling === undefined) {
        filling = {parts: [], bytes: 0, sinceMs: this.#options.nowMs()};
        this.#filling.set(parentHeight, filling);
      }
      const part = anns.slice(at, at + MAX_FILE_BYTES - filling.bytes);
      filling.parts.push(part);
      filling.bytes += part.length;
      at += part.length;
      if (filling.bytes === MAX_FILE_BYTES) this.#flush(parentHeight, filling);
    }
  }

  #sweep(): void {
    const {nowMs, flushMs = FLUSH_MS} = this.#options;
    for (const [height, filling] of this.#filling) {
      if (Math.abs(nowMs() - filling.sinceMs) >= flushMs) this.#flush(height, filling);
    }
  }

  #flush(parentHeight: number, {parts}: Filling): void {
    this.#filling.delete(parentHeight);
    const {dir, handler, log} = this.#options;
    const number = this.#next++;
    const name = `anns_${parentHeight}_${handler()}_${number}.bin`;
    const bytes = new Uint8Array(Buffer.concat(parts));
    this.#writing = this.#writing.then(async () => {
      try {
        await writeFileAtomically(join(dir, name), bytes, 0o644);
        this.#kept.push({name, number});
        this.#remember(name, bytes);
        await this.#drop();
      } catch (error) {
        // They are paid all the same; block miners can do without.
        log.warn('a file of announcements cannot be written', {name, error});
      }
    });
  }

  #remember(name: string, bytes: Uint8Array): void {
    this.#cache.set(name, bytes);
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= CACHED) break;
      this.#cache.delete(oldest);
    }
  }

  async #drop(): Promise<void> {
    while (this.#kept.length > this.#options.filesToKeep) {
      const {name} = this.#kept.shift()!;
      this.#cache.delete(name);
      await rm(join(this.#options.dir, name), {force: true});
    }
  }

  index(): AnnIndex {
    return {highestAnnFile: this.#kept.at(-1)?.number ?? -1, files: this.#kept.map(({name}) => name)};
  }

  /** A file by its name, or by its number as very old clients ask. */
  async read(asked: string): Promise<Uint8Array | undefined> {
    const short = /^anns_(\d+)\.bin$/.exec(asked)?.[1];
    const kept = this.#kept.find(
      ({name, number}) => name === asked || (short !== undefined && number === Number(short)),
    );
    if (kept === undefined) return undefined;
    return this.#cache.get(kept.name) ?? readWholeFile(join(this.#options.dir, kept.name), MAX_FILE_BYTES);
  }

  /** Writes what has gathered. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const [height, filling] of this.#filling) this.#flush(height, filling);
    await this.#writing;
  }
}

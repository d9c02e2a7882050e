// Announcements kept over restarts: one file of a parent height, of records.
//
//   record: magic u32 | count u32 | first 8 bytes of SHA-256 of the announcements | count · 1024 bytes
import {createHash} from 'node:crypto';
import {appendFile, mkdir, open, readdir, rm, stat} from 'node:fs/promises';
import {join} from 'node:path';
import {ANN_BYTES, annParentBlockHeight} from '../../../core/packetcrypt/index.ts';
import type {Log} from '../../../service/logs/log.ts';
import {StoreError} from '../../../service/stores/key-value-store.ts';

const MAGIC = 0x414b4e50;
const HEAD_BYTES = 16;
const MAX_RECORD_ANNS = 4096;
/** Waiting to be written; more is not kept. */
const MAX_WAITING_BYTES = 64 * 2 ** 20;
const READ_BYTES = 8 * 2 ** 20;
const NAME = /^anns_(\d{1,10})\.dat$/;

export interface AnnKeeperOptions {
  readonly dir: string;
  /** Of all files; the oldest parents go first. */
  readonly maxBytes: number;
  readonly log: Log;
}

function fileName(height: number): string {
  return `anns_${height}.dat`;
}

function checksum(anns: Uint8Array): Buffer {
  return createHash('sha256').update(anns).digest().subarray(0, 8);
}

function encodeRecord(pieces: readonly Uint8Array[]): Uint8Array {
  const record = Buffer.concat([Buffer.alloc(HEAD_BYTES), ...pieces]);
  const anns = record.subarray(HEAD_BYTES);
  record.writeUInt32LE(MAGIC, 0);
  record.writeUInt32LE(anns.length / ANN_BYTES, 4);
  checksum(anns).copy(record, 8);
  return record;
}

/** Whole records of a stretch of a file, and where the rest begins; `skipped` bytes belong to no record. */
function readRecords(bytes: Buffer): {anns: Uint8Array[]; rest: number; skipped: number} {
  const anns: Uint8Array[] = [];
  let skipped = 0;
  let at = 0;
  while (at + HEAD_BYTES <= bytes.length) {
    const count = bytes.readUInt32LE(at + 4);
    if (bytes.readUInt32LE(at) === MAGIC && count > 0 && count <= MAX_RECORD_ANNS) {
      const end = at + HEAD_BYTES + count * ANN_BYTES;
      if (end > bytes.length) break;
      const data = new Uint8Array(bytes.subarray(at + HEAD_BYTES, end));
      if (checksum(data).equals(bytes.subarray(at + 8, at + HEAD_BYTES))) {
        anns.push(data);
        at = end;
        continue;
      }
    }
    // On to whatever looks like the next record.
    const head = Buffer.alloc(4);
    head.writeUInt32LE(MAGIC, 0);
    const next = bytes.indexOf(head, at + 1);
    const to = next < 0 ? Math.max(at + 1, bytes.length - HEAD_BYTES + 1) : next;
    skipped += to - at;
    at = to;
  }
  return {anns, rest: at, skipped};
}

export class AnnKeeper {
  readonly #options: AnnKeeperOptions;
  /** Bytes of each parent height. */
  readonly #sizes: Map<number, number>;
  #waiting = 0;
  #writing: Promise<void> = Promise.resolve();
  #failed = false;

  private constructor(options: AnnKeeperOptions, sizes: Map<number, number>) {
    this.#options = options;
    this.#sizes = sizes;
  }

  /** Opens or creates the directory. Throws StoreError. */
  static async open(options: AnnKeeperOptions): Promise<AnnKeeper> {
    const {dir} = options;
    try {
      await mkdir(dir, {recursive: true});
      const sizes = new Map<number, number>();
      for (const name of await readdir(dir)) {
        const [, height] = NAME.exec(name) ?? [];
        if (height !== undefined) sizes.set(Number(height), (await stat(join(dir, name))).size);
      }
      return new AnnKeeper(options, sizes);
    } catch (error) {
      throw new StoreError('store-unusable', {path: dir, reason: (error as Error).message}, error);
    }
  }

  get bytes(): number {
    return [...this.#sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  /** Everything kept, the newest parents first; damaged parts are left out with a line. */
  async *load(): AsyncGenerator<{readonly parentHeight: number; readonly anns: Uint8Array}> {
    const {dir, log} = this.#options;
    for (const parentHeight of [...this.#sizes.keys()].sort((a, b) => b - a)) {
      const path = join(dir, fileName(parentHeight));
      let skipped = 0;
      const file = await open(path, 'r').catch(() => undefined);
      if (file === undefined) continue;
      try {
        let kept = Buffer.alloc(0);
        for (;;) {
          const piece = Buffer.alloc(READ_BYTES);
          const {bytesRead} = await file.read(piece, 0, READ_BYTES);
          const bytes = Buffer.concat([kept, piece.subarray(0, bytesRead)]);
          const {anns, rest, skipped: more} = readRecords(bytes);
          skipped += more;
          for (const part of anns) yield {parentHeight, anns: part};
          kept = Buffer.from(bytes.subarray(rest));
          if (bytesRead === 0) break;
        }
        skipped += kept.length;
      } finally {
        await file.close();
      }
      if (skipped > 0) log.warn('a file of kept announcements is damaged: a part is left out', {path, bytes: skipped});
    }
  }

  /** Keeps announcements, 1024 bytes each, of any parents. */
  add(anns: Uint8Array): void {
    if (this.#waiting + anns.length > MAX_WAITING_BYTES) return;
    const parts = new Map<number, Uint8Array[]>();
    for (let at = 0; at < anns.length; at += ANN_BYTES) {
      const ann = anns.subarray(at, at + ANN_BYTES);
      const height = annParentBlockHeight(ann);
      const part = parts.get(height);
      if (part === undefined) parts.set(height, [ann]);
      else part.push(ann);
    }
    for (const [height, all] of parts) {
      for (let i = 0; i < all.length; i += MAX_RECORD_ANNS) {
        this.#append(height, encodeRecord(all.slice(i, i + MAX_RECORD_ANNS)));
      }
    }
  }

  #append(height: number, record: Uint8Array): void {
    this.#waiting += record.length;
    this.#sizes.set(height, (this.#sizes.get(height) ?? 0) + record.length);
    this.#do(async () => {
      this.#waiting -= record.length;
      if (this.#sizes.has(height)) await appendFile(join(this.#options.dir, fileName(height)), record);
    });
    while (this.bytes > this.#options.maxBytes && this.#sizes.size > 1) this.#remove(Math.min(...this.#sizes.keys()));
  }

  #remove(height: number): void {
    this.#sizes.delete(height);
    this.#do(() => rm(join(this.#options.dir, fileName(height)), {force: true}));
  }

  #do(work: () => Promise<void>): void {
    this.#writing = this.#writing.then(work).catch((error: unknown) => {
      // Mining does not need them; the disk may have room again later.
      if (!this.#failed) this.#options.log.warn('announcements cannot be kept', {error});
      this.#failed = true;
    });
  }

  /** Gives up parents whose announcements are of no use any more. */
  drop(isUseless: (parentHeight: number) => boolean): void {
    for (const height of [...this.#sizes.keys()]) if (isUseless(height)) this.#remove(height);
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    await this.#writing;
  }
}

// Which announcements were taken, for each parent block; outlives a restart.   pool spec §4.3
import {mkdir, readdir, readFile, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {writeU64} from '../../../core/bytes/index.ts';
import {DurableAppender} from '../../../service/stores/durable-appender.ts';
import {PrefixSet} from './prefix-set.ts';

const PREFIX_BYTES = 8;

/** The announcements on one parent block. */
export class SeenAnnouncements {
  readonly #set: PrefixSet;
  readonly #file: DurableAppender;
  /** In the set, and yet not taken. */
  readonly #revoked = new Set<bigint>();

  constructor(set: PrefixSet, file: DurableAppender) {
    this.#set = set;
    this.#file = file;
  }

  get size(): number {
    return this.#set.size;
  }

  /** Notes those that are new: gives for each whether it is. They are not on disk yet. */
  add(prefixes: readonly bigint[]): boolean[] {
    return prefixes.map((prefix) => this.#set.add(prefix) || this.#revoked.delete(prefix));
  }

  /** Takes back what `add` has said is new: the miner is told that it was not taken, and may send it again. */
  revoke(prefixes: readonly bigint[]): void {
    for (const prefix of prefixes) this.#revoked.add(prefix);
  }

  /** Resolves when these are on disk. Throws StoreError. */
  async save(prefixes: readonly bigint[]): Promise<void> {
    const bytes = new Uint8Array(PREFIX_BYTES * prefixes.length);
    for (const [i, prefix] of prefixes.entries()) writeU64(bytes, PREFIX_BYTES * i, prefix);
    await this.#file.append(bytes);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** A directory with a file for each parent block: its height, hash, and the prefixes one after another. */
export class SeenStore {
  readonly #dir: string;
  readonly #open = new Map<string, Promise<SeenAnnouncements>>();

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async open(dir: string): Promise<SeenStore> {
    await mkdir(dir, {recursive: true});
    return new SeenStore(dir);
  }

  #name(height: number, hash: string): string {
    return `seen_${height}_${hash}.bin`;
  }

  /** What was taken on a parent block. Throws StoreError. */
  of(height: number, hash: string): Promise<SeenAnnouncements> {
    const name = this.#name(height, hash);
    let opened = this.#open.get(name);
    if (opened === undefined) {
      opened = this.#read(join(this.#dir, name));
      this.#open.set(name, opened);
    }
    return opened;
  }

  async #read(path: string): Promise<SeenAnnouncements> {
    const file = await DurableAppender.open(path, PREFIX_BYTES);
    const bytes = await readFile(path);
    const set = new PrefixSet();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length - (bytes.length % PREFIX_BYTES));
    for (let at = 0; at < view.byteLength; at += PREFIX_BYTES) set.add(view.getBigUint64(at, true));
    return new SeenAnnouncements(set, file);
  }

  /** Removes the files of parents below a height: announcements on them are not taken any more. */
  async forgetBelow(height: number): Promise<void> {
    for (const name of await readdir(this.#dir)) {
      const found = /^seen_(\d+)_[0-9a-f]{64}\.bin$/.exec(name)?.[1];
      if (found === undefined || Number(found) >= height) continue;
      const opened = this.#open.get(name);
      this.#open.delete(name);
      await (await opened)?.close();
      await rm(join(this.#dir, name), {force: true});
    }
  }

  async close(): Promise<void> {
    for (const opened of this.#open.values()) await (await opened).close();
    this.#open.clear();
  }
}

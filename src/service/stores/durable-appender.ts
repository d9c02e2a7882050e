import {type FileHandle, open} from 'node:fs/promises';
import {StoreError} from './key-value-store.ts';

interface Waiting {
  readonly data: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const MAX_WAITING_BYTES = 64 * 2 ** 20;

/**
 * A file that only grows; an append resolves when it has reached the disk. Appends that wait are written together, since reaching
 * the disk costs as much for many as for one.
 */
export class DurableAppender {
  readonly #path: string;
  readonly #file: FileHandle;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  #size: number;
  #failure: StoreError | undefined;

  private constructor(path: string, file: FileHandle, size: number) {
    this.#path = path;
    this.#file = file;
    this.#size = size;
  }

  /** Opens or creates a file. unit: what a crash has left of a record behind the last whole one is cut off. Throws StoreError. */
  static async open(path: string, unit: number = 1): Promise<DurableAppender> {
    try {
      const file = await open(path, 'a+', 0o600);
      const {size} = await file.stat();
      const whole = size - (size % unit);
      if (whole < size) await file.truncate(whole);
      return new DurableAppender(path, file, whole);
    } catch (error) {
      throw new StoreError('store-unusable', {path, reason: (error as Error).message}, error);
    }
  }

  /** Bytes in the file, with those under way. */
  get size(): number {
    return this.#size;
  }

  /** Throws StoreError; after a failure nothing more is taken, for the file may end in half a record. */
  append(data: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#waitingBytes + data.length > MAX_WAITING_BYTES) {
      return Promise.reject(
        new StoreError('store-unusable', {path: this.#path, reason: 'too much waits to be written'}),
      );
    }
    this.#size += data.length;
    this.#waitingBytes += data.length;
    return new Promise((resolve, reject) => {
      this.#waiting.push({data, resolve, reject});
      this.#writing ??= this.#write();
    });
  }

  async #write(): Promise<void> {
    // Others may join.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      this.#waitingBytes = 0;
      try {
        if (this.#failure !== undefined) throw this.#failure;
        await this.#file.appendFile(Buffer.concat(group.map(({data}) => data)));
        await this.#file.datasync();
        for (const {resolve} of group) resolve();
      } catch (error) {
        this.#failure ??= new StoreError('store-unusable', {path: this.#path, reason: (error as Error).message}, error);
        for (const {reject} of group) reject(this.#failure);
      }
    }
    this.#writing = undefined;
  }

  /** Waits for what was appended. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }
}

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
  /** Bytes that have reached the disk. */
  #written: number;
  #failure: StoreError | undefined;

  private constructor(path: string, file: FileHandle, size: number) {
    this.#path = path;
    this.#file = file;
    this.#size = size;
    this.#written = size;
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

  /**
   * Throws StoreError; then nothing of it is in the file, and later ones may fare better: a full disk has room again. Where what was
   * refused could not be taken back, nothing more is taken.
   */
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
      const data = Buffer.concat(group.map((each) => each.data));
      try {
        if (this.#failure !== undefined) throw this.#failure;
        await this.#file.appendFile(data);
        await this.#file.datasync();
        this.#written += data.length;
        for (const {resolve} of group) resolve();
      } catch (error) {
        this.#size -= data.length;
        const failure = new StoreError('store-unusable', {path: this.#path, reason: (error as Error).message}, error);
        await this.#takeBack(failure);
        for (const {reject} of group) reject(failure);
      }
    }
    this.#writing = undefined;
  }

  /** What was refused must not be in the file: neither half of it, nor all of it with a doubt about the disk. */
  async #takeBack(failure: StoreError): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      await this.#file.truncate(this.#written);
      await this.#file.datasync();
    } catch {
      this.#failure = failure;
    }
  }

  /** Waits for what was appended. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }
}

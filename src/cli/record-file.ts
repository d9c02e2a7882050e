// Files of announcements: 1024 bytes each, one after another, nothing else.
import {type FileHandle, open} from 'node:fs/promises';
import {ANN_BYTES} from '../core/packetcrypt/index.ts';
import {fileError, UsageError} from './usage-error.ts';

/** Appends announcements to a file; what is in it are always whole ones, unless the machine itself fails. */
export class RecordFile {
  readonly path: string;
  readonly #handle: FileHandle;
  #end: number;
  #tail: Promise<void> = Promise.resolve();

  private constructor(path: string, handle: FileHandle, end: number) {
    this.path = path;
    this.#handle = handle;
    this.#end = end;
  }

  /** Opens or creates. Throws UsageError, also for a file that does not hold whole announcements. */
  static async open(path: string): Promise<RecordFile> {
    const handle = await open(path, 'a').catch((error: unknown) => {
      throw fileError('write', path, error);
    });
    const {size} = await handle.stat();
    if (size % ANN_BYTES === 0) return new RecordFile(path, handle, size);
    await handle.close();
    throw new UsageError(
      `${path} has ${size} bytes, which is no whole number of announcements of 1024 bytes; give another --out`,
    );
  }

  /** Announcements in the file. */
  get count(): number {
    return this.#end / ANN_BYTES;
  }

  /** Appends whole announcements; calls are done one after another. Throws UsageError. */
  append(anns: Uint8Array): Promise<void> {
    const written = this.#tail.then(() => this.#write(anns));
    this.#tail = written.catch(() => {});
    return written;
  }

  async #write(anns: Uint8Array): Promise<void> {
    try {
      await this.#handle.appendFile(anns);
      this.#end += anns.length;
    } catch (error) {
      await this.#handle.truncate(this.#end).catch(() => {});
      throw fileError('write', this.path, error);
    }
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await this.#tail;
    await this.#handle.close();
  }
}

/** Yields a file in pieces of `size` bytes; only the last one may be shorter. Throws UsageError. */
export async function* readPieces(path: string, size: number): AsyncGenerator<Uint8Array, void, void> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw fileError('read', path, error);
  });
  try {
    for (;;) {
      const piece = new Uint8Array(size);
      let filled = 0;
      while (filled < size) {
        const {bytesRead} = await handle.read(piece, filled, size - filled, null).catch((error: unknown) => {
          throw fileError('read', path, error);
        });
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      if (filled > 0) yield piece.subarray(0, filled);
      if (filled < size) return;
    }
  } finally {
    await handle.close();
  }
}

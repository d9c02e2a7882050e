// Append-only files of records, for data that is written once and read by place: blocks.
//
//   record: magic u32 | length u32 | first 4 bytes of SHA-256 of the data | data
import {createHash} from 'node:crypto';
import {type FileHandle, mkdir, open, readdir, rm} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {checkBytes, checkU32} from '../../core/errors.ts';
import {syncFolder} from './atomic-file.ts';
import {StoreError} from './key-value-store.ts';

const HEAD_BYTES = 12;
const FILE_BYTES = 128 * 2 ** 20;
const OPEN_FILES = 8;
/** Read at once when the end of a file is looked for. */
const WINDOW_BYTES = 2 ** 20;

/** Where a record lies. */
export interface RecordPlace {
  readonly file: number;
  readonly offset: number;
  /** Bytes of data. */
  readonly length: number;
}

function checksum(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest().subarray(0, 4);
}

async function fileNumbers(path: string): Promise<number[]> {
  return (await readdir(path)).filter((name) => /^\d{6}\.dat$/.test(name)).map((name) => Number.parseInt(name, 10));
}

function fileName(file: number): string {
  return `${String(file).padStart(6, '0')}.dat`;
}

/**
 * A directory of record files; one writer. What a crash leaves half-written lies behind the last whole record and is
 * overwritten: a place is valid only once it has been returned and stored elsewhere.
 */
export class RecordFiles {
  readonly #path: string;
  readonly #magic: number;
  readonly #fileBytes: number;
  readonly #handles = new Map<number, FileHandle>();
  #file: number;
  #end: number;
  #unsynced = false;
  /** The name of the file has not reached the disk yet. */
  #isNewFile = false;

  private constructor(path: string, magic: number, fileBytes: number, file: number) {
    this.#path = path;
    this.#magic = magic;
    this.#fileBytes = fileBytes;
    this.#file = file;
    this.#end = 0;
  }

  /** Number of the file that is written to. */
  get currentFile(): number {
    return this.#file;
  }

  /** Opens or creates the directory. magic: u32 in front of every record; fileBytes: where a new file begins. Throws StoreError. */
  static async open(path: string, magic: number, fileBytes: number = FILE_BYTES): Promise<RecordFiles> {
    checkU32('magic', magic);
    try {
      await mkdir(path, {recursive: true});
      await syncFolder(dirname(path));
      const file = Math.max(0, ...(await fileNumbers(path)));
      const files = new RecordFiles(path, magic, fileBytes, file);
      files.#end = await files.#findEnd();
      return files;
    } catch (error) {
      if (error instanceof StoreError) throw error;
      throw new StoreError('store-unusable', {path, reason: (error as Error).message}, error);
    }
  }

  async #handle(file: number): Promise<FileHandle> {
    const known = this.#handles.get(file);
    if (known !== undefined) return known;
    if (this.#handles.size >= OPEN_FILES) {
      for (const [other, handle] of this.#handles) {
        if (other === this.#file) continue;
        this.#handles.delete(other);
        await handle.close();
        break;
      }
    }
    const path = join(this.#path, fileName(file));
    const handle = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' || file !== this.#file) throw error;
      this.#isNewFile = true;
      return open(path, 'w+');
    });
    this.#handles.set(file, handle);
    return handle;
  }

  /** End of the last whole record of the newest file. */
  async #findEnd(): Promise<number> {
    const handle = await this.#handle(this.#file);
    const {size} = await handle.stat();
    const window = Buffer.alloc(Math.min(size, WINDOW_BYTES));
    let from = 0;
    let filled = 0;
    for (let offset = 0; ; ) {
      if (offset + HEAD_BYTES > size) return offset;
      if (offset + HEAD_BYTES > from + filled) {
        from = offset;
        filled = (await handle.read(window, 0, window.length, from)).bytesRead;
        if (filled < HEAD_BYTES) return offset;
      }
      const length = window.readUInt32LE(offset - from + 4);
      const end = offset + HEAD_BYTES + length;
      if (window.readUInt32LE(offset - from) !== this.#magic || end > size) return offset;
      offset = end;
    }
  }

  /** Writes a record behind the others. Calls must not overlap. Throws StoreError. */
  async append(data: Uint8Array): Promise<RecordPlace> {
    checkBytes('data', data);
    if (this.#end > 0 && this.#end + HEAD_BYTES + data.length > this.#fileBytes) {
      await this.sync();
      this.#file++;
      this.#end = 0;
    }
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32LE(this.#magic, 0);
    head.writeUInt32LE(data.length, 4);
    checksum(data).copy(head, 8);
    const place = {file: this.#file, offset: this.#end, length: data.length};
    try {
      const handle = await this.#handle(place.file);
      await handle.writev([head, data], place.offset);
    } catch (error) {
      throw new StoreError('store-unusable', {path: this.#path, reason: (error as Error).message}, error);
    }
    this.#end += HEAD_BYTES + data.length;
    this.#unsynced = true;
    return place;
  }

  /** Waits until everything appended has reached the disk. */
  async sync(): Promise<void> {
    if (!this.#unsynced) return;
    await (await this.#handle(this.#file)).datasync();
    if (this.#isNewFile) await syncFolder(this.#path);
    this.#isNewFile = false;
    this.#unsynced = false;
  }

  /** Reads a record. Throws StoreError 'store-damaged' when it is not what was written. */
  async read({file, offset, length}: RecordPlace): Promise<Uint8Array> {
    const bytes = Buffer.alloc(HEAD_BYTES + length);
    try {
      const {bytesRead} = await (await this.#handle(file)).read(bytes, 0, bytes.length, offset);
      const data = bytes.subarray(HEAD_BYTES);
      const whole =
        bytesRead === bytes.length && bytes.readUInt32LE(0) === this.#magic && bytes.readUInt32LE(4) === length;
      if (whole && checksum(data).equals(bytes.subarray(8, HEAD_BYTES))) return new Uint8Array(data);
    } catch (error) {
      throw new StoreError('store-damaged', {path: this.#path, file, offset}, error);
    }
    throw new StoreError('store-damaged', {path: this.#path, file, offset});
  }

  /** Removes the files before `file`; what lay in them must not be read any more. The file that is written to stays. */
  async removeBefore(file: number): Promise<void> {
    for (const number of await fileNumbers(this.#path)) {
      if (number >= file || number === this.#file) continue;
      const handle = this.#handles.get(number);
      this.#handles.delete(number);
      await handle?.close();
      await rm(join(this.#path, fileName(number)), {force: true});
    }
  }

  async close(): Promise<void> {
    await this.sync();
    const handles = [...this.#handles.values()];
    this.#handles.clear();
    await Promise.all(handles.map((handle) => handle.close()));
  }
}

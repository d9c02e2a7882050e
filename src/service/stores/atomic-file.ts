// Small files that are replaced as a whole.
import {open, readFile, rename, rm, stat} from 'node:fs/promises';
import {dirname} from 'node:path';
import {StoreError} from './key-value-store.ts';

/** Waits until names of files in a folder have reached the disk. */
export async function syncFolder(path: string): Promise<void> {
  // Windows cannot open folders, and does not need it.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Replaces a file: after a power failure it holds what it held before or `data`, nothing in between. Calls for one path must
 * not overlap. mode: of a new file. Throws StoreError 'store-unusable'.
 */
export async function writeFileAtomically(path: string, data: Uint8Array, mode: number = 0o600): Promise<void> {
  const fresh = `${path}.new`;
  try {
    // What an interrupted call left behind may have another mode.
    await rm(fresh, {force: true});
    const file = await open(fresh, 'wx', mode);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
    await syncFolder(dirname(path));
  } catch (error) {
    throw new StoreError('store-unusable', {path, reason: (error as Error).message}, error);
  }
}

/** A whole file, undefined where there is none. Throws StoreError for one that cannot be read or is too large. */
export async function readWholeFile(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    const {size} = await stat(path);
    if (size > maxBytes) throw new StoreError('store-damaged', {path, bytes: size, maxBytes});
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (error instanceof StoreError) throw error;
    throw new StoreError('store-unusable', {path, reason: (error as Error).message}, error);
  }
}

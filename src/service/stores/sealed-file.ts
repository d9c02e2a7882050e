// Small files that are replaced as a whole and must be what was written.
//
//   SHA-256 of the data 32 | data
import {createHash} from 'node:crypto';
import {readWholeFile, writeFileAtomically} from './atomic-file.ts';
import {StoreError} from './key-value-store.ts';

const DIGEST_BYTES = 32;

function digest(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}

/** Replaces a file. Throws StoreError 'store-unusable'. */
export async function writeSealedFile(path: string, data: Uint8Array): Promise<void> {
  await writeFileAtomically(path, Buffer.concat([digest(data), data]));
}

/** The data of a file, undefined where there is none. Throws StoreError 'store-damaged' when it is not what was written. */
export async function readSealedFile(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const bytes = await readWholeFile(path, maxBytes);
  if (bytes === undefined) return undefined;
  const data = bytes.subarray(DIGEST_BYTES);
  if (bytes.length < DIGEST_BYTES || !digest(data).equals(bytes.subarray(0, DIGEST_BYTES))) {
    throw new StoreError('store-damaged', {path});
  }
  return data;
}

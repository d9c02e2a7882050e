// Blocks on disk, in two sets of append-only files: what a block is (header and transactions), and its proof section. Proofs are
// several kilobytes each and of no use to a wallet or an explorer, so they can be dropped alone.   chain spec §4.1
import {join} from 'node:path';
import {concatBytes, readU32, Writer} from '../../core/bytes/index.ts';
import {type Block, encodeBlockBody, HEADER_BYTES} from '../../core/primitives/index.ts';
import type {KeyValueStore, StoreChange} from '../../service/stores/key-value-store.ts';
import {RecordFiles, type RecordPlace} from '../../service/stores/record-files.ts';
import {type BlockPlace, blockKey, decodeBlockPlace, encodeBlockPlace, fileHeightKey, firstFileKey} from './layout.ts';

/** The two sets of files. */
export type BlockPart = 'bodies' | 'proofs';
export const BLOCK_PARTS: readonly BlockPart[] = Object.freeze(['bodies', 'proofs']);

export interface StoredBlocksOptions {
  readonly path: string;
  readonly magic: number;
  readonly store: KeyValueStore;
  /** Size of a file, bytes; 128 MiB by default. */
  readonly fileBytes?: number;
}

/** A block as it was stored: `proofSection` is undefined once the proofs of its time have been dropped. */
interface StoredParts {
  readonly body: Uint8Array;
  readonly proofSection: Uint8Array | undefined;
}

interface Part {
  readonly files: RecordFiles;
  /** Files before this one have been dropped. */
  firstFile: number;
  /** Greatest height of a block with a record in the file that is written to. */
  currentFile: number;
  maxHeight: number;
}

/** The block files. One writer; places reach the index through the changes that append gives. */
export class StoredBlocks {
  readonly #store: KeyValueStore;
  readonly #parts: Readonly<Record<BlockPart, Part>>;

  private constructor(store: KeyValueStore, parts: Readonly<Record<BlockPart, Part>>) {
    this.#store = store;
    this.#parts = parts;
  }

  /** Opens or creates the files. Throws StoreError. */
  static async open({path, magic, store, fileBytes}: StoredBlocksOptions): Promise<StoredBlocks> {
    const open = async (part: BlockPart): Promise<Part> => {
      const files = await RecordFiles.open(join(path, part), magic, fileBytes);
      const first = await store.get(firstFileKey(part));
      const firstFile = first === undefined ? 0 : readU32(first, 0);
      // A file may have outlived the decision to drop it.
      await files.removeBefore(firstFile);
      const currentFile = files.currentFile;
      const height = await store.get(fileHeightKey(part, currentFile));
      return {files, firstFile, currentFile, maxHeight: height === undefined ? 0 : readU32(height, 0)};
    };
    const [bodies, proofs] = [await open('bodies'), await open('proofs')];
    return new StoredBlocks(store, {bodies, proofs});
  }

  /** Writes a block; gives what the index must be told once the files are synced. Throws StoreError. */
  async append(hash: Uint8Array, block: Omit<Block, 'proof'>, height: number): Promise<StoreChange[]> {
    const place: BlockPlace = {
      body: await this.#parts.bodies.files.append(encodeBlockBody(block)),
      proof: await this.#parts.proofs.files.append(block.proofSection),
    };
    return [
      {key: blockKey(hash), value: encodeBlockPlace(place)},
      ...this.#heightChange('bodies', place.body.file, height),
      ...this.#heightChange('proofs', place.proof.file, height),
    ];
  }

  #heightChange(name: BlockPart, file: number, height: number): StoreChange[] {
    const part = this.#parts[name];
    if (file === part.currentFile && height <= part.maxHeight && height > 0) return [];
    part.maxHeight = file === part.currentFile ? Math.max(part.maxHeight, height) : height;
    part.currentFile = file;
    return [{key: fileHeightKey(name, file), value: new Writer().u32(part.maxHeight).finish()}];
  }

  /** Waits until everything appended has reached the disk. */
  async sync(): Promise<void> {
    await Promise.all(BLOCK_PARTS.map((name) => this.#parts[name].files.sync()));
  }

  async #read(hash: Uint8Array): Promise<StoredParts | undefined> {
    const value = await this.#store.get(blockKey(hash));
    if (value === undefined) return undefined;
    const {body, proof} = decodeBlockPlace(value);
    const {bodies, proofs} = this.#parts;
    const [bodyBytes, proofSection] = await Promise.all([this.#record(bodies, body), this.#record(proofs, proof)]);
    return bodyBytes && {body: bodyBytes, proofSection};
  }

  async #record(part: Part, place: RecordPlace): Promise<Uint8Array | undefined> {
    if (place.file < part.firstFile) return undefined;
    try {
      return await part.files.read(place);
    } catch (error) {
      // Dropped while it was being read.
      if (place.file < part.firstFile) return undefined;
      throw error;
    }
  }

  /** Wire encoding of a block, with its proof; undefined where one of them is not there any more. Throws StoreError. */
  async bytes(hash: Uint8Array): Promise<Uint8Array | undefined> {
    const parts = await this.#read(hash);
    if (parts?.proofSection === undefined) return undefined;
    const {body, proofSection} = parts;
    return concatBytes(body.subarray(0, HEADER_BYTES), proofSection, body.subarray(HEADER_BYTES));
  }

  /** Header and transactions of a block, as in the wire encoding without what stands between them. Throws StoreError. */
  async body(hash: Uint8Array): Promise<Uint8Array | undefined> {
    return (await this.#read(hash))?.body;
  }

  /**
   * Files of a part that hold nothing at or above a height: gives how many could go, and the change that says so. The file that
   * is written to always stays.
   */
  async prunable(name: BlockPart, below: number): Promise<{readonly files: number; readonly changes: StoreChange[]}> {
    const part = this.#parts[name];
    let first = part.firstFile;
    while (first < part.currentFile) {
      const height = await this.#store.get(fileHeightKey(name, first));
      if (height === undefined || readU32(height, 0) >= below) break;
      first++;
    }
    const files = first - part.firstFile;
    if (files === 0) return {files, changes: []};
    const changes: StoreChange[] = [{key: firstFileKey(name), value: new Writer().u32(first).finish()}];
    for (let file = part.firstFile; file < first; file++) {
      changes.push({key: fileHeightKey(name, file), value: undefined});
    }
    return {files, changes};
  }

  /** Removes the oldest files of a part, after the store has been told. */
  async prune(name: BlockPart, files: number): Promise<void> {
    const part = this.#parts[name];
    part.firstFile += files;
    await part.files.removeBefore(part.firstFile);
  }

  /** True when nothing of a part has been dropped. */
  isWhole(name: BlockPart): boolean {
    return this.#parts[name].firstFile === 0;
  }

  async close(): Promise<void> {
    for (const name of BLOCK_PARTS) await this.#parts[name].files.close();
  }
}

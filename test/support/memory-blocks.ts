import {type Block, encodeBlock} from '../../src/core/primitives/index.ts';
import type {StoredBlocks} from '../../src/node/chain/stored-blocks.ts';

/** Blocks in memory, for tests in which no disk plays a part. */
export class MemoryBlocks {
  readonly #blocks: Map<string, Uint8Array>;

  /** from: begins with what another one holds */
  constructor(from?: MemoryBlocks) {
    this.#blocks = new Map(from === undefined ? [] : from.#blocks);
  }

  append(hash: Uint8Array, block: Omit<Block, 'proof'>): Promise<[]> {
    this.#blocks.set(Buffer.from(hash).toString('hex'), encodeBlock(block));
    return Promise.resolve([]);
  }

  bytes(hash: Uint8Array): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#blocks.get(Buffer.from(hash).toString('hex')));
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  /** What a chain asks of its block files, as far as tests with this class go. */
  get stored(): StoredBlocks {
    return this as unknown as StoredBlocks;
  }
}

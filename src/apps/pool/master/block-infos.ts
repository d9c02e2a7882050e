// Documents of blocks, which never change: kept in memory and on disk.   pool spec §2.2.4, §7.1
import {appendFile, readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {type BlockInfo, PoolError, readBlockInfo} from '../../../core/protocol/pool/index.ts';
import type {Log} from '../../../service/logs/log.ts';
import {writeFileAtomically} from '../../../service/stores/atomic-file.ts';

const FILE = 'blkinfo.ndjson';
/** Documents that are kept; a day and a half of blocks. */
const KEEP = 2000;
/** The file is written anew when it has so many lines too many. */
const SLACK = 2000;

export interface BlockInfosOptions {
  readonly dir: string;
  readonly log: Log;
  /** Asks the node for the document of a block. */
  readonly fetch: (hash: string) => Promise<BlockInfo>;
}

export class BlockInfos {
  readonly #options: BlockInfosOptions;
  /** By hash, oldest first. */
  readonly #known = new Map<string, BlockInfo>();
  #lines = 0;

  private constructor(options: BlockInfosOptions) {
    this.#options = options;
  }

  /** Reads what was kept; lines that cannot be read are left out. */
  static async open(options: BlockInfosOptions): Promise<BlockInfos> {
    const infos = new BlockInfos(options);
    const text = await readFile(join(options.dir, FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    for (const line of text.split('\n')) {
      if (line === '') continue;
      infos.#lines++;
      try {
        infos.#keep(readBlockInfo(JSON.parse(line)));
      } catch (error) {
        if (!(error instanceof PoolError) && !(error instanceof SyntaxError)) throw error;
      }
    }
    return infos;
  }

  #keep(info: BlockInfo): void {
    this.#known.delete(info.header.hash);
    this.#known.set(info.header.hash, info);
    for (const hash of this.#known.keys()) {
      if (this.#known.size <= KEEP) break;
      this.#known.delete(hash);
    }
  }

  get(hash: string): BlockInfo | undefined {
    return this.#known.get(hash);
  }

  /** Makes sure that a block and `depth` blocks below it are known; stops at the genesis block. Gives them, the newest first. */
  async ensure(tip: string, depth: number): Promise<BlockInfo[]> {
    const found: BlockInfo[] = [];
    const fresh: BlockInfo[] = [];
    for (let hash = tip; found.length <= depth; ) {
      const known = this.#known.get(hash);
      const info = known ?? readBlockInfo(await this.#options.fetch(hash));
      if (known === undefined) fresh.push(info);
      found.push(info);
      if (info.header.height === 0) break;
      hash = info.header.previousblockhash;
    }
    // The oldest first, so that the newest is forgotten last.
    for (const info of fresh.reverse()) this.#keep(info);
    await this.#save(fresh);
    return found;
  }

  async #save(fresh: readonly BlockInfo[]): Promise<void> {
    if (fresh.length === 0) return;
    const {dir, log} = this.#options;
    const path = join(dir, FILE);
    try {
      if (this.#lines + fresh.length > KEEP + SLACK) {
        const lines = [...this.#known.values()].map((info) => `${JSON.stringify(info)}\n`);
        await writeFileAtomically(path, new TextEncoder().encode(lines.join('')));
        this.#lines = lines.length;
      } else {
        await appendFile(path, fresh.map((info) => `${JSON.stringify(info)}\n`).join(''));
        this.#lines += fresh.length;
      }
    } catch (error) {
      // They can be asked for again.
      log.warn('documents of blocks cannot be kept', {path, error});
    }
  }
}

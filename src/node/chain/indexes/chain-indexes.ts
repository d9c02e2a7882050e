import type {Transaction} from '../../../core/primitives/index.ts';
import {type Log, NO_LOG} from '../../../service/logs/log.ts';
import {type KeyValueStore, prefixEnd, type StoreChange} from '../../../service/stores/key-value-store.ts';
import {Breather} from '../../../service/threads/breather.ts';
import type {Chain} from '../chain.ts';
import type {BlockIndex, IndexedBlock, IndexName} from './block-index.ts';
import {IndexError} from './errors.ts';
import {createIndex} from './kinds.ts';
import {
  decodeIndexTip,
  decodeTransactionPlace,
  encodeIndexTip,
  filterHeaderKey,
  filterKey,
  type IndexTip,
  indexTipKey,
  scriptPrefix,
  transactionKey,
} from './layout.ts';

const NAMES: readonly IndexName[] = ['transactions', 'addresses', 'filters'];
/** Changes written at once while an index is built or dropped. */
const BATCH = 10_000;
const PROGRESS_BLOCKS = 10_000;

export interface ChainIndexesOptions {
  readonly chain: Chain;
  readonly store: KeyValueStore;
  readonly enabled: ReadonlySet<IndexName>;
  readonly log?: Log;
}

/** A transaction of the best chain and where it stands. */
export interface FoundTransaction {
  readonly transaction: Transaction;
  readonly blockHash: Uint8Array;
  readonly height: number;
}

interface Follower {
  readonly index: BlockIndex;
  tip: IndexTip | undefined;
  /** Height in the store, where an interruption leaves it. */
  written: number;
}

/**
 * The optional indexes. Each remembers the last block that it holds and follows the best chain from there, behind the chain
 * by no more than it takes; an interruption costs nothing.
 */
export class ChainIndexes {
  readonly #options: ChainIndexesOptions;
  readonly #log: Log;
  readonly #followers = new Map<IndexName, Follower>();
  #work: Promise<void> = Promise.resolve();
  #again = false;
  #working = false;
  #closed = false;
  #failure: unknown;
  #unsubscribe: () => void = () => {};

  private constructor(options: ChainIndexesOptions) {
    this.#options = options;
    this.#log = options.log ?? NO_LOG;
  }

  /** Drops the indexes that are not enabled any more and begins to follow the chain with the others. */
  static async open(options: ChainIndexesOptions): Promise<ChainIndexes> {
    const indexes = new ChainIndexes(options);
    const {chain, store, enabled} = options;
    for (const name of NAMES) {
      const index = createIndex(name, store);
      const value = await store.get(indexTipKey(name));
      // Entries without a tip are what an interrupted removal has left.
      if (value === undefined || !enabled.has(name)) await indexes.#drop(index);
      if (!enabled.has(name)) continue;
      const tip = value && decodeIndexTip(value);
      indexes.#followers.set(name, {index, tip, written: tip?.height ?? -1});
    }
    indexes.#unsubscribe = chain.subscribe(({type}) => {
      if (type === 'tip') indexes.#follow();
    });
    indexes.#follow();
    return indexes;
  }

  has(name: IndexName): boolean {
    return this.#followers.has(name);
  }

  /** Height up to which an index is built; −1 at the beginning. */
  heightOf(name: IndexName): number | undefined {
    const follower = this.#followers.get(name);
    return follower && (follower.tip?.height ?? -1);
  }

  /** Height that all indexes have reached for good: blocks above it may still be read by one of them. Infinity without indexes. */
  get lowestHeight(): number {
    return Math.min(...[...this.#followers.values()].map(({written}) => written));
  }

  /** Resolves when all indexes have the tip that the chain had at the call. Throws IndexError when that cannot be. */
  async settled(): Promise<void> {
    await this.#work;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** A transaction of the best chain. Throws IndexError when the index is off or not there yet. */
  async transaction(txid: Uint8Array): Promise<FoundTransaction | undefined> {
    await this.#ready('transactions');
    const value = await this.#options.store.get(transactionKey(txid));
    if (value === undefined) return undefined;
    const {block, number} = decodeTransactionPlace(value);
    const entry = this.#options.chain.find(block);
    const body = await this.#options.chain.blockBody(block);
    const transaction = body?.transactions[number];
    return entry && transaction && {transaction, blockHash: block, height: entry.height};
  }

  /** Ids of transactions that pay to or spend from an address's script, oldest first or newest first. Throws IndexError. */
  async transactionsOf(
    script: Uint8Array,
    {skip, count, reverse}: {readonly skip: number; readonly count: number; readonly reverse: boolean},
  ): Promise<Uint8Array[]> {
    await this.#ready('addresses');
    const from = scriptPrefix(script);
    const found: Uint8Array[] = [];
    let passed = 0;
    const range = {from, to: prefixEnd(from), reverse, limit: skip + count};
    for await (const [, txid] of this.#options.store.entries(range)) {
      if (passed++ >= skip) found.push(txid);
    }
    return found;
  }

  /** How many transactions pay to or spend from an address's script. Throws IndexError. */
  async countOf(script: Uint8Array): Promise<number> {
    await this.#ready('addresses');
    const from = scriptPrefix(script);
    let count = 0;
    for await (const _entry of this.#options.store.entries({from, to: prefixEnd(from)})) count++;
    return count;
  }

  /** Compact filter of a block of the best chain. Throws IndexError. */
  async filter(hash: Uint8Array): Promise<Uint8Array | undefined> {
    await this.#ready('filters');
    return this.#options.store.get(filterKey(hash));
  }

  /** Filter header of a block of the best chain. Throws IndexError. */
  async filterHeader(hash: Uint8Array): Promise<Uint8Array | undefined> {
    await this.#ready('filters');
    return this.#options.store.get(filterHeaderKey(hash));
  }

  /** An index that is less than a few blocks behind is waited for. */
  async #ready(name: IndexName): Promise<void> {
    const height = this.heightOf(name);
    if (height === undefined) throw new IndexError('index-off', {index: name});
    if (this.#failure !== undefined) throw this.#failure;
    const missing = this.#options.chain.height - height;
    if (missing > PROGRESS_BLOCKS / 100) throw new IndexError('index-behind', {index: name, height, missing});
    await this.settled();
  }

  #follow(): void {
    this.#again = true;
    if (this.#working || this.#closed) return;
    this.#working = true;
    this.#work = this.#catchUpAll();
  }

  /** Between the last look for more and the end nothing is waited for: a tip in between would be heard by nobody. */
  async #catchUpAll(): Promise<void> {
    while (this.#again && !this.#closed && this.#failure === undefined) {
      this.#again = false;
      for (const follower of this.#followers.values()) {
        try {
          await this.#catchUp(follower);
        } catch (error) {
          this.#failure = error;
          this.#log.error('index cannot go on', {index: follower.index.name, error});
        }
      }
    }
    this.#working = false;
  }

  /** Takes blocks back and adds blocks until the index has the tip of the chain. */
  async #catchUp(follower: Follower): Promise<void> {
    const {chain, store} = this.#options;
    let changes: StoreChange[] = [];
    const {index} = follower;
    const write = async (): Promise<void> => {
      if (follower.tip === undefined || changes.length === 0) return;
      const {tip} = follower;
      await store.write([...changes, {key: indexTipKey(index.name), value: encodeIndexTip(tip)}]);
      // On disk at the latest with the next durable write to this store, which pruning does before it takes anything away.
      follower.written = tip.height;
      changes = [];
    };
    const breather = new Breather();
    while (!this.#closed) {
      await breather.pause();
      const {tip} = follower;
      if (tip !== undefined && chain.find(tip.hash)?.isBest !== true) {
        // The entries that go must be on disk before those of another branch take their place.
        await write();
        const block = await this.#read(tip.hash, tip.height);
        changes.push(...index.disconnect(block));
        follower.tip = {hash: block.header.previous, height: tip.height - 1};
        await write();
        continue;
      }
      const height = (tip?.height ?? -1) + 1;
      const hash = chain.hashAt(height);
      if (hash === undefined) break;
      changes.push(...(await index.connect(await this.#read(hash, height))));
      follower.tip = {hash, height};
      // A filter header is read again for the next block.
      if (changes.length >= BATCH || index.name === 'filters') await write();
      if (height > 0 && height % PROGRESS_BLOCKS === 0) {
        this.#log.info('index is being built', {index: index.name, height, of: chain.height});
      }
    }
    await write();
  }

  async #read(hash: Uint8Array, height: number): Promise<IndexedBlock> {
    const {chain} = this.#options;
    const [body, spent] = await Promise.all([chain.blockBody(hash), height === 0 ? [] : chain.spentBy(hash)]);
    if (body === undefined || spent === undefined) throw new IndexError('index-needs-blocks', {height});
    return {...body, hash, height, spent};
  }

  async #drop(index: BlockIndex): Promise<void> {
    const {store} = this.#options;
    await store.write([{key: indexTipKey(index.name), value: undefined}], true);
    for (const prefix of index.prefixes) {
      const from = Uint8Array.of(prefix);
      let changes: StoreChange[] = [];
      for await (const [key] of store.entries({from, to: prefixEnd(from)})) {
        if (changes.length === 0) this.#log.info('entries of an index are being removed', {index: index.name});
        changes.push({key: key.slice(), value: undefined});
        if (changes.length < BATCH) continue;
        await store.write(changes);
        changes = [];
      }
      await store.write(changes);
    }
  }

  /** Stops after the block at work. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    await this.#work;
  }
}

import {type Coin, outpointKey} from '../../src/core/consensus/index.ts';
import {type Network, PKT} from '../../src/core/params/index.ts';
import {
  type Block,
  decodeBlock,
  type Outpoint,
  type Transaction,
  transactionId,
} from '../../src/core/primitives/index.ts';
import type {ChainBlock} from '../../src/node/chain/block-tree.ts';
import type {ChainEvent} from '../../src/node/chain/chain.ts';
import type {PoolChain} from '../../src/node/mempool/pool-chain.ts';

/** Median time of block 0; each block adds a minute. */
const FIRST_TIME = 1_600_000_000;

interface FakeBlock {
  readonly block: Block;
  readonly place: ChainBlock;
  readonly created: readonly string[];
  readonly spent: readonly (readonly [string, Coin])[];
}

/** A chain without headers: coins, blocks and events. Nothing is checked but that coins exist. */
export class FakeChain implements PoolChain {
  readonly network: Network;
  readonly #coins = new Map<string, Coin>();
  readonly #blocks: FakeBlock[] = [];
  readonly #listeners = new Set<(event: ChainEvent) => void>();
  readonly #first: number;
  #queue: Promise<unknown> = Promise.resolve();
  #marker = 0;

  /** height: of the tip at the start */
  constructor(network: Network = PKT, height = 1000) {
    this.network = network;
    this.#first = height;
  }

  get tip(): ChainBlock {
    return this.#blocks.at(-1)?.place ?? {height: this.#first, hash: new Uint8Array(32)};
  }

  get medianTime(): number {
    return this.medianTimeAt(this.tip.height)!;
  }

  medianTimeAt(height: number): number | undefined {
    return height > this.tip.height ? undefined : FIRST_TIME + 60 * height;
  }

  addCoin({txid, index}: Outpoint, coin: Partial<Coin>): void {
    this.#coins.set(outpointKey(txid, index), {
      value: 1_000_000n,
      script: new Uint8Array(0),
      height: 10,
      isCoinbase: false,
      ...coin,
    });
  }

  async coins(outpoints: readonly Outpoint[]): Promise<(Coin | undefined)[]> {
    await Promise.resolve();
    return outpoints.map(({txid, index}) => this.#coins.get(outpointKey(txid, index)));
  }

  hasCoin({txid, index}: Outpoint): boolean {
    return this.#coins.has(outpointKey(txid, index));
  }

  subscribe(listener: (event: ChainEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  exclusive<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => {});
    return done;
  }

  #tell(event: ChainEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #connect(transactions: readonly Transaction[]): void {
    const height = this.tip.height + 1;
    const created: string[] = [];
    const spent: [string, Coin][] = [];
    for (const transaction of transactions) {
      for (const {txid, index} of transaction.inputs) {
        const key = outpointKey(txid, index);
        const coin = this.#coins.get(key);
        if (coin === undefined) throw new Error('test: a block spends a coin that is not there');
        this.#coins.delete(key);
        spent.push([key, coin]);
      }
      const id = transactionId(transaction);
      for (const [index, output] of transaction.outputs.entries()) {
        created.push(outpointKey(id, index));
        this.addCoin({txid: id, index}, {...output, height});
      }
    }
    const hash = new Uint8Array(32).fill(height & 255);
    hash[0] = this.#marker++ & 255;
    const block = {...decodeBlock(this.network.genesis), transactions};
    this.#blocks.push({block, place: {height, hash}, created, spent});
    this.#tell({type: 'connected', block, place: {height, hash}});
  }

  #disconnect(): void {
    const last = this.#blocks.pop()!;
    for (const key of last.created) this.#coins.delete(key);
    for (const [key, coin] of last.spent.toReversed()) if (!last.created.includes(key)) this.#coins.set(key, coin);
    this.#tell({type: 'disconnected', block: last.block, place: last.place});
  }

  /** Adds blocks; transactions of the same block may spend each other. */
  mine(...blocks: (readonly Transaction[])[]): Promise<void> {
    return this.reorganise(0, ...blocks);
  }

  /** Takes `depth` blocks back, adds others. */
  reorganise(depth: number, ...blocks: (readonly Transaction[])[]): Promise<void> {
    return this.exclusive(async () => {
      await Promise.resolve();
      for (let i = 0; i < depth; i++) this.#disconnect();
      for (const transactions of blocks) this.#connect(transactions);
      this.#tell({type: 'tip', place: this.tip});
    });
  }
}

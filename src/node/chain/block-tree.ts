import {readU32} from '../../core/bytes/index.ts';
import {requiredBits} from '../../core/consensus/index.ts';
import type {Network} from '../../core/params/index.ts';
import {HeaderBranch} from './header-branch.ts';
import {HeaderIndex} from './header-index.ts';
import {type BlockStatus, STATUS} from './layout.ts';

const TIME_OFFSET = 68;
/** Hashes at the head of a locator that stand one block apart; behind them the distance doubles. */
const LOCATOR_STEPS = 10;

/** A block of the best chain. Hash in internal byte order. */
export interface ChainBlock {
  readonly hash: Uint8Array;
  readonly height: number;
}

export type BlockState = keyof typeof STATUS;

const STATE_NAMES: readonly BlockState[] = (Object.entries(STATUS) as [BlockState, BlockStatus][])
  .sort(([, a], [, b]) => a - b)
  .map(([name]) => name);

/** What is known of a block on any branch. */
export interface ChainEntry extends ChainBlock {
  /** 'connected' blocks are or were part of the best chain, 'failed' ones are invalid for good. */
  readonly state: BlockState;
  readonly isBest: boolean;
  /** 80 bytes. */
  readonly header: Uint8Array;
  /** Median time of the block and those before it, seconds. */
  readonly medianTime: number;
  /** Units of work of the block and all before it. */
  readonly work: bigint;
}

/** All known blocks and which of them are the best chain: the questions that headers answer. Nothing here waits. */
export class BlockTree {
  readonly network: Network;
  protected readonly index: HeaderIndex;
  /** Number in the index of each block of the best chain, by height. */
  protected readonly best: number[] = [];

  protected constructor(network: Network) {
    this.network = network;
    this.index = new HeaderIndex(network.difficulty.medianTimeBlocks);
  }

  get height(): number {
    return this.best.length - 1;
  }

  get tip(): ChainBlock {
    return {height: this.height, hash: this.index.hash(this.tipNumber).slice()};
  }

  protected get tipNumber(): number {
    return this.best.at(-1)!;
  }

  /** Number of known headers on all branches. */
  get knownHeaders(): number {
    return this.index.count;
  }

  /** Hash of the block of the best chain at a height. */
  hashAt(height: number): Uint8Array | undefined {
    const number = this.best[height];
    return number === undefined ? undefined : this.index.hash(number).slice();
  }

  /** Header of the block of the best chain at a height, 80 bytes. */
  headerAt(height: number): Uint8Array | undefined {
    const number = this.best[height];
    return number === undefined ? undefined : this.index.headerBytes(number).slice();
  }

  /** A known block on any branch. */
  find(hash: Uint8Array): ChainEntry | undefined {
    const number = this.index.find(hash);
    return number === undefined ? undefined : this.#entry(number);
  }

  #entry(number: number): ChainEntry {
    const {index} = this;
    return {
      hash: this.index.hash(number).slice(),
      height: this.index.height(number),
      state: STATE_NAMES[this.index.status(number)]!,
      isBest: this.isBest(number),
      header: this.index.headerBytes(number).slice(),
      // Costs a sort, and is hardly ever asked for.
      get medianTime() {
        return index.medianTime(number);
      },
      work: this.index.work(number),
    };
  }

  /** Ends of all branches with known blocks, the best first. Costs a walk through all headers. */
  branchTips(): ChainEntry[] {
    const hasChild = new Uint8Array(this.index.count);
    for (let number = 1; number < this.index.count; number++) hasChild[this.index.parent(number)!] = 1;
    const tips: ChainEntry[] = [];
    for (let number = 0; number < this.index.count; number++) {
      if (hasChild[number] === 0 || number === this.tipNumber) tips.push(this.#entry(number));
    }
    return tips.sort((a, b) => Number(b.isBest) - Number(a.isBest) || (a.work < b.work ? 1 : -1));
  }

  protected isBest(number: number): boolean {
    return this.best[this.index.height(number)] === number;
  }

  /** Number of an ancestor; cheap once the walk meets the best chain. */
  protected ancestor(number: number, height: number): number {
    let at = number;
    while (this.index.height(at) > height) {
      if (this.isBest(at)) return this.best[height]!;
      at = this.index.parent(at)!;
    }
    return at;
  }

  /** Hash of the ancestor of a known block, or of the block itself, at a height. */
  ancestorHash(hash: Uint8Array, height: number): Uint8Array | undefined {
    const number = this.index.find(hash);
    if (number === undefined || height < 0 || height > this.index.height(number)) return undefined;
    return this.index.hash(this.ancestor(number, height)).slice();
  }

  /** Median time of the tip and the blocks before it, seconds: what time locks are held against. */
  get medianTime(): number {
    return this.index.medianTime(this.tipNumber);
  }

  /** Median time of the block of the best chain at a height and those before it. */
  medianTimeAt(height: number): number | undefined {
    const number = this.best[height];
    return number === undefined ? undefined : this.index.medianTime(number);
  }

  /** The bits that a block on the tip needs when its time is `time`, seconds. */
  nextBits(time: number): number {
    const {difficulty} = this.network;
    return requiredBits(difficulty, this.index.point(this.tipNumber), time, this.index.ancestorAt);
  }

  /** Hashes of the best chain from a height down, thinning out towards the genesis block. */
  locator(from: number = this.height): Uint8Array[] {
    const hashes: Uint8Array[] = [];
    for (let height = from, step = 1; height > 0; height -= step) {
      hashes.push(this.hashAt(height)!);
      if (hashes.length >= LOCATOR_STEPS) step *= 2;
    }
    hashes.push(this.hashAt(0)!);
    return hashes;
  }

  /** Height of the first block of a locator that the best chain has; the genesis block otherwise. */
  forkHeight(locator: readonly Uint8Array[]): number {
    for (const hash of locator) {
      const number = this.index.find(hash);
      if (number !== undefined && this.isBest(number)) return this.index.height(number);
    }
    return 0;
  }

  /** Headers of the best chain behind a locator, up to and including `stop`; 80 bytes each. */
  headersAfter(locator: readonly Uint8Array[], stop: Uint8Array | undefined, limit: number): Uint8Array[] {
    const first = this.forkHeight(locator) + 1;
    const end = stop && this.index.find(stop);
    const last = end !== undefined && this.isBest(end) ? this.index.height(end) : this.height;
    const headers: Uint8Array[] = [];
    for (let height = first; height <= last && headers.length < limit; height++) headers.push(this.headerAt(height)!);
    return headers;
  }

  /** A run of headers to come on top of a known block, kept apart from the tree. */
  branchFrom(hash: Uint8Array): HeaderBranch | undefined {
    const number = this.index.find(hash);
    return number === undefined ? undefined : new HeaderBranch(this.network, this.index, number);
  }

  /** True when the node may take itself for synchronised.   chain spec §2.8.4 */
  isCurrent(nowSeconds: number): boolean {
    const {checkpoints, currentSeconds} = this.network;
    if (this.height < (checkpoints.at(-1)?.height ?? 0)) return false;
    return currentSeconds === undefined || this.#tipTime >= nowSeconds - currentSeconds;
  }

  get #tipTime(): number {
    return readU32(this.index.headerBytes(this.tipNumber), TIME_OFFSET);
  }
}

// What blocks do to the pool.   chain spec §4.2, §4.3
import type {Coin} from '../../core/consensus/index.ts';
import {type Block, isCoinbase, type Transaction, transactionId, transactionSize} from '../../core/primitives/index.ts';
import type {ChainEvent} from '../chain/chain.ts';
import {PolicyError} from './errors.ts';
import type {Orphan, Orphans} from './orphans.ts';

import {type PoolEntry, type PoolGraph, parentsFirst, transactionKey} from './pool-graph.ts';
import {checkAges, checkLocks, type NextBlock} from './spending.ts';

/** Why an entry leaves the pool. */
export type RemovalReason = 'mined' | 'conflict' | 'replaced' | 'evicted' | 'expired' | 'invalid' | 'reorganised';

/** A transaction to be taken in again after a reorganisation. */
export interface Returning {
  readonly transaction: Transaction;
  /** When it came, if it was in the pool before. */
  readonly timeMs: number | undefined;
  readonly isLocal: boolean;
}

export interface FollowerHooks {
  readonly next: () => NextBlock;
  readonly onRemoved: (entries: readonly PoolEntry[], reason: RemovalReason, height: number) => void;
  readonly onBlock: (height: number) => void;
  /** After a change of the tip: what to take in again, and orphans whose inputs may be there now. */
  readonly onSettled: (returning: readonly Returning[], orphans: readonly Orphan[]) => void;
}

/** What of the blocks that a reorganisation takes back is kept, in bytes of transactions. */
const MAX_RETURNING_BYTES = 20_000_000;

/**
 * Keeps the entries such that together they could be mined on the tip. Everything here happens within the chain's event; what
 * returns after a reorganisation must be checked anew and comes in later.
 */
export class ChainFollower {
  readonly #graph: PoolGraph;
  readonly #orphans: Orphans;
  readonly #hooks: FollowerHooks;
  /** Of disconnected blocks, in the order of the chain; the newest are dropped where they are too many. */
  #returning: Transaction[] = [];
  #returningBytes = 0;
  /** Entries that spent what is not there any more, parents first. */
  #displaced: PoolEntry[] = [];
  #woken = new Set<Orphan>();
  #wentBack = false;

  constructor(graph: PoolGraph, orphans: Orphans, hooks: FollowerHooks) {
    this.#graph = graph;
    this.#orphans = orphans;
    this.#hooks = hooks;
  }

  readonly follow = (event: ChainEvent): void => {
    if (event.type === 'connected') this.#connected(event.block, event.place.height);
    else if (event.type === 'disconnected') this.#disconnected(event.block, event.place.height);
    else this.#settle();
  };

  #remove(entries: Iterable<PoolEntry>, reason: RemovalReason, height: number): PoolEntry[] {
    const removed = this.#graph.removeWithDescendants(entries);
    if (removed.length > 0) this.#hooks.onRemoved(removed, reason, height);
    return removed;
  }

  #connected({transactions}: Block, height: number): void {
    // While a node catches up there is nothing to look for.
    const isEmpty = this.#graph.count === 0 && this.#orphans.count === 0;
    for (const transaction of isEmpty ? [] : transactions) {
      const txid = transactionId(transaction);
      const entry = this.#graph.get(txid);
      if (entry !== undefined) this.#mined(entry, height);
      else this.#remove(this.#rivals(transaction), 'conflict', height);
      // Its own copy among them.
      for (const input of transaction.inputs) {
        for (const orphan of this.#orphans.spending(input)) this.#orphans.remove(orphan.txid);
      }
      for (const orphan of this.#orphans.childrenOf(txid, transaction)) this.#woken.add(orphan);
    }
    this.#hooks.onBlock(height);
  }

  #rivals({inputs}: Transaction): PoolEntry[] {
    return inputs.flatMap(({txid, index}) => this.#graph.spender(txid, index) ?? []);
  }

  #mined(entry: PoolEntry, height: number): void {
    const {children} = entry;
    for (const child of children) child.coins = confirmedCoins(child, entry.txid, height);
    this.#graph.removeMined(entry);
    this.#hooks.onRemoved([entry], 'mined', height);
  }

  #disconnected({transactions}: Block, height: number): void {
    this.#wentBack = true;
    const orphaned = transactions.flatMap((transaction) => {
      const txid = transactionId(transaction);
      return transaction.outputs.flatMap((_, index) => this.#graph.spender(txid, index) ?? []);
    });
    this.#displaced.unshift(...this.#remove(orphaned, 'reorganised', height));
    this.#returning.unshift(...transactions.filter((transaction) => !isCoinbase(transaction)));
    this.#returningBytes += transactions.reduce((sum, transaction) => sum + transactionSize(transaction).size, 0);
    while (this.#returningBytes > MAX_RETURNING_BYTES && this.#returning.length > 0) {
      this.#returningBytes -= transactionSize(this.#returning.pop()!).size;
    }
  }

  /** The tip is known: what is left must be fit for the block after it. */
  #settle(): void {
    const next = this.#hooks.next();
    const unfit: PoolEntry[] = [];
    for (const entry of this.#graph.entries()) if (!this.#isFit(entry, next)) unfit.push(entry);
    this.#remove(unfit, 'invalid', next.height - 1);
    const returning: Returning[] = [
      ...this.#returning.map((transaction) => ({transaction, timeMs: undefined, isLocal: false})),
      ...parentsFirst(this.#displaced).map(({transaction, timeMs, isLocal}) => ({transaction, timeMs, isLocal})),
    ];
    const woken = [...this.#woken];
    this.#returning = [];
    this.#returningBytes = 0;
    this.#displaced = [];
    this.#woken = new Set();
    this.#wentBack = false;
    if (returning.length > 0 || woken.length > 0) this.#hooks.onSettled(returning, woken);
  }

  /** Blocks alone make no entry unfit but by age; taking blocks back may make it unripe again. */
  #isFit(entry: PoolEntry, next: NextBlock): boolean {
    try {
      checkAges(next, entry.coins);
      if (this.#wentBack) checkLocks(next, entry.transaction, this.#presentCoins(entry, next));
      return true;
    } catch (error) {
      if (error instanceof PolicyError) return false;
      throw error;
    }
  }

  /** Coins of the pool will be in the next block at the earliest, whatever the tip was when they came. */
  #presentCoins({transaction, coins}: PoolEntry, {height}: NextBlock): Coin[] {
    return coins.map((coin, input) =>
      this.#graph.get(transaction.inputs[input]!.txid) === undefined ? coin : {...coin, height},
    );
  }
}

function confirmedCoins({transaction, coins}: PoolEntry, parent: Uint8Array, height: number): Coin[] {
  const key = transactionKey(parent);
  return coins.map((coin, input) =>
    transactionKey(transaction.inputs[input]!.txid) === key ? {...coin, height} : coin,
  );
}

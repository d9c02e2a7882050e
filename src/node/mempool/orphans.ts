// Transactions whose inputs are not known yet.   chain spec §4.3
import {outpointKey} from '../../core/consensus/index.ts';
import type {Outpoint, Transaction} from '../../core/primitives/index.ts';
import {transactionKey} from './pool-graph.ts';

const MAX_ORPHANS = 100;
export const MAX_ORPHAN_BYTES = 100_000;
const MAX_AGE_MS = 15 * 60_000;

export interface Orphan {
  readonly txid: Uint8Array;
  readonly transaction: Transaction;
  /** Who sent it. */
  readonly peer: string;
  readonly timeMs: number;
}

/** A bounded number of orphans. When there are too many, the peer with the most of them loses its oldest. */
export class Orphans {
  readonly #orphans = new Map<string, Orphan>();
  readonly #waiting = new Map<string, Set<Orphan>>();
  readonly #ofPeer = new Map<string, Set<Orphan>>();

  get count(): number {
    return this.#orphans.size;
  }

  has(txid: Uint8Array): boolean {
    return this.#orphans.has(transactionKey(txid));
  }

  add(orphan: Orphan): void {
    const key = transactionKey(orphan.txid);
    if (this.#orphans.has(key)) return;
    this.expire(orphan.timeMs);
    this.#orphans.set(key, orphan);
    addTo(this.#ofPeer, orphan.peer, orphan);
    for (const {txid, index} of orphan.transaction.inputs) addTo(this.#waiting, outpointKey(txid, index), orphan);
    while (this.#orphans.size > MAX_ORPHANS) this.#dropOne();
  }

  #dropOne(): void {
    let most: Set<Orphan> = new Set();
    for (const own of this.#ofPeer.values()) if (own.size > most.size) most = own;
    const [oldest] = most;
    this.remove(oldest!.txid);
  }

  remove(txid: Uint8Array): void {
    const key = transactionKey(txid);
    const orphan = this.#orphans.get(key);
    if (orphan === undefined) return;
    this.#orphans.delete(key);
    removeFrom(this.#ofPeer, orphan.peer, orphan);
    for (const input of orphan.transaction.inputs) {
      removeFrom(this.#waiting, outpointKey(input.txid, input.index), orphan);
    }
  }

  /** Forgets what a peer has sent, when it is gone. */
  removePeer(peer: string): void {
    for (const {txid} of [...(this.#ofPeer.get(peer) ?? [])]) this.remove(txid);
  }

  expire(nowMs: number): void {
    for (const {txid, timeMs} of [...this.#orphans.values()]) if (nowMs - timeMs >= MAX_AGE_MS) this.remove(txid);
  }

  /** Orphans that spend an outpoint. */
  spending({txid, index}: Outpoint): Orphan[] {
    return [...(this.#waiting.get(outpointKey(txid, index)) ?? [])];
  }

  /** Orphans that spend outputs of a transaction, each once. */
  childrenOf(txid: Uint8Array, {outputs}: Transaction): Orphan[] {
    if (this.#orphans.size === 0) return [];
    return [...new Set(outputs.flatMap((_, index) => this.spending({txid, index})))];
  }
}

function addTo(sets: Map<string, Set<Orphan>>, key: string, orphan: Orphan): void {
  const own = sets.get(key);
  if (own === undefined) sets.set(key, new Set([orphan]));
  else own.add(orphan);
}

function removeFrom(sets: Map<string, Set<Orphan>>, key: string, orphan: Orphan): void {
  const own = sets.get(key);
  own?.delete(orphan);
  if (own?.size === 0) sets.delete(key);
}

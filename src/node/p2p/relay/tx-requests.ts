// Transactions that peers announced and that are asked for, one peer at a time.
import {hashKey} from '../../../core/bytes/index.ts';

export const TX_DEADLINE_MS = 30_000;
/** Announcements of one peer that are remembered. */
export const MAX_PEER_ANNOUNCEMENTS = 5000;
const MAX_ANNOUNCERS = 8;

interface Wanted {
  readonly txid: Uint8Array;
  /** Peers that have it and were not asked, in order. */
  readonly announcers: number[];
  asked: number | undefined;
  askedMs: number;
}

/** Asks a peer for transactions. */
export type AskFor = (peer: number, txids: readonly Uint8Array[]) => void;

/** Bounded by what each peer may announce. */
export class TxRequests {
  readonly #wanted = new Map<string, Wanted>();
  readonly #counts = new Map<number, number>();

  get size(): number {
    return this.#wanted.size;
  }

  #count(peer: number, change: number): void {
    const count = (this.#counts.get(peer) ?? 0) + change;
    if (count <= 0) this.#counts.delete(peer);
    else this.#counts.set(peer, count);
  }

  /** A peer has transactions; those nobody is asked for are asked of it. */
  announced(peer: number, txids: readonly Uint8Array[], nowMs: number, ask: AskFor): void {
    const now: Uint8Array[] = [];
    for (const txid of txids) {
      if ((this.#counts.get(peer) ?? 0) >= MAX_PEER_ANNOUNCEMENTS) break;
      const key = hashKey(txid);
      const wanted = this.#wanted.get(key);
      if (wanted === undefined) {
        this.#wanted.set(key, {txid, announcers: [], asked: peer, askedMs: nowMs});
        this.#count(peer, 1);
        now.push(txid);
      } else if (
        wanted.asked !== peer &&
        !wanted.announcers.includes(peer) &&
        wanted.announcers.length < MAX_ANNOUNCERS
      ) {
        wanted.announcers.push(peer);
        this.#count(peer, 1);
      }
    }
    if (now.length > 0) ask(peer, now);
  }

  /** True when the peer was asked for it. The transaction has come, from whomever. */
  received(peer: number, txid: Uint8Array): boolean {
    const key = hashKey(txid);
    const wanted = this.#wanted.get(key);
    if (wanted === undefined) return false;
    this.#wanted.delete(key);
    if (wanted.asked !== undefined) this.#count(wanted.asked, -1);
    for (const other of wanted.announcers) this.#count(other, -1);
    return wanted.asked === peer;
  }

  /** The peer does not have it after all. */
  notFound(peer: number, txid: Uint8Array, nowMs: number, ask: AskFor): void {
    const wanted = this.#wanted.get(hashKey(txid));
    if (wanted?.asked === peer) this.#next([wanted], nowMs, ask);
  }

  /** Asks the next announcer of each; forgets what nobody else has. */
  #next(all: readonly Wanted[], nowMs: number, ask: AskFor): void {
    const batches = new Map<number, Uint8Array[]>();
    for (const wanted of all) {
      if (wanted.asked !== undefined) this.#count(wanted.asked, -1);
      wanted.asked = wanted.announcers.shift();
      wanted.askedMs = nowMs;
      if (wanted.asked === undefined) this.#wanted.delete(hashKey(wanted.txid));
      else batches.set(wanted.asked, [...(batches.get(wanted.asked) ?? []), wanted.txid]);
    }
    for (const [peer, txids] of batches) ask(peer, txids);
  }

  tick(nowMs: number, ask: AskFor): void {
    const overdue = [...this.#wanted.values()].filter(({askedMs}) => nowMs - askedMs >= TX_DEADLINE_MS);
    if (overdue.length > 0) this.#next(overdue, nowMs, ask);
  }

  gone(peer: number, nowMs: number, ask: AskFor): void {
    const asked: Wanted[] = [];
    for (const wanted of this.#wanted.values()) {
      const at = wanted.announcers.indexOf(peer);
      if (at >= 0) wanted.announcers.splice(at, 1);
      if (wanted.asked === peer) asked.push(wanted);
    }
    this.#next(asked, nowMs, ask);
    this.#counts.delete(peer);
  }
}

import {type Transaction, transactionId} from '../../src/core/primitives/index.ts';
import type {RelayPool, RelayPoolEvent, RelayVerdict} from '../../src/node/p2p/relay/relay-pool.ts';

const TAKEN: RelayVerdict = {accepted: true, missing: [], refused: []};
const key = (txid: Uint8Array): string => Buffer.from(txid).toString('hex');

/** A pool that takes everything, or does what the test says. */
export class FakeRelayPool implements RelayPool {
  readonly #transactions = new Map<string, Transaction>();
  readonly #listeners = new Set<(event: RelayPoolEvent) => void>();
  readonly rates: Map<string, bigint> = new Map();
  readonly gone: number[] = [];
  minimumUnitsPerKb = 0n;
  due: Uint8Array[] = [];
  judge: (transaction: Transaction, peer: number) => Promise<RelayVerdict> = () => Promise.resolve(TAKEN);

  async accept(transaction: Transaction, peer: number): Promise<RelayVerdict> {
    const verdict = await this.judge(transaction, peer);
    if (verdict.accepted) this.put(transaction);
    return verdict;
  }

  put(transaction: Transaction, unitsPerKb = 1000n): Uint8Array {
    const txid = transactionId(transaction);
    this.#transactions.set(key(txid), transaction);
    this.rates.set(key(txid), unitsPerKb);
    for (const listener of this.#listeners) listener({type: 'added', txid});
    return txid;
  }

  remove(txid: Uint8Array): void {
    this.#transactions.delete(key(txid));
    for (const listener of this.#listeners) listener({type: 'removed', txid});
  }

  has(txid: Uint8Array): boolean {
    return this.#transactions.has(key(txid));
  }

  get(txid: Uint8Array): Transaction | undefined {
    return this.#transactions.get(key(txid));
  }

  unitsPerKb(txid: Uint8Array): bigint | undefined {
    return this.rates.get(key(txid));
  }

  *txids(): Generator<Uint8Array> {
    for (const text of this.#transactions.keys()) yield new Uint8Array(Buffer.from(text, 'hex'));
  }

  subscribe(listener: (event: RelayPoolEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  dueForRebroadcast(): readonly Uint8Array[] {
    return this.due.splice(0);
  }

  peerGone(peer: number): void {
    this.gone.push(peer);
  }
}

/** A transaction that differs from others by its number. */
export function numbered(number: number, witness: readonly Uint8Array[] = []): Transaction {
  const txid = new Uint8Array(32).fill(1);
  return {
    version: 1,
    inputs: [{txid, index: number, script: new Uint8Array(0), sequence: 0, witness}],
    outputs: [{value: 1n, script: Uint8Array.of(0x51)}],
    lockTime: 0,
  };
}

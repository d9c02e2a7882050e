// What websocket clients have asked to hear of, and what they are told.   chain spec §4.6.4
import {encodeHex} from '../../core/bytes/index.ts';
import {decodeAnyAddress, withoutVotes} from '../../core/consensus/index.ts';
import type {Network} from '../../core/params/index.ts';
import {
  type BlockBody,
  type BlockHeader,
  encodeHeader,
  encodeTransaction,
  type Transaction,
  transactionId,
} from '../../core/primitives/index.ts';
import type {ChainBlock} from '../chain/block-tree.ts';
import {shownHash} from '../chain/layout.ts';

const MAX_FILTER_ENTRIES = 1_000_000;

/** A notification: a request without id. */
export interface Notification {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** Which transactions a client wants: those that pay to or spend from what it knows. */
export class TransactionFilter {
  readonly #scripts = new Set<string>();
  readonly #outpoints = new Set<string>();

  /** Throws AddressError, RangeError when it becomes too large. */
  add(network: Network, addresses: readonly string[], outpoints: readonly {txid: Uint8Array; index: number}[]): void {
    for (const address of addresses) this.#scripts.add(encodeHex(decodeAnyAddress(address, network.addresses).script));
    for (const {txid, index} of outpoints) this.#outpoints.add(`${encodeHex(txid)}:${index}`);
    if (this.#scripts.size + this.#outpoints.size > MAX_FILTER_ENTRIES) {
      throw new RangeError(`a filter may have ${MAX_FILTER_ENTRIES} entries`);
    }
  }

  /** Throws AddressError. */
  remove(
    network: Network,
    addresses: readonly string[],
    outpoints: readonly {txid: Uint8Array; index: number}[],
  ): void {
    for (const address of addresses)
      this.#scripts.delete(encodeHex(decodeAnyAddress(address, network.addresses).script));
    for (const {txid, index} of outpoints) this.#outpoints.delete(`${encodeHex(txid)}:${index}`);
  }

  get isEmpty(): boolean {
    return this.#scripts.size + this.#outpoints.size === 0;
  }

  clear(): void {
    this.#scripts.clear();
    this.#outpoints.clear();
  }

  /** True when the transaction spends what the client knows. */
  spends({inputs}: Transaction): boolean {
    return inputs.some(({txid, index}) => this.#outpoints.has(`${encodeHex(txid)}:${index}`));
  }

  /** True when the transaction pays the client; its outputs are remembered, so that their spending is heard of too. */
  pays(transaction: Transaction): boolean {
    const own = transaction.outputs.flatMap(({script}, index) =>
      this.#scripts.has(encodeHex(withoutVotes(script))) ? [index] : [],
    );
    if (own.length === 0) return false;
    const txid = encodeHex(transactionId(transaction));
    for (const index of own) this.#outpoints.add(`${txid}:${index}`);
    return true;
  }

  /** True when the client wants the transaction. */
  matches(transaction: Transaction): boolean {
    const pays = this.pays(transaction);
    return this.spends(transaction) || pays;
  }
}

/** What one client listens to. */
export interface Subscriber {
  blocks: boolean;
  transactions: false | 'ids' | 'objects';
  readonly filter: TransactionFilter;
  /** What the older calls have asked for. */
  readonly watched: TransactionFilter;
  send(notification: Notification): void;
  /** Sends and waits until the client takes it. */
  deliver(notification: Notification): Promise<void>;
}

/** A client that has asked for nothing yet. */
export function createSubscriber(ways: Pick<Subscriber, 'send' | 'deliver'>): Subscriber {
  return {
    blocks: false,
    transactions: false,
    filter: new TransactionFilter(),
    watched: new TransactionFilter(),
    ...ways,
  };
}

/** Where a transaction stands, as the older notices show it. */
export function placeMembers({time}: BlockHeader, {hash, height}: ChainBlock, index: number): object {
  return {height, hash: shownHash(hash), index, time};
}

/** The older notices of a transaction: that it spends, that it pays. */
export function oldNotices(filter: TransactionFilter, transaction: Transaction, place?: object): Notification[] {
  const kinds = [filter.spends(transaction) && 'redeemingtx', filter.pays(transaction) && 'recvtx'];
  const wanted = kinds.filter((method) => method !== false);
  if (wanted.length === 0) return [];
  const hex = encodeHex(encodeTransaction(transaction));
  return wanted.map((method) => ({method, params: place === undefined ? [hex] : [hex, place]}));
}

/** Tells subscribers of blocks and transactions. */
export class Notifications {
  readonly #subscribers = new Set<Subscriber>();

  add(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
  }

  remove(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
  }

  blockConnected({header, transactions}: BlockBody, {hash, height}: ChainBlock): void {
    const headerHex = encodeHex(encodeHeader(header));
    for (const {blocks, filter, watched, send} of this.#subscribers) {
      for (const [index, transaction] of watched.isEmpty ? [] : transactions.entries()) {
        for (const notice of oldNotices(watched, transaction, placeMembers(header, {hash, height}, index)))
          send(notice);
      }
      if (!blocks) continue;
      const wanted = transactions.filter((transaction) => filter.matches(transaction));
      const hex = wanted.map((transaction) => encodeHex(encodeTransaction(transaction)));
      send({method: 'blockconnected', params: [shownHash(hash), height, header.time]});
      send({method: 'filteredblockconnected', params: [height, headerHex, hex]});
    }
  }

  blockDisconnected({header}: BlockBody, {hash, height}: ChainBlock): void {
    for (const {blocks, send} of this.#subscribers) {
      if (!blocks) continue;
      send({method: 'blockdisconnected', params: [shownHash(hash), height, header.time]});
      send({method: 'filteredblockdisconnected', params: [height, encodeHex(encodeHeader(header))]});
    }
  }

  /** describe: the transaction as an object, made when somebody wants it. */
  transactionAccepted(transaction: Transaction, amount: number, describe: () => unknown): void {
    for (const {transactions, filter, watched, send} of this.#subscribers) {
      for (const notice of oldNotices(watched, transaction)) send(notice);
      if (transactions === 'ids') send({method: 'txaccepted', params: [shownHash(transactionId(transaction)), amount]});
      else if (transactions === 'objects') send({method: 'txacceptedverbose', params: [describe()]});
      if (filter.matches(transaction)) {
        send({method: 'relevanttxaccepted', params: [encodeHex(encodeTransaction(transaction))]});
      }
    }
  }
}

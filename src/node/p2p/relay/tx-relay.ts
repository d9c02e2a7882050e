// Transactions between peers: announced by inventory at random moments, asked for once, sent on.   chain spec §2.8.7
import {hashKey} from '../../../core/bytes/index.ts';
import {RULES, RuleError} from '../../../core/consensus/index.ts';
import {CodedError} from '../../../core/errors.ts';
import {decodeTransaction, hasWitness, type Transaction, transactionId} from '../../../core/primitives/index.ts';
import {INVENTORY, type InventoryItem, WITNESS_FLAG} from '../../../core/protocol/p2p/index.ts';
import {PolicyError} from '../../mempool/errors.ts';
import type {Connection} from '../connection.ts';
import {penaltyOf} from '../errors.ts';
import {RollingSet} from '../rolling-set.ts';
import {Tasks} from '../tasks.ts';
import type {RelayPool, RelayPoolEvent} from './relay-pool.ts';
import {type AskFor, TxRequests} from './tx-requests.ts';

const MEAN_TRICKLE_MS = {outbound: 2000, manual: 2000, inbound: 5000};
const MAX_PER_TRICKLE = 500;
/** Announcements that wait for one peer. */
const MAX_WAITING = 10_000;
/** Transactions of one peer that wait to be judged; then the peer is not read. */
const MAX_JUDGED = 32;
const MAX_JUDGED_BYTES: number = 2 ** 20;
const REFUSED_REMEMBERED = 20_000;
const FEE_FILTER_MS = 60_000;
/** The rate is told again when it has changed by more than a quarter. */
const FEE_FILTER_STEP = 4n;
const FIRST_VERSION_WITH_FEE_FILTER = 70013;
const REJECT_MALFORMED = 0x01;
/** Refusals that are no business of the peer. */
const OUR_OWN: ReadonlySet<string> = new Set(['already-known', 'overloaded', 'closed']);
/** Refusals that say nothing about the transaction, or something about its witnesses alone. */
const PASSING_POLICY: ReadonlySet<string> = new Set([
  'already-known',
  'overloaded',
  'closed',
  'script-policy',
  'input-form',
]);
const MAX_MEMPOOL_ITEMS = 50_000;

export interface TxRelayOptions {
  readonly pool: RelayPool;
  readonly magic: number;
  readonly nowMs: () => number;
  /** A random number, 0 ≤ x < 1. */
  readonly random: () => number;
  /** The node is current: before that nobody's transactions are of use. */
  readonly isCurrent: () => boolean;
  readonly onFailure: (error: unknown) => void;
}

interface TxPeer {
  readonly connection: Connection;
  /** Ids to be announced, by key. */
  readonly waiting: Map<string, Uint8Array>;
  nextTrickleMs: number;
  toldMinimum: bigint;
  nextMinimumMs: number;
  /** Transactions that are being judged, and their bytes. */
  judged: number;
  judgedBytes: number;
  held: boolean;
}

export class TxRelay {
  readonly #options: TxRelayOptions;
  readonly #peers = new Map<number, TxPeer>();
  readonly #requests = new TxRequests();
  readonly #refused = new RollingSet(REFUSED_REMEMBERED);
  readonly #tasks = new Tasks();
  readonly #unsubscribe: () => void;

  constructor(options: TxRelayOptions) {
    this.#options = options;
    this.#unsubscribe = options.pool.subscribe((event) => this.#poolChanged(event));
  }

  /** Transactions asked for. */
  get pending(): number {
    return this.#requests.size;
  }

  ready(connection: Connection): void {
    const {nowMs} = this.#options;
    const peer = {
      connection,
      waiting: new Map(),
      nextTrickleMs: nowMs() + this.#delay(connection),
      toldMinimum: 0n,
      nextMinimumMs: 0,
      judged: 0,
      judgedBytes: 0,
      held: false,
    };
    this.#peers.set(connection.id, peer);
    this.#tellMinimum(peer, nowMs());
  }

  gone(connection: Connection): void {
    if (!this.#peers.delete(connection.id)) return;
    this.#requests.gone(connection.id, this.#options.nowMs(), this.#ask);
    this.#options.pool.peerGone(connection.id);
  }

  /** Exponentially distributed, so that the moment tells nobody where a transaction comes from. */
  #delay({kind}: Connection): number {
    return -Math.log(1 - this.#options.random()) * MEAN_TRICKLE_MS[kind];
  }

  readonly #ask: AskFor = (id, txids) => {
    const peer = this.#peers.get(id);
    const type = INVENTORY.tx | WITNESS_FLAG;
    peer?.connection.send(
      this.#options.magic,
      'getdata',
      txids.map((hash) => ({type, hash})),
    );
  };

  #poolChanged(event: RelayPoolEvent): void {
    if (event.type === 'added') this.announce(event.txid);
    else for (const {waiting} of this.#peers.values()) waiting.delete(hashKey(event.txid));
  }

  /** Announces a transaction to all who do not know it, each at its own moment. */
  announce(txid: Uint8Array): void {
    const key = hashKey(txid);
    for (const peer of this.#peers.values()) this.#announceTo(peer, key, txid);
  }

  #announceTo({connection, waiting}: TxPeer, key: string, txid: Uint8Array): void {
    if (connection.knownTransactions.has(key) || connection.peer.version?.relay !== true) return;
    if (waiting.size < MAX_WAITING) waiting.set(key, txid);
  }

  receiveInventory(connection: Connection, items: readonly InventoryItem[]): void {
    const txids = items.filter(({type}) => type === INVENTORY.tx).map(({hash}) => hash);
    for (const txid of txids) connection.knownTransactions.add(hashKey(txid));
    if (!this.#options.isCurrent()) return;
    const wanted = txids.filter((txid) => !this.#options.pool.has(txid) && !this.#refused.has(hashKey(txid)));
    if (wanted.length > 0) this.#requests.announced(connection.id, wanted, this.#options.nowMs(), this.#ask);
  }

  receiveNotFound(connection: Connection, items: readonly InventoryItem[]): void {
    for (const {hash} of items) this.#requests.notFound(connection.id, hash, this.#options.nowMs(), this.#ask);
  }

  receive(connection: Connection, bytes: Uint8Array): void {
    const peer = this.#peers.get(connection.id);
    if (peer === undefined) return;
    let transaction: Transaction;
    try {
      transaction = decodeTransaction(bytes);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#reject(connection, error, undefined);
      return;
    }
    const txid = transactionId(transaction);
    const key = hashKey(txid);
    this.#requests.received(connection.id, txid);
    connection.knownTransactions.add(key);
    if (!this.#options.isCurrent() || this.#options.pool.has(txid) || this.#refused.has(key)) return;
    this.#tasks.run(this.#judge(peer, transaction, txid, bytes.length), this.#options.onFailure);
  }

  /** Counts what is being judged of a peer; where it is much, the peer is not read. */
  #count(peer: TxPeer, transactions: number, bytes: number): void {
    peer.judged += transactions;
    peer.judgedBytes += bytes;
    const much = peer.judged >= MAX_JUDGED || peer.judgedBytes >= MAX_JUDGED_BYTES;
    if (much === peer.held) return;
    peer.held = much;
    if (much) peer.connection.hold();
    else peer.connection.release();
  }

  async #judge(peer: TxPeer, transaction: Transaction, txid: Uint8Array, bytes: number): Promise<void> {
    const {connection} = peer;
    this.#count(peer, 1, bytes);
    try {
      const {accepted, missing, refused} = await this.#options.pool.accept(transaction, connection.id);
      for (const {peer: sender, error} of refused) this.#peers.get(sender)?.connection.charge(error);
      if (accepted) connection.lastUsefulMs = this.#options.nowMs();
      const unknown = missing.filter(
        (parent) => !this.#options.pool.has(parent) && !this.#refused.has(hashKey(parent)),
      );
      if (connection.isReady) this.#requests.announced(connection.id, unknown, this.#options.nowMs(), this.#ask);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      if (isLasting(error, transaction)) this.#refused.add(hashKey(txid));
      if (!OUR_OWN.has(error.code)) this.#reject(connection, error, txid);
    } finally {
      this.#count(peer, -1, -bytes);
    }
  }

  #reject(connection: Connection, error: CodedError, hash: Uint8Array | undefined): void {
    // The reason is text of the table: nothing that the peer sent is repeated.
    connection.send(this.#options.magic, 'reject', {message: 'tx', code: rejectCode(error), reason: error.code, hash});
    if (penaltyOf(error) > 0) connection.charge(error);
  }

  /** Answers `mempool`; the peer has been charged for it. */
  tellAll(connection: Connection): void {
    const items: InventoryItem[] = [];
    for (const hash of this.#options.pool.txids()) {
      if (items.length >= MAX_MEMPOOL_ITEMS) break;
      if (this.#paysEnough(connection, hash)) items.push({type: INVENTORY.tx, hash});
    }
    for (const {hash} of items) connection.knownTransactions.add(hashKey(hash));
    if (items.length > 0) connection.send(this.#options.magic, 'inv', items);
  }

  #paysEnough({peer}: Connection, txid: Uint8Array): boolean {
    return (this.#options.pool.unitsPerKb(txid) ?? -1n) >= peer.minUnitsPerKb;
  }

  #trickle(peer: TxPeer, nowMs: number): void {
    const {connection, waiting} = peer;
    peer.nextTrickleMs = nowMs + this.#delay(connection);
    const items: InventoryItem[] = [];
    for (const [key, hash] of waiting) {
      if (items.length >= MAX_PER_TRICKLE) break;
      waiting.delete(key);
      if (connection.knownTransactions.has(key) || !this.#paysEnough(connection, hash)) continue;
      connection.knownTransactions.add(key);
      items.push({type: INVENTORY.tx, hash});
    }
    if (items.length > 0) connection.send(this.#options.magic, 'inv', items);
  }

  #tellMinimum(peer: TxPeer, nowMs: number): void {
    if (nowMs < peer.nextMinimumMs) return;
    peer.nextMinimumMs = nowMs + FEE_FILTER_MS;
    const minimum = this.#options.pool.minimumUnitsPerKb;
    const {toldMinimum: told, connection} = peer;
    const difference = minimum > told ? minimum - told : told - minimum;
    if (connection.peer.protocolVersion < FIRST_VERSION_WITH_FEE_FILTER) return;
    if (difference * FEE_FILTER_STEP <= told && difference * FEE_FILTER_STEP <= minimum) return;
    peer.toldMinimum = minimum;
    connection.send(this.#options.magic, 'feefilter', {unitsPerKb: minimum});
  }

  tick(nowMs: number): void {
    this.#requests.tick(nowMs, this.#ask);
    for (const txid of this.#options.pool.dueForRebroadcast(nowMs)) {
      for (const {connection} of this.#peers.values()) connection.knownTransactions.delete(hashKey(txid));
      this.announce(txid);
    }
    for (const peer of [...this.#peers.values()]) {
      if (nowMs >= peer.nextTrickleMs) this.#trickle(peer, nowMs);
      this.#tellMinimum(peer, nowMs);
    }
  }

  /** A block may make valid what was refused before. */
  blockConnected(): void {
    this.#refused.clear();
  }

  /** Waits for transactions that are being judged. */
  async close(): Promise<void> {
    this.#unsubscribe();
    await this.#tasks.settled();
  }
}

function rejectCode(error: CodedError): number {
  if (error instanceof RuleError) return RULES[error.code].reject;
  return error instanceof PolicyError ? error.reject : REJECT_MALFORMED;
}

/** Refusals that another form of the same transaction, or another moment, would not escape. The id covers no witnesses. */
function isLasting(error: CodedError, transaction: Transaction): boolean {
  if (hasWitness(transaction)) return false;
  return error instanceof RuleError ? error.code !== 'ErrScriptValidation' : !PASSING_POLICY.has(error.code);
}

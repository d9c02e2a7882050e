// Synchronisation: headers first, blocks from many peers at once, proofs on threads before their turn, the chain strictly in
// order.   chain spec §2.8.6
//
// Owns: what peers are asked for, blocks that wait for their turn, whom a bad block is charged to. Does not own: rules (Chain),
// connections (Hub), announcements of our own (relay).
import {hashKey} from '../../../core/bytes/index.ts';
import {RULES, RuleError} from '../../../core/consensus/index.ts';
import {dsha256} from '../../../core/crypto/index.ts';
import {CodedError} from '../../../core/errors.ts';
import {type Block, decodeBlock, encodeHeader, HEADER_BYTES} from '../../../core/primitives/index.ts';
import {INVENTORY, type InventoryItem} from '../../../core/protocol/p2p/index.ts';
import {type Log, NO_LOG} from '../../../service/logs/log.ts';
import {StoreError} from '../../../service/stores/key-value-store.ts';
import type {ProofAhead} from '../../chain/proof-ahead.ts';
import type {Connection} from '../connection.ts';
import {PeerError} from '../errors.ts';
import {BlockFetch, MAX_BUFFERED_BYTES} from './block-fetch.ts';
import {type Branch, HeaderPool, type Place} from './header-pool.ts';
import {HeaderSync} from './header-sync.ts';
import type {PeerChain} from './peer-chain.ts';
import {Progress, type SyncProgress} from './progress.ts';
import {SyncPeer} from './sync-peer.ts';

/** Blocks handed to the chain and not answered: it takes what waits in groups. */
const MAX_HANDED_OVER = 128;
/** Proof checks begun before their turn. */
const MAX_AHEAD = 64;
/** Peers are asked again what they have when nothing has come for so long. */
const STALE_MS = 60_000;
const STALE_WHEN_CURRENT_MS = 600_000;
/** With so many outbound connections one may be given up for another. */
const ENOUGH_CHOSEN = 4;

export interface BlockSyncOptions {
  readonly chain: PeerChain;
  readonly nowMs: () => number;
  readonly log?: Log;
  /** The chain fails for a reason that is not the block's: no more blocks are taken. */
  readonly onFailure: (error: unknown) => void;
  /** Bytes of blocks that wait for their turn. */
  readonly maxBufferedBytes?: number | undefined;
}

/** With too little room on the disk, blocks are tried again after this time. */
const ROOM_MS = 10_000;

/** A block that has come. */
interface Arrived {
  readonly block: Block;
  readonly key: string;
  readonly hash: Uint8Array;
  readonly height: number;
  readonly bytes: number;
  /** Who sent it. */
  readonly from: SyncPeer;
  ahead: ProofAhead | undefined;
  handedOver: boolean;
}

/** Blocks by hash, with the sum of their bytes. */
class BlockBuffer {
  readonly maxBytes: number;
  readonly #blocks = new Map<string, Arrived>();
  bytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  has(key: string): boolean {
    return this.#blocks.has(key);
  }

  get(key: string): Arrived | undefined {
    return this.#blocks.get(key);
  }

  get size(): number {
    return this.#blocks.size;
  }

  set(arrived: Arrived): void {
    this.#blocks.set(arrived.key, arrived);
    this.bytes += arrived.bytes;
  }

  delete({key, bytes}: Arrived): void {
    if (this.#blocks.delete(key)) this.bytes -= bytes;
  }

  values(): Arrived[] {
    return [...this.#blocks.values()];
  }
}

export class BlockSync {
  readonly #options: BlockSyncOptions;
  readonly #chain: PeerChain;
  readonly #log: Log;
  readonly #pool: HeaderPool;
  readonly #headers: HeaderSync;
  readonly #fetch: BlockFetch;
  readonly #peers = new Map<number, SyncPeer>();
  readonly #buffer: BlockBuffer;
  readonly #progress: Progress;
  #handedOver = 0;
  #ahead = 0;
  #stopped = false;
  /** The disk had too little room: nothing is handed over until then. */
  #roomAtMs: number | undefined;
  #freshMs: number;

  constructor(options: BlockSyncOptions) {
    const {chain, nowMs} = options;
    this.#options = options;
    this.#chain = chain;
    this.#log = options.log ?? NO_LOG;
    this.#buffer = new BlockBuffer(options.maxBufferedBytes ?? MAX_BUFFERED_BYTES);
    this.#pool = new HeaderPool({chain, nowMs});
    this.#headers = new HeaderSync({chain, pool: this.#pool, nowMs});
    this.#fetch = new BlockFetch({chain, pool: this.#pool, nowMs, buffer: this.#buffer}, this.#peers);
    this.#progress = new Progress(chain.height, nowMs());
    this.#freshMs = nowMs();
  }

  /** How far synchronisation is: for people, never for decisions. */
  progress(): SyncProgress {
    const branches = Math.max(0, ...this.#fetch.better().map(({headers}) => headers.height));
    const claimed = [...this.#peers.values()].filter(({connection}) => !connection.isInbound);
    const heights = claimed.map(({startHeight}) => startHeight).sort((a, b) => a - b);
    const median = heights[heights.length >> 1] ?? 0;
    const target = Math.max(this.#chain.height, branches, median);
    return this.#progress.report(this.#chain.height, target, this.#options.nowMs());
  }

  /** Bounded things, for tests and metrics. */
  get load(): {readonly headers: number; readonly blocks: number; readonly bytes: number; readonly requests: number} {
    const {pending: requests} = this.#fetch;
    return {headers: this.#pool.size, blocks: this.#buffer.size, bytes: this.#buffer.bytes, requests};
  }

  /** The greeting is done. */
  ready(connection: Connection): void {
    const peer = new SyncPeer(connection, this.#options.nowMs());
    this.#peers.set(peer.id, peer);
    // Who comes to us is asked only when it claims to have more.
    peer.exhausted = connection.isInbound && peer.startHeight <= this.#chain.height;
    this.#headers.ask(peer);
  }

  gone(connection: Connection): void {
    const peer = this.#peers.get(connection.id);
    if (peer === undefined) return;
    this.#peers.delete(peer.id);
    this.#fetch.forget(peer);
    this.#pool.forget(peer.id);
    this.#sweep();
    this.#proceed();
  }

  receiveHeaders(connection: Connection, headers: readonly Uint8Array[]): void {
    const peer = this.#peers.get(connection.id);
    if (peer === undefined) return;
    if (this.#headers.receive(peer, headers)) this.#freshMs = this.#options.nowMs();
    if (this.#peers.has(peer.id)) this.#headers.ask(peer);
    this.#sweep();
    this.#proceed();
  }

  /** Takes the blocks of an inventory. */
  receiveInventory(connection: Connection, items: readonly InventoryItem[]): void {
    const peer = this.#peers.get(connection.id);
    const blocks = items.filter(({type}) => type === INVENTORY.block);
    if (peer === undefined || blocks.length === 0) return;
    this.#headers.receiveInventory(peer, blocks);
    this.#proceed();
  }

  receiveNotFound(connection: Connection, items: readonly InventoryItem[]): void {
    const peer = this.#peers.get(connection.id);
    if (peer === undefined) return;
    for (const {hash} of items) this.#fetch.notFound(peer, hash);
    this.#sweep();
    this.#proceed();
  }

  receiveBlock(connection: Connection, bytes: Uint8Array): void {
    const peer = this.#peers.get(connection.id);
    if (peer === undefined) return;
    // The header names the block: what was not asked for is not even decoded.
    const hash = dsha256(bytes.subarray(0, HEADER_BYTES));
    const key = hashKey(hash);
    if (bytes.length < HEADER_BYTES || this.#fetch.received(peer, key, bytes.length) === undefined) {
      connection.end(new PeerError('unrequested-block'));
      return;
    }
    connection.knownBlocks.add(key);
    connection.lastUsefulMs = this.#options.nowMs();
    const block = this.#decode(peer, bytes, hash);
    const place = block && this.#placeOf(peer, block, hash);
    if (place !== undefined && !this.#buffer.has(key)) this.#keep(peer, block!, hash, place, bytes.length);
    this.#proceed();
  }

  /** A block that cannot be read says nothing about its hash: it is asked of somebody else. */
  #decode(peer: SyncPeer, bytes: Uint8Array, hash: Uint8Array): Block | undefined {
    try {
      return decodeBlock(bytes);
    } catch (error) {
      const place = this.#pool.find(hash);
      if (place !== undefined) this.#fetch.again(hash, place.height);
      if (!(error instanceof CodedError)) throw error;
      peer.connection.charge(error);
      peer.connection.end(error);
      return undefined;
    }
  }

  /** Where a block belongs; for one known from an inventory alone its header decides. */
  #placeOf(peer: SyncPeer, block: Block, hash: Uint8Array): Place | undefined {
    const known = this.#pool.find(hash);
    if (known !== undefined) return known;
    try {
      const place = this.#pool.add(peer.id, encodeHeader(block.header));
      if (place === undefined) this.#headers.announced(peer);
      return place === 'known' ? undefined : place;
    } catch (error) {
      peer.connection.charge(error);
      return undefined;
    }
  }

  #keep(from: SyncPeer, block: Block, hash: Uint8Array, {branch, height}: Place, bytes: number): void {
    const isHead = height <= branch.done + 1;
    if (!isHead && this.#buffer.bytes + bytes > this.#buffer.maxBytes) {
      this.#fetch.again(hash, height);
      return;
    }
    const arrived = {block, key: hashKey(hash), hash, height, bytes, from, ahead: undefined, handedOver: false};
    this.#buffer.set(arrived);
    this.#startAhead(arrived, branch);
  }

  /** Begins the proof check: the branch tells the parents of the announcements before the blocks are there. */
  #startAhead(arrived: Arrived, branch: Branch): void {
    if (this.#ahead >= MAX_AHEAD) return;
    const {headers} = branch;
    const ahead = this.#chain.verifyAhead(arrived.block, {
      height: arrived.height,
      ancestorHash: (height) => (height < arrived.height ? headers.hashAt(height) : undefined),
    });
    this.#ahead++;
    const ended = (): void => {
      this.#ahead--;
    };
    ahead.result.then(ended, ended);
    arrived.ahead = ahead;
  }

  /** Hands over what has its turn, and asks for more. */
  #proceed(): void {
    if (this.#stopped || this.#lacksRoom()) return;
    this.#handOver();
    this.#fetch.schedule();
  }

  /** A clock that was set back does not make the wait longer. */
  #lacksRoom(): boolean {
    const nowMs = this.#options.nowMs();
    return this.#roomAtMs !== undefined && nowMs < this.#roomAtMs && nowMs >= this.#roomAtMs - ROOM_MS;
  }

  #handOver(): void {
    for (const branch of this.#fetch.better()) {
      branch.handed = Math.max(branch.handed, branch.done);
      while (branch.handed < branch.headers.height && this.#handedOver < MAX_HANDED_OVER) {
        const arrived = this.#buffer.get(hashKey(branch.headers.hashAt(branch.handed + 1)!));
        if (arrived === undefined) break;
        if (!arrived.handedOver) this.#handOverBlock(arrived);
        branch.handed++;
      }
    }
  }

  #handOverBlock(arrived: Arrived): void {
    arrived.handedOver = true;
    this.#handedOver++;
    this.#chain
      .accept(arrived.block, arrived.ahead)
      .then(
        () => this.#accepted(arrived),
        (error: unknown) => this.#refused(arrived, error),
      )
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#handedOver--;
        this.#proceed();
      });
  }

  #accepted(arrived: Arrived): void {
    this.#buffer.delete(arrived);
    if (this.#roomAtMs !== undefined) this.#log.info('the disk has room again, blocks are taken');
    this.#roomAtMs = undefined;
    this.#pool.advance();
    const nowMs = this.#options.nowMs();
    this.#freshMs = nowMs;
    this.#progress.blockTaken(this.#chain.height, nowMs);
    for (const peer of this.#peers.values()) this.#headers.ask(peer);
  }

  #refused(arrived: Arrived, error: unknown): void {
    if (error instanceof StoreError && error.code === 'disk-full') {
      this.#waitForRoom(arrived, error);
      return;
    }
    if (!(error instanceof RuleError)) throw error;
    // What was handed over behind it comes back.
    for (const branch of this.#pool.branches) branch.handed = branch.done;
    if (error.code === 'ErrDuplicateBlock') {
      this.#accepted(arrived);
      return;
    }
    if (error.code === 'ErrPreviousBlockUnknown') {
      // The block before it was refused.
      arrived.handedOver = false;
      arrived.ahead = undefined;
      this.#sweep();
      return;
    }
    this.#buffer.delete(arrived);
    this.#punish(arrived, error);
    if (isFinal(error, this.#chain.find(arrived.hash)?.state === 'failed')) {
      this.#pool.condemn(arrived.hash, arrived.height);
    } else {
      this.#fetch.again(arrived.hash, arrived.height);
    }
    this.#sweep();
  }

  /** Nothing was written: the block keeps its place and is handed over again later. */
  #waitForRoom(arrived: Arrived, error: StoreError): void {
    if (this.#roomAtMs === undefined) this.#log.error('no blocks are taken: the disk has too little room', {error});
    this.#roomAtMs = this.#options.nowMs() + ROOM_MS;
    for (const branch of this.#pool.branches) branch.handed = branch.done;
    arrived.handedOver = false;
  }

  /** Tells the sender and ends the connection, unless the block may still become valid. */
  #punish({hash, height, from}: Arrived, error: RuleError): void {
    const {code} = error;
    this.#log.debug('block refused', {height, code, peer: from.id});
    if (code === 'ErrTimeTooNew') {
      this.#pool.condemn(hash, height);
      return;
    }
    const {reject, text} = RULES[code];
    const reason = `${code}: ${text}`.slice(0, 200);
    from.connection.send(this.#chain.network.magic, 'reject', {
      message: 'block',
      code: reject,
      reason,
      hash,
    });
    from.connection.charge(error);
    from.connection.end(error);
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#options.onFailure(error);
  }

  /** Forgets blocks that belong to no branch any more. */
  #sweep(): void {
    for (const arrived of this.#buffer.values()) {
      if (!arrived.handedOver && this.#pool.find(arrived.hash) === undefined) this.#buffer.delete(arrived);
    }
    this.#fetch.sweep();
  }

  /** While the node is behind and nothing comes, one of those who have nothing makes room for another. */
  #replaceOne(): void {
    const chosen = [...this.#peers.values()].filter(({connection}) => connection.kind === 'outbound');
    const idle = chosen.filter(({exhausted, requests}) => exhausted && requests.size === 0);
    idle.sort((a, b) => a.startHeight - b.startHeight);
    if (chosen.length >= ENOUGH_CHOSEN) idle[0]?.connection.end(new PeerError('nothing-new'));
  }

  tick(nowMs: number): void {
    if (this.#stopped) return;
    const isCurrent = this.#chain.isCurrent(Math.floor(nowMs / 1000));
    const stale = nowMs - this.#freshMs >= (isCurrent ? STALE_WHEN_CURRENT_MS : STALE_MS);
    if (stale) this.#freshMs = nowMs;
    if (stale && !isCurrent) this.#replaceOne();
    this.#pool.advance();
    this.#fetch.tick(nowMs);
    for (const peer of [...this.#peers.values()]) {
      if (stale && !peer.connection.isInbound) peer.exhausted = false;
      this.#headers.tick(peer, nowMs);
    }
    this.#sweep();
    this.#proceed();
  }

  /** Takes no more blocks. */
  close(): void {
    this.#stopped = true;
  }
}

/** Refusals that hold for every block with this header. What the hash does not cover may be right in another message. */
function isFinal(error: RuleError, markedFailed: boolean): boolean {
  return (
    markedFailed ||
    error.code === 'ErrInvalidAncestorBlock' ||
    error.code === 'ErrForkTooOld' ||
    error.code === 'ErrBadCheckpoint'
  );
}

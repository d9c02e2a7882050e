// Asks peers for headers, or where they do not answer for inventories of blocks, and takes what they tell.   chain spec §2.8.6
import {hashKey} from '../../../core/bytes/index.ts';
import {RuleError} from '../../../core/consensus/index.ts';
import {dsha256} from '../../../core/crypto/index.ts';
import {decodeHeader} from '../../../core/primitives/index.ts';
import {type InventoryItem, PROTOCOL_VERSION} from '../../../core/protocol/p2p/index.ts';
import {PeerError} from '../errors.ts';
import {type HeaderPool, MAX_PEER_HEADERS} from './header-pool.ts';
import type {PeerChain} from './peer-chain.ts';
import type {SyncPeer} from './sync-peer.ts';

/** Headers in one message. */
export const FULL_HEADERS = 2000;
const FULL_INVENTORY = 500;
/** Headers that are kept ahead of the last block with a verified proof, above the last checkpoint. */
const AHEAD = 2000;
/** More are asked for when fewer than this are left. */
const ASK_BELOW = 1000;
/** Headers that may come unasked, as announcements.   BIP 130 */
const MAX_ANNOUNCED = 8;

export const HEADERS_DEADLINE_MS = 10_000;
const INVENTORY_DEADLINE_MS = 30_000;
/** A header from the future is asked for again after so long. */
const EARLY_RETRY_MS = 60_000;
/** A peer that does not answer getheaders is tried again after so long. */
const SILENCE_MS = 600_000;

const ZERO_HASH = new Uint8Array(32);

export interface HeaderSyncOptions {
  readonly chain: PeerChain;
  readonly pool: HeaderPool;
  readonly nowMs: () => number;
}

export class HeaderSync {
  readonly #chain: PeerChain;
  readonly #pool: HeaderPool;
  readonly #nowMs: () => number;

  constructor({chain, pool, nowMs}: HeaderSyncOptions) {
    this.#chain = chain;
    this.#pool = pool;
    this.#nowMs = nowMs;
  }

  /** How many more headers may be kept from a peer that has told of headers up to `height`. */
  #room(peer: SyncPeer, height: number): number {
    const left = MAX_PEER_HEADERS - this.#pool.headersOf(peer.id);
    const checkpoint = this.#chain.network.checkpoints.at(-1)?.height ?? 0;
    const limit = Math.max(checkpoint, this.#chain.height + AHEAD);
    return Math.min(left, limit - height);
  }

  /** Asks for what follows the last header that the peer is known to have, unless it is asked already or there is no room. */
  ask(peer: SyncPeer): void {
    const nowMs = this.#nowMs();
    if (peer.asked !== undefined || peer.exhausted || !peer.hasBlocks || peer.askAgainMs > nowMs) return;
    if (peer.wanted.length > 0) return;
    const last = this.#pool.lastOf(peer.id);
    if (last !== undefined && this.#room(peer, last.height) < ASK_BELOW) return;
    const locator = this.#chain.locator();
    const point = last === undefined ? peer.lastKnown : last.branch.headers.hashAt(last.height);
    if (point !== undefined) locator.unshift(point);
    const what = peer.silent ? 'blocks' : 'headers';
    peer.asked = {what, atMs: nowMs};
    peer.connection.send(this.#chain.network.magic, `get${what}`, {
      version: PROTOCOL_VERSION,
      locator,
      stop: ZERO_HASH,
    });
  }

  /** Takes headers; true when something was learned. */
  receive(peer: SyncPeer, headers: readonly Uint8Array[]): boolean {
    peer.silent = false;
    if (headers.length <= MAX_ANNOUNCED && !this.#isConnected(headers)) {
      // Answers always connect, so this is an announcement, and what lies before it is on its way or is asked for.
      this.announced(peer);
      return false;
    }
    const asked = this.#isAnswer(peer, headers.length);
    if (!asked && headers.length > MAX_ANNOUNCED) {
      peer.connection.end(new PeerError('unrequested-headers', {count: headers.length}));
      return false;
    }
    if (!asked && !peer.announced.take(headers.length, this.#nowMs())) {
      // Too many to look at each; the answer to one question tells of all.
      this.announced(peer);
      return false;
    }
    this.#pool.makeRoom(headers.length);
    const told = this.#take(peer, headers, asked);
    const more = told < headers.length || headers.length >= FULL_HEADERS;
    if (asked) peer.exhausted = !more;
    return told > 0;
  }

  #isConnected([first]: readonly Uint8Array[]): boolean {
    if (first === undefined) return true;
    const {previous} = decodeHeader(first);
    return this.#pool.find(previous) !== undefined || this.#chain.find(previous) !== undefined;
  }

  /** True when headers were asked for. */
  #isAnswer(peer: SyncPeer, count: number): boolean {
    if (peer.asked?.what === 'headers') {
      peer.asked = undefined;
      // It may have been an announcement, and the answer is still to come.
      if (count > 0 && count <= MAX_ANNOUNCED) peer.lateAnswers = Math.max(1, peer.lateAnswers);
      return true;
    }
    if (peer.lateAnswers === 0 || count <= MAX_ANNOUNCED) return false;
    peer.lateAnswers--;
    return true;
  }

  /** Puts headers into the pool as far as there is room; gives how many were dealt with. */
  #take(peer: SyncPeer, headers: readonly Uint8Array[], asked: boolean): number {
    const last = this.#pool.lastOf(peer.id)?.height ?? this.#chain.height;
    let room = asked ? this.#room(peer, last) : MAX_ANNOUNCED;
    let told = 0;
    try {
      for (const header of headers) {
        if (room <= 0) break;
        const place = this.#pool.add(peer.id, header);
        if (place === undefined) {
          this.#unconnected(peer, asked);
          return headers.length;
        }
        told++;
        if (place !== 'known') room--;
        if (place !== 'known' && told < headers.length) continue;
        const hash = dsha256(header);
        if (place === 'known') peer.lastKnown = hash;
        peer.connection.has(place === 'known' ? this.#chain.find(hash)?.height : place.height);
        peer.connection.knownBlocks.add(hashKey(hash));
      }
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      if (error.code === 'ErrTimeTooNew') peer.askAgainMs = this.#nowMs() + EARLY_RETRY_MS;
      peer.connection.charge(error);
    }
    return told;
  }

  #unconnected(peer: SyncPeer, asked: boolean): void {
    if (asked) peer.connection.charge(new PeerError('unconnected-headers'));
    this.announced(peer);
  }

  /** The peer has something that we do not know. */
  announced(peer: SyncPeer): void {
    peer.exhausted = false;
    this.ask(peer);
  }

  /** Takes the hashes of blocks from an inventory; true when something was learned. */
  receiveInventory(peer: SyncPeer, items: readonly InventoryItem[]): boolean {
    const unknown: Uint8Array[] = [];
    let joined = false;
    for (const {hash} of items) {
      peer.connection.knownBlocks.add(hashKey(hash));
      const place = this.#pool.find(hash);
      if (place !== undefined) {
        this.#pool.join(peer.id, place);
        joined = true;
        peer.connection.has(place.height);
      } else if (this.#isKnown(hash)) {
        peer.connection.has(this.#chain.find(hash)?.height);
      } else {
        unknown.push(hash);
      }
    }
    const answers = peer.asked?.what === 'blocks' && items.length > 0;
    if (answers) {
      peer.asked = undefined;
      peer.exhausted = items.length < FULL_INVENTORY;
      peer.wanted.push(...unknown.slice(0, FULL_INVENTORY - peer.wanted.length));
    } else if (unknown.length > 0) {
      this.announced(peer);
    }
    return joined || answers;
  }

  #isKnown(hash: Uint8Array): boolean {
    const state = this.#chain.find(hash)?.state;
    return state !== undefined && state !== 'header';
  }

  /** Looks after questions without an answer. */
  tick(peer: SyncPeer, nowMs: number): void {
    const {asked} = peer;
    if (asked?.what === 'headers' && nowMs - asked.atMs >= HEADERS_DEADLINE_MS) {
      peer.asked = undefined;
      peer.lateAnswers++;
      peer.silent = true;
    } else if (asked?.what === 'blocks' && nowMs - asked.atMs >= INVENTORY_DEADLINE_MS) {
      // Nobody answers getblocks when there is nothing to tell.
      peer.asked = undefined;
      peer.exhausted = true;
      peer.askAgainMs = 0;
    }
    if (peer.silent && peer.exhausted && asked === undefined && nowMs - peer.lastBlockMs >= SILENCE_MS) {
      peer.silent = peer.lateAnswers > 3;
    }
    this.ask(peer);
  }
}

// Which blocks are asked of whom.   chain spec §2.8.6
import {hashKey} from '../../../core/bytes/index.ts';
import {INVENTORY, WITNESS_FLAG} from '../../../core/protocol/p2p/index.ts';
import {PeerError} from '../errors.ts';
import type {Branch, HeaderPool} from './header-pool.ts';
import type {PeerChain} from './peer-chain.ts';
import type {SyncPeer} from './sync-peer.ts';

/** Blocks ahead of the chain that are fetched. */
export const WINDOW_BLOCKS = 1024;
/** Bytes of blocks that wait for their turn. */
export const MAX_BUFFERED_BYTES: number = 64 * 2 ** 20;
export const MAX_REQUESTS = 16;
/** A peer is asked again when fewer are under way: several hashes in one message. */
const REFILL_BELOW = 9;
export const BLOCK_DEADLINE_MS = 30_000;
/** So many deadlines missed in a row end the connection. */
const MAX_STALLS = 2;
/** A branch of which no block comes for so long is not waited for. */
export const BRANCH_DEADLINE_MS = 60_000;

const FIRST_AVERAGE_BYTES = 100_000;

/** Blocks that have come and wait for their turn. */
export interface Buffer {
  readonly bytes: number;
  readonly maxBytes: number;
  has(key: string): boolean;
}

export interface BlockFetchOptions {
  readonly chain: PeerChain;
  readonly pool: HeaderPool;
  readonly nowMs: () => number;
  readonly buffer: Buffer;
}

export class BlockFetch {
  readonly #options: BlockFetchOptions;
  readonly #peers: ReadonlyMap<number, SyncPeer>;
  /** Hashes under way, with the peer asked. */
  readonly #under = new Map<string, SyncPeer>();
  #averageBytes = FIRST_AVERAGE_BYTES;

  constructor(options: BlockFetchOptions, peers: ReadonlyMap<number, SyncPeer>) {
    this.#options = options;
    this.#peers = peers;
  }

  /** Blocks asked for and not come. */
  get pending(): number {
    return this.#under.size;
  }

  /** Branches worth fetching: those that would be better than the chain, the best first. */
  better(): Branch[] {
    const {chain, pool} = this.#options;
    const {work} = chain.find(chain.tip.hash)!;
    return [...pool.branches]
      .filter(({headers}) => headers.work > work)
      .sort((a, b) => b.members.size - a.members.size || (a.headers.work < b.headers.work ? 1 : -1));
  }

  /** Asks peers for blocks as far as windows, budgets and their requests allow. */
  schedule(): void {
    const batches = new Map<SyncPeer, Uint8Array[]>();
    const ask = (peer: SyncPeer, hash: Uint8Array, height: number | undefined): void => {
      const key = hashKey(hash);
      peer.requests.set(key, {hash, height, askedMs: this.#options.nowMs()});
      this.#under.set(key, peer);
      const batch = batches.get(peer) ?? [];
      batches.set(peer, batch);
      batch.push(hash);
    };
    const idle = new Set([...this.#peers.values()].filter((peer) => isIdle(peer)));
    if (idle.size === 0) return;
    for (const branch of this.better()) this.#scheduleBranch(branch, idle, ask);
    for (const peer of idle) this.#scheduleWanted(peer, ask);
    for (const [{connection}, hashes] of batches) {
      const type = INVENTORY.block | WITNESS_FLAG;
      connection.send(
        this.#options.chain.network.magic,
        'getdata',
        hashes.map((hash) => ({type, hash})),
      );
    }
  }

  #hasRoom(): boolean {
    const expected = this.#under.size * this.#averageBytes;
    const {bytes, maxBytes} = this.#options.buffer;
    return bytes + expected < maxBytes;
  }

  #scheduleBranch(
    branch: Branch,
    idle: ReadonlySet<SyncPeer>,
    ask: (peer: SyncPeer, hash: Uint8Array, height: number) => void,
  ): void {
    const {headers, done, again} = branch;
    const last = Math.min(headers.height, done + WINDOW_BLOCKS);
    const members = [...idle].filter(({id}) => branch.members.has(id));
    const tryHeight = (height: number): boolean => {
      const hash = headers.hashAt(height)!;
      const key = hashKey(hash);
      if (height <= done || this.#under.has(key) || this.#options.buffer.has(key)) return true;
      // The block that everything waits for is fetched whatever else waits.
      if (height > done + 1 && !this.#hasRoom()) return false;
      const peer = leastBusy(members, (member) => this.#mayAsk(branch, member, height, key));
      if (peer === undefined) return false;
      ask(peer, hash, height);
      return true;
    };
    for (const height of [...again].sort((a, b) => a - b)) {
      if (height > last || tryHeight(height)) again.delete(height);
    }
    while (branch.next <= last && tryHeight(branch.next)) branch.next++;
  }

  /** A peer that let the block's deadline pass is asked again only when nobody else has the block. */
  #mayAsk(branch: Branch, peer: SyncPeer, height: number, key: string): boolean {
    if (branch.members.get(peer.id)! < height) return false;
    if (!peer.late.has(key)) return true;
    return ![...branch.members].some(([id, upTo]) => upTo >= height && this.#peers.get(id)?.late.has(key) === false);
  }

  /** Blocks known from inventories alone, in their order.   chain spec §2.8.6 */
  #scheduleWanted(peer: SyncPeer, ask: (peer: SyncPeer, hash: Uint8Array, height: undefined) => void): void {
    while (peer.wanted.length > 0 && peer.requests.size < MAX_REQUESTS && this.#hasRoom()) {
      const hash = peer.wanted.shift()!;
      const key = hashKey(hash);
      const state = this.#options.chain.find(hash)?.state;
      const known = state !== undefined && state !== 'header';
      if (!known && !this.#under.has(key) && !this.#options.buffer.has(key)) ask(peer, hash, undefined);
    }
  }

  /** A block has come; undefined when it was neither asked for nor given up lately. */
  received(peer: SyncPeer, key: string, bytes: number): 'asked' | 'late' | undefined {
    if (peer.requests.delete(key)) {
      this.#under.delete(key);
      peer.stalls = 0;
      peer.lastBlockMs = this.#options.nowMs();
      this.#averageBytes += (bytes - this.#averageBytes) / 16;
      return 'asked';
    }
    return peer.late.delete(key) ? 'late' : undefined;
  }

  /** The block is to be asked for once more, of somebody who was not asked before. */
  again(hash: Uint8Array, height: number): void {
    for (const branch of this.#options.pool.containing(hash, height))
      if (height > branch.done) branch.again.add(height);
  }

  #giveUp(peer: SyncPeer, key: string): void {
    const request = peer.requests.get(key);
    if (request === undefined) return;
    peer.requests.delete(key);
    this.#under.delete(key);
    if (request.height !== undefined) this.again(request.hash, request.height);
  }

  /** The peer does not have the block. */
  notFound(peer: SyncPeer, hash: Uint8Array): void {
    const key = hashKey(hash);
    const height = peer.requests.get(key)?.height;
    this.#giveUp(peer, key);
    if (height === undefined) return;
    for (const branch of this.#options.pool.containing(hash, height)) {
      if (branch.members.has(peer.id)) this.#options.pool.lower(peer.id, branch, height);
    }
  }

  /** Blocks of branches that were dropped are not waited for; they may still come. */
  sweep(): void {
    for (const peer of this.#peers.values()) {
      for (const [key, {hash, height}] of peer.requests) {
        if (height === undefined || this.#options.pool.find(hash) !== undefined) continue;
        peer.requests.delete(key);
        this.#under.delete(key);
        peer.late.add(key);
      }
    }
  }

  /** The peer is gone. */
  forget(peer: SyncPeer): void {
    for (const key of [...peer.requests.keys()]) this.#giveUp(peer, key);
  }

  /** Looks after deadlines. */
  tick(nowMs: number): void {
    for (const peer of this.#peers.values()) this.#tickPeer(peer, nowMs);
    const better = new Set(this.better());
    for (const branch of [...this.#options.pool.branches]) {
      // Nothing is asked of branches that would not be better.
      if (!better.has(branch)) branch.progressMs = nowMs;
      if (nowMs - branch.progressMs < BRANCH_DEADLINE_MS) continue;
      const head = branch.headers.hashAt(branch.done + 1)!;
      if (!this.#options.buffer.has(hashKey(head))) this.#options.pool.drop(branch);
    }
  }

  #tickPeer(peer: SyncPeer, nowMs: number): void {
    const delivers = nowMs - peer.lastBlockMs < BLOCK_DEADLINE_MS;
    const overdue = [...peer.requests].filter(
      ([, {hash, height, askedMs}]) =>
        nowMs - askedMs >= BLOCK_DEADLINE_MS && (!delivers || this.#isHead(hash, height)),
    );
    if (overdue.length === 0) return;
    for (const [key] of overdue) {
      peer.late.add(key);
      this.#giveUp(peer, key);
    }
    if (!delivers && ++peer.stalls >= MAX_STALLS) peer.connection.end(new PeerError('stalled'));
  }

  #isHead(hash: Uint8Array, height: number | undefined): boolean {
    if (height === undefined) return false;
    return this.#options.pool.containing(hash, height).some(({done}) => height === done + 1);
  }
}

function isIdle(peer: SyncPeer): boolean {
  return peer.connection.isReady && peer.requests.size < REFILL_BELOW;
}

/** The peer with the fewest requests among those that may be asked. */
function leastBusy(peers: readonly SyncPeer[], mayAsk: (peer: SyncPeer) => boolean): SyncPeer | undefined {
  let best: SyncPeer | undefined;
  for (const peer of peers) {
    if (peer.requests.size >= MAX_REQUESTS || !mayAsk(peer)) continue;
    if (best === undefined || peer.requests.size < best.requests.size) best = peer;
  }
  return best;
}

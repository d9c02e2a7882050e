// Headers that peers told of and nobody has proved.   chain spec §2.8.6
import {hashKey} from '../../../core/bytes/index.ts';
import {checkNotTooNew, RuleError} from '../../../core/consensus/index.ts';
import {dsha256} from '../../../core/crypto/index.ts';
import {decodeHeader} from '../../../core/primitives/index.ts';
import type {HeaderBranch} from '../../chain/header-branch.ts';
import type {PeerChain} from './peer-chain.ts';

/** Headers of one peer, and of all peers together. */
export const MAX_PEER_HEADERS = 50_000;
export const MAX_ALL_HEADERS = 400_000;
const MAX_PEER_BRANCHES = 4;
/** A branch forgets headers that have become known blocks in portions of so many. */
const REBASE_BLOCKS = 256;

/** A run of unproved headers over a known block, and the peers that have its blocks. */
export class Branch {
  readonly headers: HeaderBranch;
  /** By peer, the height up to which it has the blocks. */
  readonly members: Map<number, number> = new Map();
  /** Blocks up to this height are in the chain. */
  done: number;
  /** Blocks up to this height have been handed to the chain. */
  handed: number;
  /** The next height to be asked for, and those that must be asked for again. */
  next: number;
  readonly again: Set<number> = new Set();
  /** When `done` last grew. */
  progressMs: number;
  /** It begins with headers that another branch has as well. */
  readonly isCopy: boolean;

  constructor(headers: HeaderBranch, nowMs: number, isCopy = false) {
    this.headers = headers;
    this.isCopy = isCopy;
    this.done = headers.baseHeight;
    this.handed = this.done;
    this.next = this.done + 1;
    this.progressMs = nowMs;
  }
}

export interface Place {
  readonly branch: Branch;
  readonly height: number;
}

export interface HeaderPoolOptions {
  readonly chain: PeerChain;
  readonly nowMs: () => number;
}

/** All unproved headers. Peers that tell of the same headers share a branch, so that memory grows only with lies. */
export class HeaderPool {
  readonly #chain: PeerChain;
  readonly #nowMs: () => number;
  readonly #branches = new Set<Branch>();
  readonly #places = new Map<string, Place>();
  /** Branches of each peer, the oldest first. */
  readonly #joined = new Map<number, Set<Branch>>();

  constructor({chain, nowMs}: HeaderPoolOptions) {
    this.#chain = chain;
    this.#nowMs = nowMs;
  }

  get branches(): ReadonlySet<Branch> {
    return this.#branches;
  }

  /** Headers in all branches. */
  get size(): number {
    let size = 0;
    for (const {headers} of this.#branches) size += headers.count;
    return size;
  }

  find(hash: Uint8Array): Place | undefined {
    return this.#places.get(hashKey(hash));
  }

  /** The highest header that a peer is known to have, and that is not in the chain. */
  lastOf(peer: number): Place | undefined {
    let last: Place | undefined;
    for (const branch of this.#joined.get(peer) ?? []) {
      const height = branch.members.get(peer)!;
      if (last === undefined || height > last.height) last = {branch, height};
    }
    return last;
  }

  headersOf(peer: number): number {
    let count = 0;
    for (const {headers} of this.#joined.get(peer) ?? []) count += headers.count;
    return count;
  }

  /** The peer has the block at this place, and all below it. */
  join(peer: number, {branch, height}: Place): void {
    branch.members.set(peer, Math.max(height, branch.members.get(peer) ?? 0));
    const joined = this.#joined.get(peer) ?? new Set();
    this.#joined.set(peer, joined.add(branch));
    while (joined.size > MAX_PEER_BRANCHES || (joined.size > 1 && this.headersOf(peer) > MAX_PEER_HEADERS)) {
      this.#leave(peer, joined.values().next().value!);
    }
  }

  /**
   * Takes a header, 80 bytes, that a peer told of; gives its place, 'known' where its block is in the chain already,
   * undefined where its parent is unknown. Throws RuleError.
   */
  add(peer: number, header: Uint8Array): Place | 'known' | undefined {
    const hash = dsha256(header);
    const entry = this.#chain.find(hash);
    if (entry?.state === 'failed') throw new RuleError('ErrInvalidAncestorBlock');
    if (entry !== undefined && entry.state !== 'header') return 'known';
    const known = this.find(hash);
    const place = known ?? this.#grow(header, hash);
    if (place === undefined) return undefined;
    this.join(peer, place);
    // Who goes another way has nothing of what follows on the old one.
    if (known === undefined && place.branch.isCopy) this.#leaveOthers(peer, place, decodeHeader(header).previous);
    return place;
  }

  #grow(header: Uint8Array, hash: Uint8Array): Place | undefined {
    const nowMs = this.#nowMs();
    const decoded = decodeHeader(header);
    checkNotTooNew(this.#chain.network, decoded, Math.floor(nowMs / 1000));
    const branch = this.#branchOn(decoded.previous);
    if (branch === undefined) return undefined;
    branch.headers.add(header, hash, decoded);
    const place = {branch, height: branch.headers.height};
    this.#branches.add(branch);
    this.#places.set(hashKey(hash), place);
    return place;
  }

  /** A branch whose tip is the block of this hash. Throws RuleError. */
  #branchOn(previous: Uint8Array): Branch | undefined {
    const place = this.find(previous);
    if (place === undefined) return this.#newBranch(previous);
    const {branch, height} = place;
    return height === branch.headers.height ? branch : this.#copy(branch, height);
  }

  #newBranch(previous: Uint8Array): Branch | undefined {
    const base = this.#chain.find(previous);
    if (base === undefined) return undefined;
    if (base.state === 'failed') throw new RuleError('ErrInvalidAncestorBlock');
    const reached = this.#chain.network.checkpoints.findLast(({height}) => height <= this.#chain.height);
    if (reached !== undefined && base.height < reached.height) throw new RuleError('ErrForkTooOld');
    return new Branch(this.#chain.branchFrom(previous)!, this.#nowMs());
  }

  /** A branch of its own that begins like another. */
  #copy({headers}: Branch, height: number): Branch {
    const copy = new Branch(this.#chain.branchFrom(headers.hashAt(headers.baseHeight)!)!, this.#nowMs(), true);
    for (let at = headers.baseHeight + 1; at <= height; at++) copy.headers.add(headers.headerAt(at)!);
    return copy;
  }

  #leaveOthers(peer: number, {branch, height}: Place, previous: Uint8Array): void {
    for (const other of this.containing(previous, height - 1)) {
      if (other !== branch && other.members.get(peer) === height - 1) this.#leave(peer, other);
    }
  }

  /** The peer is gone. */
  forget(peer: number): void {
    for (const branch of [...(this.#joined.get(peer) ?? [])]) this.#leave(peer, branch);
    this.#joined.delete(peer);
  }

  /** The peer has no blocks of the branch from this height on. */
  lower(peer: number, branch: Branch, height: number): void {
    if (height - 1 <= branch.done) this.#leave(peer, branch);
    else if ((branch.members.get(peer) ?? 0) >= height) branch.members.set(peer, height - 1);
  }

  #leave(peer: number, branch: Branch): void {
    branch.members.delete(peer);
    this.#joined.get(peer)?.delete(branch);
    if (branch.members.size === 0) this.#drop(branch);
  }

  drop(branch: Branch): void {
    for (const peer of [...branch.members.keys()]) this.#leave(peer, branch);
    this.#drop(branch);
  }

  #drop(branch: Branch): void {
    if (!this.#branches.delete(branch)) return;
    for (const [key] of heightsOf(branch)) if (this.#places.get(key)?.branch === branch) this.#places.delete(key);
    // What copies begin with may have been found through this one.
    for (const copy of this.#branches) {
      if (!copy.isCopy) continue;
      for (const [key, height] of heightsOf(copy)) {
        if (!this.#places.has(key)) this.#places.set(key, {branch: copy, height});
      }
    }
  }

  /** Makes room for a message of headers: what the fewest peers tell of goes first, of that the longest. */
  makeRoom(headers: number): void {
    while (this.size + headers > MAX_ALL_HEADERS) {
      const worst = [...this.#branches].sort(
        (a, b) => a.members.size - b.members.size || b.headers.count - a.headers.count,
      )[0];
      if (worst === undefined) return;
      this.drop(worst);
    }
  }

  /** Drops every branch that contains the block. */
  condemn(hash: Uint8Array, height: number): void {
    for (const branch of this.containing(hash, height)) this.drop(branch);
  }

  /** Branches that contain a block. */
  containing(hash: Uint8Array, height: number): Branch[] {
    const key = hashKey(hash);
    return [...this.#branches].filter(({headers}) => {
      const own = height > headers.baseHeight ? headers.hashAt(height) : undefined;
      return own !== undefined && hashKey(own) === key;
    });
  }

  /** Takes note of blocks that the chain has got; drops branches that hold nothing else, or too much in all. */
  advance(): void {
    for (const branch of [...this.#branches]) {
      const {headers} = branch;
      while (branch.done < headers.height && this.#hasBlock(headers.hashAt(branch.done + 1)!)) {
        this.#places.delete(hashKey(headers.hashAt(branch.done + 1)!));
        branch.done++;
        branch.progressMs = this.#nowMs();
      }
      branch.next = Math.max(branch.next, branch.done + 1);
      if (branch.done === headers.height) this.drop(branch);
      else if (branch.done - headers.baseHeight >= REBASE_BLOCKS) headers.rebase();
    }
  }

  #hasBlock(hash: Uint8Array): boolean {
    const state = this.#chain.find(hash)?.state;
    return state === 'stored' || state === 'connected';
  }
}

function* heightsOf({headers}: Branch): Generator<readonly [key: string, height: number]> {
  for (let height = headers.baseHeight + 1; height <= headers.height; height++) {
    yield [hashKey(headers.hashAt(height)!), height];
  }
}

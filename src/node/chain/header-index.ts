import {equalBytes, readU32} from '../../core/bytes/index.ts';
import {blockWorkUnits, type ChainPoint, medianTime} from '../../core/consensus/index.ts';
import {assert} from '../../core/errors.ts';
import {type BlockHeader, decodeHeader, HEADER_BYTES} from '../../core/primitives/index.ts';
import {type BlockStatus, HASH_BYTES, STATUS} from './layout.ts';

const FIRST_CAPACITY = 4096;
const NO_PARENT = -1;
const EMPTY = -1;
const TIME_OFFSET = 68;
const BITS_OFFSET = 72;

/** A block of the index: its number, with what the difficulty rules read. */
export interface IndexPoint extends ChainPoint {
  readonly number: number;
}

/**
 * All known headers as a tree, in columns outside the JS heap: about 160 bytes a header. A header's number is its place in
 * order of arrival; parents have smaller numbers than their children.
 */
export class HeaderIndex {
  #capacity = FIRST_CAPACITY;
  #headers: Uint8Array = new Uint8Array(HEADER_BYTES * FIRST_CAPACITY);
  #hashes: Uint8Array = new Uint8Array(HASH_BYTES * FIRST_CAPACITY);
  #parents: Int32Array = new Int32Array(FIRST_CAPACITY);
  #heights: Uint32Array = new Uint32Array(FIRST_CAPACITY);
  #status: Uint8Array = new Uint8Array(FIRST_CAPACITY);
  /** Work of a block and all before it, 128 bits. */
  #workLow: BigUint64Array = new BigUint64Array(FIRST_CAPACITY);
  #workHigh: BigUint64Array = new BigUint64Array(FIRST_CAPACITY);
  /** Open addressing over the first four hash bytes. */
  #table: Int32Array = new Int32Array(2 * FIRST_CAPACITY).fill(EMPTY);
  #count = 0;
  readonly #medianTimeBlocks: number;

  constructor(medianTimeBlocks: number) {
    this.#medianTimeBlocks = medianTimeBlocks;
  }

  get count(): number {
    return this.#count;
  }

  /** Number of the header with this hash, or undefined. */
  find(hash: Uint8Array): number | undefined {
    const number = this.#table[this.#place(hash)]!;
    return number === EMPTY ? undefined : number;
  }

  #place(hash: Uint8Array): number {
    const mask = this.#table.length - 1;
    for (let place = readU32(hash, 0) & mask; ; place = (place + 1) & mask) {
      const number = this.#table[place]!;
      if (number === EMPTY || equalBytes(this.hash(number), hash)) return place;
    }
  }

  /** Adds a header whose parent is known; `undefined` parent for the genesis block. */
  add(header: Uint8Array, hash: Uint8Array, parent: number | undefined, status: BlockStatus): number {
    if (this.#count === this.#capacity) this.#grow();
    const place = this.#place(hash);
    assert(this.#table[place] === EMPTY, 'a header is added once');
    const number = this.#count++;
    this.#table[place] = number;
    this.#headers.set(header, HEADER_BYTES * number);
    this.#hashes.set(hash, HASH_BYTES * number);
    this.#parents[number] = parent ?? NO_PARENT;
    this.#heights[number] = parent === undefined ? 0 : this.#heights[parent]! + 1;
    this.#status[number] = status;
    const before = parent === undefined ? 0n : this.work(parent);
    const work = before + blockWorkUnits(readU32(header, BITS_OFFSET));
    assert(work >> 128n === 0n, 'the work of a chain fits 128 bits');
    this.#workLow[number] = BigInt.asUintN(64, work);
    this.#workHigh[number] = work >> 64n;
    return number;
  }

  #grow(): void {
    this.#capacity *= 2;
    const bytes = (old: Uint8Array, size: number): Uint8Array => {
      const next = new Uint8Array(size * this.#capacity);
      next.set(old);
      return next;
    };
    this.#headers = bytes(this.#headers, HEADER_BYTES);
    this.#hashes = bytes(this.#hashes, HASH_BYTES);
    this.#status = bytes(this.#status, 1);
    const parents = new Int32Array(this.#capacity);
    parents.set(this.#parents);
    this.#parents = parents;
    const heights = new Uint32Array(this.#capacity);
    heights.set(this.#heights);
    this.#heights = heights;
    const low = new BigUint64Array(this.#capacity);
    low.set(this.#workLow);
    this.#workLow = low;
    const high = new BigUint64Array(this.#capacity);
    high.set(this.#workHigh);
    this.#workHigh = high;
    this.#table = new Int32Array(2 * this.#capacity).fill(EMPTY);
    for (let number = 0; number < this.#count; number++) this.#table[this.#place(this.hash(number))] = number;
  }

  /** View of a hash, 32 bytes. */
  hash(number: number): Uint8Array {
    return this.#hashes.subarray(HASH_BYTES * number, HASH_BYTES * (number + 1));
  }

  /** View of a header, 80 bytes. */
  headerBytes(number: number): Uint8Array {
    return this.#headers.subarray(HEADER_BYTES * number, HEADER_BYTES * (number + 1));
  }

  header(number: number): BlockHeader {
    return decodeHeader(this.headerBytes(number));
  }

  height(number: number): number {
    return this.#heights[number]!;
  }

  parent(number: number): number | undefined {
    const parent = this.#parents[number]!;
    return parent === NO_PARENT ? undefined : parent;
  }

  work(number: number): bigint {
    return (this.#workHigh[number]! << 64n) | this.#workLow[number]!;
  }

  status(number: number): BlockStatus {
    return this.#status[number] as BlockStatus;
  }

  setStatus(number: number, status: BlockStatus): void {
    this.#status[number] = status;
  }

  /** True when the block or an ancestor is invalid for good. */
  isFailed(number: number): boolean {
    return this.status(number) === STATUS.failed;
  }

  point(number: number): IndexPoint {
    const at = HEADER_BYTES * number;
    return {
      number,
      height: this.height(number),
      time: readU32(this.#headers, at + TIME_OFFSET),
      bits: readU32(this.#headers, at + BITS_OFFSET),
    };
  }

  /** The ancestor of a block, or the block itself, at a height not above its own. */
  ancestor(number: number, height: number): number {
    let at = number;
    while (this.height(at) > height) at = this.#parents[at]!;
    assert(this.height(at) === height, 'an ancestor is asked for at or below the height of a block');
    return at;
  }

  readonly ancestorAt = (point: IndexPoint, height: number): IndexPoint =>
    this.point(this.ancestor(point.number, height));

  /** Median time of a block and those before it.   chain spec §3.5 */
  medianTime(number: number): number {
    const times: number[] = [];
    for (let at: number | undefined = number; at !== undefined && times.length < this.#medianTimeBlocks; ) {
      times.push(readU32(this.#headers, HEADER_BYTES * at + TIME_OFFSET));
      at = this.parent(at);
    }
    return medianTime(times);
  }

  /** The last block that two blocks have in common. */
  fork(a: number, b: number): number {
    let [left, right] = [a, b];
    while (left !== right) {
      if (this.height(left) >= this.height(right)) left = this.#parents[left]!;
      else right = this.#parents[right]!;
    }
    return left;
  }
}

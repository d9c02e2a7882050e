import {equalBytes, readU32} from '../../core/bytes/index.ts';
import {blockWorkUnits, type ChainPoint, checkHeader, RuleError} from '../../core/consensus/index.ts';
import {dsha256} from '../../core/crypto/index.ts';
import {checkBytes} from '../../core/errors.ts';
import type {Network} from '../../core/params/index.ts';
import {type BlockHeader, decodeHeader, HEADER_BYTES} from '../../core/primitives/index.ts';
import type {HeaderIndex} from './header-index.ts';
import {HASH_BYTES} from './layout.ts';
import {TimeWindow} from './time-window.ts';

const PREVIOUS_OFFSET = 4;
const TIME_OFFSET = 68;
const BITS_OFFSET = 72;
const FIRST_CAPACITY = 64;

/**
 * Headers on top of a known block that nothing but their own rules speaks for: anyone can make them. They never count in the
 * choice of the chain. Bounded by whoever adds; 112 bytes a header.   chain spec §2.8.6
 */
export class HeaderBranch {
  readonly #network: Network;
  readonly #index: HeaderIndex;
  #base: number;
  #headers = new Uint8Array(HEADER_BYTES * FIRST_CAPACITY);
  #hashes = new Uint8Array(HASH_BYTES * FIRST_CAPACITY);
  #count = 0;
  #work: bigint;
  /** Times of the newest headers, for the median. */
  readonly #times: TimeWindow;
  /** Bits of the newest header and the work they stand for: they hardly ever change. */
  #bits = 0;
  #bitsWork = 0n;

  constructor(network: Network, index: HeaderIndex, base: number) {
    this.#network = network;
    this.#index = index;
    this.#base = base;
    this.#work = index.work(base);
    this.#times = new TimeWindow(network.difficulty.medianTimeBlocks);
    const first = Math.max(0, this.height - network.difficulty.medianTimeBlocks + 1);
    for (let height = first; height <= this.height; height++) this.#times.push(this.#point(height).time);
  }

  /** Height of the known block below. */
  get baseHeight(): number {
    return this.#index.height(this.#base);
  }

  get count(): number {
    return this.#count;
  }

  get height(): number {
    return this.baseHeight + this.#count;
  }

  /** Work that the branch would have if all of it were true. */
  get work(): bigint {
    return this.#work;
  }

  get tipHash(): Uint8Array {
    return this.hashAt(this.height)!;
  }

  /**
   * Adds the next header, 80 bytes; returns its hash. What is known of it already may be given. Throws RuleError;
   * the clock is not looked at.
   */
  add(header: Uint8Array, hash: Uint8Array = dsha256(header), decoded: BlockHeader = decodeHeader(header)): Uint8Array {
    checkBytes('header', header, HEADER_BYTES);
    const tip = this.height;
    if (!equalBytes(header.subarray(PREVIOUS_OFFSET, PREVIOUS_OFFSET + HASH_BYTES), this.#hashView(tip))) {
      throw new RuleError('ErrPreviousBlockUnknown');
    }
    checkHeader(
      {
        network: this.#network,
        previous: this.#point(tip),
        medianTime: this.#times.median,
        ancestorAt: (_point, height) => this.#point(height),
      },
      decoded,
    );
    if (HEADER_BYTES * this.#count === this.#headers.length) this.#grow();
    this.#headers.set(header, HEADER_BYTES * this.#count);
    this.#hashes.set(hash, HASH_BYTES * this.#count);
    this.#count++;
    this.#times.push(decoded.time);
    if (decoded.bits !== this.#bits) {
      this.#bits = decoded.bits;
      this.#bitsWork = blockWorkUnits(decoded.bits);
    }
    this.#work += this.#bitsWork;
    return hash;
  }

  #grow(): void {
    const twice = (old: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
      const next = new Uint8Array(2 * old.length);
      next.set(old);
      return next;
    };
    this.#headers = twice(this.#headers);
    this.#hashes = twice(this.#hashes);
  }

  #headerView(height: number): Uint8Array {
    const at = height - this.baseHeight - 1;
    if (at < 0) return this.#index.headerBytes(this.#index.ancestor(this.#base, height));
    return this.#headers.subarray(HEADER_BYTES * at, HEADER_BYTES * (at + 1));
  }

  #hashView(height: number): Uint8Array {
    const at = height - this.baseHeight - 1;
    if (at < 0) return this.#index.hash(this.#index.ancestor(this.#base, height));
    return this.#hashes.subarray(HASH_BYTES * at, HASH_BYTES * (at + 1));
  }

  #point(height: number): ChainPoint {
    const header = this.#headerView(height);
    return {height, time: readU32(header, TIME_OFFSET), bits: readU32(header, BITS_OFFSET)};
  }

  /** Header of the branch, or of the known blocks below it, at a height; 80 bytes. */
  headerAt(height: number): Uint8Array | undefined {
    return height < 0 || height > this.height ? undefined : this.#headerView(height).slice();
  }

  /** Hash of the branch, or of the known blocks below it, at a height. */
  hashAt(height: number): Uint8Array | undefined {
    return height < 0 || height > this.height ? undefined : this.#hashView(height).slice();
  }

  /** Forgets the headers whose blocks have become known. */
  rebase(): void {
    let known = 0;
    while (known < this.#count) {
      const number = this.#index.find(this.#hashView(this.baseHeight + known + 1));
      if (number === undefined) break;
      known++;
    }
    if (known === 0) return;
    const base = this.#index.find(this.#hashView(this.baseHeight + known))!;
    this.#headers.copyWithin(0, HEADER_BYTES * known, HEADER_BYTES * this.#count);
    this.#hashes.copyWithin(0, HASH_BYTES * known, HASH_BYTES * this.#count);
    this.#count -= known;
    this.#base = base;
  }
}

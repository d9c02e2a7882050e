// Compact filters of blocks, basic type.   chain spec §2.7, BIP 157, BIP 158
//
//   number of scripts varint | differences of the sorted script hashes, Golomb-Rice coded, highest bit first, zeros to a byte
//   one difference: quotient by 2^19 as so many ones and a zero | remainder in 19 bits
import {concatBytes, encodeHex, encodeVarint, Reader} from '../bytes/index.ts';
import {dsha256, sipHash} from '../crypto/index.ts';
import {checkBytes} from '../errors.ts';
import {decoding} from './decoding.ts';
import {WireError} from './errors.ts';
import type {Transaction} from './transaction.ts';

const REMAINDER_BITS = 19;
/** One in so many scripts that are not in a block seems to be. */
const FALSE_POSITIVE_RATE = 784_931;
const KEY_BYTES = 16;
const OP_RETURN = 0x6a;
/** What a cfilter message can hold. */
export const MAX_FILTER_BYTES: number = 256 * 1024;

/** Hashes of scripts below count · 784931, ascending. A count in reach of a block keeps them far below 2^53. */
function hashScripts(blockHash: Uint8Array, scripts: readonly Uint8Array[], count: number): number[] {
  const key = blockHash.subarray(0, KEY_BYTES);
  const range = BigInt(count * FALSE_POSITIVE_RATE);
  return scripts.map((script) => Number((sipHash(key, script) * range) >> 64n)).sort((a, b) => a - b);
}

class BitWriter {
  readonly #bytes: number[] = [];
  #used = 0;
  #current = 0;

  /** Writes the lowest `length` bits of a number, highest first; length ≤ 31. */
  bits(value: number, length: number): void {
    for (let i = length - 1; i >= 0; i--) {
      this.#current = (this.#current << 1) | ((value >>> i) & 1);
      if (++this.#used < 8) continue;
      this.#bytes.push(this.#current);
      this.#used = 0;
      this.#current = 0;
    }
  }

  finish(): Uint8Array {
    if (this.#used > 0) this.bits(0, 8 - this.#used);
    return Uint8Array.from(this.#bytes);
  }
}

/** Reads bits, highest first. Throws WireError 'truncated' behind the last. */
class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  bit(): number {
    const byte = this.#bytes[this.#at >> 3];
    if (byte === undefined) throw new WireError('truncated', {bit: this.#at});
    return (byte >> (7 - (this.#at++ & 7))) & 1;
  }

  bits(length: number): number {
    let value = 0;
    for (let i = 0; i < length; i++) value = value * 2 + this.bit();
    return value;
  }

  /** Throws 'trailing-bytes' unless only zeros to the end of the byte are left. */
  end(): void {
    while ((this.#at & 7) !== 0) if (this.bit() !== 0) throw new WireError('trailing-bytes', {bit: this.#at});
    if (this.#at !== 8 * this.#bytes.length) throw new WireError('trailing-bytes', {bit: this.#at});
  }
}

/**
 * The scripts that the filter of a block is made of, each once: of its outputs, and of the outputs it spends. They count whole,
 * with their votes.
 *
 * spent  scripts of the outputs that the inputs spend, in any order; none for the coinbase
 */
export function filterScripts(transactions: readonly Transaction[], spent: readonly Uint8Array[]): Uint8Array[] {
  const scripts = new Map<string, Uint8Array>();
  for (const {outputs} of transactions) {
    for (const {script} of outputs) if (script[0] !== OP_RETURN) scripts.set(encodeHex(script), script);
  }
  for (const script of spent) scripts.set(encodeHex(script), script);
  scripts.delete('');
  return [...scripts.values()];
}

/**
 * The filter of a block.
 *
 * blockHash  32 bytes, internal order
 * scripts    each once, as filterScripts gives them
 */
export function encodeFilter(blockHash: Uint8Array, scripts: readonly Uint8Array[]): Uint8Array {
  checkBytes('blockHash', blockHash, 32);
  const writer = new BitWriter();
  let previous = 0;
  for (const hash of hashScripts(blockHash, scripts, scripts.length)) {
    const difference = hash - previous;
    for (let ones = Math.floor(difference / 2 ** REMAINDER_BITS); ones > 0; ones--) writer.bits(1, 1);
    writer.bits(0, 1);
    writer.bits(difference % 2 ** REMAINDER_BITS, REMAINDER_BITS);
    previous = hash;
  }
  return concatBytes(encodeVarint(scripts.length), writer.finish());
}

/** The hashes in a filter, ascending, with the number that they are scaled by. Throws WireError. */
function decodeFilter(filter: Uint8Array): {hashes: number[]; count: number} {
  return decoding(() => {
    if (filter.length > MAX_FILTER_BYTES) throw new WireError('too-large', {length: filter.length});
    const reader = new Reader(filter);
    const count = reader.varintUpTo(Math.floor((8 * reader.remaining) / (REMAINDER_BITS + 1)));
    const bits = new BitReader(reader.view(reader.remaining));
    const hashes: number[] = [];
    let hash = 0;
    while (hashes.length < count) {
      while (bits.bit() === 1) hash += 2 ** REMAINDER_BITS;
      hash += bits.bits(REMAINDER_BITS);
      if (hash >= count * FALSE_POSITIVE_RATE) throw new WireError('too-large', {hash, count});
      hashes.push(hash);
    }
    bits.end();
    return {hashes, count};
  });
}

/**
 * True when the block may have one of the scripts, false when it has none of them. Throws WireError for bytes that are no
 * filter; their origin is checked with filterHeader, not here.
 *
 * cost  linear in the filter, and in the scripts but for their sorting
 */
export function matchesFilter(filter: Uint8Array, blockHash: Uint8Array, scripts: readonly Uint8Array[]): boolean {
  checkBytes('filter', filter);
  checkBytes('blockHash', blockHash, 32);
  const {hashes, count} = decodeFilter(filter);
  const wanted = hashScripts(blockHash, scripts, count);
  for (let i = 0, j = 0; i < hashes.length && j < wanted.length; ) {
    if (hashes[i] === wanted[j]) return true;
    if (hashes[i]! < wanted[j]!) i++;
    else j++;
  }
  return false;
}

/** What cfheaders messages carry: the hash of a filter, 32 bytes. */
export function filterHash(filter: Uint8Array): Uint8Array {
  return dsha256(filter);
}

/** The header that chains a filter to those before it; `previous` is 32 zeros for genesis. */
export function filterHeader(hash: Uint8Array, previous: Uint8Array): Uint8Array {
  checkBytes('hash', hash, 32);
  checkBytes('previous', previous, 32);
  return dsha256(concatBytes(hash, previous));
}

import {checkBytes, checkInteger} from '../errors.ts';
import {copyBytes} from './arrays.ts';
import {BytesError} from './errors.ts';
import {readU16, readU32, readU64} from './little-endian.ts';
import {varintSize} from './varint.ts';

/**
 * Reads a structure from the front of outside data. Every read is bounded by the data: reading past its end throws
 * BytesError 'truncated' and moves nothing. Little endian throughout.
 */
export class Reader {
  readonly #data: Uint8Array;
  #offset = 0;

  constructor(data: Uint8Array) {
    checkBytes('data', data);
    this.#data = data;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#data.length - this.#offset;
  }

  #take(size: number): number {
    if (size > this.remaining) throw new BytesError('truncated', {offset: this.#offset, wanted: size});
    const offset = this.#offset;
    this.#offset += size;
    return offset;
  }

  u8(): number {
    return this.#data[this.#take(1)]!;
  }

  u16(): number {
    return readU16(this.#data, this.#take(2));
  }

  u32(): number {
    return readU32(this.#data, this.#take(4));
  }

  u64(): bigint {
    return readU64(this.#data, this.#take(8));
  }

  /** The next `length` bytes as a view of the data: it shares memory with what was given to the constructor. */
  view(length: number): Uint8Array {
    checkInteger('length', length, 0, Number.MAX_SAFE_INTEGER);
    const offset = this.#take(length);
    return this.#data.subarray(offset, offset + length);
  }

  /** The next `length` bytes as a copy. */
  bytes(length: number): Uint8Array {
    return copyBytes(this.view(length));
  }

  /** A CompactSize number. Throws 'varint-not-canonical' unless it is in its shortest form. */
  varint(): bigint {
    const start = this.#offset;
    const first = this.u8();
    if (first < 0xfd) return BigInt(first);
    let value: bigint;
    try {
      value = first === 0xfd ? BigInt(this.u16()) : first === 0xfe ? BigInt(this.u32()) : this.u64();
    } catch (error) {
      this.#offset = start;
      throw error;
    }
    const size = this.#offset - start;
    if (varintSize(value) !== size) {
      this.#offset = start;
      throw new BytesError('varint-not-canonical', {offset: start, value, size});
    }
    return value;
  }

  /** A CompactSize number used as a length or count: throws 'too-large' above `max`. */
  varintUpTo(max: number): number {
    checkInteger('max', max, 0, Number.MAX_SAFE_INTEGER);
    const start = this.#offset;
    // Nearly all of them are one byte.
    const first = this.#data[this.#offset];
    if (first !== undefined && first < 0xfd && first <= max) {
      this.#offset++;
      return first;
    }
    const value = this.varint();
    if (value > BigInt(max)) {
      this.#offset = start;
      throw new BytesError('too-large', {offset: start, value, max});
    }
    return Number(value);
  }

  /** Throws 'trailing-bytes' unless everything was read. */
  end(): void {
    if (this.remaining !== 0) throw new BytesError('trailing-bytes', {offset: this.#offset, left: this.remaining});
  }
}

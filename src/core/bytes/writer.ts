import {checkBigUint, checkBytes, checkInteger, checkU32} from '../errors.ts';
import {copyBytes} from './arrays.ts';
import {writeU16, writeU32, writeU64} from './little-endian.ts';
import {encodeVarint} from './varint.ts';

/** Collects a structure byte by byte, little endian. Growing past `maxBytes` is a RangeError: our own structures fit. */
export class Writer {
  readonly #maxBytes: number;
  #buffer: Uint8Array;
  #length = 0;

  /** startBytes: about how much will be written; more is no error. */
  constructor(maxBytes: number = 0x7fffffff, startBytes: number = 64) {
    checkInteger('maxBytes', maxBytes, 0, 0x7fffffff);
    this.#maxBytes = maxBytes;
    this.#buffer = new Uint8Array(Math.min(startBytes, maxBytes));
  }

  get length(): number {
    return this.#length;
  }

  #grow(size: number): number {
    const offset = this.#length;
    const length = offset + size;
    if (length > this.#maxBytes)
      throw new RangeError(`"Writer" expected at most ${this.#maxBytes} bytes, got ${length}`);
    if (length > this.#buffer.length) {
      const buffer = new Uint8Array(Math.min(this.#maxBytes, Math.max(length, 2 * this.#buffer.length)));
      buffer.set(this.#buffer.subarray(0, offset));
      this.#buffer = buffer;
    }
    this.#length = length;
    return offset;
  }

  u8(value: number): this {
    checkInteger('value', value, 0, 0xff);
    const offset = this.#grow(1);
    this.#buffer[offset] = value;
    return this;
  }

  u16(value: number): this {
    checkInteger('value', value, 0, 0xffff);
    const offset = this.#grow(2);
    writeU16(this.#buffer, offset, value);
    return this;
  }

  u32(value: number): this {
    checkU32('value', value);
    const offset = this.#grow(4);
    writeU32(this.#buffer, offset, value);
    return this;
  }

  u64(value: bigint): this {
    checkBigUint('value', value, 64);
    const offset = this.#grow(8);
    writeU64(this.#buffer, offset, value);
    return this;
  }

  bytes(value: Uint8Array): this {
    checkBytes('value', value);
    const offset = this.#grow(value.length);
    this.#buffer.set(value, offset);
    return this;
  }

  varint(value: number | bigint): this {
    // Nearly all of them are short.
    if (typeof value === 'number' && value >= 0 && value <= 0xfc && Number.isInteger(value)) return this.u8(value);
    return this.bytes(encodeVarint(value));
  }

  /** A copy of everything written so far. */
  finish(): Uint8Array {
    return copyBytes(this.#buffer, 0, this.#length);
  }
}

import {PADDED_LENGTH, writePadded, writeSigned, writeSigned64, writeUnsigned} from './leb128.ts';
import {EMPTY_BLOCK, WASM} from './opcodes.ts';

/** Longest thing written without asking for room again: prefix, opcode, alignment, offset, lane. */
const ROOM = 32;

/**
 * Appends WebAssembly instructions to one growing buffer. The methods only encode; that types and blocks match is the
 * caller's business, and the engine's validation tells.
 */
export class CodeWriter {
  bytes: Uint8Array<ArrayBuffer>;
  length = 0;

  constructor(capacity: number = 4096) {
    this.bytes = new Uint8Array(Math.max(capacity, ROOM));
  }

  private room(extra: number = 0): void {
    if (this.length + extra + ROOM <= this.bytes.length) return;
    const larger = new Uint8Array(2 * this.bytes.length + extra);
    larger.set(this.bytes);
    this.bytes = larger;
  }

  /** Everything another writer has written. */
  append(other: CodeWriter): void {
    this.room(other.length);
    this.bytes.set(other.bytes.subarray(0, other.length), this.length);
    this.length += other.length;
  }

  byte(value: number): void {
    this.room();
    this.bytes[this.length++] = value;
  }

  unsigned(value: number): void {
    this.room();
    this.length = writeUnsigned(this.bytes, this.length, value);
  }

  /** Leaves room for a size; `closeSize` fills it in with the number of bytes written since. */
  openSize(): number {
    this.room();
    this.length += PADDED_LENGTH;
    return this.length;
  }

  closeSize(mark: number): void {
    writePadded(this.bytes, mark - PADDED_LENGTH, this.length - mark);
  }

  /** An instruction without immediates. */
  op(opcode: number): void {
    this.room();
    if (opcode <= 0xff) {
      this.bytes[this.length++] = opcode;
      return;
    }
    this.bytes[this.length++] = opcode >>> 12;
    this.length = writeUnsigned(this.bytes, this.length, opcode & 0xfff);
  }

  private opUnsigned(opcode: number, value: number): void {
    this.op(opcode);
    this.length = writeUnsigned(this.bytes, this.length, value);
  }

  get(local: number): void {
    this.opUnsigned(WASM.local_get, local);
  }

  set(local: number): void {
    this.opUnsigned(WASM.local_set, local);
  }

  tee(local: number): void {
    this.opUnsigned(WASM.local_tee, local);
  }

  call(index: number): void {
    this.opUnsigned(WASM.call, index);
  }

  /** Constant given as signed or unsigned 32-bit number. */
  i32(value: number): void {
    this.op(WASM.i32_const);
    this.length = writeSigned(this.bytes, this.length, value);
  }

  /** Constant given as two 32-bit words. */
  i64(low: number, high: number): void {
    this.op(WASM.i64_const);
    this.length = writeSigned64(this.bytes, this.length, low, high);
  }

  /** Constant given as four 32-bit words, lane 0 first. */
  v128(w0: number, w1: number, w2: number, w3: number): void {
    this.op(WASM.v128_const);
    for (const word of [w0, w1, w2, w3]) {
      for (let shift = 0; shift < 32; shift += 8) this.bytes[this.length++] = (word >>> shift) & 0xff;
    }
  }

  /** Any load or store, with a static offset in bytes; no alignment is promised. */
  memory(opcode: number, offset: number): void {
    this.op(opcode);
    this.bytes[this.length++] = 0;
    this.length = writeUnsigned(this.bytes, this.length, offset);
  }

  memoryLane(opcode: number, offset: number, lane: number): void {
    this.memory(opcode, offset);
    this.bytes[this.length++] = lane;
  }

  lane(opcode: number, lane: number): void {
    this.op(opcode);
    this.bytes[this.length++] = lane;
  }

  /** block, loop or if without parameters and results. */
  open(opcode: number): void {
    this.op(opcode);
    this.bytes[this.length++] = EMPTY_BLOCK;
  }

  end(): void {
    this.op(WASM.end);
  }

  /** br or br_if to the block `depth` levels out. */
  branch(opcode: number, depth: number): void {
    this.opUnsigned(opcode, depth);
  }
}

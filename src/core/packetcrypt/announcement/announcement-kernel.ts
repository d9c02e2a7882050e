import {wasmBase64} from '../../wasm/generated/announce.ts';
import {compileKernel, instantiateKernel} from '../../wasm/load-kernel.ts';
import {DIGEST_A, INPUT_A} from './announcement-memory.ts';

/** What assembly/announce.ts exports. All arguments are addresses or u32 numbers. */
export interface AnnouncementExports {
  expand(seed: number, num: number, out: number, chunks: number): void;
  blake2bPair(a: number, b: number, length: number, digestSize: number, outA: number, outB: number): void;
  cryptStates(states: number, count: number, from: number): void;
  beginItems(itemSeed: number): void;
  loadItem(slot: number, n: number): void;
  keepHalves(slot: number, kept: number): void;
  takeHalves(slot: number): void;
  takeKept(slot: number, kept: number, difference: number): void;
  storeItems(count: number, outs: number): void;
  buildTree(table: number, tree: number): void;
  beginSearch(annHash1: number): number;
  firstData(): number;
  setFirstItem(item: number): void;
  search(
    table: number,
    tree: number,
    header: number,
    first: number,
    count: number,
    exponent: number,
    mantissa: number,
    out: number,
  ): number;
  assemble(out: number, header: number, softNonce: number, tree: number, item: number, state: number): void;
  startBatch(states: number, count: number, softNonces: number): void;
  batchItems(states: number, count: number, numbers: number): void;
  updateBatch(states: number, count: number, table: number, numbers: number, last: number): void;
  finishBatch(states: number, count: number): void;
  batchHits(states: number, count: number, exponent: number, mantissa: number, hits: number): number;
  openAnnouncement(ann: number, state: number): number;
  proveItems(
    annA: number,
    itemA: number,
    numberA: number,
    annB: number,
    itemB: number,
    numberB: number,
    work: number,
  ): number;
  generateProgram(seed: number, words: number, scratch: number): number;
  decodeProgram(words: number, count: number, decoded: number): number;
  interpretProgram(decoded: number, memory: number, first: number, second: number): number;
}

/**
 * The announcement kernel over a memory of its own (15 or 18 MiB, laid out in announcement-memory.ts). One per thread: it
 * serves one table and one batch at a time.
 */
export class AnnouncementKernel {
  readonly memory: WebAssembly.Memory;
  readonly exports: AnnouncementExports;
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;

  /** pages: MINER_PAGES or CHECKER_PAGES of announcement-memory.ts */
  constructor(pages: number) {
    this.memory = new WebAssembly.Memory({initial: pages, maximum: pages});
    this.exports = instantiateKernel<AnnouncementExports>(compileKernel('announce', wasmBase64), this.memory);
    this.bytes = new Uint8Array(this.memory.buffer);
    this.words = new Uint32Array(this.memory.buffer);
  }

  /** Puts bytes (at most 256) into a hash input, zero up to the next multiple of 128. */
  writeInput(at: number, ...parts: readonly Uint8Array[]): number {
    let end = at;
    for (const part of parts) {
      this.bytes.set(part, end);
      end += part.length;
    }
    this.bytes.fill(0, end, at + 256);
    return end - at;
  }

  /** compress64 of the concatenated parts (at most 256 bytes); the digest stays at DIGEST_A. */
  compress64(...parts: readonly Uint8Array[]): void {
    const length = this.writeInput(INPUT_A, ...parts);
    this.exports.blake2bPair(INPUT_A, INPUT_A, length, 64, DIGEST_A, DIGEST_A);
  }

  copyOut(at: number, length: number): Uint8Array {
    return this.bytes.slice(at, at + length);
  }
}

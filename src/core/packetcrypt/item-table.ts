import {assert} from '../errors.ts';
import {TABLE_ITEMS} from './announcement.ts';
import type {AnnouncementKernel} from './announcement-kernel.ts';
import {DIGEST_A, GENERATOR, HALF_STRIDE, HALVES, LIST, PROGRAM, TABLE} from './announcement-memory.ts';
import {compileProgram} from './rand-hash-compiler.ts';

/** A RandHash program ready to run on buffers of the kernel's memory: the 256-word window, first and second half. */
export type RunProgram = (memory: number, first: number, second: number) => number | undefined;

/** Windows of 256 words out of the image of 2048; item n uses window n mod 1792.   spec §5.6 */
const WINDOWS = 1792;

/**
 * Makes program and memory image of a seed in the kernel.   spec §5.6 makeProgram
 *
 * seed   address of 32 bytes     image  address of 8192 bytes
 * returns the number of program words, or -1 when the seed gives no program (TOO_BIG)
 */
export function makeImage(kernel: AnnouncementKernel, seed: number, image: number): number {
  const count = kernel.exports.generateProgram(seed, PROGRAM, GENERATOR);
  if (count < 0) return -1;
  kernel.exports.expand(seed, 0, image, 32);
  kernel.bytes.copyWithin(image, PROGRAM, PROGRAM + 4 * count);
  return count;
}

/**
 * Compiles the program at the start of an image; pays off from about 40 items.
 * `undefined` when its length cannot be bounded statically: interpret it instead.
 */
export function compileImage(kernel: AnnouncementKernel, image: number, count: number): RunProgram | undefined {
  const compiled = compileProgram(kernel.words.slice(image / 4, image / 4 + count));
  if (compiled === undefined) return undefined;
  const instance = new WebAssembly.Instance(new WebAssembly.Module(compiled), {env: {memory: kernel.memory}});
  return instance.exports['run'] as RunProgram;
}

/** Prepares the program at the start of an image for the interpreter; `decoded` as in announcement-memory.ts. */
export function interpretImage(kernel: AnnouncementKernel, image: number, count: number, decoded: number): RunProgram {
  const ok = kernel.exports.decodeProgram(image, count, decoded);
  assert(ok >= 0, 'a generated program can be decoded');
  return (memory, first, second) => kernel.exports.interpretProgram(decoded, memory, first, second);
}

/**
 * Makes up to four items at once.   spec §5.6 makeItem
 *
 * numbers  item numbers; outs: address of each item's 1024 bytes. beginItems must have been called for the table.
 * returns false when the program fails on one of them (TOO_LONG)
 */
export function makeItems(
  kernel: AnnouncementKernel,
  run: RunProgram,
  image: number,
  numbers: ArrayLike<number>,
  outs: ArrayLike<number>,
  count: number,
): boolean {
  const {exports} = kernel;
  for (let j = 0; j < count; j++) {
    const number = numbers[j]!;
    const half = HALVES + 2 * HALF_STRIDE * j;
    exports.loadItem(j, number);
    const failed = run(image + 4 * (number % WINDOWS), half, half + HALF_STRIDE);
    if (failed !== undefined && failed < 0) return false;
    kernel.words[LIST / 4 + j] = outs[j]!;
  }
  exports.storeItems(count, LIST);
  return true;
}

/** The kernel's table of 8192 items, filled in order or as items are needed. */
export class ItemTable {
  readonly #kernel: AnnouncementKernel;
  readonly #present = new Uint8Array(TABLE_ITEMS);
  readonly #numbers = new Uint32Array(4);
  readonly #outs = new Uint32Array(4);
  #run: RunProgram = () => -1;
  #image = 0;
  #itemSeed: Uint8Array = new Uint8Array(32);
  #filled = 0;

  constructor(kernel: AnnouncementKernel) {
    this.#kernel = kernel;
  }

  /** Starts an empty table. itemSeed: 32 bytes.   spec §5.6 */
  begin(run: RunProgram, image: number, itemSeed: Uint8Array): void {
    this.#run = run;
    this.#image = image;
    this.#filled = 0;
    this.#present.fill(0);
    this.#itemSeed = itemSeed;
    this.resume();
  }

  /** Takes the item template of the kernel back after items of another table were made. */
  resume(): void {
    this.#kernel.bytes.set(this.#itemSeed, DIGEST_A);
    this.#kernel.exports.beginItems(DIGEST_A);
  }

  /** Goes on with another form of the same program. */
  setProgram(run: RunProgram): void {
    this.#run = run;
  }

  get complete(): boolean {
    return this.#filled === TABLE_ITEMS;
  }

  /** Makes the next items in order, a multiple of 4; false when the program fails. */
  fill(count: number): boolean {
    const stop = Math.min(this.#filled + count, TABLE_ITEMS);
    for (; this.#filled < stop; this.#filled += 4) {
      for (let j = 0; j < 4; j++) {
        this.#numbers[j] = this.#filled + j;
        this.#outs[j] = TABLE + 1024 * (this.#filled + j);
      }
      if (!makeItems(this.#kernel, this.#run, this.#image, this.#numbers, this.#outs, 4)) return false;
    }
    return true;
  }

  /** Makes those of the given items that are not there yet; false when the program fails. */
  ensure(wanted: Uint32Array, count: number): boolean {
    let held = 0;
    for (let i = 0; i < count; i++) {
      const number = wanted[i]!;
      if (this.#present[number] === 1) continue;
      this.#present[number] = 1;
      this.#numbers[held] = number;
      this.#outs[held] = TABLE + 1024 * number;
      held++;
      if (held < 4) continue;
      if (!makeItems(this.#kernel, this.#run, this.#image, this.#numbers, this.#outs, 4)) return false;
      held = 0;
    }
    return held === 0 || makeItems(this.#kernel, this.#run, this.#image, this.#numbers, this.#outs, held);
  }
}

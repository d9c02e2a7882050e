import {assert} from '../../errors.ts';
import {STATE_BYTES} from '../crypto-cycle.ts';
import {compileProgram} from '../rand-hash/rand-hash-compiler.ts';
import {readsItemNumber} from '../rand-hash/rand-hash-cost.ts';
import {TABLE_ITEMS} from './announcement.ts';
import type {AnnouncementKernel} from './announcement-kernel.ts';
import {DIGEST_A, GENERATOR, HALF_STRIDE, HALVES, LIST, PROGRAM, TABLE} from './announcement-memory.ts';

/**
 * A RandHash program ready to run on buffers of the kernel's memory: address of the 256-word window, of the first and of the
 * second half. A negative result is TOO_LONG.
 */
type RunProgram = (memory: number, first: number, second: number) => number | undefined;

/** Windows of 256 words out of the image of 2048; item n uses window n mod 1792.   spec §5.6 */
export const WINDOWS = 1792;

/** A program and where its memory image lies. */
export interface LoadedProgram {
  readonly run: RunProgram;
  readonly image: number;
  /** False for the usual program that treats items of the same window alike; see readsItemNumber. */
  readonly readsItemNumber: boolean;
}

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

/** The program at the start of an image; a view of the kernel's memory. */
export function imageProgram(kernel: AnnouncementKernel, image: number, count: number): Uint32Array {
  return kernel.words.subarray(image / 4, image / 4 + count);
}

/**
 * Compiles the program at the start of an image; pays off from a few dozen items.
 * `undefined` when its length cannot be bounded statically: interpret it instead.
 */
export function compileImage(kernel: AnnouncementKernel, image: number, count: number): LoadedProgram | undefined {
  const program = imageProgram(kernel, image, count).slice();
  const code = compileProgram(program);
  if (code === undefined) return undefined;
  const instance = new WebAssembly.Instance(new WebAssembly.Module(code), {env: {memory: kernel.memory}});
  return {run: instance.exports['run'] as RunProgram, image, readsItemNumber: readsItemNumber(program)};
}

/** Prepares the program at the start of an image for the interpreter; `decoded` as in announcement-memory.ts. */
export function interpretImage(
  kernel: AnnouncementKernel,
  image: number,
  count: number,
  decoded: number,
): LoadedProgram {
  const refused = kernel.exports.decodeProgram(image, count, decoded);
  assert(refused === 0, 'a generated program can be decoded');
  const {interpretProgram} = kernel.exports;
  return {
    run: (memory, first, second) => interpretProgram(decoded, memory, first, second),
    image,
    readsItemNumber: readsItemNumber(imageProgram(kernel, image, count)),
  };
}

/**
 * Makes items of one seed in the kernel, four at a time.   spec §5.6 makeItem
 *
 * Items of the same window share one run of a program that never reads the item's number.
 */
export class ItemMaker {
  readonly #kernel: AnnouncementKernel;
  readonly #keptAt: number;
  readonly #kept = new Uint8Array(WINDOWS);
  readonly #keptNumbers = new Uint16Array(WINDOWS);
  #itemSeed: Uint8Array = new Uint8Array(32);
  #program: LoadedProgram | undefined;
  #held = 0;

  /** keptAt: KEPT_1 or KEPT_2, where this maker keeps states for its windows */
  constructor(kernel: AnnouncementKernel, keptAt: number) {
    this.#kernel = kernel;
    this.#keptAt = keptAt;
  }

  /** Goes over to another seed. itemSeed: 32 bytes, kept, not copied. */
  begin(program: LoadedProgram, itemSeed: Uint8Array): void {
    this.#program = program;
    this.#kept.fill(0);
    this.#held = 0;
    this.#itemSeed = itemSeed;
    this.resume();
  }

  /** Takes the kernel's item template back after another maker has worked. */
  resume(): void {
    this.#kernel.bytes.set(this.#itemSeed, DIGEST_A);
    this.#kernel.exports.beginItems(DIGEST_A);
  }

  /** Goes on with another form of the same program. */
  replace(program: LoadedProgram): void {
    this.#program = program;
  }

  /** Makes item `number` at address `out`, at the latest with the next flush; false when the program fails. */
  make(number: number, out: number): boolean {
    const slot = this.#held;
    if (!this.#run(slot, number)) return false;
    this.#kernel.words[LIST / 4 + slot] = out;
    this.#held = slot + 1;
    if (this.#held === 4) this.flush();
    return true;
  }

  #run(slot: number, number: number): boolean {
    const {exports} = this.#kernel;
    const {run, image, readsItemNumber: reads} = this.#program!;
    const window = number % WINDOWS;
    const kept = this.#keptAt + STATE_BYTES * window;
    if (this.#kept[window] === 1) {
      exports.takeKept(slot, kept, number - this.#keptNumbers[window]!);
      return true;
    }
    const half = HALVES + 2 * HALF_STRIDE * slot;
    exports.loadItem(slot, number);
    const result = run(image + 4 * window, half, half + HALF_STRIDE);
    if (result !== undefined && result < 0) return false;
    exports.takeHalves(slot);
    if (!reads) {
      exports.keepHalves(slot, kept);
      this.#kept[window] = 1;
      this.#keptNumbers[window] = number;
    }
    return true;
  }

  /** Finishes the items that were begun. */
  flush(): void {
    if (this.#held > 0) this.#kernel.exports.storeItems(this.#held, LIST);
    this.#held = 0;
  }
}

/** The kernel's table of 8192 items, filled in order or as items are needed. */
export class ItemTable {
  readonly #maker: ItemMaker;
  readonly #present = new Uint8Array(TABLE_ITEMS);
  #filled = 0;

  constructor(maker: ItemMaker) {
    this.#maker = maker;
  }

  /** Starts an empty table. itemSeed: 32 bytes.   spec §5.6 */
  begin(program: LoadedProgram, itemSeed: Uint8Array): void {
    this.#filled = 0;
    this.#present.fill(0);
    this.#maker.begin(program, itemSeed);
  }

  get complete(): boolean {
    return this.#filled === TABLE_ITEMS;
  }

  /** Makes the next items in order; false when the program fails. */
  fill(count: number): boolean {
    const stop = Math.min(this.#filled + count, TABLE_ITEMS);
    for (; this.#filled < stop; this.#filled++) {
      if (!this.#maker.make(this.#filled, TABLE + 1024 * this.#filled)) {
        this.#maker.flush();
        return false;
      }
    }
    this.#maker.flush();
    return true;
  }

  /** Makes those of the given items that are not there yet; false when the program fails. */
  ensure(wanted: Uint32Array): boolean {
    for (const number of wanted) {
      if (this.#present[number] === 1) continue;
      if (!this.#maker.make(number, TABLE + 1024 * number)) {
        this.#maker.flush();
        return false;
      }
      this.#present[number] = 1;
    }
    this.#maker.flush();
    return true;
  }
}

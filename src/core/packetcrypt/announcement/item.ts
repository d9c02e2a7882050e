// Items: the entries of an announcement's tables.   spec §5.6
import {copyBytes, readWords, writeWords} from '../../bytes/index.ts';
import {expand} from '../../crypto/index.ts';
import {checkInteger} from '../../errors.ts';
import {crypt, ITEM_BYTES, initState, makeFuzzable} from '../crypto-cycle.ts';
import {generateProgram} from '../rand-hash/rand-gen.ts';
import {runProgram} from '../rand-hash/rand-hash.ts';

const IMAGE_WORDS = 2048;
const WINDOW_WORDS = 256;
const ITEM_CYCLES = 2;

/** What a table is made with: the program, and the memory image whose start it overwrites. */
export interface ItemProgram {
  /** 1..2048 instruction words */
  readonly words: Uint32Array;
  /** 2048 words */
  readonly image: Uint32Array;
}

/** The program of a 32-byte seed. Throws RandHashError 'TOO_BIG'. */
export function makeProgram(seed: Uint8Array): ItemProgram {
  const words = generateProgram(seed);
  const image = readWords(expand(seed, 0, 4 * IMAGE_WORDS));
  image.set(words);
  return {words, image};
}

/**
 * One item, 1024 bytes.
 *
 * number    its number in the table; for announcements 0..8191
 * itemSeed  32 bytes
 * throws    RandHashError 'TOO_LONG'
 */
export function makeItem(number: number, itemSeed: Uint8Array, program: ItemProgram): Uint8Array {
  checkInteger('number', number, 0, Number.MAX_SAFE_INTEGER);
  const state = initState(itemSeed, number);
  const window = number % (IMAGE_WORDS - WINDOW_WORDS);
  const words = readWords(state);
  runProgram(program.words, program.image.subarray(window, window + WINDOW_WORDS), words, ITEM_CYCLES);
  writeWords(state, 0, words);
  makeFuzzable(state);
  crypt(state);
  return copyBytes(state, 0, ITEM_BYTES);
}

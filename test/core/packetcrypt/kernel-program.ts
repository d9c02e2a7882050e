import {RandHashError} from '../../../src/core/packetcrypt/errors.ts';
import {
  DECODED_BYTES,
  loadRandHashKernel,
  randHashRefusal,
} from '../../../src/core/packetcrypt/rand-hash/rand-hash-kernel.ts';

const SEED = 0x100;
const SCRATCH = 0x1000;
const WORDS = 0x4000;
const WINDOW = 0x7000;
const FIRST = 0x8000;
const SECOND = 0x9000;
const DECODED = 0xa000;
const SLACK_WORDS = 512;

const memory = new WebAssembly.Memory({initial: Math.ceil((DECODED + DECODED_BYTES) / 65536)});
const kernel = loadRandHashKernel(memory);
const words = new Uint32Array(memory.buffer);

/** Bounds of the kernel's scratch stay untouched: the word behind each region must keep this value. */
const GUARD = 0x5afe5afe;

function accepted(result: number): number {
  if (result < 0) throw new RandHashError(randHashRefusal(result));
  return result;
}

export function generateWithKernel(seed: Uint8Array): Uint32Array {
  new Uint8Array(memory.buffer, SEED).set(seed);
  words[WORDS / 4 + 2048] = GUARD;
  const count = accepted(kernel.generateProgram(SEED, WORDS, SCRATCH));
  if (words[WORDS / 4 + 2048] !== GUARD) throw new Error('words written behind the program');
  return words.slice(WORDS / 4, WORDS / 4 + count);
}

export function expandWithKernel(seed: Uint8Array, chunks: number): Uint8Array {
  new Uint8Array(memory.buffer, SEED).set(seed);
  kernel.expandChunks(SEED, chunks, DECODED);
  return new Uint8Array(memory.buffer, DECODED).slice(0, 256 * chunks);
}

/** Prepares a program for runDecoded. */
export function decodeWithKernel(program: Uint32Array): void {
  if (program.length > 2049) throw new Error('no room for the program');
  words.set(program, WORDS / 4);
  accepted(kernel.decodeProgram(WORDS, program.length, DECODED));
}

const halves = [words.subarray(FIRST / 4, FIRST / 4 + 256), words.subarray(SECOND / 4, SECOND / 4 + 256)] as const;
const slacks = [FIRST, SECOND].map((at) => words.subarray(at / 4 + 256, at / 4 + 256 + SLACK_WORDS));

/** Interprets cycles of the decoded program over 256 words of memory and 512 words of state. */
export function runDecoded(window: Uint32Array, state: Uint32Array, cycles: number): void {
  words.set(window, WINDOW / 4);
  halves[0].set(state.subarray(0, 256));
  halves[1].set(state.subarray(256));
  for (const slack of slacks) slack.fill(0);
  if (cycles === 2) accepted(kernel.interpretProgram(DECODED, WINDOW, FIRST, SECOND));
  else {
    for (let i = 0; i < cycles; i++) {
      const [input, output] = i % 2 === 0 ? [FIRST, SECOND] : [SECOND, FIRST];
      accepted(kernel.interpretCycle(DECODED, WINDOW, input, output));
    }
  }
  state.set(halves[0]);
  state.set(halves[1], 256);
  if (slacks.some((slack) => slack.some((word) => word !== 0))) throw new Error('slack is not zero');
}

export function runWithKernel(program: Uint32Array, window: Uint32Array, state: Uint32Array, cycles: number): void {
  decodeWithKernel(program);
  runDecoded(window, state, cycles);
}

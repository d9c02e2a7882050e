import {assert} from '../../errors.ts';
import {wasmBase64} from '../../wasm/generated/randhash.ts';
import {compileKernel, instantiateKernel} from '../../wasm/load-kernel.ts';
import type {RandHashErrorCode} from '../errors.ts';

/** Bytes of scratch for generateProgram, and of a decoded program; as in the kernel. */
export const GENERATOR_SCRATCH = 8512;
export const DECODED_BYTES = 0x2e800;

/** RandGen and RandHash as kernel functions over addresses; assembly/rand-gen.ts, rand-hash-decode.ts, rand-hash.ts. */
export interface RandHashKernel {
  /** seed 32 bytes, out 8192 bytes; returns the number of words or a refusal. */
  generateProgram(seed: number, out: number, scratch: number): number;
  /** seed 32 bytes; writes 256 · chunks bytes of expand(seed, 0, …). */
  expandChunks(seed: number, chunks: number, out: number): void;
  /** Checks and decodes `count` words; returns 0 or a refusal. */
  decodeProgram(words: number, count: number, decoded: number): number;
  /** memory and input 1024 bytes, output 1024 and zeroed slack of 2048; returns operations or a refusal. */
  interpretCycle(decoded: number, memory: number, input: number, output: number): number;
  /** Two cycles; returns 0 or a refusal. */
  interpretProgram(decoded: number, memory: number, first: number, second: number): number;
}

/** Instantiates the kernel over a memory, at whose addresses everything the caller passes lies. */
export function loadRandHashKernel(memory: WebAssembly.Memory): RandHashKernel {
  return instantiateKernel<RandHashKernel>(compileKernel('randhash', wasmBase64), memory);
}

const REFUSALS: Readonly<Record<number, RandHashErrorCode>> = {
  [-1]: 'TOO_BIG',
  [-3]: 'TOO_LONG',
  [-5]: 'BAD_OPCODE',
  [-6]: 'BAD_OPERAND',
  [-7]: 'BAD_STRUCTURE',
};

/** The code of a negative kernel result. */
export function randHashRefusal(result: number): RandHashErrorCode {
  const code = REFUSALS[result];
  assert(code !== undefined, 'a kernel refuses with a known number');
  return code;
}

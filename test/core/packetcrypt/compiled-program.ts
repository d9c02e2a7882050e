import {type CompiledProgram, compileProgram} from '../../../src/core/packetcrypt/rand-hash/rand-hash-compiler.ts';

const MEMORY = 1024;
const FIRST = 4096;
const SECOND = 8192;
const HALF_BYTES = 1024;
const SLACK_BYTES = 2048;

/** A compiled program in a memory of its own. */
export interface LoadedProgram {
  /** Runs cycles over 256 words of memory and 512 words of state, which is updated; the slack must come back zero. */
  run(memory: Uint32Array, state: Uint32Array, cycles: number): void;
}

/** Compiles and instantiates; undefined if the compiler leaves the program to an interpreter. */
export function loadProgram(program: Uint32Array, shared: boolean = false): LoadedProgram | undefined {
  const bytes = compileProgram(program, {shared});
  if (bytes === undefined) return undefined;
  const memory = new WebAssembly.Memory(shared ? {initial: 1, maximum: 1, shared} : {initial: 1});
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {env: {memory}});
  const compiled = instance.exports as unknown as CompiledProgram;
  const words = (at: number, bytes: number): Uint32Array => new Uint32Array(memory.buffer, at, bytes / 4);
  const halves = [words(FIRST, HALF_BYTES), words(SECOND, HALF_BYTES)] as const;
  const slacks = [words(FIRST + HALF_BYTES, SLACK_BYTES), words(SECOND + HALF_BYTES, SLACK_BYTES)];
  return {
    run(window, state, cycles) {
      words(MEMORY, HALF_BYTES).set(window);
      halves[0].set(state.subarray(0, 256));
      halves[1].set(state.subarray(256));
      if (cycles === 2) compiled.run(MEMORY, FIRST, SECOND);
      else
        for (let i = 0; i < cycles; i++) {
          compiled.cycle(MEMORY, i % 2 === 0 ? FIRST : SECOND, i % 2 === 0 ? SECOND : FIRST);
        }
      state.set(halves[0]);
      state.set(halves[1], 256);
      if (slacks.some((slack) => slack.some((word) => word !== 0))) throw new Error('slack is not zero');
    },
  };
}

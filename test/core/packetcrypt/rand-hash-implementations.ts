// Every implementation of RandGen and RandHash behind one interface, so that one suite runs over all of them.
import {generateProgram} from '../../../src/core/packetcrypt/rand-hash/rand-gen.ts';
import {runProgram} from '../../../src/core/packetcrypt/rand-hash/rand-hash.ts';
import {loadProgram} from './compiled-program.ts';
import {generateWithKernel, runWithKernel} from './kernel-program.ts';

export interface RandGenImplementation {
  readonly name: string;
  generate(seed: Uint8Array): Uint32Array;
}

export interface RandHashImplementation {
  readonly name: string;
  /** Runs a program over 256 words of memory and 512 of state, which is updated. */
  run(program: Uint32Array, memory: Uint32Array, state: Uint32Array, cycles: number): void;
}

export const RAND_GENS: readonly RandGenImplementation[] = [
  {name: 'plain', generate: generateProgram},
  {name: 'kernel', generate: generateWithKernel},
];

/** What the compiler leaves to an interpreter is interpreted, as its users do. */
function compiled(shared: boolean): RandHashImplementation['run'] {
  return (program, memory, state, cycles) => {
    const loaded = loadProgram(program, shared);
    if (loaded === undefined) runProgram(program, memory, state, cycles);
    else loaded.run(memory, state, cycles);
  };
}

export const RAND_HASHES: readonly RandHashImplementation[] = [
  {name: 'plain', run: runProgram},
  {name: 'kernel', run: runWithKernel},
  {name: 'compiled', run: compiled(false)},
  {name: 'compiled, shared memory', run: compiled(true)},
];

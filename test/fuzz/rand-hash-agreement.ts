import {CodedError} from '../../src/core/errors.ts';
import {generateProgram} from '../../src/core/packetcrypt/rand-hash/rand-gen.ts';
import {runProgram} from '../../src/core/packetcrypt/rand-hash/rand-hash.ts';
import {loadProgram} from '../core/packetcrypt/compiled-program.ts';
import {decodeWithKernel, generateWithKernel, runDecoded} from '../core/packetcrypt/kernel-program.ts';
import {mutateProgram} from './rand-hash-programs.ts';
import {Random} from './random.ts';

export interface AgreementResult {
  programs: number;
  pairs: number;
  /** Programs the compiler leaves to an interpreter, and runs that exceeded the operation limit. */
  notCompiled: number;
  tooLong: number;
}

const CYCLES = 2;

/**
 * Runs `programs` random programs, every second one mutated, on `inputs` random memories and states each, through the
 * plain interpreter, the kernel and the compiled module. Throws at the first difference, naming seed and program.
 */
export function checkAgreement(
  seed: number,
  programs: number,
  inputs: number,
  progress?: (done: number) => void,
): AgreementResult {
  const random = new Random(seed);
  const result: AgreementResult = {programs: 0, pairs: 0, notCompiled: 0, tooLong: 0};
  for (let i = 0; i < programs; i++) {
    checkProgramAgreement(random, i % 2 === 1, inputs, result, `seed ${seed}, program ${i}`);
    progress?.(i + 1);
  }
  return result;
}

function checkProgramAgreement(
  random: Random,
  isMutated: boolean,
  inputs: number,
  result: AgreementResult,
  where: string,
): void {
  const programSeed = random.bytes(32);
  const generated = generateProgram(programSeed);
  assertSame(generated, generateWithKernel(programSeed), `${where}: generators differ`);
  const program = isMutated ? mutateProgram(generated, random) : generated;
  const compiled = loadProgram(program);
  decodeWithKernel(program);
  const memory = new Uint32Array(256);
  const input = new Uint32Array(512);
  result.programs += 1;
  if (compiled === undefined) result.notCompiled += 1;
  for (let i = 0; i < inputs; i++) {
    random.fill(memory);
    random.fill(input);
    const expected = outcome((state) => runProgram(program, memory, state, CYCLES), input);
    const interpreted = outcome((state) => runDecoded(memory, state, CYCLES), input);
    if (typeof expected === 'string' || typeof interpreted === 'string') {
      if (expected !== interpreted) throw new Error(`${where}, input ${i}: ${expected} against kernel ${interpreted}`);
      if (compiled !== undefined) throw new Error(`${where}, input ${i}: compiled although it can be too long`);
      result.tooLong += 1;
    } else {
      assertSame(interpreted, expected, `${where}, input ${i}: kernel differs`);
      if (compiled !== undefined) {
        const state = input.slice();
        compiled.run(memory, state, CYCLES);
        assertSame(state, expected, `${where}, input ${i}: compiled module differs`);
      }
    }
    result.pairs += 1;
  }
}

/** The state after a run, or the code it was refused with. */
function outcome(run: (state: Uint32Array) => void, input: Uint32Array): Uint32Array | string {
  const state = input.slice();
  try {
    run(state);
    return state;
  } catch (error) {
    if (error instanceof CodedError) return error.code;
    throw error;
  }
}

function assertSame(actual: Uint32Array, expected: Uint32Array, message: string): void {
  if (actual.length !== expected.length) throw new Error(message);
  for (let i = 0; i < expected.length; i++) if (actual[i] !== expected[i]) throw new Error(message);
}

import {equal} from 'node:assert/strict';
import {generateProgram} from '../../src/core/packetcrypt/rand-hash/rand-gen.ts';
import {checkProgram} from '../../src/core/packetcrypt/rand-hash/rand-hash-check.ts';
import {compileProgram} from '../../src/core/packetcrypt/rand-hash/rand-hash-compiler.ts';
import {programCost} from '../../src/core/packetcrypt/rand-hash/rand-hash-cost.ts';
import {decodeWithKernel} from '../core/packetcrypt/kernel-program.ts';
import {mutateProgram} from './rand-hash-programs.ts';
import type {Random} from './random.ts';
import {accepted, type FuzzTarget, outcome} from './target.ts';

/** Words of any kind in any place, most of them from a program of the right shape. */
function hostileProgram(random: Random): Uint32Array {
  const generated = generateProgram(random.bytes(32));
  const program = random.toss(2) ? mutateProgram(generated, random) : generated;
  const words = [...program.subarray(0, random.toss(3) ? random.below(program.length + 1) : program.length)];
  for (let n = random.below(4); n > 0; n--) {
    const at = random.below(words.length + 1);
    const word = random.toss(3) ? random.edgeWord() : (words[random.below(words.length)] ?? 0);
    if (random.toss(3)) words.splice(at, random.below(3), word);
    else if (at < words.length) words[at] = random.toss(2) ? word : (words[at]! ^ (1 << random.below(32))) >>> 0;
  }
  return Uint32Array.from(words);
}

function program(random: Random): void {
  const words = hostileProgram(random);
  const checked = outcome(() => checkProgram(words));
  equal(
    outcome(() => decodeWithKernel(words)),
    checked,
  );
  const compiled = outcome(() => compileProgram(words));
  equal(typeof compiled === 'string' ? compiled : undefined, checked);
  accepted(() => programCost(words));
}

export const PROGRAM_TARGETS: readonly FuzzTarget[] = [{name: 'RandHash program', cases: 1500, run: program}];

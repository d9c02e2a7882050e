import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {describe, it} from 'node:test';
import {expand} from '../../../src/core/crypto/index.ts';
import {ARITHMETIC, INSTRUCTION_NAMES} from '../../../src/core/packetcrypt/rand-hash/instructions.ts';
import {
  DECODED_BYTES,
  GENERATOR_SCRATCH,
  loadRandHashKernel,
} from '../../../src/core/packetcrypt/rand-hash/rand-hash-kernel.ts';
import {expandWithKernel} from './kernel-program.ts';

describe('randhash kernel', () => {
  it('numbers the instructions as the table does', () => {
    const source = readFileSync('assembly/instructions.ts', 'utf8');
    const numbers = new Map(
      [...source.matchAll(/(\w+): u32 = (\d+)/g)].map(([, name, value]) => [name, Number(value)]),
    );
    for (const {name, opcode} of ARITHMETIC) assert.equal(numbers.get(name), opcode, name);
    for (const [opcode, name] of INSTRUCTION_NAMES.entries()) {
      if (!name.startsWith('INVALID')) assert.equal(numbers.get(name), opcode, name);
    }
  });

  it('has the sizes of scratch that the wrapper states', () => {
    const kernel = loadRandHashKernel(new WebAssembly.Memory({initial: 1}));
    const sizes = kernel as unknown as Record<string, {value: number}>;
    assert.equal(sizes['GENERATOR_SCRATCH']!.value, GENERATOR_SCRATCH);
    assert.equal(sizes['DECODED_BYTES']!.value, DECODED_BYTES);
  });

  it('expands seeds', () => {
    for (const chunks of [1, 2, 32]) {
      const seed = Uint8Array.from({length: 32}, (_, i) => 7 * i + chunks);
      assert.deepEqual(expandWithKernel(seed, chunks), expand(seed, 0, 256 * chunks));
    }
  });
});

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {expand} from '../../../src/core/crypto/index.ts';
import {generateProgram} from '../../../src/core/packetcrypt/rand-hash/rand-gen.ts';
import {runProgram} from '../../../src/core/packetcrypt/rand-hash/rand-hash.ts';
import {analyseProgram} from '../../../src/core/packetcrypt/rand-hash/rand-hash-analysis.ts';
import {programCost, readsItemNumber} from '../../../src/core/packetcrypt/rand-hash/rand-hash-cost.ts';
import {wordsOf} from './words.ts';

const ITEM = 5;
const WINDOWS = 1792;

function seedOf(i: number): Uint8Array {
  return Uint8Array.from({length: 32}, (_, j) => (i >> (8 * (j % 4))) ^ (11 * j));
}

/** Runs item n of a table and returns its state and the operations of both cycles.   spec §5.6 */
function runItem(i: number, n: number): {state: Uint32Array; operations: number[]} {
  const program = generateProgram(seedOf(i));
  const image = wordsOf(expand(seedOf(i), 0, 8192));
  image.set(program);
  const state = wordsOf(expand(seedOf(i + 1000), 0, 2048));
  state[0] = n;
  state[1] = 0;
  const window = n % WINDOWS;
  return {state, operations: runProgram(program, image.slice(window, window + 256), state, 2)};
}

describe('program cost', () => {
  it('bounds and approximates the number of operations', () => {
    let estimated = 0;
    let counted = 0;
    for (let i = 0; i < 300; i++) {
      const program = generateProgram(seedOf(i));
      const {operations} = runItem(i, ITEM);
      const {maxOperations} = analyseProgram(program);
      assert.ok(operations.every((count) => count <= maxOperations));
      const {expectedOperations} = programCost(program);
      assert.ok(expectedOperations <= maxOperations);
      estimated += expectedOperations;
      counted += (operations[0]! + operations[1]!) / 2;
    }
    assert.ok(Math.abs(estimated / counted - 1) < 0.1, `${estimated} estimated, ${counted} counted`);
  });

  it('counts a program by hand', () => {
    // LOOP 4: MEMORY, IF_RANDOM r1 {IN} else {IN IN}, END
    const words = [0x00400042, 0x41, 0x00200244, 0x345, 0x100040, 0x46, 0x345, 0x100040, 0x100040, 0x46, 0x46];
    const cost = programCost(Uint32Array.from(words));
    assert.equal(cost.expectedOperations, 1 + 4 * (1 + 2 + 0.5 * 2 + 0.5 * 3 + 1));
    assert.equal(analyseProgram(Uint32Array.from(words)).maxOperations, 1 + 4 * (1 + 2 + 3 + 1));
    assert.ok(cost.itemNs > 0 && cost.compileNs > 0);
  });
});

describe('readsItemNumber', () => {
  it('says when items that share a window share their run', () => {
    let shared = 0;
    for (let i = 0; i < 200; i++) {
      if (readsItemNumber(generateProgram(seedOf(i)))) continue;
      shared += 1;
      const first = runItem(i, ITEM).state;
      const second = runItem(i, ITEM + 3 * WINDOWS).state;
      second[0]! -= 3 * WINDOWS;
      assert.deepEqual(second, first);
    }
    assert.ok(shared > 150, `${shared} of 200 programs`);
  });

  it('finds word 0 behind every kind of immediate', () => {
    const reading = (word: number): boolean => readsItemNumber(Uint32Array.of(0x00200042, word, 0x46));
    assert.ok(reading(0x00000040), 'index 0');
    assert.ok(reading(0x10000040), 'index 256');
    assert.ok(reading(0x80000040), 'index -2048');
    assert.ok(!reading(0x00100040), 'index 1');
    assert.ok(!reading(0xfff80040), 'pattern');
  });
});

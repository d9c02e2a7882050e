import assert from 'node:assert/strict';
import {it} from 'node:test';
import {checkAgreement} from './rand-hash-agreement.ts';

// AGREEMENT_SEED repeats a run, AGREEMENT_PROGRAMS extends it; scripts/agreement.mjs makes a million pairs.
it('RandHash implementations agree on random programs and inputs', () => {
  const seed = Number(process.env['AGREEMENT_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const programs = Number(process.env['AGREEMENT_PROGRAMS'] ?? 300);
  console.log(`agreement seed ${seed}`);
  const {pairs, notCompiled} = checkAgreement(seed, programs, 3);
  assert.equal(pairs, 3 * programs);
  assert.ok(notCompiled < programs / 10, 'most programs are compiled');
});

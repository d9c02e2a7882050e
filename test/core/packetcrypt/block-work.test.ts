import {equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import {decodeHex, encodeHex} from '../../../src/core/bytes/index.ts';
import {compress32, sha256} from '../../../src/core/crypto/index.ts';
import {blockWork, initState, itemNumber, proofWork, smul, update} from '../../../src/core/packetcrypt/index.ts';
import {blockWorkCases, blockWorkVectors, caseAnnouncement} from './block-suite.ts';

blockWorkVectors('plain', blockWork);

blockWorkVectors('plain, from a proof', (header, nonce2, count, annAt) => {
  const {itemNumbers} = blockWork(header, nonce2, count, annAt);
  const selected = itemNumbers.map((number) => annAt(Number(number % BigInt(count))));
  return proofWork(header, nonce2, selected);
});

test('the states before and after smul', () => {
  for (const vector of blockWorkCases) {
    const header = decodeHex(vector.header);
    equal(encodeHex(compress32(header)), vector.hdrHash);
    const state = initState(compress32(header), vector.nonce2);
    for (let k = 0; k < 4; k++) {
      update(state, caseAnnouncement(vector, Number(itemNumber(state) % BigInt(vector.annCount))));
    }
    equal(encodeHex(sha256(state)), vector.beforeSmul);
    equal(encodeHex(state.subarray(0, 32)), vector.a);
    equal(encodeHex(state.subarray(32, 64)), vector.b);
    smul(state);
    equal(encodeHex(state.subarray(64, 96)), vector.smulOut);
  }
});

test('misuse is a TypeError or RangeError', () => {
  const header = new Uint8Array(80);
  const ann = new Uint8Array(1024);
  throws(() => blockWork(header, 0, 0, () => ann), RangeError);
  throws(() => blockWork(header.subarray(1), 0, 1, () => ann), RangeError);
  throws(() => blockWork(header, 2 ** 32, 1, () => ann), RangeError);
  throws(() => blockWork(header, 0, 1, () => ann.subarray(1)), RangeError);
  throws(() => proofWork(header, 0, [ann]), RangeError);
});

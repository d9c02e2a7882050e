import {equal} from 'node:assert/strict';
import {test} from 'node:test';
import {decodeHex, encodeHex} from '../../../../src/core/bytes/index.ts';
import {SignatureHashes} from '../../../../src/core/consensus/script/signature-hash.ts';
import {decodeTransaction} from '../../../../src/core/primitives/index.ts';
import {readVectors} from '../../../support/vectors.ts';

test('sighash.json: every legacy signature hash', () => {
  const rows = readVectors<[string, string, number, number, string][]>('bitcoin/sighash').slice(1);
  equal(rows.length, 500);
  for (const [raw, code, input, hashType, expected] of rows) {
    const hashes = new SignatureHashes(decodeTransaction(decodeHex(raw)));
    const hash = hashes.legacy(Number(input), decodeHex(code), Number(hashType));
    equal(encodeHex(hash.slice().reverse()), expected, raw);
  }
});

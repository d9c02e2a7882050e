import {deepEqual, equal} from 'node:assert/strict';
import {test} from 'node:test';
import {decodeHex, encodeHex} from '../../../../src/core/bytes/index.ts';
import {checkTransaction, RuleError} from '../../../../src/core/consensus/index.ts';
import type {ScriptFlag} from '../../../../src/core/consensus/script/flags.ts';
import {SignatureHashes} from '../../../../src/core/consensus/script/signature-hash.ts';
import {verifyInput} from '../../../../src/core/consensus/script/verify-input.ts';
import {decodeTransaction, WireError} from '../../../../src/core/primitives/index.ts';
import {readVectors} from '../../../support/vectors.ts';
import {script} from './notation.ts';
import {codeOf} from './spending.ts';

/** Spent coins, the transaction, flags. */
type Row = readonly [readonly (readonly [string, number, string, number?])[], string, string];

function rowsOf(name: string): Row[] {
  return readVectors<unknown[][]>(name).filter(({length}) => length > 1) as unknown as Row[];
}

/** The first thing wrong with a transaction, 'OK' if nothing is. */
function outcomeOf([coins, hex, flagText]: Row): string {
  const flags = new Set(flagText.split(',').filter((flag) => flag !== 'NONE') as ScriptFlag[]);
  const spent = new Map(
    coins.map(([txid, index, text, value = 0]) => [
      `${txid}:${index >>> 0}`,
      {script: script(text), value: BigInt(value)},
    ]),
  );
  try {
    const transaction = decodeTransaction(decodeHex(hex));
    checkTransaction(transaction);
    const hashes = new SignatureHashes(transaction);
    for (const [number, {txid, index}] of transaction.inputs.entries()) {
      const coin = spent.get(`${encodeHex(txid.slice().reverse())}:${index}`)!;
      const code = codeOf(() => verifyInput(hashes, number, coin, flags));
      if (code !== 'OK') return code;
    }
    return 'OK';
  } catch (error) {
    if (error instanceof RuleError || error instanceof WireError) return error.code;
    throw error;
  }
}

test('tx_valid.json: every transaction passes', () => {
  const rows = rowsOf('bitcoin/tx_valid');
  equal(rows.length, 118);
  deepEqual(
    rows.map(outcomeOf).flatMap((outcome, i) => (outcome === 'OK' ? [] : [`${outcome} ${rows[i]![1]}`])),
    [],
  );
});

test('tx_invalid.json: every transaction is refused', () => {
  const rows = rowsOf('bitcoin/tx_invalid');
  equal(rows.length, 74);
  deepEqual(
    rows.filter((row) => outcomeOf(row) === 'OK').map((row) => JSON.stringify(row)),
    [],
  );
});

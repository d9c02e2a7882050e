import {deepEqual, equal} from 'node:assert/strict';
import {test} from 'node:test';
import {decodeHex} from '../../../../src/core/bytes/index.ts';
import type {ScriptFlag} from '../../../../src/core/consensus/script/flags.ts';
import {readVectors} from '../../../support/vectors.ts';
import {script} from './notation.ts';
import {spend, verdict} from './spending.ts';

/** Names that Bitcoin Core gave these outcomes then. */
const OTHER_NAMES: Readonly<Record<string, string>> = {UNKNOWN_ERROR: 'SCRIPTNUM'};
const UNITS = 1e8;

type Row = readonly unknown[];

function flagsOf(text: string): ScriptFlag[] {
  const flags = text.split(',').filter((flag) => flag !== '' && flag !== 'NONE') as ScriptFlag[];
  return flags.includes('CLEANSTACK') ? [...flags, 'P2SH', 'WITNESS'] : flags;
}

test('script_tests.json: every row gets the recorded outcome', () => {
  const rows = readVectors<Row[]>('bitcoin/script_tests').filter(({length}) => length > 1);
  equal(rows.length, 1190);
  const wrong: string[] = [];
  for (const row of rows) {
    const hasWitness = Array.isArray(row[0]);
    const [signatureScript, coinScript, flags, expected] = row.slice(hasWitness ? 1 : 0) as string[];
    const parts = hasWitness ? (row[0] as (string | number)[]) : [0];
    const witness = parts.slice(0, -1).map((item) => decodeHex(item as string));
    const value = BigInt(Math.round((parts.at(-1) as number) * UNITS));
    const spending = spend(script(signatureScript!), script(coinScript!), {witness, value});
    const got = verdict(spending, flagsOf(flags!));
    if (got !== (OTHER_NAMES[expected!] ?? expected)) wrong.push(`${JSON.stringify(row)}: ${got}`);
  }
  deepEqual(wrong, []);
});

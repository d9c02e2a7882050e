import {equal} from 'node:assert/strict';
import {test} from 'node:test';
import {concatBytes, encodeHex} from '../../../../src/core/bytes/index.ts';
import {CONSENSUS_SCRIPT_FLAGS} from '../../../../src/core/consensus/script/flags.ts';
import {countSigops, legacySigops, sigopCost} from '../../../../src/core/consensus/script/sigops.ts';
import {hash160, sha256} from '../../../../src/core/crypto/index.ts';
import {push, script} from './notation.ts';
import {type SpendingOptions, spend} from './spending.ts';

const pushed = (bytes: Uint8Array): string => `0x${encodeHex(push(bytes))}`;

test('signature operations of a script', () => {
  for (const [text, loose, exact] of [
    ['', 0, 0],
    ['CHECKSIG CHECKSIGVERIFY', 2, 2],
    ['2 0 0 3 CHECKMULTISIG', 20, 3],
    ['2 0 0 16 CHECKMULTISIGVERIFY', 20, 16],
    ['0 CHECKMULTISIG', 20, 20],
    ['0x0111 CHECKMULTISIG', 20, 20],
    ['3 NOP CHECKMULTISIG', 20, 20],
    ['0x02ac CHECKSIG', 0, 0],
    ['CHECKSIG 0x02ac', 1, 1],
    ['0 IF CHECKSIG ENDIF', 1, 1],
    ["'\u00ac'", 0, 0],
  ] as const) {
    equal(countSigops(script(text), false), loose, text);
    equal(countSigops(script(text), true), exact, text);
  }
});

function cost(signatureScript: string, coinScript: string, options: SpendingOptions = {}): number {
  const {transaction, coin} = spend(script(signatureScript), script(coinScript), options);
  return sigopCost(transaction, [coin.script], CONSENSUS_SCRIPT_FLAGS);
}

test('cost: four times outside witness programs', () => {
  const redeem = script('2 0 0 0 3 CHECKMULTISIG');
  const scriptHash = (code: Uint8Array): string => `HASH160 ${pushed(hash160(code))} EQUAL`;
  equal(cost('', 'CHECKSIG'), 0);
  equal(cost('CHECKSIG', '1'), 4);
  equal(cost(pushed(redeem), scriptHash(redeem)), 12);
  equal(cost(`${pushed(redeem)} NOP`, scriptHash(redeem)), 0);
  equal(cost(`${pushed(redeem)} 1`, scriptHash(redeem)), 0);

  const key = `0 ${pushed(new Uint8Array(20))}`;
  equal(cost('', key), 1);
  equal(cost('', key, {witness: [script('CHECKSIG')]}), 1);
  const program = `0 ${pushed(sha256(redeem))}`;
  equal(cost('', program), 0);
  equal(cost('', program, {witness: [new Uint8Array(0), redeem]}), 3);
  equal(cost(pushed(script(program)), scriptHash(script(program)), {witness: [redeem]}), 3);
  equal(cost(pushed(script(key)), scriptHash(script(key))), 1);
  equal(cost('', `1 ${pushed(new Uint8Array(32))}`, {witness: [redeem]}), 0);
  equal(cost('', `0 ${pushed(new Uint8Array(30))}`, {witness: [redeem]}), 0);
});

test('outputs count, and a coinbase counts only its own scripts', () => {
  const {transaction} = spend(script('CHECKSIG'), script('1'));
  const output = {value: 0n, script: concatBytes(script('CHECKMULTISIG'), script('CHECKSIG'))};
  const coinbase = {
    ...transaction,
    inputs: [{...transaction.inputs[0]!, txid: new Uint8Array(32), index: 0xffffffff}],
    outputs: [output],
  };
  equal(legacySigops(coinbase), 22);
  equal(sigopCost(coinbase, [], CONSENSUS_SCRIPT_FLAGS), 88);
});

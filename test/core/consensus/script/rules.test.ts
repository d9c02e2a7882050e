// Rules of scripts, each with a case that passes and one that does not.   chain spec §3.10.1, §3.12
import {deepEqual, equal, notEqual, throws} from 'node:assert/strict';
import {test} from 'node:test';
import {concatBytes, decodeHex, encodeHex} from '../../../../src/core/bytes/index.ts';
import {SCRIPT_ERRORS} from '../../../../src/core/consensus/script/errors.ts';
import {
  CONSENSUS_SCRIPT_FLAGS,
  POLICY_SCRIPT_FLAGS,
  type ScriptFlag,
} from '../../../../src/core/consensus/script/flags.ts';
import {decodeNumber, encodeNumber, isTrue} from '../../../../src/core/consensus/script/numbers.ts';
import {parseScript, witnessProgramOf} from '../../../../src/core/consensus/script/parse.ts';
import {PLAIN_VERIFIER} from '../../../../src/core/consensus/script/signature-checks.ts';
import {decodeKey, decodeSignature, isLowS} from '../../../../src/core/consensus/script/signature-encoding.ts';
import {SignatureHashes} from '../../../../src/core/consensus/script/signature-hash.ts';
import {verifyInput} from '../../../../src/core/consensus/script/verify-input.ts';
import {type HashStream, hash160, sha256, startSha256, verifySecp256k1} from '../../../../src/core/crypto/index.ts';
import type {Transaction, TxInput} from '../../../../src/core/primitives/index.ts';
import {refuses} from '../../../support/refusal.ts';
import {push, script} from './notation.ts';
import {signLegacy, signWitness, testKey} from './signing.ts';
import {codeOf, type SpendingOptions, seenCodes, spend, verdict} from './spending.ts';

const CONSENSUS = CONSENSUS_SCRIPT_FLAGS;
const POLICY = POLICY_SCRIPT_FLAGS;
const VALUE = 1000n;
const key = testKey(7);

const hex = (bytes: Uint8Array): string => `0x${encodeHex(bytes)}`;
const pushed = (bytes: Uint8Array): string => hex(push(bytes));

/** What running the scripts of a coin comes to. */
function run(
  signatureScript: string,
  coinScript: string,
  flags: Iterable<ScriptFlag> = CONSENSUS,
  options: SpendingOptions = {},
): string {
  return verdict(spend(script(signatureScript), script(coinScript), options), flags);
}

const scriptHash = (redeem: Uint8Array): string => `HASH160 ${pushed(hash160(redeem))} EQUAL`;
const witnessScriptHash = (code: Uint8Array): string => `0 ${pushed(sha256(code))}`;

test('OP_VOTE drops two items where it is executed, and nothing elsewhere', () => {
  equal(run('', `1 ${pushed(new Uint8Array(22))} 0 VOTE`), 'OK');
  equal(run('', '0 1 1 VOTE'), 'EVAL_FALSE');
  equal(run('', '1 VOTE'), 'INVALID_STACK_OPERATION');
  equal(run('', '0 IF VOTE ENDIF 1'), 'OK');
  equal(run('', '1 IF 0 0 VOTE ENDIF 1'), 'OK');
  equal(run('', '1 IF VOTE ENDIF 1'), 'INVALID_STACK_OPERATION');
  equal(run('', '0 IF VERIF ENDIF 1'), 'BAD_OPCODE');
  equal(run('', '0 IF VER RESERVED 0xba 0xff ENDIF 1'), 'OK');
});

test('OP_VOTE counts as an operation', () => {
  const votes = (count: number): string => `1 ${'0 0 VOTE '.repeat(count)}`;
  equal(run('', votes(201)), 'OK');
  equal(run('', votes(202)), 'OP_COUNT');
  equal(run('', `1 0 IF ${'VOTE '.repeat(199)} ENDIF`), 'OK');
  equal(run('', `1 0 IF ${'VOTE '.repeat(200)} ENDIF`), 'OP_COUNT');
});

test('a vote behind a script hash makes it a plain script, which the preimage alone satisfies', () => {
  const redeem = script('0');
  equal(run(pushed(redeem), scriptHash(redeem)), 'EVAL_FALSE');
  equal(run(pushed(redeem), `${scriptHash(redeem)} 0 0 VOTE`), 'OK');
});

test('a vote behind a witness program makes it a plain script, which anyone can spend', () => {
  const program = `0 ${pushed(hash160(key.compressed))}`;
  equal(run('', program), 'WITNESS_PROGRAM_MISMATCH');
  equal(run('', `${program} 0 0 VOTE`), 'OK');
});

test('a key with a vote: signed like any other script', () => {
  const code = script(`${pushed(key.compressed)} CHECKSIG 0 ${pushed(new Uint8Array(22).fill(5))} VOTE`);
  const unsigned = spend(new Uint8Array(0), code);
  const signature = signLegacy(unsigned.transaction, code, key);
  equal(verdict(spend(push(signature), code), POLICY), 'OK');
  equal(verdict(spend(push(signature.map((byte, i) => (i === 20 ? byte ^ 1 : byte))), code), CONSENSUS), 'EVAL_FALSE');
});

/** Every code that a script can be refused with, beside those that need signatures. */
const CASES: readonly [string, string, string, readonly ScriptFlag[], SpendingOptions?][] = [
  ['EVAL_FALSE', '', '0', []],
  ['OP_RETURN', '', 'RETURN', []],
  ['SCRIPT_SIZE', '', `1 ${`${pushed(new Uint8Array(520))} DROP `.repeat(20)}`, []],
  ['PUSH_SIZE', '', `${pushed(new Uint8Array(521))} DROP 1`, []],
  ['OP_COUNT', '', `1 ${'NOP '.repeat(202)}`, []],
  ['STACK_SIZE', '', '1 '.repeat(1001), []],
  ['SIG_COUNT', '', '0 0 1 0 CHECKMULTISIG', []],
  ['PUBKEY_COUNT', '', '0 0 21 CHECKMULTISIG', []],
  ['VERIFY', '', '0 VERIFY 1', []],
  ['EQUALVERIFY', '', '0 1 EQUALVERIFY 1', []],
  ['NUMEQUALVERIFY', '', '0 1 NUMEQUALVERIFY 1', []],
  ['CHECKSIGVERIFY', '', '0 0 CHECKSIGVERIFY 1', []],
  ['CHECKMULTISIGVERIFY', '', '0 0 1 0 1 CHECKMULTISIGVERIFY 1', []],
  ['BAD_OPCODE', '', '0xba', []],
  ['BAD_OPCODE', '', '1 0x4c', []],
  ['BAD_OPCODE', '', '1 0x4d00', []],
  ['BAD_OPCODE', '', '1 0x0201', []],
  ['DISABLED_OPCODE', '', '0 IF CAT ENDIF 1', []],
  ['INVALID_STACK_OPERATION', '', 'DUP', []],
  ['INVALID_ALTSTACK_OPERATION', '1 TOALTSTACK', 'FROMALTSTACK', []],
  ['UNBALANCED_CONDITIONAL', '1 IF', 'ENDIF', []],
  ['SCRIPTNUM', '', "'12345' 1ADD", []],
  ['SCRIPTNUM', '', '0x020100 1ADD', ['MINIMALDATA']],
  ['NEGATIVE_LOCKTIME', '', '-1 CHECKLOCKTIMEVERIFY', ['CHECKLOCKTIMEVERIFY']],
  ['NEGATIVE_LOCKTIME', '', '-1 CHECKSEQUENCEVERIFY', ['CHECKSEQUENCEVERIFY']],
  ['UNSATISFIED_LOCKTIME', '', '1 CHECKLOCKTIMEVERIFY', ['CHECKLOCKTIMEVERIFY']],
  ['UNSATISFIED_LOCKTIME', '', '1 CHECKSEQUENCEVERIFY', ['CHECKSEQUENCEVERIFY']],
  ['SIG_DER', '', `'abc' ${pushed(key.compressed)} CHECKSIG`, ['DERSIG']],
  ['SIG_NULLDUMMY', '', '1 0 0 CHECKMULTISIG', ['NULLDUMMY']],
  ['WITNESS_PROGRAM_WRONG_LENGTH', '', `0 ${pushed(new Uint8Array(21).fill(1))}`, ['P2SH', 'WITNESS']],
  ['WITNESS_PROGRAM_WITNESS_EMPTY', '', `0 ${pushed(new Uint8Array(32).fill(1))}`, ['P2SH', 'WITNESS']],
  ['WITNESS_PROGRAM_MISMATCH', '', `0 ${pushed(new Uint8Array(20).fill(1))}`, ['P2SH', 'WITNESS']],
  ['WITNESS_MALLEATED', '1', `0 ${pushed(new Uint8Array(20).fill(1))}`, ['P2SH', 'WITNESS']],
  ['WITNESS_UNEXPECTED', '', '1', ['P2SH', 'WITNESS'], {witness: [new Uint8Array(0)]}],
  ['SIG_PUSHONLY', '1 NOP', '1', ['SIGPUSHONLY']],
  ['SIG_PUSHONLY', `NOP ${pushed(script('1'))}`, scriptHash(script('1')), ['P2SH']],
  ['MINIMALDATA', '', '0x0101', ['MINIMALDATA']],
  ['PUBKEYTYPE', '', "0 'abc' CHECKSIG NOT", ['STRICTENC']],
  ['CLEANSTACK', '1', '1', ['P2SH', 'WITNESS', 'CLEANSTACK']],
  ['DISCOURAGE_UPGRADABLE_NOPS', '', '1 NOP10', ['DISCOURAGE_UPGRADABLE_NOPS']],
  [
    'DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM',
    '',
    '1 0x020102',
    ['P2SH', 'WITNESS', 'DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM'],
  ],
  ['OP_CODESEPARATOR', '', '0 IF CODESEPARATOR ENDIF 1', ['CONST_SCRIPTCODE']],
];

for (const [code, signatureScript, coinScript, flags, options] of CASES) {
  test(`refused with ${code}: ${signatureScript.slice(0, 40)} | ${coinScript.slice(0, 40)}`, () => {
    equal(run(signatureScript, coinScript, flags, options), code);
  });
}

test('limits are exact', () => {
  const long = (bytes: number): string =>
    `1 ${`${pushed(new Uint8Array(517))} DROP `.repeat(19)} ${hex(new Uint8Array(bytes - 1 - 19 * 521).fill(0x51))}`;
  equal(script(long(10_000)).length, 10_000);
  equal(run('', long(10_000)), 'OK');
  equal(run('', long(10_001)), 'SCRIPT_SIZE');
  equal(run('', `${pushed(new Uint8Array(520).fill(1))}`), 'OK');
  equal(run('', `1 0 IF ${pushed(new Uint8Array(521))} ENDIF`), 'PUSH_SIZE');
  equal(run('', '1 '.repeat(1000)), 'OK');
  equal(run('', `${'1 '.repeat(500)} ${'1 TOALTSTACK '.repeat(200)} ${'1 '.repeat(300)}`), 'OK');
  equal(run('', `${'1 '.repeat(500)} ${'1 TOALTSTACK '.repeat(200)} ${'1 '.repeat(301)}`), 'STACK_SIZE');
  equal(run('', `0 0 ${'0 '.repeat(20)} 20 CHECKMULTISIG`), 'OK');
  // 20 keys count as operations beside the opcode itself.
  equal(run('', `${'NOP '.repeat(180)} 0 0 ${'0 '.repeat(20)} 20 CHECKMULTISIG`), 'OK');
  equal(run('', `${'NOP '.repeat(181)} 0 0 ${'0 '.repeat(20)} 20 CHECKMULTISIG`), 'OP_COUNT');
});

test('witness scripts: limits, form of conditions and keys', () => {
  const spendProgram = (code: Uint8Array, items: Uint8Array[], flags: Iterable<ScriptFlag> = CONSENSUS): string =>
    run('', witnessScriptHash(code), flags, {witness: [...items, code]});
  equal(spendProgram(script('1'), []), 'OK');
  equal(spendProgram(script('1 1'), []), 'EVAL_FALSE');
  equal(spendProgram(script(''), [Uint8Array.of(1)]), 'OK');
  equal(spendProgram(script('DROP 1'), [new Uint8Array(520)]), 'OK');
  equal(spendProgram(script('DROP 1'), [new Uint8Array(521)]), 'PUSH_SIZE');
  equal(spendProgram(script(`1 ${'0 DROP '.repeat(5000)}`), []), 'SCRIPT_SIZE');
  equal(spendProgram(script('IF 1 ELSE 0 ENDIF'), [Uint8Array.of(2)]), 'OK');
  equal(spendProgram(script('IF 1 ELSE 0 ENDIF'), [Uint8Array.of(2)], POLICY), 'MINIMALIF');
  equal(spendProgram(script('IF 1 ELSE 0 ENDIF'), [Uint8Array.of(1)], POLICY), 'OK');

  for (const [publicKey, policy] of [
    [key.compressed, 'OK'],
    [key.whole, 'WITNESS_PUBKEYTYPE'],
  ] as const) {
    const code = script(`${pushed(publicKey)} CHECKSIG`);
    const {transaction} = spend(new Uint8Array(0), script(witnessScriptHash(code)), {value: VALUE});
    const signature = signWitness(transaction, code, VALUE, key);
    const options = {value: VALUE, witness: [signature, code]};
    equal(run('', witnessScriptHash(code), CONSENSUS, options), 'OK');
    equal(run('', witnessScriptHash(code), POLICY, options), policy);
    equal(run('', witnessScriptHash(code), CONSENSUS, {...options, value: VALUE + 1n}), 'EVAL_FALSE');
  }
});

test('signatures that policy refuses', () => {
  const code = script(`${pushed(key.compressed)} CHECKSIG`);
  const {transaction} = spend(new Uint8Array(0), code);
  const signature = signLegacy(transaction, code, key);
  const outcome = (made: Uint8Array, flags: Iterable<ScriptFlag>): string => verdict(spend(push(made), code), flags);
  equal(outcome(signature, POLICY), 'OK');

  const numbers = decodeSignature(signature.subarray(0, signature.length - 1))!;
  equal(isLowS(numbers), true);
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const s = order - BigInt(hex(numbers.subarray(32)));
  const high = decodeHex(s.toString(16).padStart(66, '0'));
  const r = signature.subarray(2, 4 + signature[3]!);
  const body = concatBytes(r, Uint8Array.of(2, 33), high);
  const highS = concatBytes(Uint8Array.of(0x30, body.length), body, Uint8Array.of(1));
  equal(outcome(highS, CONSENSUS), 'OK');
  equal(outcome(highS, POLICY), 'SIG_HIGH_S');

  const odd = signLegacy(transaction, code, key, 0x05);
  equal(outcome(odd, CONSENSUS), 'OK');
  equal(outcome(odd, POLICY), 'SIG_HASHTYPE');

  const wrong = signLegacy(transaction, script('1'), key);
  const negated = script(`${pushed(key.compressed)} CHECKSIG NOT`);
  equal(verdict(spend(push(wrong), negated), CONSENSUS), 'OK');
  equal(verdict(spend(push(wrong), negated), POLICY), 'NULLFAIL');
  equal(verdict(spend(Uint8Array.of(0), negated), POLICY), 'OK');
  const several = script(`1 ${pushed(key.compressed)} 1 CHECKMULTISIG NOT`);
  equal(verdict(spend(concatBytes(Uint8Array.of(0), push(wrong)), several), POLICY), 'NULLFAIL');
});

test('nested programs: nothing but their script in the signature script', () => {
  const code = script('1');
  const program = script(witnessScriptHash(code));
  const outcome = (signatureScript: string, flags: Iterable<ScriptFlag> = CONSENSUS): string =>
    run(signatureScript, scriptHash(program), flags, {witness: [code]});
  equal(outcome(pushed(program), POLICY), 'OK');
  equal(outcome(`0 ${pushed(program)}`), 'WITNESS_MALLEATED_P2SH');
  equal(outcome(`0x4c${encodeHex(push(program))}`), 'WITNESS_MALLEATED_P2SH');
});

test('as nodes of the network do: a nested program without witness is a script like any other; policy refuses it', () => {
  const program = script(`0 ${pushed(hash160(key.compressed))}`);
  equal(run(pushed(program), scriptHash(program)), 'OK');
  equal(run(pushed(program), scriptHash(program), POLICY), 'CLEANSTACK');
});

test('as nodes of the network do: a negative version has no relative lock times', () => {
  const outcome = (version: number): string => run('', '1 CHECKSEQUENCEVERIFY', CONSENSUS, {version, sequence: 1});
  equal(outcome(2), 'OK');
  equal(outcome(0x7fffffff), 'OK');
  equal(outcome(1), 'UNSATISFIED_LOCKTIME');
  equal(outcome(-1), 'UNSATISFIED_LOCKTIME');
});

test('as nodes of the network do: 65 bytes beginning with 5 are a key', () => {
  const odd = (key.whole[64]! & 1) === 1;
  const form = (first: number): Uint8Array => Uint8Array.of(first, ...key.whole.subarray(1));
  const outcome = (publicKey: Uint8Array, flags: Iterable<ScriptFlag> = CONSENSUS): string => {
    const code = script(`${pushed(publicKey)} CHECKSIG`);
    const signature = signLegacy(spend(new Uint8Array(0), code).transaction, code, key);
    return verdict(spend(push(signature), code), flags);
  };
  equal(outcome(key.whole, POLICY), 'OK');
  equal(outcome(form(5)), 'OK');
  equal(outcome(form(odd ? 7 : 6)), 'OK');
  equal(outcome(form(odd ? 6 : 7)), 'EVAL_FALSE');
  equal(outcome(form(5), POLICY), 'PUBKEYTYPE');
  equal(decodeKey(form(8)), undefined);
  equal(decodeKey(key.whole.subarray(1)), undefined);
});

test('as nodes of the network do: undefined hash types with the second bit set sign no outputs of witness programs', () => {
  const {transaction} = spend(new Uint8Array(0), script('1'), {value: VALUE});
  const other = {...transaction, outputs: [{value: 1n, script: script('1')}]};
  const hash = (of: typeof transaction, type: number): string =>
    encodeHex(new SignatureHashes(of).witness(0, script('1'), VALUE, type));
  for (const type of [0x02, 0x06, 0x07, 0x0a, 0x82, 0xfe]) equal(hash(transaction, type), hash(other, type));
  for (const type of [0x00, 0x01, 0x03, 0x04, 0x05, 0x08, 0x81, 0x83]) {
    notEqual(hash(transaction, type), hash(other, type));
  }
});

test('as nodes of the network do: a push that holds the signature is not signed, whatever else it holds', () => {
  const signature = signLegacy(spend(new Uint8Array(0), script('1')).transaction, script('1'), key);
  for (const data of [signature, concatBytes(Uint8Array.of(0xaa), signature, Uint8Array.of(0xbb))]) {
    const holding = concatBytes(script('CHECKSIGVERIFY'), push(data), script('DROP 1'));
    const over = concatBytes(script('CHECKSIGVERIFY'), script('DROP 1'));
    const unsigned = spend(new Uint8Array(0), holding);
    const hashes = new SignatureHashes(unsigned.transaction);
    let checked: Uint8Array | undefined;
    const verifier = {
      verify: (_: Uint8Array, __: Uint8Array, hash: Uint8Array) => {
        checked = hash;
        return true;
      },
    };
    const spending = spend(concatBytes(push(signature), push(key.compressed)), holding);
    equal(verdict(spending, CONSENSUS, verifier), 'OK');
    deepEqual(checked, hashes.legacy(0, over, 1));
    equal(verdict(spending, POLICY, verifier), 'SIG_FINDANDDELETE');
  }
});

/** Hashes of a transaction that count what is hashed. */
function countedHashes(transaction: Transaction): {
  hashes: SignatureHashes;
  counts: {started: number; finished: number; bytes: number};
} {
  const counts = {started: 0, finished: 0, bytes: 0};
  const counted = (stream: HashStream): HashStream => {
    const self: HashStream = {
      update: (part) => {
        counts.bytes += part.length;
        stream.update(part);
        return self;
      },
      copy: () => counted(stream.copy()),
      digest: () => {
        counts.finished++;
        return stream.digest();
      },
    };
    return self;
  };
  const start = (): HashStream => {
    counts.started++;
    return counted(startSha256());
  };
  return {hashes: new SignatureHashes(transaction, start), counts};
}

test('signatures of one script with many hash types hash the transaction six times, not once each', () => {
  const code = script('1 0xab 1');
  const {transaction} = spend(new Uint8Array(0), code);
  const [input] = transaction.inputs;
  const large = {...transaction, inputs: new Array<TxInput>(1000).fill(input!)};
  const {hashes, counts} = countedHashes(large);
  const plain = Array.from({length: 256}, (_, type) => encodeHex(new SignatureHashes(large).legacy(0, code, type)));
  const shared = Array.from({length: 256}, (_, type) => encodeHex(hashes.legacy(0, code, type)));
  deepEqual(shared, plain);
  equal(new Set(shared).size, 256);
  equal(counts.started, 6);
  equal(counts.bytes < 3 * 41_000 + 3000 + 256 * 4, true);
  // Another input, then the first again: nothing is mixed up.
  const second = encodeHex(hashes.legacy(1, code, 2));
  equal(second, encodeHex(new SignatureHashes(large).legacy(1, code, 2)));
  equal(encodeHex(hashes.legacy(0, code, 2)), plain[2]);
});

test('a signature hash is made once for all signatures that share it', () => {
  const keys = Array.from({length: 20}, (_, i) => testKey(i + 1));
  const code = script(`20 ${keys.map(({compressed}) => pushed(compressed)).join(' ')} 20 CHECKMULTISIG`);
  const {transaction} = spend(new Uint8Array(0), code);
  const signatures = keys.map((one) => signLegacy(transaction, code, one));
  const spending = spend(concatBytes(Uint8Array.of(0), ...signatures.map(push)), code);
  const {hashes, counts} = countedHashes(spending.transaction);
  let verified = 0;
  const verifier = {
    verify: (...parts: [Uint8Array, Uint8Array, Uint8Array]) => {
      verified++;
      return PLAIN_VERIFIER.verify(...parts);
    },
  };
  verifyInput(hashes, 0, spending.coin, CONSENSUS, verifier);
  deepEqual([counts.started, counts.finished, verified], [1, 1, 20]);
});

test('hashing for witness programs is linear in the inputs', () => {
  const program = script(`0 ${pushed(hash160(key.compressed))}`);
  const bytesFor = (count: number): number => {
    const {transaction} = spend(new Uint8Array(0), program);
    const input = {...transaction.inputs[0]!, witness: [decodeHex('300602010102010101'), key.compressed]};
    const {hashes, counts} = countedHashes({...transaction, inputs: new Array<typeof input>(count).fill(input)});
    const signed = {verify: () => true};
    const coin = {script: program, value: VALUE};
    for (let i = 0; i < count; i++) codeOf(() => verifyInput(hashes, i, coin, new Set(['P2SH', 'WITNESS']), signed));
    return counts.bytes;
  };
  equal(bytesFor(100) > 100 * 100, true);
  equal(bytesFor(400) < 4.5 * bytesFor(100), true);
});

test('numbers, there and back', () => {
  for (const value of [
    0,
    1,
    -1,
    16,
    17,
    127,
    -127,
    128,
    -128,
    255,
    256,
    -32768,
    2 ** 31 - 1,
    -(2 ** 31) + 1,
    2 ** 32,
    2 ** 39 - 1,
  ]) {
    equal(decodeNumber(encodeNumber(value), true, 5), value);
  }
  equal(decodeNumber(Uint8Array.of(0x80), false), 0);
  refuses(() => decodeNumber(Uint8Array.of(0x80), true), 'SCRIPTNUM');
  refuses(() => decodeNumber(Uint8Array.of(1, 0), true), 'SCRIPTNUM');
  equal(decodeNumber(Uint8Array.of(0xff, 0), true), 255);
  refuses(() => decodeNumber(new Uint8Array(5), false), 'SCRIPTNUM');
  for (const [bytes, expected] of [
    [[], false],
    [[0], false],
    [[0x80], false],
    [[0, 0x80], false],
    [[0x80, 0], true],
    [[1], true],
  ] as const) {
    equal(isTrue(Uint8Array.from(bytes)), expected);
  }
});

test('reading scripts', () => {
  equal(parseScript(script('1 0x4c')), undefined);
  deepEqual(
    parseScript(decodeHex('4c0161 51 4d0100 aa 4e01000000 bb'.replaceAll(' ', '')))!.map(({start, end}) => [
      start,
      end,
    ]),
    [
      [0, 3],
      [3, 4],
      [4, 8],
      [8, 14],
    ],
  );
  deepEqual(witnessProgramOf(script('16 0x020102')), {version: 16, program: Uint8Array.of(1, 2)});
  for (const text of [
    '0 0x0101',
    `0 ${pushed(new Uint8Array(41))}`,
    'NOP 0x020102',
    '0 0x4c020102',
    '0 0x020102 NOP',
  ]) {
    equal(witnessProgramOf(script(text)), undefined);
  }
  throws(() => parseScript('51' as unknown as Uint8Array), TypeError);
});

test('the plain verifier', () => {
  const hash = new Uint8Array(32).fill(3);
  const {transaction} = spend(new Uint8Array(0), script('1'));
  const signature = decodeSignature(signLegacy(transaction, script('1'), key).slice(0, -1))!;
  const signed = new SignatureHashes(transaction).legacy(0, script('1'), 1);
  equal(verifySecp256k1(signature, key.compressed, signed), true);
  equal(verifySecp256k1(signature, key.whole, signed), true);
  equal(verifySecp256k1(signature, key.compressed, hash), false);
  equal(verifySecp256k1(signature, new Uint8Array(65).fill(4), signed), false);
  throws(() => verifySecp256k1(signature.subarray(1), key.compressed, signed), RangeError);
  throws(() => new SignatureHashes(transaction).legacy(1, script('1'), 1), RangeError);
});

test('every code has been seen', () => {
  deepEqual(
    Object.keys(SCRIPT_ERRORS).filter((code) => !seenCodes.has(code)),
    [],
  );
});

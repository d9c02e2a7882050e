// Every rule on a block that needs no proof and no scripts: a passing case and one that names its code.
import {deepEqual, equal} from 'node:assert/strict';
import {test} from 'node:test';
import {concatBytes, decodeHex, encodeHex} from '../../../src/core/bytes/index.ts';
import {checkBlock} from '../../../src/core/consensus/check-block.ts';
import {checkHeader, checkNotTooNew} from '../../../src/core/consensus/check-header.ts';
import {checkTransaction, outpointKey} from '../../../src/core/consensus/check-transaction.ts';
import type {Coin} from '../../../src/core/consensus/coins.ts';
import {type BlockChanges, type BlockContext, connectBlock} from '../../../src/core/consensus/connect-block.ts';
import type {RuleName} from '../../../src/core/consensus/errors.ts';
import {candidateKey, type Tally} from '../../../src/core/consensus/steward.ts';
import {MAX_UNITS, stewardShare, subsidy, totalMoney} from '../../../src/core/consensus/subsidy.ts';
import {checkWitnessCommitment, witnessCommitment} from '../../../src/core/consensus/witness-commitment.ts';
import {createPktreg} from '../../../src/core/params/index.ts';
import {
  type Block,
  blockHash,
  decodeBlock,
  merkleRoot,
  type Transaction,
  type TxInput,
  type TxOutput,
  transactionId,
} from '../../../src/core/primitives/index.ts';
import {refuses} from '../../support/refusal.ts';

const NETWORK = createPktreg({money: {coinbaseMaturity: 10, stewardExpiry: 50, subsidyPeriod: 1000}});
const HEIGHT = 200;
const STEWARD = NETWORK.money.initialSteward;
const SHARE = stewardShare(NETWORK.money, HEIGHT);
const ANYONE = Uint8Array.of(0x51);
const genesis = decodeBlock(NETWORK.genesis);

function txid(number: number): Uint8Array {
  return new Uint8Array(32).fill(number);
}

function input(number: number, more: Partial<TxInput> = {}): TxInput {
  return {txid: txid(number), index: 0, script: new Uint8Array(0), sequence: 0xffffffff, witness: [], ...more};
}

function output(value: bigint, script: Uint8Array = ANYONE): TxOutput {
  return {value, script};
}

function transaction(inputs: TxInput[], outputs: TxOutput[], more: Partial<Transaction> = {}): Transaction {
  return {version: 2, inputs, outputs, lockTime: 0, ...more};
}

function coinbase(outputs: TxOutput[], script: Uint8Array = Uint8Array.of(2, HEIGHT, 0, 0)): Transaction {
  return transaction([input(0, {index: 0xffffffff, script})], outputs);
}

const MINER = subsidy(NETWORK.money, HEIGHT) - SHARE;
const GOOD_COINBASE = coinbase([output(MINER), output(SHARE, STEWARD)]);

/** A block of these transactions with the right merkle root. */
function blockOf(transactions: Transaction[], header: Partial<Block['header']> = {}): Block {
  const root = merkleRoot(transactions.map(transactionId));
  return {...genesis, header: {...genesis.header, version: 4, merkleRoot: root, ...header}, transactions};
}

interface World {
  coins?: Record<number, Partial<Coin>>;
  steward?: Uint8Array;
  against?: bigint;
  medianTime?: number;
  tallies?: Tally[];
}

function contextOf({coins = {}, steward = STEWARD, against = 0n, medianTime = 1e6, tallies = []}: World): BlockContext {
  const set = new Map<string, Coin>();
  for (const [number, coin] of Object.entries(coins)) {
    const whole = {value: 1000n, script: ANYONE, height: 100, isCoinbase: false, ...coin};
    set.set(outpointKey(txid(Number(number)), 0), whole);
  }
  return {
    network: NETWORK,
    height: HEIGHT,
    medianTime,
    steward: {steward, against},
    coinAt: (id, index) => set.get(outpointKey(id, index)),
    medianTimeAt: (height) => medianTime - 60 * (HEIGHT - height),
    allTallies: () => tallies.map((tally) => [candidateKey(tally.script), tally] as const),
  };
}

function connect(transactions: Transaction[], world: World = {}): BlockChanges {
  return connectBlock(contextOf(world), checkBlock(NETWORK, blockOf(transactions)));
}

/** Each row: what is tried, the block and world, and the code, or undefined where it must pass. */
const CONNECT: [string, Transaction[], World, RuleName | undefined][] = [
  ['subsidy alone', [GOOD_COINBASE], {}, undefined],
  ['claiming less', [coinbase([output(1n), output(SHARE, STEWARD)])], {}, undefined],
  ['claiming one unit more', [coinbase([output(MINER + 1n), output(SHARE, STEWARD)])], {}, 'ErrBadCoinbaseValue'],
  [
    'claiming the fees',
    [coinbase([output(MINER + 10n), output(SHARE, STEWARD)]), transaction([input(1)], [output(990n)])],
    {coins: {1: {}}},
    undefined,
  ],
  [
    'steward one unit short',
    [coinbase([output(MINER), output(SHARE - 1n, STEWARD)])],
    {},
    'ErrBadCoinbaseNetworkSteward',
  ],
  [
    'steward paid in two parts',
    [coinbase([output(1n, STEWARD), output(SHARE - 1n, STEWARD)])],
    {},
    'ErrBadCoinbaseNetworkSteward',
  ],
  ['another steward paid', [coinbase([output(SHARE, ANYONE)])], {}, 'ErrBadCoinbaseNetworkSteward'],
  ['steward paid first', [coinbase([output(SHARE, STEWARD), output(MINER)])], {}, undefined],
  ['the elected steward is paid', [coinbase([output(SHARE, ANYONE)])], {steward: ANYONE}, undefined],
  ['a coin that is not there', [GOOD_COINBASE, transaction([input(1)], [output(1n)])], {}, 'ErrMissingTxOut'],
  [
    'a coin spent twice in one block',
    [GOOD_COINBASE, transaction([input(1)], [output(1n)]), transaction([input(1)], [output(2n)])],
    {coins: {1: {}}},
    'ErrMissingTxOut',
  ],
  [
    'fees of all money there can be',
    [GOOD_COINBASE, transaction([input(1)], [output(1n)]), transaction([input(2)], [output(0n)])],
    {coins: {1: {value: MAX_UNITS}, 2: {value: 1n}}},
    undefined,
  ],
  [
    'one unit more',
    [GOOD_COINBASE, transaction([input(1)], [output(1n)]), transaction([input(2)], [output(0n)])],
    {coins: {1: {value: MAX_UNITS}, 2: {value: 2n}}},
    'ErrBadFees',
  ],
  ['more out than in', [GOOD_COINBASE, transaction([input(1)], [output(1001n)])], {coins: {1: {}}}, 'ErrSpendTooHigh'],
  ['all of it', [GOOD_COINBASE, transaction([input(1)], [output(1000n)])], {coins: {1: {}}}, undefined],
  [
    'a coinbase output one block too young',
    [GOOD_COINBASE, transaction([input(1)], [output(1n)])],
    {coins: {1: {isCoinbase: true, height: HEIGHT - 9}}},
    'ErrImmatureSpend',
  ],
  [
    'a coinbase output just mature',
    [GOOD_COINBASE, transaction([input(1)], [output(1n)])],
    {coins: {1: {isCoinbase: true, height: HEIGHT - 10}}},
    undefined,
  ],
  [
    'a steward payment at the last moment',
    [GOOD_COINBASE, transaction([input(1)], [output(1n)])],
    {coins: {1: {isCoinbase: true, height: HEIGHT - 50, value: SHARE}}},
    undefined,
  ],
  [
    'an expired steward payment',
    [GOOD_COINBASE, transaction([input(1)], [output(1n)])],
    {coins: {1: {isCoinbase: true, height: HEIGHT - 51, value: SHARE}}},
    'ErrNetworkStewardOldSpend',
  ],
  [
    'as old, of another value',
    [GOOD_COINBASE, transaction([input(1)], [output(1n)])],
    {coins: {1: {isCoinbase: true, height: HEIGHT - 51, value: SHARE + 1n}}},
    undefined,
  ],
  [
    'as old, of no coinbase',
    [GOOD_COINBASE, transaction([input(1)], [output(1n)])],
    {coins: {1: {height: HEIGHT - 51, value: SHARE}}},
    undefined,
  ],
  [
    'a relative lock of 100 blocks on a coin as old',
    [GOOD_COINBASE, transaction([input(1, {sequence: 100})], [output(1n)])],
    {coins: {1: {height: HEIGHT - 100}}},
    undefined,
  ],
  [
    'the same one block too early',
    [GOOD_COINBASE, transaction([input(1, {sequence: 100})], [output(1n)])],
    {coins: {1: {height: HEIGHT - 99}}},
    'ErrUnfinalizedTx',
  ],
  [
    'the same in version 1',
    [GOOD_COINBASE, transaction([input(1, {sequence: 100})], [output(1n)], {version: 1})],
    {coins: {1: {height: HEIGHT - 99}}},
    undefined,
  ],
  [
    'a relative lock of 1024 seconds, 18 blocks of a minute',
    [GOOD_COINBASE, transaction([input(1, {sequence: 0x00400002})], [output(1n)])],
    {coins: {1: {height: HEIGHT - 18}}},
    undefined,
  ],
  [
    'the same after 16 blocks',
    [GOOD_COINBASE, transaction([input(1, {sequence: 0x00400002})], [output(1n)])],
    {coins: {1: {height: HEIGHT - 16}}},
    'ErrUnfinalizedTx',
  ],
];

for (const [name, transactions, world, code] of CONNECT) {
  test(`connect: ${name}`, () => {
    if (code === undefined) connect(transactions, world);
    else refuses(() => connect(transactions, world), code);
  });
}

test('a coin may be spent in the block that creates it, and then leaves no trace', () => {
  const first = transaction([input(1)], [output(900n)]);
  const second = transaction([{...input(0), txid: transactionId(first)}], [output(800n)]);
  const changes = connect([GOOD_COINBASE, first, second], {coins: {1: {}}});
  equal(changes.fees, 200n);
  deepEqual(
    changes.spent.map(({txid: id}) => encodeHex(id)),
    [encodeHex(txid(1))],
  );
  deepEqual(
    changes.created.map(({coin}) => coin.value),
    [MINER, SHARE, 800n],
  );
});

test('outputs that can never be spent do not become coins', () => {
  const burn = transaction([input(1)], [output(900n, Uint8Array.of(0x6a, 1, 1)), output(1n, Uint8Array.of(0x4c))]);
  equal(connect([GOOD_COINBASE, burn], {coins: {1: {}}}).created.length, 2);
});

const BAD_BLOCKS: [string, Block, RuleName][] = [
  ['no transactions', blockOf([]), 'ErrNoTransactions'],
  ['no coinbase', blockOf([transaction([input(1)], [output(1n)])]), 'ErrFirstTxNotCoinbase'],
  ['two coinbases', blockOf([GOOD_COINBASE, coinbase([output(1n)])]), 'ErrMultipleCoinbases'],
  ['bits above the limit', blockOf([GOOD_COINBASE], {bits: 0x21008000}), 'ErrUnexpectedDifficulty'],
  ['bits of zero', blockOf([GOOD_COINBASE], {bits: 0}), 'ErrUnexpectedDifficulty'],
  ['a wrong merkle root', blockOf([GOOD_COINBASE], {merkleRoot: new Uint8Array(32)}), 'ErrBadMerkleRoot'],
  [
    'the same transaction twice',
    blockOf([GOOD_COINBASE, transaction([input(1)], [output(1n)]), transaction([input(1)], [output(1n)])]),
    'ErrDuplicateTx',
  ],
  ['a transaction without outputs', blockOf([GOOD_COINBASE, transaction([input(1)], [])]), 'ErrNoTxOutputs'],
  ['an input twice', blockOf([GOOD_COINBASE, transaction([input(1), input(1)], [output(1n)])]), 'ErrDuplicateTxInputs'],
  ['a negative value', blockOf([GOOD_COINBASE, transaction([input(1)], [output(-1n)])]), 'ErrNegativeTxOutValue'],
  [
    'a value too large',
    blockOf([GOOD_COINBASE, transaction([input(1)], [output(MAX_UNITS + 1n)])]),
    'ErrOversizeTxOutValue',
  ],
  [
    'a sum too large',
    blockOf([GOOD_COINBASE, transaction([input(1)], [output(MAX_UNITS), output(1n)])]),
    'ErrOversizeTxOutValue',
  ],
  [
    'a null outpoint among others',
    blockOf([GOOD_COINBASE, transaction([input(1), input(0, {index: 0xffffffff})], [output(1n)])]),
    'ErrBadTxInput',
  ],
  ['a coinbase script of one byte', blockOf([coinbase([output(1n)], Uint8Array.of(0x51))]), 'ErrBadCoinbaseScriptLen'],
  ['a coinbase script of 101 bytes', blockOf([coinbase([output(1n)], new Uint8Array(101))]), 'ErrBadCoinbaseScriptLen'],
  ['no height', blockOf([coinbase([output(1n)], Uint8Array.of(5, 1))]), 'ErrMissingCoinbaseHeight'],
  [
    'more than a million bytes',
    blockOf([
      GOOD_COINBASE,
      ...[1, 2].map((n) => transaction([input(n, {script: new Uint8Array(500_000)})], [output(1n)])),
    ]),
    'ErrBlockTooBig',
  ],
  [
    'a transaction of more than a million bytes',
    blockOf([GOOD_COINBASE, transaction([input(1, {script: new Uint8Array(1_000_001)})], [output(1n)])]),
    'ErrBlockTooBig',
  ],
  [
    'too much weight in witnesses',
    blockOf([GOOD_COINBASE, transaction([input(1, {witness: [new Uint8Array(3_990_000)]})], [output(1n)])]),
    'ErrBlockWeightTooHigh',
  ],
];

for (const [name, block, code] of BAD_BLOCKS) {
  test(`a block by itself: ${name}`, () => refuses(() => checkBlock(NETWORK, block), code));
}

test('a transaction by itself: no inputs, and too large', () => {
  refuses(() => checkTransaction(transaction([], [output(1n)])), 'ErrNoTxInputs');
  const large = transaction([input(1, {script: new Uint8Array(1_000_000)})], [output(1n)]);
  refuses(() => checkTransaction(large), 'ErrTxTooBig');
  checkTransaction(transaction([input(1, {witness: [new Uint8Array(1_000_000)]})], [output(1n)]));
});

test('headers at their place', () => {
  const points = Array.from({length: 20}, (_, height) => ({height, time: 1000 + 60 * height, bits: 0x207fffff}));
  const context = {
    network: NETWORK,
    previous: points[19]!,
    medianTime: 1600,
    ancestorAt: (_point: unknown, height: number) => points[height]!,
  };
  const good = {...genesis.header, version: 4, bits: 0x207fffff, time: 1601};
  checkHeader(context, good);
  checkHeader(context, {...good, version: 0x20000000});
  refuses(() => checkHeader(context, {...good, version: 3}), 'ErrBlockVersionTooOld');
  refuses(() => checkHeader(context, {...good, version: -1}), 'ErrBlockVersionTooOld');
  refuses(() => checkHeader(context, {...good, time: 1600}), 'ErrTimeTooOld');
  refuses(() => checkHeader(context, {...good, bits: 0x207ffffe}), 'ErrUnexpectedDifficulty');
  checkNotTooNew(NETWORK, good, 1601 - 720);
  refuses(() => checkNotTooNew(NETWORK, good, 1601 - 721), 'ErrTimeTooNew');
  const checked = {...NETWORK, checkpoints: [{height: 20, hash: blockHash(good)}]};
  checkHeader({...context, network: checked}, good);
  refuses(() => checkHeader({...context, network: checked}, {...good, nonce: 1}), 'ErrBadCheckpoint');
});

test('witness commitments', () => {
  const spend = transaction([input(1, {witness: [Uint8Array.of(1)]})], [output(1n)]);
  const reserved = new Uint8Array(32).fill(5);
  const commit = (value: Uint8Array): TxOutput => output(0n, concatBytes(decodeHex('6a24aa21a9ed'), value));
  const withWitness = (outputs: TxOutput[], witness: Uint8Array[]): Transaction =>
    transaction([input(0, {index: 0xffffffff, witness, script: Uint8Array.of(1, 1)})], outputs);
  const right = commit(witnessCommitment([GOOD_COINBASE, spend], reserved));
  checkWitnessCommitment([withWitness([right], [reserved]), spend]);
  checkWitnessCommitment([withWitness([commit(new Uint8Array(32)), right], [reserved]), spend]);
  checkWitnessCommitment([GOOD_COINBASE]);
  refuses(() => checkWitnessCommitment([GOOD_COINBASE, spend]), 'ErrUnexpectedWitness');
  refuses(() => checkWitnessCommitment([withWitness([right], []), spend]), 'ErrInvalidWitnessCommitment');
  refuses(
    () => checkWitnessCommitment([withWitness([right, commit(new Uint8Array(32))], [reserved]), spend]),
    'ErrWitnessCommitmentMismatch',
  );
});

const P2PKH = decodeHex(`76a914${'22'.repeat(20)}88ac`);

function voting(inFavour: Uint8Array | undefined, against: Uint8Array | undefined): Uint8Array {
  const push = (script: Uint8Array | undefined): Uint8Array =>
    script === undefined ? Uint8Array.of(0) : Uint8Array.of(script.length, ...script);
  return concatBytes(P2PKH, push(inFavour), push(against), Uint8Array.of(0x66));
}

test('votes against the steward are counted, and only subtract when spent in the block that creates them', () => {
  const vote = voting(undefined, STEWARD);
  const cast = transaction([input(1)], [output(700n, vote)]);
  equal(connect([GOOD_COINBASE, cast], {coins: {1: {}}}).steward.state.against, 700n);
  const withdrawn = transaction([input(1)], [output(1n)]);
  equal(connect([GOOD_COINBASE, withdrawn], {coins: {1: {script: vote}}, against: 1500n}).steward.state.against, 500n);
  const both = transaction([{...input(0), txid: transactionId(cast)}], [output(1n)]);
  const drifted = connect([GOOD_COINBASE, cast, both], {coins: {1: {}}});
  equal(drifted.steward.state.against, -700n);
  equal(drifted.tallies.size, 0);
});

test('more than half of all money against the steward elects the candidate with the most votes', () => {
  const half = totalMoney(NETWORK.money, HEIGHT) / 2n;
  const [one, other] = [decodeHex(`0014${'01'.repeat(20)}`), decodeHex(`0014${'02'.repeat(20)}`)];
  const tallies = (a: bigint, b: bigint): Tally[] => [
    {script: one, for: a, against: 3n},
    {script: other, for: b, against: 7n},
  ];
  const elect = (against: bigint, a: bigint, b: bigint) =>
    connect([GOOD_COINBASE], {against, tallies: tallies(a, b)}).steward;
  equal(elect(half, 5n, 6n).elected, false);
  const won = elect(half + 1n, 5n, 6n);
  equal(encodeHex(won.state.steward), encodeHex(other));
  equal(won.state.against, 7n);
  const tie = elect(half + 1n, 6n, 6n);
  equal(encodeHex(tie.state.steward), encodeHex(one));
  deepEqual(tie.tied, [other]);
  const nobody = elect(half + 1n, 0n, 0n);
  equal(nobody.elected, false);
  equal(nobody.state.against, half + 1n);
});

// One passing and one failing case for every rule of the pool on a single transaction.   chain spec §4.3
import {deepEqual, equal, ok, rejects} from 'node:assert/strict';
import {test} from 'node:test';
import {decodeHex} from '../../../src/core/bytes/index.ts';
import {RuleError, stewardShare} from '../../../src/core/consensus/index.ts';
import {hash160} from '../../../src/core/crypto/index.ts';
import {PKT, PKTREG, PKTTEST} from '../../../src/core/params/index.ts';
import {
  decodeTransaction,
  encodeTransaction,
  hasWitness,
  type Transaction,
  type TxOutput,
  transactionId,
  transactionSize,
} from '../../../src/core/primitives/index.ts';
import {POLICY_ERRORS, PolicyError} from '../../../src/node/mempool/errors.ts';
import {isDust, MIN_FREE_PRIORITY, priority} from '../../../src/node/mempool/policy.ts';
import {signLegacy, testKey} from '../../core/consensus/script/signing.ts';
import {FakeChain} from '../../support/fake-chain.ts';
import {ANYONE, input, output, PoolFixture, transaction} from '../../support/pool-fixture.ts';
import {readVectors} from '../../support/vectors.ts';

const KEY = testKey(7);
const keyHash = hash160(KEY.compressed);
const P2PKH = Uint8Array.from([0x76, 0xa9, 20, ...keyHash, 0x88, 0xac]);
const P2WPKH = Uint8Array.from([0, 20, ...keyHash]);
const EMPTY = new Uint8Array(0);
const push = (data: Uint8Array): number[] =>
  data.length < 76 ? [data.length, ...data] : [0x4d, data.length & 255, data.length >> 8, ...data];
const scriptHash = (script: Uint8Array): Uint8Array => Uint8Array.from([0xa9, 20, ...hash160(script), 0x87]);
const nullData = (bytes: number): Uint8Array =>
  bytes < 76
    ? Uint8Array.from([0x6a, bytes, ...new Uint8Array(bytes)])
    : Uint8Array.from([0x6a, 0x4c, bytes, ...new Uint8Array(bytes)]);
const multisig = (keys: number): Uint8Array =>
  Uint8Array.from([0x51, ...Array.from({length: keys}, () => [33, ...KEY.compressed]).flat(), 0x50 + keys, 0xae]);

/** Spends a coin of a million units to some outputs and pays 1000 for it. */
async function outputs(...list: TxOutput[]): Promise<string> {
  const fixture = new PoolFixture();
  const sum = list.reduce((total, {value}) => total + value, 0n);
  return fixture.offer(transaction([fixture.coin({value: sum + 10_000n})], list));
}

test('sizes are those of the encoding', () => {
  const vectors = readVectors<unknown[][]>('bitcoin/tx_valid').filter(({length}) => length > 1);
  const decoded = vectors.map((row) => decodeTransaction(decodeHex(row[1] as string)));
  const many = Array.from({length: 300}, (_, index) =>
    input({txid: new Uint8Array(32), index, script: new Uint8Array(index), witness: [new Uint8Array(index * 250)]}),
  );
  for (const each of [
    ...decoded,
    transaction(many, [output(1n)]),
    transaction(
      many.slice(0, 1),
      many.map(() => output(2n)),
    ),
  ]) {
    const {size, weight, vsize} = transactionSize(each);
    equal(size, encodeTransaction(each).length);
    equal(weight, 3 * encodeTransaction(each, false).length + size);
    equal(vsize, Math.ceil(weight / 4));
  }
  ok(decoded.some(hasWitness) && !decoded.every(hasWitness));
});

test('dust, exactly', () => {
  // 8 + 1 + 25 bytes of output and 148 to spend it; 8 + 1 + 22 and 67 for a witness.
  for (const [script, limit] of [
    [P2PKH, 546n],
    [P2WPKH, 294n],
    [ANYONE, 330n],
  ] as const) {
    equal(isDust({value: limit - 1n, script}), true);
    equal(isDust({value: limit, script}), false);
  }
  // Amounts above 2^53 and 2^63 / 1000 are no dust.
  equal(isDust({value: 2n ** 60n, script: P2PKH}), false);
  equal(isDust({value: 1091n, script: P2PKH}, 2000n), true);
  equal(isDust({value: 1092n, script: P2PKH}, 2000n), false);
});

test('dust is not relayed', async () => {
  equal(await outputs(output(294n, P2WPKH)), 'accepted');
  equal(await outputs(output(293n, P2WPKH)), 'dust');
});

test('output scripts', async () => {
  equal(await outputs(output(1000n, P2PKH)), 'accepted');
  equal(await outputs(output(1000n, Uint8Array.of(0x51))), 'output-form');
  equal(await outputs(output(1000n, multisig(3))), 'accepted');
  equal(await outputs(output(1000n, multisig(4))), 'multisig-keys');
  // A vote behind a script of a standard kind is left aside.
  const vote = Uint8Array.from([...P2PKH, ...push(P2WPKH), 0, 0x66]);
  equal(await outputs(output(1000n, vote)), 'accepted');
  equal(await outputs(output(1000n, vote.slice(0, -1))), 'output-form');
});

test('data in outputs', async () => {
  equal(await outputs(output(0n, nullData(80)), output(1000n)), 'accepted');
  equal(await outputs(output(0n, nullData(81)), output(1000n)), 'output-form');
  equal(await outputs(output(0n, nullData(10)), output(0n, nullData(11)), output(1000n)), 'null-data-count');
});

test('versions', async () => {
  for (const [version, expected] of [
    [0, 'version'],
    [1, 'accepted'],
    [2, 'accepted'],
    [3, 'version'],
    [-1, 'version'],
  ] as const) {
    const fixture = new PoolFixture();
    equal(await fixture.offer({...transaction([fixture.coin()], [output(990_000n)]), version}), expected);
  }
});

test('weight', async () => {
  for (const [bytes, weight, expected] of [
    [45, 399_997, 'accepted'],
    [46, 400_001, 'weight'],
  ] as const) {
    const fixture = new PoolFixture();
    const many = Array.from({length: 2323}, () => output(1000n));
    const heavy = transaction([fixture.coin({value: 10_000_000n})], [...many, output(0n, nullData(bytes))]);
    equal(transactionSize(heavy).weight, weight);
    equal(await fixture.offer(heavy), expected);
  }
});

test('more than 500 inputs need witnesses', async () => {
  const bare = {script: scriptHash(Uint8Array.of(0x51))};
  const bareSpend = {script: Uint8Array.of(1, 0x51), witness: []};
  for (const [witnessed, bareInputs, expected] of [
    [499, 1, 'accepted'],
    [500, 1, 'many-inputs'],
    [501, 0, 'accepted'],
  ] as const) {
    const fixture = new PoolFixture();
    const inputs = [
      ...Array.from({length: bareInputs}, () => fixture.coin(bare, bareSpend)),
      ...Array.from({length: witnessed}, () => fixture.coin()),
    ];
    equal(await fixture.offer(transaction(inputs, [output(1_000_000n)])), expected);
  }
});

/** Spends one coin with a given script; the rest goes to the fee. */
async function spending(script: Uint8Array, spend: Uint8Array, witness: Uint8Array[] = []): Promise<string> {
  const fixture = new PoolFixture();
  return fixture.offer(transaction([fixture.coin({script}, {script: spend, witness})], [output(900_000n)]));
}

test('signature scripts', async () => {
  const redeem = Uint8Array.from([0x75, 0x75, 0x75, 0x51]);
  const data = (last: number): number[] => [520, 520, last].flatMap((bytes) => push(new Uint8Array(bytes)));
  equal(await spending(scriptHash(redeem), Uint8Array.from([...data(520), ...push(redeem)])), 'accepted');
  const longer = Uint8Array.from([...data(520), ...data(30), ...push(redeem)]);
  equal(await spending(scriptHash(redeem), longer), 'signature-script-size');
  equal(await spending(scriptHash(redeem), Uint8Array.from([0x61, 4, ...redeem])), 'signature-script-form');
});

test('coins that are spent', async () => {
  equal(await spending(Uint8Array.of(0x51), EMPTY), 'input-form');
  equal(await spending(scriptHash(Uint8Array.of(0x51)), Uint8Array.of(1, 0x51)), 'accepted');
});

test('signature operations behind a script hash', async () => {
  const of = (count: number): Uint8Array =>
    Uint8Array.from([0x51, 0x63, 0x51, 0x67, ...new Uint8Array(count).fill(0xac), 0x68]);
  for (const [count, expected] of [
    [15, 'accepted'],
    [16, 'script-hash-sigops'],
  ] as const) {
    const redeem = of(count);
    equal(await spending(scriptHash(redeem), Uint8Array.from([redeem.length, ...redeem])), expected);
  }
});

test('cost of signature operations', async () => {
  const cost = async (keys: number): Promise<string> => {
    const fixture = new PoolFixture();
    const many = Array.from({length: keys}, () => output(1000n, multisig(1)));
    return fixture.offer(transaction([fixture.coin({value: 2_000_000n})], many));
  };
  // Bare multisig counts for 20, each costs 4.
  equal(await cost(250), 'accepted');
  equal(await cost(251), 'sigop-cost');
});

test('scripts that policy alone refuses cost the peer nothing', async () => {
  const fixture = new PoolFixture();
  const script = scriptHash(Uint8Array.of(0x51));
  const unclean = transaction(
    [fixture.coin({script}, {script: Uint8Array.of(0x51, 1, 0x51), witness: []})],
    [output(9000n)],
  );
  await rejects(
    fixture.pool.accept(unclean, {source: 'peer', peer: 'a'}),
    (error) => error instanceof PolicyError && error.code === 'script-policy' && error.penalty === 0,
  );
  const wrong = transaction([fixture.coin({script}, {script: Uint8Array.of(1, 0), witness: []})], [output(9000n)]);
  await rejects(
    fixture.pool.accept(wrong, {source: 'peer', peer: 'a'}),
    (error) => error instanceof RuleError && error.code === 'ErrScriptValidation' && error.penalty === 100,
  );
});

test('signatures', async () => {
  const fixture = new PoolFixture();
  const spent = fixture.coin({script: P2PKH}, {witness: []});
  const unsigned = transaction([spent], [output(990_000n)]);
  const signature = signLegacy(unsigned, P2PKH, KEY);
  const signed = (bytes: Uint8Array): Transaction => ({
    ...unsigned,
    inputs: [{...spent, script: Uint8Array.from([...push(bytes), ...push(KEY.compressed)])}],
  });
  const wrong = signature.slice();
  wrong[20] = wrong[20]! ^ 1;
  equal(await fixture.offer(signed(wrong)), 'ErrScriptValidation');
  equal(await fixture.offer(signed(signature)), 'accepted');
});

test('lock times', async () => {
  for (const [lockTime, expected] of [
    [1000, 'accepted'],
    [1001, 'not-final'],
    [1_600_000_000 + 60_000 - 1, 'accepted'],
    [1_600_000_000 + 60_000, 'not-final'],
  ] as const) {
    for (const chain of [new FakeChain(PKT), new FakeChain(PKTREG)]) {
      const fixture = new PoolFixture({chain});
      const spent = fixture.coin({}, {sequence: 0xfffffffe});
      equal(await fixture.offer(transaction([spent], [output(990_000n)], lockTime)), expected);
    }
  }
});

test('relative lock times', async () => {
  for (const [height, sequence, expected] of [
    [996, 5, 'accepted'],
    [997, 5, 'sequence-locked'],
    // 512 seconds after block 990: nine minutes are enough.
    [991, 0x400001, 'accepted'],
    [993, 0x400001, 'sequence-locked'],
  ] as const) {
    const fixture = new PoolFixture();
    const spent = fixture.coin({height}, {sequence});
    equal(await fixture.offer(transaction([spent], [output(990_000n)])), expected, String(height));
  }
  const fixture = new PoolFixture();
  const parent = transaction([fixture.coin()], [output(990_000n)]);
  equal(await fixture.offer(parent), 'accepted');
  const spend = (sequence: number): Transaction =>
    transaction([input({txid: transactionId(parent), sequence})], [output(900_000n)]);
  equal(await fixture.offer(spend(1)), 'sequence-locked');
  equal(await fixture.offer(spend(0)), 'accepted');
});

test('coinbases ripen', async () => {
  for (const [height, expected] of [
    [901, 'accepted'],
    [902, 'immature'],
  ] as const) {
    const fixture = new PoolFixture();
    const spent = fixture.coin({height, isCoinbase: true});
    equal(await fixture.offer(transaction([spent], [output(990_000n)])), expected);
  }
});

test('payments to the steward expire', async () => {
  const share = stewardShare(PKT.money, 1000);
  for (const [height, value, isCoinbase, expected] of [
    [130_599, share, true, 'accepted'],
    [130_600, share, true, 'steward-expired'],
    [130_600, share - 1n, true, 'accepted'],
    [130_600, share, false, 'accepted'],
  ] as const) {
    const fixture = new PoolFixture({chain: new FakeChain(PKT, height)});
    const spent = fixture.coin({height: 1000, value, isCoinbase});
    equal(await fixture.offer(transaction([spent], [output(value - 1000n)])), expected);
  }
});

test('the minimum fee is one unit for a virtual byte', async () => {
  const fixture = new PoolFixture();
  const make = (fee: bigint): Transaction => transaction([fixture.coin({height: 1000})], [output(1_000_000n - fee)]);
  const {vsize} = transactionSize(make(0n));
  equal(await fixture.offer(make(BigInt(vsize) - 1n)), 'priority-low');
  equal(await fixture.offer(make(BigInt(vsize))), 'accepted');
});

test('free transactions need priority', async () => {
  const fixture = new PoolFixture();
  const {size} = transactionSize(transaction([fixture.coin()], [output(0n)]));
  const bytes = BigInt(size - 41);
  const value = (MIN_FREE_PRIORITY * bytes) / 1n;
  const free = (coin: bigint): Transaction => transaction([fixture.coin({value: coin, height: 1000})], [output(coin)]);
  equal(await fixture.offer(free(value)), 'priority-low');
  equal(await fixture.offer(free(value + bytes)), 'accepted');
  const large = transaction(
    [fixture.coin({value: 2n ** 60n})],
    Array.from({length: 1200}, () => output(2n ** 60n / 1200n)),
  );
  equal(await fixture.offer(large), 'fee-low');
});

test('priority is value times age for each byte', () => {
  const coins = [
    {value: 1000n, height: 90, script: ANYONE, isCoinbase: false},
    {value: 50n, height: 101, script: ANYONE, isCoinbase: false},
  ];
  const inputs = [
    input({txid: new Uint8Array(32)}),
    input({txid: new Uint8Array(32), index: 1, script: new Uint8Array(200)}),
  ];
  const spent = transaction(inputs, [output(1n)]);
  equal(priority(spent, 292, coins, 100), 100n);
  equal(priority(spent, 192, coins, 100), 0n);
});

test('free transactions are limited to 15 kB a minute', async () => {
  const fixture = new PoolFixture();
  const free = (): Transaction =>
    transaction(
      [fixture.coin({value: 2n ** 50n})],
      Array.from({length: 400}, () => output(2n ** 50n / 400n)),
    );
  const {vsize} = transactionSize(free());
  let taken = 0;
  while ((await fixture.offer(free())) === 'accepted') taken++;
  equal(taken, Math.ceil(150_000 / vsize));
  equal(await fixture.offer(free()), 'free-limit');
  equal(await fixture.offer(free(), {source: 'local'}), 'accepted');
  fixture.nowMs += 120_000;
  equal(await fixture.offer(free()), 'accepted');
});

test('local fees far too high are taken for a slip', async () => {
  const fixture = new PoolFixture();
  const make = (fee: bigint): Transaction => transaction([fixture.coin({value: 2n ** 40n})], [output(2n ** 40n - fee)]);
  equal(await fixture.offer(make(2n ** 30n), {source: 'local'}), 'accepted');
  equal(await fixture.offer(make(2n ** 30n + 1n), {source: 'local'}), 'fee-high');
  equal(await fixture.offer(make(2n ** 30n + 1n), {source: 'local', allowHighFees: true}), 'accepted');
  equal(await fixture.offer(make(2n ** 30n + 1n)), 'accepted');
});

test('rules of the chain carry the penalty of the table', async () => {
  const fixture = new PoolFixture();
  const spent = fixture.coin();
  equal(await fixture.offer(transaction([spent], [output(1_000_001n)])), 'ErrSpendTooHigh');
  equal(await fixture.offer(transaction([spent, spent], [output(1n)])), 'ErrDuplicateTxInputs');
  equal(await fixture.offer(transaction([spent], [])), 'ErrNoTxOutputs');
  const coinbase = transaction(
    [input({txid: new Uint8Array(32), index: 0xffffffff, script: Uint8Array.of(1, 2), witness: []})],
    [output(1000n)],
  );
  equal(await fixture.offer(coinbase), 'coinbase');
});

test('what is known or mined is not taken again', async () => {
  const fixture = new PoolFixture();
  const first = transaction([fixture.coin()], [output(990_000n)]);
  equal(await fixture.offer(first), 'accepted');
  equal(await fixture.offer(first), 'already-known');
  await fixture.chain.mine([first]);
  equal(await fixture.offer(first), 'already-mined');
  equal(fixture.pool.count, 0);
});

test('networks that say so relay other kinds too', async () => {
  for (const [network, expected] of [
    [PKT, 'output-form'],
    [PKTTEST, 'accepted'],
    [PKTREG, 'accepted'],
  ] as const) {
    const fixture = new PoolFixture({chain: new FakeChain(network)});
    const odd = transaction(
      [fixture.coin({script: Uint8Array.of(0x51)}, {witness: []})],
      [output(1n, Uint8Array.of(0x52))],
    );
    equal(await fixture.offer(odd), expected);
  }
  const strict = new PoolFixture({chain: new FakeChain(PKTREG), relayNonStandard: false});
  equal(await strict.offer(transaction([strict.coin()], [output(1000n, Uint8Array.of(0x52))])), 'output-form');
});

test('the table of refusals', () => {
  const rejects = new Set(Object.values(POLICY_ERRORS).map(({reject}) => reject));
  deepEqual([...rejects].sort(), [0x10, 0x12, 0x40, 0x41, 0x42]);
  equal(new PolicyError('dust').reject, 0x41);
  equal(new PolicyError('fee-low').reject, 0x42);
});

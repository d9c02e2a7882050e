import {deepEqual, equal, notEqual, ok, rejects} from 'node:assert/strict';
import {test} from 'node:test';
import {encodeHex} from '../../../src/core/bytes/index.ts';
import {
  decodeAddress,
  encodeAddress,
  findWitnessCommitment,
  stewardShare,
  subsidy,
} from '../../../src/core/consensus/index.ts';
import {sha256} from '../../../src/core/crypto/index.ts';
import {placeholderScript} from '../../../src/core/packetcrypt/index.ts';
import {createPktreg, PKT, PKTREG} from '../../../src/core/params/index.ts';
import {
  encodeHeader,
  encodeTransaction,
  hasWitness,
  rootFromBranch,
  type Transaction,
  transactionId,
  transactionSize,
} from '../../../src/core/primitives/index.ts';
import {createCoinbase} from '../../../src/node/mempool/coinbase.ts';
import {TemplateError} from '../../../src/node/mempool/template-errors.ts';
import {branch} from '../../support/easy-blocks.ts';
import {input, output, transaction} from '../../support/pool-fixture.ts';
import {PoolNode} from '../../support/pool-node.ts';
import {readVectors} from '../../support/vectors.ts';

const witnessAddress = (number: number): string =>
  encodeAddress(Uint8Array.from([0, 20, ...sha256(Uint8Array.of(number)).subarray(0, 20)]), PKTREG.addresses);
const [ALICE, BOB] = [witnessAddress(1), witnessAddress(2)];
/** Coinbases ripen at once, so that there is something to spend. */
const NETWORK = createPktreg({money: {coinbaseMaturity: 1}});
const PEER = {source: 'peer', peer: 'alice'} as const;

function code(expected: string): (error: unknown) => boolean {
  return (error) => error instanceof TemplateError && error.code === expected;
}

/** Spends the miner's output of a coinbase to so many outputs. */
function spendCoinbase(coinbase: Transaction, fee: bigint, outputs = 1): Transaction {
  const value = (coinbase.outputs[0]!.value - fee) / BigInt(outputs);
  return transaction(
    [input({txid: transactionId(coinbase), witness: []})],
    Array.from({length: outputs}, () => output(value)),
  );
}

function spend(parent: Transaction, fee: bigint, index = 0): Transaction {
  return transaction([input({txid: transactionId(parent), index})], [output(parent.outputs[index]!.value - fee)]);
}

interface Sample {
  readonly payouts: Readonly<Record<string, number>>;
  readonly height: number;
  readonly header: string;
  readonly coinbase: string;
}

test('the coinbase has the bytes of existing nodes', () => {
  const sample = readVectors<Sample>('block-template');
  const {height, payouts} = sample;
  const share = stewardShare(PKT.money, height);
  const minerPart = subsidy(PKT.money, height) - share;
  const weights = Object.values(payouts).reduce((sum, weight) => sum + weight, 0);
  const coinbase = createCoinbase({
    height,
    text: new TextEncoder().encode('/P2SH/pktd/'),
    payouts: Object.entries(payouts).map(([address, weight]) => ({
      script: decodeAddress(address, PKT.addresses),
      value: (minerPart * BigInt(weight)) / BigInt(weights),
    })),
    steward: {value: share, script: PKT.money.initialSteward},
    witnessCommitment: undefined,
  });
  equal(encodeHex(encodeTransaction(coinbase)), sample.coinbase);
  equal(encodeHex(transactionId(coinbase)), sample.header.slice(72, 136));
});

test('heights are pushed in the shortest form', () => {
  const script = (height: number): string => {
    const parts = {text: Uint8Array.of(0x61), payouts: [], steward: output(0n), witnessCommitment: undefined};
    return encodeHex(createCoinbase({height, ...parts}).inputs[0]!.script);
  };
  equal(script(1), '51000161');
  equal(script(16), '60000161');
  equal(script(17), '0111000161');
  equal(script(127), '017f000161');
  equal(script(128), '028000000161');
  equal(script(255), '02ff00000161');
  equal(script(32768), '03008000000161');
  equal(script(360_272), '03507f05000161');
});

test('an empty block pays everyone exactly and is taken by the chain', async (t) => {
  const node = await PoolNode.open(t, PKTREG);
  await rejects(node.templates.template(), code('no-payouts'));
  await node.payouts.set(
    new Map([
      [ALICE, '1'],
      [BOB, '2'],
    ]),
  );
  const template = await node.templates.template();
  const {transactions, header, payouts, steward} = template;
  equal(template.height, 1);
  equal(header.version, 0x20000000);
  equal(header.time, node.nowSeconds);
  const share = stewardShare(PKTREG.money, 1);
  const minerPart = subsidy(PKTREG.money, 1) - share;
  equal(template.minerValue, minerPart);
  const paid = new Map(payouts.map(({script, value}) => [encodeAddress(script, PKTREG.addresses), value]));
  equal(paid.get(ALICE), minerPart / 3n + (minerPart % 3n === 2n ? 1n : 0n));
  equal(paid.get(ALICE)! + paid.get(BOB)!, minerPart);
  const [coinbase] = transactions;
  deepEqual(coinbase!.outputs, [...payouts, steward, {value: 0n, script: placeholderScript()}]);
  deepEqual(steward, {value: share, script: PKTREG.money.initialSteward});
  equal(hasWitness(coinbase!), false);
  deepEqual(template.merkleBranch, []);
  deepEqual(header.merkleRoot, transactionId(coinbase!));
  equal(encodeHeader(header).length, 80);
  equal(await node.submit(template), true);
});

test('a share of nothing is still paid to the steward', async (t) => {
  // One block a period, so that the subsidy is gone at block 300.
  const network = createPktreg({money: {subsidyPeriod: 1}});
  const node = await PoolNode.open(t, network, [ALICE]);
  await node.grow(299);
  const {steward, payouts, transactions} = await node.templates.template();
  deepEqual(steward, {value: 0n, script: network.money.initialSteward});
  deepEqual(
    payouts.map(({value}) => value),
    [0n],
  );
  equal(transactions[0]!.outputs.length, 3);
  equal(await node.submit(await node.templates.template()), true);
});

test('fees go to the largest payout, witnesses are committed to, and the branch leads to the root', async (t) => {
  const node = await PoolNode.open(t, NETWORK, [ALICE, BOB]);
  const blocks = await node.grow(3);
  const first = spendCoinbase(blocks[0]!.transactions[0]!, 50_000n);
  await node.pool.accept(first, PEER);
  const plain = await node.templates.template();
  equal(plain.others.length, 1);
  equal(findWitnessCommitment(plain.transactions[0]!), undefined);
  equal(hasWitness(plain.transactions[0]!), false);

  await node.pool.accept(spend(first, 7000n), PEER);
  await node.pool.accept(spendCoinbase(blocks[1]!.transactions[0]!, 90_000n), PEER);
  node.nowSeconds += 60;
  const template = await node.templates.template();
  const {transactions, coinbaseWithoutWitness, merkleBranch, header, others} = template;
  equal(template.fees, 147_000n);
  deepEqual(
    others.map(({fee, depends}) => [fee, depends]),
    [
      [90_000n, []],
      [50_000n, []],
      [7000n, [2]],
    ],
  );
  const values = template.payouts.map(({value}) => value);
  const [lower, higher] = values.sort((a, b) => (a < b ? -1 : 1));
  ok(higher! - lower! >= 147_000n - 1n && higher! - lower! <= 147_001n);
  const coinbase = transactions[0]!;
  equal(hasWitness(coinbase), true);
  deepEqual(coinbase.outputs.at(-2)!.script, template.witnessCommitment);
  deepEqual(coinbase.outputs.at(-1)!.script, placeholderScript());
  deepEqual(coinbaseWithoutWitness, encodeTransaction(coinbase, false));
  equal(merkleBranch.length, 2);
  deepEqual(rootFromBranch(transactionId(coinbase), merkleBranch), header.merkleRoot);
  equal(await node.submit(template), true);
  equal(node.pool.count, 0);
});

test('templates are kept until something has changed', async (t) => {
  const node = await PoolNode.open(t, NETWORK, [ALICE]);
  const blocks = await node.grow(2);
  const first = await node.templates.template();
  node.nowSeconds += 59;
  const later = await node.templates.template();
  equal(later.id, first.id);
  equal(later.header.time, first.header.time + 59);
  deepEqual(later.header.merkleRoot, first.header.merkleRoot);

  await node.pool.accept(spendCoinbase(blocks[0]!.transactions[0]!, 9000n), PEER);
  equal((await node.templates.template()).id, first.id);
  node.nowSeconds += 1;
  const pooled = await node.templates.template();
  notEqual(pooled.id, first.id);
  equal(pooled.others.length, 1);
  node.nowSeconds += 600;
  equal((await node.templates.template()).id, pooled.id);

  await node.payouts.set(new Map([[BOB, '1']]));
  const paid = await node.templates.template();
  notEqual(paid.id, pooled.id);
  deepEqual(paid.payouts[0]!.script, decodeAddress(BOB, PKTREG.addresses));

  await node.mine(blocks[1]!);
  const next = await node.templates.template();
  equal(next.height, 4);
});

test('the time is never below what the chain allows', async (t) => {
  const node = await PoolNode.open(t, PKTREG, [ALICE]);
  await node.grow(5);
  node.nowSeconds = 0;
  const template = await node.templates.template();
  equal(template.header.time, node.chain.medianTime + 1);
  equal(template.minTime, node.chain.medianTime + 1);
  equal(await node.submit(template), true);
});

test('who waits is told of the next template', async (t) => {
  const node = await PoolNode.open(t, NETWORK, [ALICE]);
  const blocks = await node.grow(2);
  const {signal} = new AbortController();
  const first = await node.templates.template();
  equal((await node.templates.changed('something else', signal)).id, first.id);

  let told = 0;
  const waiting = node.templates.changed(first.id, signal).then((template) => {
    told++;
    return template;
  });
  await node.pool.accept(spendCoinbase(blocks[0]!.transactions[0]!, 9000n), PEER);
  node.templates.tick();
  await node.templates.template();
  equal(told, 0);
  node.nowSeconds += 60;
  node.templates.tick();
  const second = await waiting;
  equal(second.others.length, 1);

  const onBlock = node.templates.changed(second.id, signal);
  await node.mine(blocks[1]!);
  equal((await onBlock).height, 4);

  const present = await node.templates.template();
  const onPayouts = node.templates.changed(present.id, signal);
  await node.payouts.set(new Map([[BOB, '1']]));
  notEqual((await onPayouts).id, present.id);

  const stopped = new AbortController();
  const last = await node.templates.template();
  const aborted = node.templates.changed(last.id, stopped.signal);
  stopped.abort();
  await rejects(aborted, {name: 'AbortError'});

  const many = Array.from({length: 256}, () => node.templates.changed(last.id, new AbortController().signal));
  for (const each of many) each.catch(() => {});
  await node.templates.template();
  await rejects(node.templates.changed(last.id, signal), code('too-many-waiters'));
  node.templates.close();
  for (const each of many) await rejects(each, code('closed'));
  await rejects(node.templates.template(), code('closed'));
});

test('a template after a reorganisation stands on the new tip, with what came back', async (t) => {
  const node = await PoolNode.open(t, NETWORK, [ALICE]);
  const [first, second] = await node.grow(2);
  const spent = spendCoinbase(first!.transactions[0]!, 9000n);
  await node.mine(second!, [spent]);
  equal((await node.templates.template()).height, 4);
  for (const block of branch({network: NETWORK, tag: 7}, second!, 2, 2)) await node.chain.accept(block);
  await node.pool.maintain();
  const template = await node.templates.template();
  equal(template.height, 5);
  deepEqual(
    template.others.map(({txid}) => txid),
    [transactionId(spent)],
  );
  equal(await node.submit(template), true);
});

test('the block after an election pays the winner', async (t) => {
  const node = await PoolNode.open(t, NETWORK, [ALICE]);
  // Nobody has a vote but the miner: a coin of one block is less than half until everything is spent to votes.
  const blocks = await node.grow(3);
  const old = NETWORK.money.initialSteward;
  const winner = decodeAddress(BOB, PKTREG.addresses);
  const vote = Uint8Array.from([0x51, winner.length, ...winner, old.length, ...old, 0x66, 0x51]);
  const votes = blocks.map(({transactions: [coinbase]}) =>
    transaction(
      [input({txid: transactionId(coinbase!), witness: []})],
      [output(coinbase!.outputs[0]!.value - 1000n, vote)],
    ),
  );
  await node.mine(blocks[2]!, votes);
  deepEqual((await node.chain.steward()).steward, winner);
  const template = await node.templates.template();
  deepEqual(template.steward, {value: stewardShare(NETWORK.money, 5), script: winner});
  equal(await node.submit(template), true);
});

test('a full block stays below its limits, and the dearest are in it', async (t) => {
  const node = await PoolNode.open(t, NETWORK, [ALICE], {maxWeight: 200_000});
  const blocks = await node.grow(8);
  // Fees fall from one to the next; each is some 34,000 of weight.
  for (const [i, {transactions}] of blocks.slice(0, 7).entries()) {
    await node.pool.accept(spendCoinbase(transactions[0]!, 900_000n - 1000n * BigInt(i), 200), PEER);
  }
  const template = await node.templates.template();
  const heaviest = template.others[0]!.weight;
  equal(template.others.length, Math.floor((200_000 - 1200) / heaviest));
  ok(template.weight <= 200_000 && template.weight > 200_000 - heaviest);
  const fees = template.others.map(({fee}) => fee);
  ok(fees.every((fee, i) => i === 0 || fee <= fees[i - 1]!));
  equal(fees[0]! >= 900_000n, true);
  equal(await node.submit(template), true);
});

test('the fullest block leaves room for the proof, as existing nodes count it', async (t) => {
  const node = await PoolNode.open(t, NETWORK, [ALICE], {maxWeight: 4_000_000});
  const blocks = await node.grow(2);
  const fan = spendCoinbase(blocks[0]!.transactions[0]!, 9000n, 12);
  await node.mine(blocks[1]!, [fan]);
  for (let index = 0; index < 12; index++) {
    const each = Array.from({length: 2260}, () => output(100_000_000n));
    const large = transaction([input({txid: transactionId(fan), index})], each);
    await node.pool.accept({...large, outputs: each.slice(index)}, PEER);
  }
  // Fits into four million, and not besides the proof.
  const small = spendCoinbase(blocks[1]!.transactions[0]!, 30_000n, 460);
  await node.pool.accept(small, PEER);
  const template = await node.templates.template();
  ok(template.weight + transactionSize(small).weight < 4_000_000);
  equal(template.others.length, 10);
  ok(template.weight + 4 * 20_100 <= 4_000_000);
  ok(template.weight + template.others[0]!.weight + 4 * 20_100 > 4_000_000);
  deepEqual(node.errors, []);
  equal(await node.submit(template), true);
});

test('a parent that pays nothing comes with the child that pays for both', async (t) => {
  const node = await PoolNode.open(t, NETWORK, [ALICE], {maxWeight: 3000});
  const blocks = await node.grow(4);
  const poor = spendCoinbase(blocks[0]!.transactions[0]!, 200n);
  const rich = spend(poor, 90_000n);
  const middling = spendCoinbase(blocks[1]!.transactions[0]!, 9000n, 4);
  for (const each of [poor, rich, middling]) await node.pool.accept(each, PEER);
  const {others} = await node.templates.template();
  deepEqual(
    others.map(({txid}) => txid),
    [poor, rich].map(transactionId),
  );
});

test('signature operations are counted', async (t) => {
  const node = await PoolNode.open(t, NETWORK, [ALICE]);
  const blocks = await node.grow(7);
  // 240 bare multisigs cost 80 each, 19,200 together: four fit into 80,000 and five do not.
  const costly = Uint8Array.from([0x51, 33, 2, ...new Uint8Array(32), 0x51, 0xae]);
  for (const {transactions} of blocks.slice(0, 6)) {
    const spent = spendCoinbase(transactions[0]!, 2_000_000n, 240);
    await node.pool.accept({...spent, outputs: spent.outputs.map(({value}) => output(value, costly))}, PEER);
  }
  const template = await node.templates.template();
  equal(template.others.length, 4);
  equal(template.others[0]!.sigopCost, 19_200);
  equal(await node.submit(template), true);
});

test('a template that breaks a rule is replaced by one without transactions', async (t) => {
  const broken = {version: 0, subscribe: () => () => {}};
  const node = await PoolNode.open(t, NETWORK, [ALICE], {
    pool: {
      ...broken,
      *entries() {
        const [entry] = node.pool.entries();
        if (entry === undefined) return;
        const wrong = {...entry.transaction, outputs: [output(2n ** 60n)]};
        yield {...entry, transaction: wrong, txid: transactionId(wrong)};
      },
    },
  });
  const blocks = await node.grow(2);
  await node.pool.accept(spendCoinbase(blocks[0]!.transactions[0]!, 9000n), PEER);
  const template = await node.templates.template();
  equal(template.others.length, 0);
  equal(node.errors.length, 1);
  ok(node.errors[0]!.includes('ErrSpendTooHigh'));
  equal(await node.submit(template), true);
});

test('the text of the coinbase is bounded', async (t) => {
  const node = await PoolNode.open(t, PKTREG, [ALICE], {coinbaseText: 'a'.repeat(75)});
  const template = await node.templates.template();
  equal(template.transactions[0]!.inputs[0]!.script.length, 78);
  await rejects(PoolNode.open(t, PKTREG, [ALICE], {coinbaseText: 'a'.repeat(76)}), RangeError);
});

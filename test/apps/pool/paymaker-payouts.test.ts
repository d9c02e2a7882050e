import {deepEqual, equal, ok} from 'node:assert/strict';
import {type TestContext, test} from 'node:test';
import fc from 'fast-check';
import {decodeAudit, encodeAudit, recomputeAudit} from '../../../src/apps/pool/paymaker/audit.ts';
import {apportion, ONE, ratioOf, toDouble18, toFixed18} from '../../../src/apps/pool/paymaker/fixed.ts';
import type {Paymaker} from '../../../src/apps/pool/paymaker/paymaker.ts';
import {PaymakerServer} from '../../../src/apps/pool/paymaker/paymaker-server.ts';
import {earnedOf, type PlanInput, planPayouts} from '../../../src/apps/pool/paymaker/payout-plan.ts';
import {type CallNode, PayoutSender, paysMap} from '../../../src/apps/pool/paymaker/payout-sender.ts';
import {PKTREG} from '../../../src/core/params/index.ts';
import {NO_LOG} from '../../../src/service/logs/log.ts';
import {RpcClientError} from '../../../src/service/rpc-client.ts';
import {LAB_NOW_MS, labSettings, openPaymaker, uploadOf} from '../../support/pool-books.ts';
import {openLabNode, testAddress, testFolder} from '../../support/pool-lab.ts';
import {checkProperty} from '../../support/property.ts';

const PKT_UNITS = 2n ** 30n;

function sumOf(map: ReadonlyMap<string, bigint>): bigint {
  return [...map.values()].reduce((sum, units) => sum + units, 0n);
}

test('doubles become fixed numbers by their digits', () => {
  const cases: [number, bigint][] = [
    [0, 0n],
    [1, ONE],
    [0.125, ONE / 8n],
    [0.1, ONE / 10n],
    [-2.5, (-5n * ONE) / 2n],
    [1e-18, 1n],
    [1.5e-18, 1n],
    [1e21, 10n ** 39n],
  ];
  for (const [value, fixed] of cases) equal(toFixed18(value), fixed, String(value));
  equal(toDouble18(ONE / 4n), 0.25);
  deepEqual(
    [ratioOf(1.75), ratioOf(3)],
    [
      {over: 7n, under: 4n},
      {over: 3n, under: 1n},
    ],
  );
});

const WEIGHTS = fc.array(fc.tuple(fc.integer({min: 0, max: 50}), fc.bigInt({min: 0n, max: 10n ** 20n})), {
  maxLength: 30,
});

test('parts sum to the whole, are in proportion, and do not depend on the order', () => {
  checkProperty(
    fc.property(WEIGHTS, fc.bigInt({min: 1n, max: ONE}), (rows, total) => {
      const weights = new Map(rows.map(([name, weight]): [string, bigint] => [`a${name}`, weight]));
      const sum = sumOf(weights);
      const parts = apportion(total, weights);
      equal(sumOf(parts), sum === 0n ? 0n : total);
      for (const [name, part] of parts) {
        const exact = (total * weights.get(name)!) / sum;
        ok(part === exact || part === exact + 1n);
      }
      const other = apportion(total, new Map([...weights].reverse()));
      deepEqual([...other].sort(), [...parts].sort());
    }),
  );
});

test('a plan pays the whole reward, nothing below the minimum, and no more outputs than it may', () => {
  const inputs = fc.record({
    rows: fc.array(fc.tuple(fc.integer({min: 0, max: 40}), fc.bigInt({min: 1n, max: 10n ** 6n})), {
      minLength: 1,
      maxLength: 40,
    }),
    owed: fc.array(fc.tuple(fc.integer({min: 0, max: 40}), fc.bigInt({min: 0n, max: 500n})), {maxLength: 10}),
    minimum: fc.bigInt({min: 0n, max: 2000n}),
    maxOutputs: fc.integer({min: 1, max: 20}),
  });
  checkProperty(
    fc.property(inputs, ({rows, owed, minimum, maxOutputs}) => {
      const name = (number: number): string => `a${String(number).padStart(2, '0')}`;
      const fractions = apportion(ONE, new Map(rows.map(([number, weight]) => [name(number), weight])));
      const balances = new Map(owed.map(([number, units]) => [name(number), units]));
      balances.set('default', -sumOf(balances));
      const plan: PlanInput = {fractions, balances, reward: 10_000n, minimum, maxOutputs, defaultAddress: 'default'};
      const {map, waiting} = planPayouts(plan);
      equal(sumOf(map), 10_000n);
      ok(map.size <= maxOutputs);
      const dues = earnedOf(fractions, 10_000n);
      for (const [address, units] of balances) dues.set(address, (dues.get(address) ?? 0n) + units);
      for (const [address, units] of map) {
        if (address === 'default') continue;
        ok(units <= dues.get(address)! && dues.get(address)! >= minimum && units > 0n);
      }
      for (const [address, units] of waiting) equal(units + (map.get(address) ?? 0n), dues.get(address));
    }),
  );
});

test('small amounts wait, and are paid when they have become enough', () => {
  const fractions = new Map([
    ['a', (97n * ONE) / 100n],
    ['b', (2n * ONE) / 100n],
    ['c', ONE / 100n],
  ]);
  const balances = new Map<string, bigint>();
  const plan = {fractions, reward: 1000n, minimum: 50n, maxOutputs: 10, defaultAddress: 'd'};
  const paid: string[] = [];
  const sums = new Map<string, bigint>();
  for (let block = 0; block < 30; block++) {
    const {map} = planPayouts({...plan, balances});
    paid.push([...map.keys()].sort().join(''));
    for (const [address, units] of earnedOf(fractions, 1000n))
      balances.set(address, (balances.get(address) ?? 0n) + units);
    for (const [address, units] of map) {
      balances.set(address, (balances.get(address) ?? 0n) - units);
      sums.set(address, (sums.get(address) ?? 0n) + units);
    }
    equal(sumOf(balances), 0n);
  }
  deepEqual(paid.slice(0, 5), ['ad', 'ad', 'ab', 'ad', 'ac']);
  // Nobody is owed more than a minimum, or a little more where blocks had not enough for all.
  for (const [address, share] of [
    ['a', 29_100n],
    ['b', 600n],
    ['c', 300n],
  ] as const) {
    ok(share - (sums.get(address) ?? 0n) < 100n, `${address} got ${sums.get(address)}`);
  }
});

/** A node that pays what it is told, and forgets it when it restarts. */
class FakeNode {
  reward = 1000;
  map: Record<string, number> = {};
  calls: string[] = [];
  fails: 'rpc-unreachable' | 'rpc-refused' | undefined;
  blocks = new Map<string, unknown>();
  /** Told of beside the map. */
  more: Record<string, number> = {};

  readonly call: CallNode = async (method, [first]) => {
    await Promise.resolve();
    this.calls.push(method);
    if (this.fails !== undefined) throw new RpcClientError(this.fails, {rpcCode: -32603});
    if (method === 'configureminingpayouts') {
      this.map = first as Record<string, number>;
      return null;
    }
    if (method === 'getblock') {
      const block = this.blocks.get(first as string);
      if (block === undefined) throw new RpcClientError('rpc-refused');
      return block;
    }
    const sum = Object.values(this.map).reduce((total, weight) => total + weight, 0);
    return Object.fromEntries(
      Object.entries(this.map).map(([address, weight]) => [address, (this.reward * weight) / sum]),
    );
  };

  get sent(): number {
    return this.calls.filter((method) => method === 'configureminingpayouts').length;
  }
}

interface SenderLab {
  readonly paymaker: Paymaker;
  readonly node: FakeNode;
  readonly sender: PayoutSender;
  now: number;
}

async function openSender(t: TestContext, more: Readonly<Record<string, unknown>> = {}): Promise<SenderLab> {
  const lab = {now: LAB_NOW_MS, node: new FakeNode()};
  const nowMs = (): number => lab.now;
  const paymaker = await openPaymaker(t, {network: PKTREG, settings: labSettings(more), nowMs});
  const sender = new PayoutSender({paymaker, callNode: lab.node.call, nowMs, log: NO_LOG});
  return Object.assign(lab, {paymaker, sender});
}

/** Shares by miner; four of them fill the window of the lab's settings. */
function shares(timeMs: number, ...miners: readonly number[]): Uint8Array {
  return uploadOf([
    {type: 'block', height: 1, difficulty: 2, time: LAB_NOW_MS - 1000, eventId: 'block'},
    ...miners.map((miner, i) => ({
      type: 'share',
      payTo: testAddress(miner),
      target: 0x1e020000,
      time: timeMs,
      eventId: `${timeMs} ${i}`,
    })),
  ]);
}

test('a map is sent every cycle, and at once when the node has another', async (t) => {
  const lab = await openSender(t, {blockPayoutFraction: 1, pplnsBlkConstantX: 1});
  const {paymaker, node, sender} = lab;
  await paymaker.ingest(shares(lab.now, 1, 2, 2, 2), '');
  await sender.tick();
  deepEqual([node.sent, sender.state], [1, 'paying']);
  equal(node.map[testAddress(2)]! / node.map[testAddress(1)]!, 3);
  lab.now += 10_000;
  await sender.tick();
  equal(node.sent, 1);
  node.map = {[testAddress(50)]: 1};
  lab.now += 10_000;
  await sender.tick();
  deepEqual([node.sent, sender.resent, node.map[testAddress(50)]], [2, 1, undefined]);
  lab.now += 119_000;
  await sender.tick();
  equal(node.sent, 2);
  lab.now += 1000;
  await paymaker.ingest(shares(lab.now, 1, 1), '');
  await sender.tick();
  equal(node.sent, 3);
  equal(node.map[testAddress(1)], node.map[testAddress(2)]);
  for (const {document} of await paymaker.ledger.payouts(10)) {
    const record = decodeAudit(document);
    deepEqual(recomputeAudit(record), record.map);
    const [address] = record.map.keys();
    const changed = new Map(record.shares!.credits).set(address!, 1n);
    ok(!equalMaps(recomputeAudit({...record, shares: {...record.shares!, credits: changed}}), record.map));
  }
});

function equalMaps(a: ReadonlyMap<string, bigint>, b: ReadonlyMap<string, bigint>): boolean {
  return a.size === b.size && [...a].every(([address, units]) => b.get(address) === units);
}

test('without recent events nothing is sent, and after the grace period the error address is paid', async (t) => {
  const lab = await openSender(t, {staleAfter: 600, gracePeriod: 1000});
  const {paymaker, node, sender} = lab;
  await sender.tick();
  deepEqual([node.sent, sender.state], [0, 'unused']);
  await paymaker.ingest(shares(lab.now, 1), '');
  lab.now += 120_000;
  await sender.tick();
  deepEqual([node.sent, sender.state], [1, 'paying']);
  lab.now += 600_000;
  await sender.tick();
  deepEqual([node.sent, sender.state], [1, 'stale']);
  lab.now += 1_000_000;
  await sender.tick();
  deepEqual([node.sent, sender.state], [2, 'error-address']);
  deepEqual(Object.keys(node.map), [paymaker.settings.errorAddress]);
  const record = decodeAudit((await paymaker.ledger.payouts(1))[0]!.document);
  deepEqual(recomputeAudit(record), record.map);
  await paymaker.ingest(shares(lab.now, 1), '');
  lab.now += 120_000;
  await sender.tick();
  deepEqual([node.sent, sender.state], [3, 'paying']);
});

test('a node that does not answer is tried again, each second and then each minute', async (t) => {
  const lab = await openSender(t);
  const {paymaker, node, sender} = lab;
  await paymaker.ingest(shares(lab.now, 1), '');
  for (const fails of ['rpc-unreachable', 'rpc-refused'] as const) {
    node.fails = fails;
    node.calls = [];
    for (let second = 0; second < 9; second++) {
      await sender.tick();
      lab.now += 1000;
    }
    equal(sender.state, 'node-unreachable');
  }
  equal(node.calls.length, 18);
  for (let second = 0; second < 120; second++) {
    await sender.tick();
    lab.now += 1000;
  }
  ok(node.calls.length < 18 + 2 * 6, `${node.calls.length} calls`);
  node.fails = undefined;
  lab.now += 60_000;
  await sender.tick();
  deepEqual([sender.state, Object.keys(node.map).length > 0], ['paying', true]);
});

test('a won block is settled once: what it did not pay waits in the ledger', async (t) => {
  const lab = await openSender(t, {blockPayoutFraction: 1, pplnsBlkConstantX: 1, minimumPayout: 300});
  const {paymaker, node, sender} = lab;
  await paymaker.ingest(shares(lab.now, 1, 2, 2, 2), '');
  node.map = {[testAddress(1)]: 1};
  await sender.tick();
  // 250 of 1000 PKT are below the minimum of 300, and wait with the default address.
  deepEqual(Object.keys(node.map).sort(), [testAddress(2), testAddress(100)].sort());
  const hash = 'ab'.repeat(32);
  const win = {type: 'share', payTo: testAddress(2), target: 0x1e020000, time: lab.now, eventId: 'w', headerHash: hash};
  await paymaker.ingest(uploadOf([win]), '');
  const vout = [...Object.entries(node.map), ['steward', 200]].map(([address, units]) => ({
    address,
    svalue: String(units),
  }));
  node.blocks.set(hash, {confirmations: 19, rawtx: [{vout}]});
  const cycle = async (): Promise<ReadonlyMap<string, bigint>> => {
    lab.now += 120_000;
    await sender.tick();
    return paymaker.ledger.balances();
  };
  equal((await cycle()).size, 0);
  node.blocks.set(hash, {confirmations: 20, rawtx: [{vout}]});
  const owed = 250n * PKT_UNITS;
  const expected = new Map([
    [testAddress(1), owed],
    [testAddress(100), -owed],
  ]);
  deepEqual(await cycle(), new Map([...expected].sort()));
  deepEqual(await cycle(), new Map([...expected].sort()));
  equal((await paymaker.ledger.settlements()).size, 1);

  const strange = 'cd'.repeat(32);
  node.blocks.set(strange, {confirmations: 30, rawtx: [{vout: [{address: testAddress(9), svalue: '5'}]}]});
  await paymaker.ingest(uploadOf([{...win, eventId: 'v', headerHash: strange, time: lab.now}]), '');
  deepEqual(await cycle(), new Map([...expected].sort()));
  equal((await paymaker.ledger.settlements()).get(strange), 'unmatched');
});

test('maps are compared by proportions', () => {
  const map = new Map([
    ['a', 3n],
    ['b', 1n],
  ]);
  ok(paysMap({a: 750.0001, b: 249.9999}, map));
  ok(!paysMap({a: 749, b: 251}, map));
  ok(!paysMap({a: 3}, map));
  ok(!paysMap({a: 3, b: 1, c: 0.1}, map));
  ok(!paysMap({}, map));
});

test('a real node pays its next block by the map, in proportion', async (t) => {
  const {rpc, generate} = await openLabNode(t);
  await generate(2);
  const settings = labSettings({
    blockPayoutFraction: 1,
    pplnsBlkConstantX: 1,
    poolFee: 0.2,
    poolFeeAddress: testAddress(7),
  });
  const nowMs = (): number => LAB_NOW_MS;
  const dir = await testFolder('paymaker');
  const paymaker = await openPaymaker(t, {dir, network: PKTREG, settings, nowMs});
  const sender = new PayoutSender({
    paymaker,
    callNode: (method, params) => rpc.call(method, params),
    nowMs,
    log: NO_LOG,
  });
  await paymaker.ingest(shares(LAB_NOW_MS, 11, 12, 12, 12), '');
  await sender.tick();
  equal(sender.state, 'paying');
  const reported = (await rpc.call('getminingpayouts')) as Record<string, number>;
  const [record] = (await paymaker.ledger.payouts(1)).map(({document}) => decodeAudit(document));
  ok(paysMap(reported, record!.map));
  await generate(1);
  const hash = await rpc.call('getbestblockhash');
  const {rawtx} = (await rpc.call('getblock', [hash, true, true])) as {
    rawtx: {vout: {address: string; svalue: string}[]}[];
  };
  const paid = new Map(rawtx[0]!.vout.map(({address, svalue}) => [address, BigInt(svalue)]));
  const [fee, one, three] = [7, 11, 12].map((miner) => paid.get(testAddress(miner))!) as [bigint, bigint, bigint];
  ok(one > 0n && three - 3n * one < 10n && three - 3n * one > -10n, `${one} and ${three}`);
  ok(fee - one < 10n && fee - one > -10n, `${fee} of fee`);
});

test('a node that tells of more than it was given is not given the map again and again', async (t) => {
  const lab = await openSender(t);
  const {paymaker, node, sender} = lab;
  node.more = {steward: 300};
  await paymaker.ingest(shares(lab.now, 1, 2), '');
  for (let check = 0; check < 8; check++) {
    await sender.tick();
    lab.now += 10_000;
  }
  deepEqual([node.sent, sender.resent], [1, 0]);
  node.map = {[testAddress(50)]: 1};
  await sender.tick();
  deepEqual([node.sent, sender.resent], [2, 1]);
});

test('each map that the node was given can be read with what it was made of, and comes out again', async (t) => {
  const lab = await openSender(t);
  const {paymaker, node, sender} = lab;
  const server = new PaymakerServer({paymaker, nowMs: () => lab.now, log: NO_LOG});
  t.after(() => server.close());
  const {port} = await server.listen('127.0.0.1', 0);
  const ask = async (path: string): Promise<{status: number; body: Record<string, unknown>}> => {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, {signal: AbortSignal.timeout(10_000)});
    const text = await response.text();
    return {status: response.status, body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {}};
  };
  deepEqual((await ask('payouts')).body, {payouts: []});
  await paymaker.ingest(shares(lab.now, 1, 2, 2), '');
  await sender.tick();
  deepEqual((await ask('payouts')).body, {payouts: [{number: 1, timeMs: lab.now}]});
  const {body} = await ask('payouts/1');
  const map = body['map'] as Record<string, string>;
  deepEqual([body['number'], body['kind'], body['recomputes'], body['recomputed']], [1, 'payout', true, map]);
  ok(paysMap(node.map, new Map(Object.entries(map).map(([address, units]) => [address, BigInt(units)]))));
  deepEqual((await ask('payouts?before=1')).body, {payouts: []});
  equal((await ask('payouts?before=x')).status, 400);
  for (const none of ['0', '2', '999999999999999']) equal((await ask(`payouts/${none}`)).status, 404);
  // A record that was tampered with does not come out again.
  const record = decodeAudit((await paymaker.ledger.payoutRecord(1))!);
  const [first] = record.map;
  const other = {...record, map: new Map([...record.map, [first![0], first![1] + 1n]])};
  await paymaker.ledger.transaction((session) => session.addPayout(lab.now, encodeAudit(other)));
  equal((await ask('payouts/2')).body['recomputes'], false);
});

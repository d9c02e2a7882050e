import {deepEqual, equal, ok} from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {writeU32} from '../../../src/core/bytes/index.ts';
import {selectTransactions} from '../../../src/node/mempool/block-selection.ts';
import {feeRate, PoolEntry, PoolGraph} from '../../../src/node/mempool/pool-graph.ts';
import {input, output, transaction} from '../../support/pool-fixture.ts';
import {checkProperty} from '../../support/property.ts';

interface Planned {
  readonly parents: readonly number[];
  readonly fee: number;
  readonly weight: number;
  readonly lockTime?: number;
}

const ROOMY = {weight: 1e9, sigopCost: 1e9, height: 100, medianTime: 0};

/** A graph of entries; each may spend some before it. */
function graphOf(plan: readonly Planned[]): PoolEntry[] {
  const graph = new PoolGraph();
  const entries: PoolEntry[] = [];
  for (const [number, {parents, fee, weight, lockTime = 0}] of plan.entries()) {
    const txid = new Uint8Array(32);
    writeU32(txid, 0, number + 1);
    const spent = number === 0 ? [] : [...new Set(parents.map((parent) => parent % number))];
    // Outpoints of their own, so that nobody is in the way of others.
    const inputs = spent.map((parent) => input({txid: entries[parent]!.txid, index: number, sequence: 0}));
    const entry = new PoolEntry({
      txid,
      transaction: transaction(
        [...inputs, input({txid: new Uint8Array(32), index: number, sequence: 0})],
        [output(1n)],
        lockTime,
      ),
      coins: [],
      fee: BigInt(fee),
      size: weight,
      vsize: Math.ceil(weight / 4),
      weight,
      sigopCost: weight % 7,
      timeMs: 0,
      height: 1,
      isLocal: false,
    });
    graph.add(entry);
    entries.push(entry);
  }
  return entries;
}

const planned = fc.record({
  parents: fc.array(fc.nat(50), {maxLength: 3}),
  fee: fc.nat(10_000),
  weight: fc.integer({min: 1, max: 1000}),
});

test('whatever the pool holds: limits kept, parents first, and nothing left that would fit', () => {
  const property = fc.property(
    fc.array(planned, {maxLength: 40}),
    fc.nat(12_000),
    fc.nat(60),
    (plan, weight, sigopCost) => {
      const entries = graphOf(plan);
      const chosen = selectTransactions(entries, {...ROOMY, weight, sigopCost});
      const sum = (of: (entry: PoolEntry) => number): number =>
        (chosen as PoolEntry[]).reduce((total, entry) => total + of(entry), 0);
      ok(sum((entry) => entry.weight) <= weight && sum((entry) => entry.sigopCost) <= sigopCost);
      equal(new Set(chosen).size, chosen.length);
      for (const [at, {parents}] of chosen.entries()) {
        for (const parent of parents) ok(chosen.indexOf(parent) >= 0 && chosen.indexOf(parent) < at);
      }
      const fits = (entry: PoolEntry): boolean =>
        sum((each) => each.weight) + entry.weight <= weight &&
        sum((each) => each.sigopCost) + entry.sigopCost <= sigopCost;
      for (const entry of entries) {
        if (chosen.includes(entry) || ![...entry.parents].every((parent) => chosen.includes(parent))) continue;
        ok(!fits(entry));
      }
      equal(selectTransactions(entries, ROOMY).length, entries.length);
    },
  );
  checkProperty(property);
});

test('without dependencies the dearest come first', () => {
  const property = fc.property(fc.array(planned, {maxLength: 60}), (plan) => {
    const rates = selectTransactions(graphOf(plan.map((each) => ({...each, parents: []}))), ROOMY).map(
      ({fee, weight}) => feeRate(fee, weight),
    );
    deepEqual(
      rates,
      rates.toSorted((a, b) => b - a),
    );
  });
  checkProperty(property);
});

test('what does not fit is passed over for what does', () => {
  const entries = graphOf([
    {parents: [], fee: 900, weight: 100},
    {parents: [], fee: 8000, weight: 1000},
    {parents: [], fee: 100, weight: 100},
  ]);
  const chosen = selectTransactions(entries, {...ROOMY, weight: 250});
  deepEqual(
    chosen.map(({fee}) => fee),
    [900n, 100n],
  );
});

test('what is not final waits, and so do its children', () => {
  const locked = {parents: [], fee: 900, weight: 100, lockTime: 100};
  const child = {parents: [0], fee: 9000, weight: 100};
  const free = {parents: [], fee: 1, weight: 100, lockTime: 99};
  const entries = graphOf([locked, child, free]);
  deepEqual(
    selectTransactions(entries, ROOMY).map(({fee}) => fee),
    [1n],
  );
  equal(selectTransactions(entries, {...ROOMY, height: 101}).length, 3);
});

test('more comes in where there is more room', () => {
  const entries = graphOf([
    {parents: [], fee: 10, weight: 500},
    {parents: [0], fee: 6000, weight: 100},
    {parents: [0], fee: 9000, weight: 550},
  ]);
  const chosen = selectTransactions(entries, {...ROOMY, weight: 1049});
  equal(chosen.length, 2);
  equal(selectTransactions(entries, {...ROOMY, weight: 1150}).length, 3);
});

test('50,000 entries cost the logarithm of them each', () => {
  let looks = 0;
  const entries = graphOf(
    Array.from({length: 50_000}, (_, i) => ({parents: [], fee: (i * 7919) % 50_021, weight: 400})),
  );
  for (const entry of entries) {
    const {parents} = entry;
    Object.defineProperty(entry, 'parents', {
      get: () => {
        looks++;
        return parents;
      },
    });
  }
  const chosen = selectTransactions(entries, {...ROOMY, weight: 2_800_000});
  equal(chosen.length, 7000);
  // Only what is chosen, and a thousand that did not fit in a row, is looked at.
  ok(looks <= 2 * 7000, String(looks));
});

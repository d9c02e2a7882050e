// Whatever comes, the pool stays in order; and it stays fast.
import {equal, ok} from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {writeU32} from '../../../src/core/bytes/index.ts';
import {outpointKey} from '../../../src/core/consensus/index.ts';
import {type Outpoint, type Transaction, transactionId} from '../../../src/core/primitives/index.ts';
import {Heap} from '../../../src/node/mempool/heap.ts';
import {type MempoolEntry, PoolEntry, PoolGraph, parentsFirst} from '../../../src/node/mempool/pool-graph.ts';
import {input, output, PoolFixture, transaction} from '../../support/pool-fixture.ts';
import {checkProperty} from '../../support/property.ts';

function family(entry: MempoolEntry, next: (entry: MempoolEntry) => Iterable<MempoolEntry>): Set<MempoolEntry> {
  const found = new Set([entry]);
  for (const each of found) for (const other of next(each)) found.add(other);
  return found;
}

/** Everything that must hold of a pool at any time. */
function checkConsistent({pool, chain}: PoolFixture): void {
  let bytes = 0;
  let memory = 0;
  const spent = new Set<string>();
  for (const entry of pool.entries()) {
    bytes += entry.size;
    memory += (entry as PoolEntry).memoryBytes;
    for (const [i, outpoint] of entry.transaction.inputs.entries()) {
      const key = outpointKey(outpoint.txid, outpoint.index);
      ok(!spent.has(key), 'no output is spent twice');
      spent.add(key);
      const parent = pool.get(outpoint.txid);
      ok(parent === undefined ? chain.hasCoin(outpoint) : outpoint.index < parent.transaction.outputs.length);
      equal(parent !== undefined, parent !== undefined && entry.parents.has(parent));
      const value = parent === undefined ? undefined : parent.transaction.outputs[outpoint.index]!.value;
      ok(value === undefined || value === entry.coins[i]!.value);
      equal(pool.spender(outpoint), entry);
    }
    for (const parent of entry.parents) ok(pool.get(parent.txid) === parent && parent.children.has(entry));
    for (const [sums, members] of [
      [entry.ancestors, family(entry, ({parents}) => parents)],
      [entry.descendants, family(entry, ({children}) => children)],
    ] as const) {
      const list = [...members];
      equal(sums.count, list.length);
      ok(sums.count <= 25);
      equal(
        sums.vsize,
        list.reduce((sum, {vsize}) => sum + vsize, 0),
      );
      equal(
        sums.weight,
        list.reduce((sum, {weight}) => sum + weight, 0),
      );
      equal(
        sums.fees,
        list.reduce((sum, {fee}) => sum + fee, 0n),
      );
      equal(
        sums.sigopCost,
        list.reduce((sum, {sigopCost}) => sum + sigopCost, 0),
      );
    }
  }
  equal(pool.bytes, bytes);
  equal(pool.memoryBytes, memory);
}

interface KnownOutput extends Outpoint {
  readonly value: bigint;
}

/** What has been done so far, in terms that random numbers can choose from. */
class RandomChain {
  readonly fixture = new PoolFixture({maxMemoryBytes: 60_000});
  readonly #outputs: KnownOutput[] = [];
  readonly #made: Transaction[] = [];
  #depth = 0;

  constructor() {
    for (let i = 0; i < 20; i++) this.#outputs.push({...this.fixture.coin(), value: 1_000_000n});
  }

  /** Mostly outputs that are free, sometimes any. */
  #choose(picks: readonly number[]): KnownOutput[] {
    const {pool, chain} = this.fixture;
    const free = this.#outputs.filter(
      (each) => pool.spender(each) === undefined && (chain.hasCoin(each) || pool.output(each) !== undefined),
    );
    const chosen = picks.map((pick) => {
      const from = pick < 80 && free.length > 0 ? free : this.#outputs;
      return from[pick % from.length]!;
    });
    return [...new Map(chosen.map((each) => [outpointKey(each.txid, each.index), each])).values()];
  }

  /** Spends known outputs, whether they are free or not. */
  async offer(picks: readonly number[], outputs: number, fee: number): Promise<void> {
    const sequence = fee % 3 === 0 ? 0xffffffff : 0xfffffffd;
    const chosen = this.#choose(picks);
    const spent = chosen.map(({txid, index}) => input({txid, index, sequence}));
    const total = chosen.reduce((sum, {value}) => sum + value, 0n);
    const value = (total - BigInt(20 * fee)) / BigInt(outputs);
    const made = transaction(
      spent,
      Array.from({length: outputs}, (_, i) => output(value - BigInt(i))),
    );
    const txid = transactionId(made);
    for (let index = 0; index < outputs; index++) this.#outputs.push({txid, index, value: value - BigInt(index)});
    this.#made.push(made);
    await this.fixture.offer(made, {source: 'peer', peer: String(fee % 4)});
  }

  /** A block of some of the pool's transactions with their ancestors, and one of its own that contradicts others. */
  async mine(picks: readonly number[], depth: number): Promise<void> {
    const {pool, chain} = this.fixture;
    const entries = [...pool.entries()];
    const chosen = new Set<MempoolEntry>();
    for (const pick of entries.length === 0 ? [] : picks) {
      for (const each of family(entries[pick % entries.length]!, ({parents}) => parents)) chosen.add(each);
    }
    const block = parentsFirst(chosen).map((entry) => entry.transaction);
    const back = Math.min(depth, this.#depth);
    // A block of a new branch may hold only what does not depend on the old one.
    const rival = this.#outputs.find((each) => chain.hasCoin(each) && pool.spender(each) !== undefined);
    const contradiction = rival && back === 0 && chosen.size === 0 ? [transaction([input(rival)], [output(3n)])] : [];
    await chain.reorganise(back, back === 0 ? [...block, ...contradiction] : [], []);
    this.#depth += 2 - back;
    await pool.maintain();
  }
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(fc.array(fc.nat(99), {minLength: 1, maxLength: 3}), fc.integer({min: 1, max: 3}), fc.nat(999)),
  },
  {weight: 1, arbitrary: fc.tuple(fc.array(fc.nat(99), {maxLength: 4}), fc.nat(3))},
);

test('random transactions, blocks and reorganisations never leave the pool inconsistent', async () => {
  const seed = Number(process.env['PROPERTY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`property seed ${seed}`);
  const seen = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(step, {minLength: 30, maxLength: 80}), async (steps) => {
      const random = new RandomChain();
      for (const each of steps) {
        if (each.length === 3) await random.offer(...each);
        else await random.mine(...each);
        checkConsistent(random.fixture);
      }
      for (const event of random.fixture.events) {
        const what = event.type === 'removed' ? event.reason : event.type;
        seen.set(what, (seen.get(what) ?? 0) + 1);
      }
    }),
    {seed, numRuns: 80},
  );
  // Chance has left nothing out.
  for (const what of ['added', 'mined', 'conflict', 'replaced', 'evicted', 'reorganised']) ok(seen.has(what), what);
});

test('a heap gives back what was put in, in order, whatever is moved or taken out', () => {
  checkProperty(
    fc.property(fc.array(fc.nat(1000), {maxLength: 80}), fc.array(fc.tuple(fc.nat(), fc.nat(1000))), (keys, moves) => {
      const items = keys.map((key) => ({key}));
      const heap = new Heap<{key: number}>((a, b) => a.key < b.key);
      for (const item of items) heap.add(item);
      for (const [pick, key] of items.length === 0 ? [] : moves) {
        const item = items[pick % items.length]!;
        if (key % 5 === 0) {
          heap.delete(item);
          items.splice(items.indexOf(item), 1);
          if (items.length === 0) break;
        } else {
          item.key = key;
          heap.moved(item);
        }
      }
      const left: number[] = [];
      for (let first = heap.first; first !== undefined; first = heap.first) {
        left.push(first.key);
        heap.delete(first);
      }
      equal(
        left.join(),
        items
          .map(({key}) => key)
          .sort((a, b) => a - b)
          .join(),
      );
    }),
  );
});

test('a pool of 50,000 costs the logarithm of it at each step', () => {
  let compared = 0;
  const heap = new Heap<{readonly key: number}>((a, b) => {
    compared++;
    return a.key < b.key;
  });
  const items = Array.from({length: 50_000}, (_, i) => ({key: (i * 7919) % 50_021}));
  for (const item of items) heap.add(item);
  for (const item of items) heap.moved(item);
  for (const item of items) heap.delete(item);
  // Three passes, each at most 3 · log2(50,000) = 47 comparisons an item.
  ok(compared < 3 * 50_000 * 47, String(compared));

  // Visits of families: 2000 chains of 25 are the worst that is let in.
  const graph = new PoolGraph();
  let visits = 0;
  const entries: PoolEntry[] = [];
  for (let chain = 0; chain < 2000; chain++) {
    let txid = new Uint8Array(32).fill(0xcc);
    writeU32(txid, 0, chain);
    for (let i = 0; i < 25; i++) {
      const spending = transaction([input({txid})], [output(1n)]);
      txid = txid.slice();
      writeU32(txid, 4, i);
      const entry = new PoolEntry({
        txid,
        transaction: spending,
        coins: [],
        fee: BigInt((chain * 31 + i * 17) % 977),
        size: 100,
        vsize: 100,
        weight: 400,
        sigopCost: 1,
        timeMs: 0,
        height: 1,
        isLocal: false,
      });
      const {parents} = entry;
      Object.defineProperty(entry, 'parents', {
        get: () => {
          visits++;
          return parents;
        },
      });
      graph.add(entry);
      entries.push(entry);
    }
  }
  equal(graph.count, 50_000);
  ok(visits < 50_000 * 60, `${visits} looks at parents`);
  visits = 0;
  while (graph.leastWorth !== undefined) graph.removeWithDescendants([graph.leastWorth]);
  ok(visits < 50_000 * 60, `${visits} looks at parents`);
  equal(graph.count, 0);
  equal(graph.memoryBytes, 0);
});

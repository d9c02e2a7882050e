import {deepEqual, equal, ok} from 'node:assert/strict';
import {test} from 'node:test';
import {writeU32} from '../../../src/core/bytes/index.ts';
import {FeeEstimator} from '../../../src/node/mempool/fee-estimator.ts';
import {PoolEntry} from '../../../src/node/mempool/pool-graph.ts';
import {input, output, transaction} from '../../support/pool-fixture.ts';

const PEER = {source: 'peer', peer: 'alice'} as const;

/** An estimator, and blocks that mine what is said. */
class Blocks {
  readonly estimator = new FeeEstimator();
  height = 100;
  #count = 0;

  /** Entries of 1000 virtual bytes with one fee, which have come to the pool. */
  add(count: number, fee: bigint, source: 'peer' | 'file' = 'peer'): PoolEntry[] {
    return Array.from({length: count}, () => {
      const txid = new Uint8Array(32);
      writeU32(txid, 0, this.#count++);
      const entry = new PoolEntry({
        txid,
        transaction: transaction([input({txid})], [output(1n)]),
        coins: [],
        fee,
        size: 1000,
        vsize: 1000,
        weight: 4000,
        sigopCost: 1,
        timeMs: 0,
        height: this.height,
        isLocal: false,
      });
      this.estimator.follow({type: 'added', entry, origin: {...PEER, source}});
      return entry;
    });
  }

  mine(...entries: readonly PoolEntry[]): void {
    this.height++;
    for (const entry of entries) {
      this.estimator.follow({type: 'removed', entry, reason: 'mined', height: this.height});
    }
    this.estimator.follow({type: 'block', height: this.height});
  }

  remove(reason: 'evicted' | 'expired' | 'replaced', entries: readonly PoolEntry[]): void {
    for (const entry of entries) this.estimator.follow({type: 'removed', entry, reason, height: this.height});
  }
}

test('without anything known the minimum is the answer', () => {
  const {estimator} = new Blocks();
  deepEqual(estimator.estimate(1, 1000n), {rate: 1000n, blocks: 1});
  deepEqual(estimator.estimate(25, 7000n), {rate: 7000n, blocks: 25});
});

test('as long as nothing waits, nobody need pay more than the minimum', () => {
  const blocks = new Blocks();
  for (let i = 0; i < 20; i++) blocks.mine(...blocks.add(5, 90_000n), ...blocks.add(1, 1000n));
  deepEqual(blocks.estimator.estimate(1, 1000n), {rate: 1000n, blocks: 1});
});

test('what is mined at once tells what to pay, when cheaper ones wait', () => {
  const blocks = new Blocks();
  const cheap: PoolEntry[] = [];
  for (let i = 0; i < 20; i++) {
    cheap.push(...blocks.add(3, 2000n));
    // The cheap ones wait for ten blocks.
    blocks.mine(...blocks.add(3, 50_000n), ...(i < 10 ? [] : cheap.splice(0, 3)));
  }
  const {rate, blocks: target} = blocks.estimator.estimate(2, 1000n);
  equal(target, 2);
  ok(rate >= 49_999n && rate <= 50_001n, String(rate));
  deepEqual(blocks.estimator.estimate(15, 1000n), {rate: 1000n, blocks: 15});
  deepEqual(blocks.estimator.estimate(2, 80_000n), {rate: 80_000n, blocks: 2});
});

test('those that still wait, and those thrown out, count as slow', () => {
  const waiting = new Blocks();
  waiting.add(20, 2000n);
  for (let i = 0; i < 10; i++) waiting.mine(...waiting.add(2, 50_000n));
  ok(waiting.estimator.estimate(5, 1000n).rate > 40_000n);

  const evicted = new Blocks();
  for (let i = 0; i < 10; i++) evicted.mine(...evicted.add(2, 50_000n));
  evicted.remove('evicted', evicted.add(20, 2000n));
  ok(evicted.estimator.estimate(25, 1000n).rate > 40_000n);

  const replaced = new Blocks();
  for (let i = 0; i < 10; i++) replaced.mine(...replaced.add(2, 50_000n));
  replaced.remove('replaced', replaced.add(20, 2000n));
  equal(replaced.estimator.estimate(25, 1000n).rate, 1000n);
});

test('what came out of a file is not counted', () => {
  const blocks = new Blocks();
  blocks.add(20, 2000n, 'file');
  for (let i = 0; i < 10; i++) blocks.mine(...blocks.add(2, 50_000n));
  equal(blocks.estimator.estimate(5, 1000n).rate, 1000n);
});

test('a target that nobody meets gives way to a longer one', () => {
  const blocks = new Blocks();
  const slow: PoolEntry[] = [];
  for (let i = 0; i < 20; i++) {
    slow.push(...blocks.add(3, 50_000n));
    blocks.mine(...(i < 4 ? [] : slow.splice(0, 3)));
  }
  equal(blocks.estimator.estimate(1, 1000n).blocks, 5);
});

test('what was learnt fades', () => {
  const blocks = new Blocks();
  for (let i = 0; i < 10; i++) blocks.mine(...blocks.add(2, 50_000n));
  blocks.remove('evicted', blocks.add(20, 2000n));
  for (let i = 0; i < 4 * 1440; i++) blocks.mine();
  equal(blocks.estimator.estimate(25, 1000n).rate, 1000n);
});

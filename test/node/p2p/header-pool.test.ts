import {deepEqual, equal, ok} from 'node:assert/strict';
import {test} from 'node:test';
import {createPktreg, type Network} from '../../../src/core/params/index.ts';
import {type Block, encodeHeader} from '../../../src/core/primitives/index.ts';
import type {Chain} from '../../../src/node/chain/chain.ts';
import {HeaderPool, MAX_ALL_HEADERS} from '../../../src/node/p2p/sync/header-pool.ts';
import {branch, genesisOf} from '../../support/easy-blocks.ts';
import {acceptAll, hashOf, LAB_START_MS, openLabChain} from '../../support/peer-lab.ts';
import {refuses} from '../../support/refusal.ts';

const SHORT = createPktreg({money: {coinbaseMaturity: 5, stewardExpiry: 60}});
const LONG = branch({network: SHORT, tag: 0}, genesisOf(SHORT), 0, 60);
const FORK = branch({network: SHORT, tag: 1}, LONG[19]!, 20, 30);

interface Bench {
  readonly chain: Chain;
  readonly pool: HeaderPool;
}

async function open(network: Network = SHORT): Promise<Bench> {
  const nowMs = (): number => LAB_START_MS;
  const chain = await openLabChain(network, nowMs);
  return {chain, pool: new HeaderPool({chain, nowMs})};
}

function addAll(pool: HeaderPool, peer: number, blocks: readonly Block[]): void {
  for (const {header} of blocks) ok(pool.add(peer, encodeHeader(header)) !== undefined);
}

test('peers that tell of the same headers share them', async () => {
  const {pool} = await open();
  addAll(pool, 1, LONG);
  addAll(pool, 2, LONG.slice(0, 40));
  deepEqual([pool.branches.size, pool.size], [1, 60]);
  deepEqual([pool.lastOf(1)?.height, pool.lastOf(2)?.height, pool.lastOf(3)], [60, 40, undefined]);
  pool.forget(1);
  equal(pool.size, 60);
  pool.forget(2);
  deepEqual([pool.branches.size, pool.size, pool.find(hashOf(LONG[3]!))], [0, 0, undefined]);
});

test('a fork in the middle of unproved headers has a branch of its own that outlives the other', async () => {
  const {pool} = await open();
  addAll(pool, 1, LONG);
  addAll(pool, 2, [...LONG.slice(0, 20), ...FORK]);
  deepEqual([pool.branches.size, pool.size], [2, 60 + 50]);
  equal(pool.containing(hashOf(LONG[10]!), 11).length, 2);
  pool.forget(1);
  equal(pool.find(hashOf(LONG[10]!))?.branch, pool.find(hashOf(FORK[3]!))?.branch);
  equal(pool.find(hashOf(LONG[30]!)), undefined);
});

test('headers of blocks that the chain has are known, and leave the pool', async () => {
  const {chain, pool} = await open();
  addAll(pool, 1, LONG);
  await acceptAll(chain, LONG.slice(0, 59));
  pool.advance();
  equal(pool.lastOf(1)?.branch.done, 59);
  equal(pool.add(2, encodeHeader(LONG[5]!.header)), 'known');
  await chain.accept(LONG[59]!);
  pool.advance();
  deepEqual([pool.branches.size, pool.lastOf(1)], [0, undefined]);
});

test('a header without known parent has no place, one that breaks a rule is refused', async () => {
  const {chain, pool} = await open();
  equal(pool.add(1, encodeHeader(LONG[5]!.header)), undefined);
  refuses(() => pool.add(1, encodeHeader({...LONG[0]!.header, version: 3})), 'ErrBlockVersionTooOld');
  refuses(() => pool.add(1, encodeHeader({...LONG[0]!.header, bits: 1})), 'ErrUnexpectedDifficulty');
  const late = Math.floor(LAB_START_MS / 1000) + 721;
  refuses(() => pool.add(1, encodeHeader({...LONG[0]!.header, time: late})), 'ErrTimeTooNew');
  equal(pool.size, 0);
  const wrong = branch({network: SHORT, tag: 4, steward: Uint8Array.of(1)}, genesisOf(SHORT), 0, 2);
  await chain.accept(wrong[0]!).catch(() => {});
  refuses(() => pool.add(1, encodeHeader(wrong[0]!.header)), 'ErrInvalidAncestorBlock');
  refuses(() => pool.add(1, encodeHeader(wrong[1]!.header)), 'ErrInvalidAncestorBlock');
});

test('no branch may leave the chain below a checkpoint that was reached', async () => {
  const checkpoints = [{height: 30, hash: hashOf(LONG[29]!)}];
  const {chain, pool} = await open({...SHORT, checkpoints});
  await acceptAll(chain, LONG.slice(0, 29));
  addAll(pool, 1, FORK.slice(0, 9));
  refuses(() => pool.add(1, encodeHeader(FORK[9]!.header)), 'ErrBadCheckpoint');
  await chain.accept(LONG[29]!);
  pool.forget(1);
  refuses(() => pool.add(1, encodeHeader(FORK[0]!.header)), 'ErrForkTooOld');
});

test('a peer has few branches, and all of them together are bounded', async () => {
  const {chain, pool} = await open();
  await acceptAll(chain, LONG);
  for (let i = 0; i < 50; i++) addAll(pool, 1, branch({network: SHORT, tag: 10 + i}, LONG[i]!, i + 1, 1));
  equal(pool.branches.size, 4);
  for (let peer = 2; peer < 10; peer++) {
    addAll(pool, peer, branch({network: SHORT, tag: 100 + peer}, LONG[59]!, 60, 20 * peer));
  }
  const size = pool.size;
  pool.makeRoom(MAX_ALL_HEADERS - size);
  equal(pool.size, size);
  pool.makeRoom(MAX_ALL_HEADERS - size + 1);
  equal(pool.size, size - 180, 'the longest that only one tells of goes first');
  addAll(pool, 20, branch({network: SHORT, tag: 108}, LONG[59]!, 60, 5));
  pool.makeRoom(MAX_ALL_HEADERS - pool.size + 1);
  equal(pool.lastOf(8)?.height, 220, 'what two tell of stays longer');
  equal(pool.lastOf(7), undefined);
  pool.makeRoom(MAX_ALL_HEADERS);
  equal(pool.size, 0);
});

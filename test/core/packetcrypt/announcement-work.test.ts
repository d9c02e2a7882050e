import {deepEqual, equal, throws} from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {test} from 'node:test';
import {decodeHex, encodeHex} from '../../../src/core/bytes/index.ts';
import {compress64} from '../../../src/core/crypto/index.ts';
import {
  ANN_HASH_BYTES,
  AnnouncementJob,
  AnnouncementTree,
  annWork,
  branchRoot,
  decodeAnnouncementHeader,
  makeItem,
  makeProgram,
  TABLE_ITEMS,
} from '../../../src/core/packetcrypt/index.ts';
import {refuses} from '../../support/refusal.ts';
import {readVectors} from '../../support/vectors.ts';
import {announcementWorkVectors} from './announcement-work-suite.ts';

announcementWorkVectors('plain', {
  openTable: (seed) => {
    const program = makeProgram(seed.subarray(0, 32));
    return {words: program.words, item: (number) => makeItem(number, seed.subarray(32), program)};
  },
  work: (hash1, softNonce, table) => annWork(hash1, softNonce, table.item),
});

test('every branch leads its item to the root', () => {
  const others = randomBytes(ANN_HASH_BYTES * TABLE_ITEMS);
  const item = randomBytes(1024);
  for (const leaf of [0, 1, 2, 4095, 4096, 5555, 8190, 8191]) {
    const leafHashes = new Uint8Array(others);
    leafHashes.set(compress64(item), ANN_HASH_BYTES * leaf);
    const tree = AnnouncementTree.build(leafHashes);
    const branch = tree.branch(leaf);
    equal(branch.length, 832);
    deepEqual(branchRoot(item, leaf, branch), tree.root);
    equal(encodeHex(branchRoot(item, leaf ^ 1, branch)) === encodeHex(tree.root), false);
  }
});

test('a seed without program is refused', () => {
  const {cases} = readVectors<{cases: {seed: string; result?: string; error?: string}[]}>('randgen');
  const tooBig = cases.find(({seed}) => seed.startsWith('a24b5b0b186003cf'))!;
  refuses(() => makeProgram(decodeHex(tooBig.seed)), 'TOO_BIG');
});

test('misuse is a TypeError or RangeError', () => {
  const program = makeProgram(new Uint8Array(32));
  throws(() => makeItem(-1, new Uint8Array(32), program), RangeError);
  throws(() => makeItem(0, new Uint8Array(31), program), RangeError);
  throws(() => AnnouncementTree.build(new Uint8Array(64)), RangeError);
  throws(() => annWork(new Uint8Array(32), 0, () => new Uint8Array(1024)), RangeError);
  throws(() => annWork(new Uint8Array(64), 0, () => new Uint8Array(1023)), RangeError);
  const header = decodeAnnouncementHeader(new Uint8Array(88));
  throws(() => AnnouncementJob.create(header, new Uint8Array(32)), /"workBits" expected a mantissa above 0/);
});

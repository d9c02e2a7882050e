import {deepEqual, equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import {decodeHex, encodeHex, readU24} from '../../../src/core/bytes/index.ts';
import {compress64} from '../../../src/core/crypto/index.ts';
import {
  ANN_HASH_BYTES,
  AnnouncementJob,
  AnnouncementTree,
  announcementVerdict,
  decodeAnnouncementHeader,
  ITEM_BYTES,
  makeItem,
  makeProgram,
  TABLE_ITEMS,
} from '../../../src/core/packetcrypt/index.ts';
import {announcementCases} from './announcement-suite.ts';
import {announcementTableVectors, workCases} from './announcement-work-suite.ts';

announcementTableVectors('plain', {
  makeTable: (seed) => {
    const program = makeProgram(seed.subarray(0, 32));
    const table = new Uint8Array(ITEM_BYTES * TABLE_ITEMS);
    for (let i = 0; i < TABLE_ITEMS; i++) table.set(makeItem(i, seed.subarray(32), program), ITEM_BYTES * i);
    return table;
  },
  makeTree: (table) => {
    const leafHashes = new Uint8Array(ANN_HASH_BYTES * TABLE_ITEMS);
    for (let i = 0; i < TABLE_ITEMS; i++) {
      leafHashes.set(compress64(table.subarray(ITEM_BYTES * i, ITEM_BYTES * (i + 1))), ANN_HASH_BYTES * i);
    }
    return AnnouncementTree.build(leafHashes);
  },
});

test('a job mines announcements that are valid, and none that are not', () => {
  const vector = workCases[0]!;
  const parent = decodeHex(vector.parentBlockHash);
  const job = AnnouncementJob.create(decodeAnnouncementHeader(decodeHex(vector.header)), parent);
  equal(encodeHex(job.tree.root), vector.merkleRoot);
  const found = new Set<number>();
  for (const ann of job.mine(0, 30)) {
    found.add(readU24(ann, 1));
    equal(announcementVerdict(ann, parent).verdict, 'OK');
  }
  for (const {nonce, meets} of vector.tries) if (nonce <= 30) equal(found.has(nonce), meets === 1);
  for (let nonce = 0; nonce <= 30; nonce++) {
    if (found.has(nonce)) continue;
    equal(announcementVerdict(job.assemble(nonce, job.work(nonce)), parent).verdict, 'INSUF_POW');
  }
  throws(() => job.work(job.softNonceMax + 1), RangeError);
});

test('the announcement of the reference miner is mined again, byte for byte', () => {
  const vector = announcementCases.find(({name}) => name === 'annminer-0-0')!;
  const ann = decodeHex(vector.ann);
  const job = AnnouncementJob.create(decodeAnnouncementHeader(ann), decodeHex(vector.parentBlockHash));
  const softNonce = readU24(ann, 1);
  deepEqual([...job.mine(softNonce, softNonce)], [ann]);
});

import {deepEqual, equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import {encodeHex, readU32} from '../../../src/core/bytes/index.ts';
import {AnnouncementChecker} from '../../../src/core/packetcrypt/announcement/announcement-checker.ts';
import {AnnouncementKernel} from '../../../src/core/packetcrypt/announcement/announcement-kernel.ts';
import {CHECKER_PAGES, MINER_PAGES} from '../../../src/core/packetcrypt/announcement/announcement-memory.ts';
import {
  AnnouncementSearch,
  type AnnouncementWork,
} from '../../../src/core/packetcrypt/announcement/announcement-search.ts';
import {
  annHash,
  annHash0,
  annHash1,
  announcementVerdict,
  annSoftNonce,
  annWork,
  decodeAnnouncementHeader,
  makeItem,
  makeProgram,
  meetsTarget,
  softNonceMax,
  v1Seed,
} from '../../../src/core/packetcrypt/index.ts';

const kernel = new AnnouncementKernel(MINER_PAGES);
const checker = new AnnouncementChecker(new AnnouncementKernel(CHECKER_PAGES));
const parentHash = Uint8Array.from({length: 32}, (_, i) => 3 * i + 1);

interface Mined {
  readonly anns: Uint8Array[];
  readonly hardNonces: number[];
  readonly hashes: number;
}

/** Searches until so many jobs are done. */
function mine(work: AnnouncementWork, jobs: number, choosy: boolean): Mined {
  let next = 0xfffffff0;
  const hardNonces: number[] = [];
  const nextNonce = (): number => {
    hardNonces.push(next);
    const nonce = next;
    next = (next + 1) >>> 0;
    return nonce;
  };
  const search = new AnnouncementSearch(kernel, nextNonce, () => performance.now(), choosy);
  search.setWork(work);
  const anns: Uint8Array[] = [];
  while (search.stats.jobs < jobs) {
    const found = search.step();
    equal(found.length % 1024, 0);
    for (let at = 0; at < found.length; at += 1024) anns.push(found.slice(at, at + 1024));
  }
  equal(search.stats.announcements, anns.length);
  return {anns, hardNonces, hashes: search.stats.hashes};
}

/** Soft nonces 0..last of the job of an announcement that meet their target, by the plain version. */
function plainHits(ann: Uint8Array, last: number): number[] {
  const hash0 = annHash0(ann, parentHash);
  const root = ann.subarray(920, 984);
  const seed = v1Seed(root, hash0);
  const program = makeProgram(seed.subarray(0, 32));
  const hits: number[] = [];
  for (let softNonce = 0; softNonce <= last; softNonce++) {
    const {workHash} = annWork(annHash1(ann, root), softNonce, (n) => makeItem(n, seed.subarray(32), program));
    if (meetsTarget(workHash, readU32(ann, 8))) hits.push(softNonce);
  }
  return hits;
}

const MODES = [
  {name: 'items made as they are read', workBits: 0x207fffff, jobs: 3, share: 1 / 2, checkTo: 60},
  {name: 'whole tables', workBits: 0x200fffff, jobs: 1, share: 1 / 16, checkTo: 250},
];

for (const {name, workBits, jobs, share, checkTo} of MODES) {
  for (const choosy of [true, false]) {
    test(`the search finds valid announcements and leaves none out: ${name}, ${choosy ? '' : 'not '}choosy`, () => {
      const work: AnnouncementWork = {
        parentHash,
        parentBlockHeight: 123456,
        workBits,
        contentType: 7,
        contentLength: 9,
        contentHash: new Uint8Array(32).fill(5),
        signingKey: new Uint8Array(32).fill(6),
      };
      const {anns, hardNonces, hashes} = mine(work, jobs, choosy);
      const all = Buffer.concat(anns);
      for (const {verdict} of checker.validate(all, parentHash)) equal(verdict, 'OK');
      for (let i = 0; i < anns.length; i += Math.ceil(anns.length / 8)) {
        equal(announcementVerdict(anns[i]!, parentHash).verdict, 'OK');
      }
      equal(new Set(anns.map((ann) => encodeHex(annHash(ann)))).size, anns.length);
      const {softNonce: _, hardNonce, ...fields} = decodeAnnouncementHeader(anns[0]!);
      const {parentHash: __, ...wanted} = work;
      deepEqual(fields, {version: 1, ...wanted});
      equal(hardNonces.includes(hardNonce), true);
      equal(new Set(hardNonces).size, hardNonces.length);

      // Each job tries every soft nonce once.
      equal(hashes, jobs * (softNonceMax(workBits)! + 1));
      const expected = hashes * share;
      equal(Math.abs(anns.length - expected) < 6 * Math.sqrt(expected), true, `${anns.length} of ${expected}`);
      const ofJob = anns.filter((ann) => readU32(ann, 4) === hardNonce).map((ann) => annSoftNonce(ann));
      deepEqual(
        ofJob.filter((nonce) => nonce <= checkTo),
        plainHits(anns[0]!, checkTo),
      );
    });
  }
}

test('new work takes effect at once', () => {
  let nonce = 0;
  const search = new AnnouncementSearch(
    kernel,
    () => nonce++,
    () => performance.now(),
  );
  throws(() => search.step(), /no work set/);
  const work = {parentHash, parentBlockHeight: 1, workBits: 0x207fffff};
  search.setWork(work);
  while (search.step().length === 0);
  search.setWork({...work, parentBlockHeight: 2, workBits: 0x203fffff});
  let found = search.step();
  while (found.length === 0) found = search.step();
  for (let at = 0; at < found.length; at += 1024) {
    const {parentBlockHeight, workBits} = decodeAnnouncementHeader(found.subarray(at, at + 1024));
    deepEqual([parentBlockHeight, workBits], [2, 0x203fffff]);
  }
});

test('work that cannot be mined is a TypeError or RangeError', () => {
  const search = new AnnouncementSearch(
    kernel,
    () => 0,
    () => 0,
  );
  const work = {parentHash, parentBlockHeight: 1, workBits: 0x207fffff};
  throws(() => search.setWork({...work, parentHash: new Uint8Array(31)}), RangeError);
  throws(() => search.setWork({...work, parentBlockHeight: -1}), RangeError);
  throws(() => search.setWork({...work, contentHash: new Uint8Array(33)}), RangeError);
  throws(() => search.setWork({...work, workBits: '0x207fffff' as unknown as number}), TypeError);
  for (const workBits of [0, 0x20000000, 0x20800001, 0x217fffff, 0x20ffffff, 0x027fffff, 2 ** 32]) {
    throws(() => search.setWork({...work, workBits}), RangeError, workBits.toString(16));
  }
});

import {deepEqual, equal, throws} from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {test} from 'node:test';
import {concatBytes, copyBytes, encodeHex, writeU32} from '../../../src/core/bytes/index.ts';
import {
  BlockMiner,
  type BlockSet,
  EngineError,
  type FoundShare,
  type ThreadCrash,
} from '../../../src/core/engines/index.ts';
import {
  annHash,
  annParentBlockHeight,
  checkTreeProof,
  meetsTarget,
  proofWork,
} from '../../../src/core/packetcrypt/index.ts';
import {FragileThreads, now, until, wait} from './support.ts';

/** About one hash in 4096: a few dozen finds a second. */
const TARGET = 0x1f0fffff;

function makeAnns(count: number, parentBlockHeight: number): Uint8Array {
  const anns = new Uint8Array(randomBytes(1024 * count));
  for (let i = 0; i < count; i++) {
    writeU32(anns, 1024 * i + 8, 0x207fffff);
    writeU32(anns, 1024 * i + 12, parentBlockHeight);
  }
  return anns;
}

function openMiner(threads = 2, firstHeaderNonce = 0) {
  const found: FoundShare[] = [];
  const crashes: ThreadCrash[] = [];
  const fragile = new FragileThreads();
  const miner = new BlockMiner({
    threads,
    spawn: fragile.spawn,
    now,
    capacity: 100,
    firstHeaderNonce,
    onFound: (share) => found.push(share),
    onCrash: (crash) => crashes.push(crash),
  });
  return {miner, found, crashes, fragile};
}

/** A share must be what its parts say, over the set of the header it was found with. */
function checkShare({header, nonce2, announcements, treeProof, selected, hash}: FoundShare, set: BlockSet): void {
  const anns = [0, 1, 2, 3].map((k) => copyBytes(announcements, 1024 * k, 1024 * (k + 1)));
  const work = proofWork(header, nonce2, anns);
  deepEqual(hash, work.workHash);
  equal(meetsTarget(hash, TARGET), true);
  deepEqual(
    [...selected],
    work.itemNumbers.map((number) => Number(number % BigInt(set.count))),
  );
  const {itemNumbers} = work;
  const input = {count: BigInt(set.count), itemNumbers, hashes: anns.map((ann) => annHash(ann)), proof: treeProof};
  checkTreeProof(input, set.root);
}

/** What was tried: header with its nonce, and nonce2. */
function tried(found: readonly FoundShare[]): string[] {
  return found.map(({header, nonce2}) => `${encodeHex(header)} ${nonce2}`);
}

const everything = () => true;

test('shares are sound and none is found twice; stop and mine with the same header go on', async () => {
  const {miner, found} = openMiner();
  try {
    deepEqual(miner.add(makeAnns(40, 1)), {added: 40, duplicates: 0, refused: 0});
    const set = miner.prepare(everything)!;
    equal(set.count, 39);
    const header = randomBytes(80);
    const given = header.toString('hex');
    miner.mine(header, TARGET);
    await until(() => found.length > 10, 'shares');
    await miner.stop();
    const [stopped, {hashes}] = [found.length, miner.stats];
    equal(hashes > 0 && hashes % 256 === 0, true);
    await wait(300);
    deepEqual([found.length, miner.stats.hashes], [stopped, hashes]);
    miner.mine(header, TARGET);
    await until(() => found.length > stopped + 20, 'shares after a pause');
    await miner.stop();
    for (const share of found) checkShare(share, set);
    equal(new Set(tried(found)).size, found.length);
    // Each thread has a header nonce of its own.
    equal(new Set(found.map((share) => encodeHex(share.header))).size, 2);
    equal(header.toString('hex'), given);
  } finally {
    await miner.close();
  }
});

test('miners with the same set who begin elsewhere find other shares', async () => {
  const anns = makeAnns(60, 100);
  const [a, b] = [openMiner(1, 0xffff_f000), openMiner(1, 12_345_678)];
  const header = new Uint8Array(80);
  for (const {miner} of [a, b]) {
    miner.add(anns);
    miner.prepare(() => true);
    miner.mine(header, TARGET);
  }
  await until(() => a.found.length >= 20 && b.found.length >= 20, 'shares');
  const keys = [a, b].map(({found}) => new Set(found.map((share) => `${encodeHex(share.header)} ${share.nonce2}`)));
  equal(
    [...keys[0]!].some((key) => keys[1]!.has(key)),
    false,
  );
  await a.miner.close();
  await b.miner.close();
  throws(() => openMiner(1, -1), RangeError);
});

test('the set changes while mining goes on: finds belong to the set of their header', async () => {
  const {miner, found} = openMiner();
  const sets = new Map<number, BlockSet>();
  try {
    for (let round = 1; round <= 6; round++) {
      await until(() => !miner.switching, 'threads to go over to the last work');
      miner.add(makeAnns(11, round));
      miner.drop(({parentBlockHeight}) => parentBlockHeight < round - 1);
      deepEqual(
        miner.classes.map(({parentBlockHeight, count}) => `${parentBlockHeight}: ${count}`).sort(),
        round === 1 ? ['1: 11'] : [`${round - 1}: 11`, `${round}: 11`],
      );
      const set = miner.prepare(everything)!;
      equal(set.count, round === 1 ? 11 : 21);
      sets.set(round, set);
      const header = new Uint8Array(80);
      writeU32(header, 68, round);
      miner.mine(header, TARGET);
      equal(miner.switching, true);
      throws(
        () => miner.prepare(everything),
        (error) => error instanceof EngineError && error.code === 'overloaded',
      );
      const before = found.length;
      await until(() => found.length > before + 5, 'shares');
    }
    await miner.stop();
    const seen = new Set<number>();
    for (const share of found) {
      const round = share.header[68]!;
      seen.add(round);
      checkShare(share, sets.get(round)!);
      for (let k = 0; k < 4; k++) {
        const height = annParentBlockHeight(share.announcements.subarray(1024 * k));
        equal(height === round || height === round - 1, true);
      }
    }
    equal(seen.size, 6);
    equal(new Set(tried(found)).size, found.length);
  } finally {
    await miner.close();
  }
});

test('a thread that crashes is reported and replaced, and repeats nothing', async () => {
  const {miner, found, crashes, fragile} = openMiner(1);
  try {
    miner.add(makeAnns(9, 1));
    const set = miner.prepare(everything)!;
    miner.mine(new Uint8Array(80), TARGET);
    await until(() => found.length > 5, 'shares');
    fragile.crash(0);
    await until(() => crashes.length === 1, 'the report of a crash');
    equal(crashes[0]!.replaced, true);
    const [before, hashes] = [found.length, miner.stats.hashes];
    await until(() => found.length > before + 10, 'shares of the replaced thread');
    await miner.stop();
    equal(miner.stats.hashes >= hashes, true);
    for (const share of found) checkShare(share, set);
    equal(new Set(tried(found)).size, found.length);
    equal(fragile.started, 2);
  } finally {
    await miner.close();
  }
});

test('order of calls, and misuse', async () => {
  const {miner} = openMiner();
  const header = new Uint8Array(80);
  throws(() => miner.mine(header, TARGET), /"prepare" expected to be called before "mine"/);
  equal(miner.prepare(everything), undefined);
  miner.add(concatBytes(makeAnns(3, 1)));
  miner.prepare(everything);
  throws(() => miner.mine(header.subarray(1), TARGET), RangeError);
  throws(() => miner.mine(header, 0x217fffff), RangeError);
  throws(() => miner.mine(header, 0x02ffffff), RangeError);
  throws(() => miner.add(new Uint8Array(1)), RangeError);
  await miner.close();
  const closed = (error: unknown): boolean => error instanceof EngineError && error.code === 'closed';
  throws(() => miner.mine(header, TARGET), closed);
  throws(() => miner.add(makeAnns(1, 1)), closed);
  await miner.stop();
  throws(() => openMiner(0), RangeError);
  throws(() => openMiner(64), RangeError);
});

test('a set made slowly is the one made at once, whatever comes and goes meanwhile; a later one ends it', async () => {
  const {miner} = openMiner();
  try {
    miner.add(makeAnns(60, 1000));
    const fast = miner.prepare(() => true)!;
    const old = miner.prepareSlowly(({parentBlockHeight}) => parentBlockHeight === 1000, 0);
    miner.add(makeAnns(10, 1001));
    miner.drop(({parentBlockHeight}) => parentBlockHeight === 1000);
    miner.add(makeAnns(30, 1002));
    deepEqual(await old, fast);
    const ended = miner.prepareSlowly(() => true, 0);
    const later = await miner.prepareSlowly(() => true, 0);
    equal(await ended, undefined);
    equal(later!.count, 39);
    const cancelled = miner.prepareSlowly(() => true, 0);
    miner.cancelPreparation();
    equal(await cancelled, undefined);
  } finally {
    await miner.close();
  }
});

test('after a pause mining goes on with what was mined, not with what was prepared meanwhile', async () => {
  const {miner, found} = openMiner();
  try {
    miner.add(makeAnns(41, 1000));
    const set = miner.prepare(() => true)!;
    miner.mine(new Uint8Array(80).fill(7), TARGET);
    await until(() => found.length > 0, 'a share');
    await miner.stop();
    miner.add(makeAnns(21, 1001));
    await miner.prepareSlowly(() => true);
    found.length = 0;
    miner.resume();
    await until(() => found.length > 3, 'shares');
    for (const share of found) checkShare(share, set);
  } finally {
    await miner.close();
  }
});

import {deepEqual, equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import {encodeHex, readU32} from '../../../src/core/bytes/index.ts';
import {
  AnnouncementMiner,
  type AnnouncementMinerOptions,
  EngineError,
  type ThreadCrash,
} from '../../../src/core/engines/index.ts';
import {AnnouncementChecker} from '../../../src/core/packetcrypt/announcement/announcement-checker.ts';
import {AnnouncementKernel} from '../../../src/core/packetcrypt/announcement/announcement-kernel.ts';
import {CHECKER_PAGES} from '../../../src/core/packetcrypt/announcement/announcement-memory.ts';
import type {AnnouncementWork} from '../../../src/core/packetcrypt/announcement/announcement-search.ts';
import {annHash, annParentBlockHeight} from '../../../src/core/packetcrypt/index.ts';
import {FragileThreads, now, until, wait} from './support.ts';

const parentHash = new Uint8Array(32).fill(0x21);
const WORK: AnnouncementWork = {parentHash, parentBlockHeight: 7, workBits: 0x207fffff};
const checker = new AnnouncementChecker(new AnnouncementKernel(CHECKER_PAGES));

/** A miner that keeps what it finds. */
function openMiner(options: Partial<AnnouncementMinerOptions> = {}) {
  const found: {ann: Uint8Array; work: AnnouncementWork}[] = [];
  const crashes: ThreadCrash[] = [];
  const threads = new FragileThreads();
  const miner = new AnnouncementMiner({
    threads: 2,
    spawn: threads.spawn,
    now,
    firstHardNonce: 0xffffff00,
    onFound: (anns, work) => {
      for (let at = 0; at < anns.length; at += 1024) found.push({ann: anns.slice(at, at + 1024), work});
    },
    onCrash: (crash) => crashes.push(crash),
    ...options,
  });
  return {miner, found, crashes, threads};
}

function checkFound(found: readonly {ann: Uint8Array; work: AnnouncementWork}[]): void {
  for (const {verdict} of checker.validate(Buffer.concat(found.map(({ann}) => ann)), parentHash)) equal(verdict, 'OK');
  equal(new Set(found.map(({ann}) => encodeHex(annHash(ann)))).size, found.length, 'nothing is found twice');
  for (const {ann, work} of found) equal(annParentBlockHeight(ann), work.parentBlockHeight);
}

test('threads find different valid announcements; stop ends the search, start goes on', async () => {
  const {miner, found} = openMiner();
  try {
    await wait(100);
    equal(found.length, 0, 'nothing before start');
    miner.start(WORK);
    await until(() => found.length > 1000, 'announcements');
    const begun = now();
    await miner.stop();
    const took = now() - begun;
    equal(took < 250, true, `stop took ${took} ms`);
    const stopped = found.length;
    const {hashes, announcements, threads} = miner.stats;
    equal(threads, 2);
    deepEqual([announcements, hashes > announcements], [stopped, true]);
    await wait(300);
    deepEqual([found.length, miner.stats.hashes], [stopped, hashes]);
    miner.start(WORK);
    await until(() => found.length > stopped + 1000, 'announcements after a pause');
    await miner.stop();
    checkFound(found);
    equal(new Set(found.map(({ann}) => readU32(ann, 4))).size > 2, true);
  } finally {
    await miner.close();
  }
});

test('update: finds are delivered with the work they belong to', async () => {
  const {miner, found} = openMiner();
  try {
    for (let height = 1; height <= 12; height++) {
      miner.start({...WORK, parentBlockHeight: height});
      await until(() => found.some(({work}) => work.parentBlockHeight === height), `a find for height ${height}`);
    }
    miner.update({...WORK, parentBlockHeight: 12});
    await miner.stop();
    checkFound(found);
    equal(found.at(-1)!.work.parentBlockHeight, 12);
  } finally {
    await miner.close();
  }
});

test('a thread that crashes is reported and replaced, and repeats nothing', async () => {
  const {miner, found, crashes, threads} = openMiner();
  try {
    miner.start(WORK);
    await until(() => found.length > 200, 'announcements');
    threads.crash(0);
    await until(() => crashes.length === 1, 'the report of a crash');
    deepEqual([crashes[0]!.thread, crashes[0]!.replaced, threads.started], [0, true, 3]);
    equal(crashes[0]!.error instanceof Error, true);
    const before = found.length;
    await until(() => found.length > before + 1500, 'announcements of the replaced thread');
    equal(miner.stats.threads, 2);
    await miner.stop();
    checkFound(found);
    equal(miner.stats.announcements <= found.length + 200, true);
  } finally {
    await miner.close();
  }
});

test('a crash while stopping does not keep stop waiting', async () => {
  const {miner, found, threads} = openMiner();
  try {
    miner.start(WORK);
    await until(() => found.length > 0, 'announcements');
    threads.crash(1);
    await miner.stop();
    const stopped = found.length;
    await wait(300);
    equal(found.length, stopped, 'the new thread is stopped too');
  } finally {
    await miner.close();
  }
});

test('threads that crash again and again are given up', async () => {
  const threads = new FragileThreads();
  threads.poisoned = 1000;
  const {miner, crashes} = openMiner({threads: 1, spawn: threads.spawn});
  try {
    miner.start(WORK);
    await until(() => crashes.some(({replaced}) => !replaced), 'giving up');
    const last = crashes.at(-1)!;
    equal(last.error instanceof EngineError && last.error.code, 'threads-lost');
    equal(miner.stats.threads, 0);
    await wait(100);
    equal(threads.started, crashes.length);
    await miner.stop();
  } finally {
    await miner.close();
  }
});

test('back-pressure: a thread waits when 8 MiB of finds are not taken', async () => {
  const untaken: (() => void)[] = [];
  let bytes = 0;
  const {miner} = openMiner({
    threads: 1,
    onFound: (anns) => {
      bytes += anns.length;
      return new Promise<void>((resolve) => {
        untaken.push(resolve);
      });
    },
  });
  try {
    miner.start(WORK);
    await until(() => bytes >= 8 * 2 ** 20, '8 MiB');
    await wait(400);
    const held = bytes;
    equal(held < 9 * 2 ** 20, true, `${held} bytes`);
    await wait(400);
    equal(bytes, held, 'the thread waits');
    for (const resolve of untaken.splice(0)) resolve();
    await until(() => bytes > held, 'finds after the others were taken');
  } finally {
    await miner.close();
  }
});

test('a closed miner refuses work; wrong options and work are TypeError or RangeError', async () => {
  const {miner} = openMiner();
  throws(() => miner.start({...WORK, workBits: 0x217fffff}), RangeError);
  throws(() => miner.start({...WORK, parentHash: 'ab' as unknown as Uint8Array}), TypeError);
  await miner.close();
  throws(
    () => miner.start(WORK),
    (error) => error instanceof EngineError && error.code === 'closed',
  );
  await miner.stop();
  throws(() => openMiner({threads: 0}), RangeError);
  throws(() => openMiner({threads: 65}), RangeError);
});

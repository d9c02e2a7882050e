import {randomBytes, randomFillSync} from 'node:crypto';
import {AnnouncementSet} from '../../core/packetcrypt/block/announcement-set.ts';
import {AnnouncementStore} from '../../core/packetcrypt/block/announcement-store.ts';
import {BlockSearch} from '../../core/packetcrypt/block/block-search.ts';
import {JOBS, randomNonce} from './announcements.ts';
import {type BenchRow, measureRow, startWatch} from './row.ts';

/** Announcements of the set: 8 MB, the size the existing programs were measured with. */
const SET = 8192;
const HARD_TARGET = 0x03000001;

/** Block hashes per second of one thread over random bytes. choosy: with cheap header nonces, as the miner mines. */
export function benchBlocks(seconds: number, choosy: boolean): Promise<BenchRow> {
  return measureRow(async () => {
    const store = new AnnouncementStore(SET, 2);
    const set = new AnnouncementSet(store, 1);
    const anns = new Uint8Array(1024 * SET);
    randomFillSync(anns);
    for (let at = 8; at < anns.length; at += 1024) anns.set([0xff, 0xff, 1, 0x20, 0, 0, 0, 0], at);
    set.add(anns);
    const {count} = set.prepare(0, () => true)!;
    const search = new BlockSearch(store.shared, 0);
    let hashes = 0;
    let cpu = 0;
    let wall = 0;
    for (let i = 0; i < JOBS; i++) {
      const header = randomBytes(80);
      const nonces = choosy ? {} : {headerNonces: 1};
      search.setWork({header, target: HARD_TARGET, total: count, order: 0, headerNonce: randomNonce(), ...nonces});
      for (let k = 0; k < (i === 0 ? 150 : 2); k++) search.step();
      const time = startWatch();
      hashes = 0;
      while (time().wall < seconds / JOBS) {
        search.step();
        hashes += 256;
      }
      const spent = time();
      cpu += hashes / spent.cpu / JOBS;
      wall += hashes / spent.wall / JOBS;
    }
    return {
      name: choosy ? 'block' : 'block, random header nonces',
      bits: null,
      threads: 1,
      group: null,
      unit: 'block hashes',
      jobs: JOBS,
      done: 1,
      time: {cpu: 1 / cpu, wall: 1 / wall},
    };
  });
}

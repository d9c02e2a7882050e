import {AnnouncementChecker} from '../../core/packetcrypt/announcement/announcement-checker.ts';
import {AnnouncementKernel} from '../../core/packetcrypt/announcement/announcement-kernel.ts';
import {CHECKER_PAGES} from '../../core/packetcrypt/announcement/announcement-memory.ts';
import {meetsTarget} from '../../core/packetcrypt/work-check.ts';
import {RandomJob} from './announcements.ts';
import {type BenchRow, measureRow, startWatch} from './row.ts';

const EASIEST = 0x207fffff;
/** Soft nonces a job of the easiest work bits has; about half of their announcements are valid. */
const NONCES = 1024;

interface Sample {
  readonly anns: Uint8Array;
  readonly parentHash: Uint8Array;
}

/**
 * `group` announcements of one random job, the valid ones first. Above about 512 there are not enough valid ones; the rest
 * lacks work, which is found in the last step, so that judging it costs the same.
 */
function makeSample(job: RandomJob, group: number): Sample {
  const parentHash = job.open(EASIEST);
  const all = job.allAnnouncements(NONCES);
  const valid = all.filter(({workHash}) => meetsTarget(workHash, EASIEST));
  const others = all.filter(({workHash}) => !meetsTarget(workHash, EASIEST));
  const chosen = [...valid, ...others].slice(0, group);
  const anns = new Uint8Array(1024 * group);
  for (const [i, {ann}] of chosen.entries()) anns.set(ann, 1024 * i);
  return {anns, parentHash};
}

/** Announcements judged per second by one thread, `group` of each job, every job new to the checker. */
export function benchVerify(group: number, seconds: number): Promise<BenchRow> {
  return measureRow(async () => {
    const kernel = new AnnouncementKernel(CHECKER_PAGES);
    const job = new RandomJob();
    // The engine keeps the code of programs it has compiled, so a compiled job may be judged only once.
    const jobs = Math.max(16, Math.min(64, Math.ceil((12_000 * seconds) / group)));
    const samples = Array.from({length: jobs + 3}, () => makeSample(job, group));
    for (const {anns, parentHash} of samples.splice(0, 3)) {
      for (let i = 0; i < Math.max(1, 200 / group); i++) new AnnouncementChecker(kernel).validate(anns, parentHash);
    }
    const once = group >= 64;
    let done = 0;
    const time = startWatch();
    do {
      const checker = new AnnouncementChecker(kernel);
      for (const {anns, parentHash} of samples) {
        const verdicts = checker.validate(anns, parentHash);
        const refused = verdicts.find(({verdict}) => verdict !== 'OK' && verdict !== 'INSUF_POW');
        if (refused !== undefined) throw new Error(`a good announcement was refused: ${refused.verdict}`);
        done += group;
      }
    } while (!once && time().wall < seconds);
    const row = {name: 'verify', bits: null, threads: 1, group, unit: 'announcements', jobs, done, time: time()};
    return group > NONCES / 2 ? {...row, note: 'half of them INSUF_POW, found in the last step'} : row;
  });
}

// Runs the hostile-input targets of test/fuzz for as many cases as wanted: 10,000,000 over all targets unless told otherwise.
//   node scripts/fuzz.mjs [--cases N] [--seed N] [--target NAME] [--seconds N per target at most]
// A million messages from peers to a whole node, 40 a case: node scripts/fuzz.mjs --target 'peers of a node' --cases 25000 --seconds 3600
import {parseArgs} from 'node:util';
import {build} from './build.mjs';
import {say} from './lib.mjs';

const {values} = parseArgs({
  options: {
    cases: {type: 'string', default: '10000000'},
    seed: {type: 'string', default: String(Math.floor(Math.random() * 2 ** 31))},
    target: {type: 'string'},
    seconds: {type: 'string', default: '60'},
  },
});

const REPORT_MS = 2000;
/** Cases between two looks at the clock. */
const CHUNK_MS = 200;

/** Runs targets in turn and keeps what became of each. */
class FuzzRun {
  constructor(runTarget, seed, secondsEach) {
    Object.assign(this, {runTarget, seed, secondsEach, total: 0, reported: performance.now()});
    this.rows = new Map();
  }

  /** `count` more cases of a target, or fewer if its time is used up. */
  async run(target, count) {
    const row = this.rows.get(target) ?? {done: 0, seconds: 0, slowestMs: 0};
    this.rows.set(target, row);
    const wanted = row.done + count;
    let chunk = 64;
    while (row.done < wanted && row.seconds < this.secondsEach) {
      const {cases, seconds, slowestMs} = await this.runTarget(
        target,
        this.seed,
        Math.min(chunk, wanted - row.done),
        row.done,
      );
      row.done += cases;
      row.seconds += seconds;
      row.slowestMs = Math.max(row.slowestMs, slowestMs);
      this.total += cases;
      chunk = Math.max(1, Math.min(100_000, Math.round((cases * CHUNK_MS) / (1000 * seconds + 0.001))));
      if (performance.now() - this.reported < REPORT_MS) continue;
      this.reported = performance.now();
      say(`${target.name}: ${row.done} of ${wanted}, ${this.total} in all`);
    }
  }

  hasTime(target) {
    return (this.rows.get(target)?.seconds ?? 0) < this.secondsEach;
  }
}

try {
  await build();
  const [{FUZZ_TARGETS}, {runTarget}] = await Promise.all([
    import('../dist/test/fuzz/targets.js'),
    import('../dist/test/fuzz/run-target.js'),
  ]);
  const targets = FUZZ_TARGETS.filter(({name}) => values.target === undefined || name === values.target);
  if (targets.length === 0) throw new Error(`no target is named ${values.target}`);
  const [seed, wanted] = [Number(values.seed), Number(values.cases)];
  say(`seed ${seed}, ${wanted} cases, ${targets.length} targets`);
  const begun = performance.now();
  const run = new FuzzRun(runTarget, seed, Number(values.seconds));
  // What slow targets leave undone in their time, the others make up for.
  for (
    let quick = targets;
    run.total < wanted && quick.length > 0;
    quick = quick.filter((target) => run.hasTime(target))
  ) {
    const share = (wanted - run.total) / quick.reduce((sum, {cases}) => sum + cases, 0);
    for (const target of quick) await run.run(target, Math.ceil(target.cases * share));
  }
  for (const [{name}, {done, seconds, slowestMs}] of run.rows) {
    const rate = (done / seconds).toFixed(0);
    say(`${name}: ${done} cases, ${seconds.toFixed(1)} s, ${rate}/s, slowest ${slowestMs.toFixed(1)} ms`);
  }
  say(`${run.total} cases in ${((performance.now() - begun) / 1000).toFixed(0)} s, seed ${seed}: all hold`);
} catch (error) {
  say(error.stack ?? error.message);
  process.exit(1);
}

// Sends hostile announcements through the validator engine: 24,000 of four kinds on 2 threads unless told otherwise.
//   node scripts/hostile.mjs [--count N] [--threads N] [--seed N]
import {parseArgs} from 'node:util';
import {build} from './build.mjs';
import {say} from './lib.mjs';

const {values} = parseArgs({
  options: {
    count: {type: 'string', default: '24000'},
    threads: {type: 'string', default: '2'},
    seed: {type: 'string', default: String(Math.floor(Math.random() * 2 ** 31))},
  },
});

/** Announcements handed over at once, each with a parent of its own. */
const PIECE = 1500;

function resident() {
  return process.memoryUsage().rss / 2 ** 20;
}

try {
  await build();
  const [{makeHostile, HOSTILE_KINDS}, {AnnouncementValidator}, {spawnNodeThread}] = await Promise.all([
    import('../dist/test/fuzz/hostile-announcements.js'),
    import('../dist/src/core/engines/index.js'),
    import('../dist/src/service/threads/node-threads.js'),
  ]);
  const [count, threads, seed] = [Number(values.count), Number(values.threads), Number(values.seed)];
  const {anns, parents, kinds} = makeHostile(seed, count);
  let crashes = 0;
  const validator = new AnnouncementValidator({
    threads,
    spawn: spawnNodeThread,
    now: () => performance.now(),
    onCrash: () => crashes++,
  });
  await validator.validate(anns.subarray(0, 1024 * 64), parents.subarray(0, 32 * 64));
  say(`seed ${seed}, ${count} announcements, ${threads} threads, ${resident().toFixed(0)} MiB before`);

  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, resident());
  }, 20);
  const begun = performance.now();
  const cpu = process.cpuUsage();
  const pieces = [];
  for (let at = 0; at < count; at += PIECE) {
    const end = Math.min(count, at + PIECE);
    pieces.push(validator.validate(anns.subarray(1024 * at, 1024 * end), parents.subarray(32 * at, 32 * end)));
  }
  const verdicts = (await Promise.all(pieces)).flat();
  const wall = (performance.now() - begun) / 1000;
  const used = process.cpuUsage(cpu);
  clearInterval(watch);
  peak = Math.max(peak, resident());
  await validator.close();

  const table = HOSTILE_KINDS.map(() => ({}));
  for (const [i, {verdict}] of verdicts.entries()) {
    const row = table[kinds[i]];
    row[verdict] = (row[verdict] ?? 0) + 1;
  }
  for (const [k, row] of table.entries()) say(`${HOSTILE_KINDS[k]}: ${JSON.stringify(row)}`);
  const cpuSeconds = (used.user + used.system) / 1e6;
  say(
    `${verdicts.length} verdicts in ${wall.toFixed(2)} s: ${(count / wall).toFixed(0)}/s, ` +
      `${(count / cpuSeconds).toFixed(0)} per CPU second, peak ${peak.toFixed(0)} MiB, ${crashes} crashes`,
  );
  if (crashes > 0) process.exit(1);
} catch (error) {
  say(error.stack ?? error.message);
  process.exit(1);
}

// Kills a node with SIGKILL at random moments of its first start, synchronisation, reorganisation, pruning and index building, and
// holds it to nodes that nobody disturbs. Ends with exit code 1 when anything differs.
//   node scripts/crash.mjs [--rounds N] [--seed S] [--minutes M]
import {parseArgs} from 'node:util';
import {build} from './build.mjs';
import {say} from './lib.mjs';

const {values} = parseArgs({
  options: {
    rounds: {type: 'string', default: '200'},
    seed: {type: 'string', default: String(Math.floor(Math.random() * 2 ** 31))},
    minutes: {type: 'string', default: '60'},
  },
});

try {
  await build();
  const {crashNode} = await import('../dist/test/support/crash-lab.js');
  const [rounds, seed] = [Number(values.rounds), Number(values.seed)];
  say(`seed ${seed}, ${rounds} rounds`);
  const begun = performance.now();
  const report = await crashNode({rounds, seed, deadlineMs: Number(values.minutes) * 60_000, say});
  const seconds = Math.round((performance.now() - begun) / 1000);
  console.table(report.kills);
  const {rests, reorganisations, droppedFiles, height, differences} = report;
  say(
    `${report.rounds} kills in ${seconds} s; compared ${rests} times, ${reorganisations} reorganisations, ` +
      `${droppedFiles} files dropped by pruning, height ${height} in the end`,
  );
  for (const difference of differences) say(`DIFFERENT: ${difference}`);
  say(differences.length === 0 ? 'no difference' : `seed ${seed}: ${differences.length} differences`);
  if (differences.length > 0) process.exit(1);
} catch (error) {
  say(error.stack ?? error.message);
  process.exit(1);
}

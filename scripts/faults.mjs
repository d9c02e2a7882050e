// Runs a pool of processes on which things go wrong at random (programs killed and stalled, connections cut, answers lost, a full disk,
// reorganisations), and compares what its miners were told with what the ledger says. Ends with exit code 1 when anything differs.
//   node scripts/faults.mjs [--minutes M] [--seed S]
import {parseArgs} from 'node:util';
import {build} from './build.mjs';
import {say} from './lib.mjs';

const {values} = parseArgs({
  options: {
    minutes: {type: 'string', default: '10'},
    seed: {type: 'string', default: String(Math.floor(Math.random() * 2 ** 31))},
  },
});

try {
  await build();
  const {injectFaults} = await import('../dist/test/support/fault-lab.js');
  say(`seed ${values.seed}, ${values.minutes} minutes`);
  const report = await injectFaults({seed: Number(values.seed), forMs: Number(values.minutes) * 60_000, say});
  console.table(report.faults);
  const {restarts, height, told, ledger, sent, payouts, differences} = report;
  say(`${restarts} restarts, height ${height}, ${payouts} payouts made, each follows from the ledger`);
  say(`sent: ${sent.announcements} announcements in ${sent.posts} posts`);
  say(`told: ${told.announcements} announcements, ${told.shares} shares, ${told.blocks} blocks`);
  say(`paid: ${ledger.announcements} announcements, ${ledger.shares} shares`);
  for (const difference of differences) say(`DIFFERENT: ${difference}`);
  say(
    differences.length === 0
      ? 'nothing unpaid, nothing paid twice'
      : `seed ${values.seed}: ${differences.length} differences`,
  );
  if (differences.length > 0) process.exit(1);
} catch (error) {
  say(error.stack ?? error.message);
  process.exit(1);
}

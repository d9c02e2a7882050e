// `npm run bench -- [topic] [--runs N] [--against COMMIT] [--seconds S]`: medians of several runs of `pkt bench`; with
// --against in turn with another commit, which is built in a temporary folder, and the ratio between the two.
import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {build} from './build.mjs';
import {requireNode, root, run, say} from './lib.mjs';

requireNode();
const {values, positionals} = parseArgs({
  allowPositionals: true,
  options: {
    runs: {type: 'string', default: '5'},
    seconds: {type: 'string', default: '2'},
    against: {type: 'string'},
    help: {type: 'boolean', short: 'h', default: false},
  },
});

if (values.help) {
  console.log('npm run bench -- [ann|tables|block|verify|all] [--runs N] [--seconds S] [--against COMMIT]');
  process.exit(0);
}

/** Rows of one run, in units of the yardstick, by name. */
function measure(folder) {
  const main = join(folder, 'dist/src/cli/main.js');
  const args = [main, 'bench', positionals[0] ?? 'all', '--seconds', values.seconds, '--json'];
  const {rows} = JSON.parse(execFileSync(process.execPath, args, {stdio: ['ignore', 'pipe', 'ignore']}));
  return rows.map((row) => ({
    name: [row.name, row.bits, row.group, row.threads > 1 ? `${row.threads} threads` : null].filter(Boolean).join(' '),
    perYardstick: row.perCpuSecond / row.yardstickMBps,
    wall: row.perWallSecond,
    rate: row.perCpuSecond,
  }));
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Median of each row over several runs. */
function medians(runs) {
  return runs[0].map(({name}, i) => {
    const of = (field) => median(runs.map((rows) => rows[i][field]));
    return {name, rate: of('rate'), wall: of('wall'), perYardstick: of('perYardstick')};
  });
}

const number = (value) => value.toPrecision(4).padStart(10);

let other;
try {
  await build();
  if (values.against !== undefined) {
    other = mkdtempSync(join(tmpdir(), 'pkt-bench-'));
    await run('git', ['clone', '--quiet', root, other]);
    await run('git', ['checkout', '--quiet', values.against], {cwd: other});
    say(`building ${values.against} …`);
    await run(process.execPath, ['scripts/build.mjs'], {cwd: other});
  }
  const here = [];
  const there = [];
  for (let i = 1; i <= Number(values.runs); i++) {
    say(`run ${i} of ${values.runs} …`);
    here.push(measure(root));
    if (other !== undefined) there.push(measure(other));
  }
  const ours = medians(here);
  const theirs = other === undefined ? [] : medians(there);
  console.log(
    `${'row'.padEnd(28)} per CPU s  per wall s  per yardstick MB${other ? `  ${values.against}  ratio` : ''}`,
  );
  for (const {name, rate, wall, perYardstick} of ours) {
    const same = theirs.find((row) => row.name === name);
    const compared = same ? `${number(same.perYardstick)}  ${(perYardstick / same.perYardstick).toFixed(3)}` : '';
    console.log(`${name.padEnd(28)}${number(rate)}  ${number(wall)}  ${number(perYardstick)}${compared}`);
  }
} catch (error) {
  say(error.message);
  process.exitCode = 1;
} finally {
  if (other !== undefined) rmSync(other, {recursive: true, force: true});
}

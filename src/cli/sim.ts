// What a pool of given sizes bears.
import {writeFile} from 'node:fs/promises';
import {type Command, InvalidArgumentError} from 'commander';
import type {PoolOutcome, PoolPlan} from '../apps/pool/simulation/pool-model.ts';
import {EXIT_INTERRUPTED} from './exit-codes.ts';
import {
  anyText,
  type CommandContext,
  flag,
  makeCommand,
  type OptionValues,
  option,
  optionOr,
  wholeNumber,
} from './options.ts';
import {formatNumber} from './terminal.ts';
import {fileError} from './usage-error.ts';

function rate(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value > 0 && value <= 1e12) return value;
  throw new InvalidArgumentError('Give a number above 0.');
}

const OPTIONS = {
  miners: optionOr('--miners <n>', 'announcement miners at most', wholeNumber(1, 10_000_000), 1_000_000),
  minerAnns: optionOr('--miner-anns <n>', 'announcements per second that one of them finds', rate, 1000),
  minerMbit: optionOr('--miner-mbit <n>', 'its upload, Mbit/s', rate, 20),
  annHandlers: optionOr('--ann-handlers <n>', 'announcement handlers', wholeNumber(1, 10_000), 1),
  handlerAnns: optionOr('--handler-anns <n>', 'announcements per second that one of them judges', rate, 100_000),
  handlerMbit: optionOr('--handler-mbit <n>', 'its network, Mbit/s each way', rate, 1000),
  blockMiners: optionOr('--block-miners <n>', 'block miners, who fetch all announcements', wholeNumber(0, 100_000), 2),
  cached: flag('--cached', 'an HTTP cache serves the block miners'),
  masters: optionOr('--masters <n>', 'masters', wholeNumber(1, 1000), 1),
  masterAnswers: optionOr('--master-answers <n>', 'callers that one master answers per second', rate, 10_000),
  paymakerEvents: optionOr('--paymaker-events <n>', 'events per second that the paymaker takes', rate, 20_000),
  measure: flag('--measure', 'take --handler-anns from this machine: one thread for each core'),
  plot: option('--plot <file>', 'write a picture of it, SVG', anyText),
  json: flag('--json', 'print one JSON object'),
};

export function simCommand(context: CommandContext): Command {
  const text = {
    name: 'sim',
    summary: 'Simulate a pool from one miner to a million, and say where it saturates.',
    notes: `Each row is two minutes of a pool with so many miners. "limit" is what gives way first: judging of announcements, the network of
handlers or of miners, connections, the paymaker, or the master.`,
  };
  return makeCommand(text, OPTIONS, context, simulate);
}

const COLUMNS: readonly (readonly [string, number, (outcome: PoolOutcome) => string])[] = [
  ['miners', 9, ({miners}) => formatNumber(miners)],
  ['found/s', 14, ({found}) => formatNumber(found)],
  ['taken/s', 12, ({taken}) => formatNumber(taken)],
  ['taken', 7, ({takenPart}) => `${(100 * takenPart).toFixed(1)}%`],
  ['Mbit/s in', 10, ({inMbit}) => formatNumber(inMbit)],
  ['out', 10, ({outMbit}) => formatNumber(outMbit)],
  ['fetched', 8, ({fetchedPart}) => `${(100 * fetchedPart).toFixed(0)}%`],
  ['posts/s', 10, ({postsPerSecond}) => formatNumber(postsPerSecond)],
  ['reply p99', 10, ({p99Seconds}) => `${p99Seconds.toFixed(2)} s`],
  ['new work', 9, ({newWorkSeconds}) => `${newWorkSeconds.toFixed(2)} s`],
  ['handlers needed', 15, ({handlersNeeded}) => formatNumber(handlersNeeded)],
  ['limit', 16, ({limit}) => limit ?? ''],
];

function planOf(values: OptionValues<typeof OPTIONS>, handlerAnns: number): PoolPlan {
  const {miners, minerAnns, minerMbit, annHandlers, handlerMbit, blockMiners, cached} = values;
  const {masters, masterAnswers, paymakerEvents} = values;
  return {
    miners,
    minerAnns,
    minerMbit,
    annHandlers,
    handlerAnns,
    handlerMbit,
    blockMiners,
    cached,
    masters,
    masterAnswers,
    paymakerEvents,
  };
}

/** Announcements that a handler on this machine judges per second. */
async function measured(): Promise<number> {
  const [{benchVerify}, {standardThreads}] = await Promise.all([import('./bench/verify.ts'), import('./threads.ts')]);
  const {perCpuSecond} = await benchVerify(256, 2);
  return standardThreads() * perCpuSecond;
}

async function simulate(
  values: OptionValues<typeof OPTIONS>,
  _none: string,
  {terminal, interrupted}: CommandContext,
): Promise<number> {
  const [{minerCounts, saturation, simulatePool}, {plotPool}] = await Promise.all([
    import('../apps/pool/simulation/pool-model.ts'),
    import('../apps/pool/simulation/plot.ts'),
  ]);
  const plan = planOf(values, values.measure ? await measured() : values.handlerAnns);
  const outcomes: PoolOutcome[] = [];
  if (!values.json) await terminal.print(COLUMNS.map(([name, width]) => name.padStart(width)).join(' '));
  for (const miners of minerCounts(values.miners)) {
    // Lets Ctrl-C be heard.
    await new Promise((resolve) => setImmediate(resolve));
    if (interrupted.aborted) return EXIT_INTERRUPTED;
    const outcome = simulatePool({...plan, miners});
    outcomes.push(outcome);
    if (!values.json) await terminal.print(COLUMNS.map(([, width, show]) => show(outcome).padStart(width)).join(' '));
  }
  const saturated = saturation(plan, values.miners);
  const {miners, limit} = saturated;
  const verdict =
    limit === undefined
      ? `Not saturated up to ${formatNumber(miners)} miners.`
      : `Saturated above ${formatNumber(miners)} miners, ${formatNumber(miners * plan.minerAnns)} announcements/s: ${limit}.`;
  if (values.plot !== undefined) {
    const at = limit === undefined ? undefined : miners;
    try {
      await writeFile(
        values.plot,
        plotPool(outcomes, at, `announcement handlers: ${plan.annHandlers}, block miners: ${plan.blockMiners}`),
      );
    } catch (error) {
      throw fileError('write', values.plot, error);
    }
  }
  await terminal.print(values.json ? JSON.stringify({plan, outcomes, saturated}) : verdict);
  return 0;
}

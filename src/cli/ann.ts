import type {Command} from 'commander';
import {statisticsLine} from '../apps/miner/ann/statistics.ts';
import {spawnNodeThread} from '../service/threads/node-threads.ts';
import {annMineCommand} from './ann-mine.ts';
import {annVerifyCommand} from './ann-verify.ts';
import {checkPaymentAddress, MINER_ALIASES, MINER_OPTIONS} from './miner-options.ts';
import {type MinerSurroundings, type RunningMiner, runMiner} from './miner-program.ts';
import {
  anyText,
  type CommandContext,
  flag,
  makeCommand,
  type OptionValues,
  option,
  optionOr,
  poolUrl,
  positiveNumber,
  wholeNumber,
} from './options.ts';
import {randomU32} from './threads.ts';
import {UsageError} from './usage-error.ts';
import {packageVersion} from './version.ts';

/** More than this many blocks behind the tip no pool takes. */
const MAX_OLD = 5;
const BENCHMARK_SECONDS = 10;
const POOL_BITS = 0x2001ffff;
const BYTES_PER_MBIT = 125_000;
const AS_POOL_SAYS = -1;

function blocksBehind(text: string): number {
  return text === String(AS_POOL_SAYS) ? AS_POOL_SAYS : wholeNumber(0, MAX_OLD)(text);
}

const OPTIONS = {
  config: option(
    '-c, --config <file>',
    'TOML file with the same names as these options, or JSON as existing miners have it, file or address',
    anyText,
  ),
  uploaders: optionOr('-U, --uploaders <n>', 'uploads at a time to each handler', wholeNumber(1, 100), 10),
  mineold: optionOr(
    '-m, --mineold <n>',
    'blocks behind the tip to mine on, 0 to 5; -1: as the pool says',
    blocksBehind,
    AS_POOL_SAYS,
  ),
  bandwidth: option('--bandwidth <mbit>', 'upload at most so many Mbit per second', positiveNumber),
  benchmark: flag('--benchmark', 'measure this machine for ten seconds, without any pool, and end'),
  ...MINER_OPTIONS,
};

type AnnValues = OptionValues<typeof OPTIONS>;

/** `pkt ann`: mines for pools; its subcommands work without any. */
export function annCommand(context: CommandContext): Command {
  const text = {
    name: 'ann',
    summary: 'Mine announcements for pools; mine and verify announcements offline.',
    argument: {syntax: '[pools...]', help: 'addresses of pools, the preferred one first'},
    settings: 'PKT_ANN',
    aliases: MINER_ALIASES,
    notes: `All pools get every announcement; work is taken from the first that answers. The line of statistics has a number for each
pool: overflow was refused or lost and is not paid, uploading is on its way, accept/reject is what pools have answered.
docs/announcement-mining.md says more.`,
  };
  return makeCommand(text, OPTIONS, context, mineForPools)
    .addCommand(annMineCommand(context))
    .addCommand(annVerifyCommand(context));
}

async function mineForPools(
  values: AnnValues,
  argument: string | readonly string[],
  context: CommandContext,
): Promise<number> {
  if (values.benchmark) return benchmark(values.threads, context);
  const named = (argument as readonly string[]).map(poolUrl);
  const pools = [...new Set(named.length > 0 ? named : values.pool)];
  if (pools.length === 0) throw new UsageError('name at least one pool, like http://pool.example/master.');
  const payTo = checkPaymentAddress(values.paymentaddr, values.network);
  return runMiner(values, context, (surroundings) => createMiner(values, pools, payTo, surroundings));
}

async function createMiner(
  values: AnnValues,
  pools: readonly string[],
  payTo: string,
  {log, pause, onFailure}: MinerSurroundings,
): Promise<RunningMiner> {
  const [{AnnMiner}, {annMetrics}, {DataUse}] = await Promise.all([
    import('../apps/miner/ann/ann-miner.ts'),
    import('../apps/miner/ann/ann-metrics.ts'),
    import('../apps/miner/data-use.ts'),
  ]);
  const {threads, uploaders, uploadtimeout, mineold, bandwidth, dataDir, watchdog} = values;
  log.info('settings', {
    pools: pools.join(' '),
    payment_addr: payTo,
    threads,
    uploaders,
    upload_timeout: uploadtimeout,
    mine_old_anns: mineold,
    ...(bandwidth !== undefined && {bandwidth}),
  });
  const dataUse = dataDir === undefined ? DataUse.ofThisRun() : await DataUse.open(dataDir, log);
  const miner = new AnnMiner({
    pools,
    payTo,
    threads,
    uploaders,
    uploadTimeoutMs: uploadtimeout * 1000,
    mineOld: mineold,
    userAgent: `pktstack ${packageVersion()}`,
    spawn: spawnNodeThread,
    firstHardNonce: randomU32(),
    log,
    onFailure,
    dataUse,
    pause,
    watchdogMs: watchdog * 1000,
    ...(bandwidth !== undefined && {uploadCap: bandwidth * BYTES_PER_MBIT}),
  });
  return {
    open: () => miner.open(),
    metrics: () => annMetrics(miner),
    status: () => ({program: 'ann', version: packageVersion(), payTo, ...miner.status}),
    problem: () => {
      const {paused, pools: all} = miner;
      if (paused !== undefined) return `mining rests: ${paused}`;
      return all.some(({state}) => state === 'mining')
        ? undefined
        : all.map(({url, state}) => `${url} is ${state}`).join(', ');
    },
    line: () => {
      const figures = miner.figures();
      return {text: statisticsLine(figures), fields: {...figures, paused: miner.paused ?? null}};
    },
    close: async () => {
      await miner.close();
      const {sent, since} = dataUse.totals;
      log.info('uploaded', {MiB: Math.round(sent / 2 ** 20), since});
      await dataUse.close();
    },
  };
}

async function benchmark(threads: number, {terminal}: CommandContext): Promise<number> {
  const [{benchMiner}, {formatBig, formatRate}] = await Promise.all([
    import('./bench/announcements.ts'),
    import('../apps/miner/ann/statistics.ts'),
  ]);
  const {perWallSecond} = await benchMiner(POOL_BITS, threads, BENCHMARK_SECONDS);
  const work = 2 ** 7;
  await terminal.print(
    `${threads} threads: ${Math.round(perWallSecond)} announcements/s of work ${work}, ` +
      `${formatBig(perWallSecond * work)}e/s, ${formatRate(perWallSecond * 8)} for each pool`,
  );
  return 0;
}

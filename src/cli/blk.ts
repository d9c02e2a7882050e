import {join} from 'node:path';
import type {Command} from 'commander';
import {allowHeapGrowth} from '../service/heap.ts';
import {spawnNodeThread} from '../service/threads/node-threads.ts';
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
  share,
  wholeNumber,
} from './options.ts';
import {passwordOf, SPRAY_OPTIONS, sprayAddress} from './sprayer.ts';
import {formatNumber} from './terminal.ts';
import {randomU32} from './threads.ts';
import {UsageError} from './usage-error.ts';
import {packageVersion} from './version.ts';

/** What an announcement takes with everything that is kept of it. */
const BYTES_PER_ANN = 1280;
const BENCHMARK_SECONDS = 10;

const OPTIONS = {
  config: option(
    '-c, --config <file>',
    'TOML file with the same names as these options, or JSON, file or address',
    anyText,
  ),
  memorysizemb: optionOr('-m, --memorysizemb <n>', 'memory for announcements, MiB', wholeNumber(32, 1_000_000), 4096),
  minfree: optionOr('-f, --minfree <share>', 'part of it that is left free for what comes', share, 0.1),
  uploaders: optionOr('-u, --uploaders <n>', 'shares sent at a time', wholeNumber(1, 100), 4),
  downloaders: optionOr('-d, --downloaders <n>', 'files fetched at a time from each handler', wholeNumber(1, 200), 30),
  handlerpass: option(
    '-P, --handlerpass <password>',
    'password of the announcement handlers; anyone on this machine sees it',
    anyText,
  ),
  handlerpassFile: option('--handlerpass-file <file>', 'file with that password', anyText),
  benchmark: flag('--benchmark', 'measure this machine for ten seconds, without any pool, and end'),
  ...SPRAY_OPTIONS,
  ...MINER_OPTIONS,
};

type BlkValues = OptionValues<typeof OPTIONS>;

export function blkCommand(context: CommandContext): Command {
  const text = {
    name: 'blk',
    summary: 'Mine blocks for a pool.',
    argument: {syntax: '[pool]', help: 'address of the pool, like http://pool.example/master'},
    settings: 'PKT_BLK',
    aliases: MINER_ALIASES,
    notes: `Announcements come from the files of the pool's handlers, and from sprayers with --subscribe. The line says how many are in the
set that is mined, how much work the least of them stands for, and how long a share and a block take at this rate.
docs/block-mining.md says more.`,
  };
  return makeCommand(text, OPTIONS, context, mineBlocks);
}

async function mineBlocks(values: BlkValues, argument: string | undefined, context: CommandContext): Promise<number> {
  if (values.benchmark) return benchmark(context);
  const [pool, ...others] = argument === undefined ? values.pool : [poolUrl(argument)];
  if (pool === undefined || others.length > 0) {
    throw new UsageError('name one pool, like http://pool.example/master.');
  }
  const payTo = checkPaymentAddress(values.paymentaddr, values.network);
  const {subscribe, bind, mcast} = values;
  if (subscribe.length > 0 && bind === undefined) throw new UsageError('--subscribe needs --bind IP:PORT.');
  if (subscribe.length === 0 && (bind ?? mcast) !== undefined) {
    throw new UsageError('--bind and --mcast are for sprayed announcements: say whose, --subscribe IP:PORT.');
  }
  const password = await passwordOf(values.handlerpass, values.handlerpassFile);
  return runMiner(values, context, (surroundings) => createMiner(values, pool, payTo, password, surroundings));
}

async function createMiner(
  values: BlkValues,
  pool: string,
  payTo: string,
  handlerPassword: string,
  {log, pause, onFailure}: MinerSurroundings,
): Promise<RunningMiner> {
  const [{BlockPoolMiner}, {blockMetrics}, {blockLine}] = await Promise.all([
    import('../apps/miner/blk/block-pool-miner.ts'),
    import('../apps/miner/blk/block-metrics.ts'),
    import('../apps/miner/blk/statistics.ts'),
  ]);
  const {threads, memorysizemb, minfree, downloaders, uploaders, uploadtimeout, bind, subscribe, mcast, dataDir} =
    values;
  allowHeapGrowth();
  const capacity = Math.floor((memorysizemb * 2 ** 20) / BYTES_PER_ANN);
  log.info('settings', {pool, payment_addr: payTo, threads, announcements: capacity, minfree, uploaders, downloaders});
  const miner = new BlockPoolMiner({
    pool,
    payTo,
    threads,
    capacity,
    minFree: minfree,
    downloaders,
    uploaders,
    uploadTimeoutMs: uploadtimeout * 1000,
    handlerPassword,
    userAgent: `pktstack ${packageVersion()}`,
    firstHeaderNonce: randomU32(),
    spawn: spawnNodeThread,
    log,
    onFailure,
    pause,
    watchdogMs: values.watchdog * 1000,
    ...(dataDir !== undefined && {keepDir: join(dataDir, 'announcements')}),
    ...(bind !== undefined && {
      spray: {
        bind: sprayAddress(bind),
        subscribeTo: subscribe.map(sprayAddress),
        mss: values.maxsegmentsize,
        ...(mcast !== undefined && {multicast: mcast}),
      },
    }),
  });
  const sums = () => {
    const figures = miner.figures();
    const received =
      figures.sources.length > 0 ? figures.sources.map((source) => source.received) : [figures.intake.received];
    return {figures, atMs: performance.now(), received};
  };
  let last = sums();
  return {
    open: () => miner.open(),
    metrics: () => blockMetrics(miner),
    status: () => ({program: 'blk', version: packageVersion(), payTo, pool, state: miner.health, ...miner.figures()}),
    problem: () => {
      const {paused, setSize} = miner.figures();
      if (paused !== null) return `mining rests: ${paused}`;
      if (miner.health !== 'live') return `the pool is ${miner.health}`;
      return setSize > 0 ? undefined : 'there are not enough announcements yet';
    },
    line: () => {
      const now = sums();
      const seconds = (now.atMs - last.atMs) / 1000;
      const rates = {
        hashesPerSecond: (now.figures.hashes - last.figures.hashes) / seconds,
        shares: now.figures.shares.accepted - last.figures.shares.accepted,
        received: now.received.map((count, i) => count - (last.received[i] ?? 0)),
      };
      last = now;
      return {text: blockLine(now.figures, rates), fields: {...now.figures, ...rates}};
    },
    close: () => miner.close(),
  };
}

async function benchmark({terminal}: CommandContext): Promise<number> {
  const {benchBlocks} = await import('./bench/blocks.ts');
  const {perWallSecond} = await benchBlocks(BENCHMARK_SECONDS, true);
  await terminal.print(`one thread: ${formatNumber(perWallSecond)} block hashes/s over 8 MiB of announcements`);
  return 0;
}

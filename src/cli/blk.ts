import type {Command} from 'commander';
import {spawnNodeThread} from '../service/threads/node-threads.ts';
import {aborted} from './aborted.ts';
import {EXIT_INVALID} from './exit-codes.ts';
import {LOG_OPTIONS} from './log-options.ts';
import {checkPaymentAddress} from './miner-options.ts';
import {
  anyText,
  type CommandContext,
  makeCommand,
  type OptionValues,
  oneOf,
  option,
  optionOr,
  poolUrl,
  required,
  wholeNumber,
} from './options.ts';
import {readPassword} from './password-file.ts';
import {formatNumber} from './terminal.ts';
import {MAX_CLI_THREADS, standardThreads} from './threads.ts';
import {packageVersion} from './version.ts';

const LINE_MS = 10_000;
/** What an announcement takes with everything that is kept of it. */
const BYTES_PER_ANN = 1280;

const OPTIONS = {
  config: option('--config <file>', 'TOML file with the same names as these options', anyText),
  paymentaddr: required('-p, --paymentaddr <address>', 'is paid for the shares', anyText),
  threads: optionOr(
    '-t, --threads <n>',
    'mining threads',
    wholeNumber(1, MAX_CLI_THREADS),
    standardThreads(),
    'all cores',
  ),
  memorysizemb: optionOr('-m, --memorysizemb <n>', 'memory for announcements, MiB', wholeNumber(32, 1_000_000), 1024),
  uploaders: optionOr('-u, --uploaders <n>', 'shares sent at a time', wholeNumber(1, 100), 4),
  uploadtimeout: optionOr('-T, --uploadtimeout <s>', 'seconds until an upload is given up', wholeNumber(1, 600), 30),
  downloaders: optionOr('-d, --downloaders <n>', 'files fetched at a time from each handler', wholeNumber(1, 200), 30),
  handlerpassFile: option(
    '-P, --handlerpass-file <file>',
    'file with the password of the announcement handlers',
    anyText,
  ),
  network: optionOr(
    '--network <name>',
    'pkt, pkttest or pktreg: whose addresses are paid',
    oneOf('pkt', 'pkttest', 'pktreg'),
    'pkt',
  ),
  ...LOG_OPTIONS,
};

export function blkCommand(context: CommandContext): Command {
  const text = {
    name: 'blk',
    summary: 'Mine blocks for a pool.',
    argument: {syntax: '<pool>', help: 'address of the pool, like http://pool.example/master'},
    settings: 'PKT_BLK',
    notes: `Announcements come from the files of the pool's handlers. The line says how many are in the set that is mined, how much
work the least of them stands for, and how that multiplies each block hash.`,
  };
  return makeCommand(text, OPTIONS, context, mineBlocks);
}

async function mineBlocks(
  values: OptionValues<typeof OPTIONS>,
  argument: string,
  {terminal, interrupted}: CommandContext,
): Promise<number> {
  const pool = poolUrl(argument);
  checkPaymentAddress(values.paymentaddr, values.network);
  const [{BlockPoolMiner}, {createLog}] = await Promise.all([
    import('../apps/miner/blk/block-pool-miner.ts'),
    import('../service/logs/pino-log.ts'),
  ]);
  const log = createLog({level: values.logLevel, format: values.logFormat, out: process.stderr});
  const ended = new AbortController();
  let failed = false;
  const miner = new BlockPoolMiner({
    pool,
    payTo: values.paymentaddr,
    threads: values.threads,
    capacity: Math.floor((values.memorysizemb * 2 ** 20) / BYTES_PER_ANN),
    downloaders: values.downloaders,
    uploaders: values.uploaders,
    uploadTimeoutMs: values.uploadtimeout * 1000,
    handlerPassword: values.handlerpassFile === undefined ? '' : await readPassword(values.handlerpassFile),
    userAgent: `pktstack ${packageVersion()}`,
    spawn: spawnNodeThread,
    log,
    onFailure: (error) => {
      log.error('mining cannot go on', {error});
      failed = true;
      ended.abort();
    },
  });
  miner.open();
  let hashesBefore = 0;
  const timer = setInterval(() => {
    const {
      shares,
      hashes,
      announcements,
      setSize,
      leastWork,
      powerMultiplier,
      received,
      hashesPerShare,
      hashesPerBlock,
    } = miner.figures();
    const rate = ((hashes - hashesBefore) * 1000) / LINE_MS;
    hashesBefore = hashes;
    const time = (needed: number): string => (rate === 0 ? '-' : `${formatNumber(needed / rate)} s`);
    const seconds = Math.floor(Date.now() / 1000);
    void terminal.print(
      `${seconds} INFO shr: ${shares.accepted} blocks: ${shares.blocks} stale: ${shares.stale} lost: ${shares.lost}  ` +
        `real: ${formatNumber(rate)} hashes/s x ${formatNumber(powerMultiplier)}  anns: ${formatNumber(setSize)} @ ${formatNumber(leastWork)}  ` +
        `held: ${formatNumber(announcements)} received: ${formatNumber(received)}  ` +
        `share in ${time(hashesPerShare)}, block in ${time(hashesPerBlock)}`,
    );
  }, LINE_MS);
  await aborted(AbortSignal.any([interrupted, ended.signal]));
  clearInterval(timer);
  log.info('stopping');
  await miner.close();
  return failed ? EXIT_INVALID : 0;
}

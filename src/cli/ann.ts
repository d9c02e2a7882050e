import {readFile} from 'node:fs/promises';
import type {Command} from 'commander';
import {statisticsLine} from '../apps/miner/ann/statistics.ts';
import {AddressError, decodeAddress} from '../core/consensus/index.ts';
import {NETWORKS} from '../core/params/index.ts';
import {spawnNodeThread} from '../service/threads/node-threads.ts';
import {aborted} from './aborted.ts';
import {annMineCommand} from './ann-mine.ts';
import {annVerifyCommand} from './ann-verify.ts';
import {EXIT_INVALID} from './exit-codes.ts';
import {LOG_OPTIONS} from './log-options.ts';
import {
  anyText,
  type CommandContext,
  makeCommand,
  type OptionValues,
  oneOf,
  option,
  optionOr,
  poolUrl,
  wholeNumber,
} from './options.ts';
import {MAX_CLI_THREADS, randomU32, standardThreads} from './threads.ts';
import {UsageError} from './usage-error.ts';
import {packageVersion} from './version.ts';

const LINE_MS = 10_000;
/** More than this many blocks behind the tip no pool takes. */
const MAX_OLD = 5;

const OPTIONS = {
  config: option('--config <file>', 'TOML file with the same names as these options', anyText),
  paymentaddr: option('-p, --paymentaddr <address>', 'is paid for the announcements; must be given', anyText),
  threads: optionOr(
    '-t, --threads <n>',
    'mining threads',
    wholeNumber(1, MAX_CLI_THREADS),
    standardThreads(),
    'all cores',
  ),
  uploaders: optionOr('-U, --uploaders <n>', 'uploads at a time to each handler', wholeNumber(1, 100), 10),
  uploadtimeout: optionOr('-T, --uploadtimeout <s>', 'seconds until an upload is given up', wholeNumber(1, 600), 30),
  mineold: option(
    '-m, --mineold <n>',
    'blocks behind the tip to mine on; by default the pool says',
    wholeNumber(0, MAX_OLD),
  ),
  network: optionOr(
    '--network <name>',
    'pkt, pkttest or pktreg: whose addresses are paid',
    oneOf('pkt', 'pkttest', 'pktreg'),
    'pkt',
  ),
  ...LOG_OPTIONS,
};

/** `pkt ann`: mines for pools; its subcommands work without any. */
export function annCommand(context: CommandContext): Command {
  const text = {
    name: 'ann',
    summary: 'Mine announcements for pools; mine and verify announcements offline.',
    argument: {syntax: '[pools...]', help: 'addresses of pools, the preferred one first'},
    settings: 'PKT_ANN',
    notes: `All pools get every announcement; work is taken from the first that answers. The line of statistics has a number for each
pool: overflow was refused or lost and is not paid, uploading is on its way, accept/reject is what pools have answered.`,
  };
  return makeCommand(text, OPTIONS, context, mineForPools)
    .addCommand(annMineCommand(context))
    .addCommand(annVerifyCommand(context));
}

/** Throws UsageError for an address that this network cannot pay. */
export function checkPaymentAddress(address: string, networkName: string): void {
  const network = NETWORKS.find(({name}) => name === networkName)!;
  try {
    decodeAddress(address, network.addresses);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new UsageError(`--paymentaddr: ${address} is no address of ${network.name} (${error.message}).`);
  }
}

async function mineForPools(
  values: OptionValues<typeof OPTIONS>,
  argument: string | readonly string[],
  {terminal, interrupted}: CommandContext,
): Promise<number> {
  const pools = (argument as readonly string[]).map(poolUrl);
  if (pools.length === 0) throw new UsageError('name at least one pool, like http://pool.example/master.');
  const payTo = values.paymentaddr;
  if (payTo === undefined) throw new UsageError('say who is paid: --paymentaddr ADDRESS.');
  checkPaymentAddress(payTo, values.network);
  const [{AnnMiner}, {createLog}] = await Promise.all([
    import('../apps/miner/ann/ann-miner.ts'),
    import('../service/logs/pino-log.ts'),
  ]);
  const log = createLog({level: values.logLevel, format: values.logFormat, out: process.stderr});
  const ended = new AbortController();
  let failed = false;
  const miner = new AnnMiner({
    pools,
    payTo,
    threads: values.threads,
    uploaders: values.uploaders,
    uploadTimeoutMs: values.uploadtimeout * 1000,
    mineOld: values.mineold ?? -1,
    userAgent: `pktstack ${packageVersion()}`,
    spawn: spawnNodeThread,
    firstHardNonce: randomU32(),
    log,
    onFailure: (error) => {
      log.error('mining cannot go on', {error});
      failed = true;
      ended.abort();
    },
  });
  miner.open();
  const timer = setInterval(() => {
    miner.reconsider();
    const seconds = Math.floor(Date.now() / 1000);
    void terminal.print(`${seconds} INFO ${statisticsLine(miner.figures())}`);
  }, LINE_MS);
  await aborted(AbortSignal.any([interrupted, ended.signal]));
  clearInterval(timer);
  log.info('stopping: what was found is sent');
  await miner.close();
  return failed ? EXIT_INVALID : 0;
}

/** The first line of a file with a password. */
export async function readSecret(path: string): Promise<string> {
  const [line = ''] = (await readFile(path, 'utf8')).split(/\r?\n/, 1);
  return line;
}

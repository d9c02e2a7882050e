// Options that both miners have.
import {InvalidArgumentError} from 'commander';
import {type Hours, readHours} from '../apps/miner/schedule.ts';
import {AddressError, decodeAddress} from '../core/consensus/index.ts';
import {NETWORKS} from '../core/params/index.ts';
import {LOG_OPTIONS} from './log-options.ts';
import {
  anyText,
  flag,
  type HostPort,
  hostPort,
  type OptionRow,
  oneOf,
  option,
  optionOr,
  poolUrl,
  repeated,
  wholeNumber,
} from './options.ts';
import {MAX_CLI_THREADS, standardThreads} from './threads.ts';
import {UsageError} from './usage-error.ts';

const LOOPBACK = '127.0.0.1';

/** HOST:PORT, or a port alone, which is one of this machine. */
function statusAddress(text: string): HostPort {
  return hostPort(0)(/^\d+$/.test(text) ? `${LOOPBACK}:${text}` : text);
}

function hours(text: string): Hours {
  const read = readHours(text);
  if (read !== undefined) return read;
  throw new InvalidArgumentError(`"${text}" is no stretch of the day; write it like 22:00-07:00.`);
}

export const MINER_OPTIONS: {
  readonly pool: OptionRow<readonly string[]>;
  readonly paymentaddr: OptionRow<string | undefined>;
  readonly threads: OptionRow<number>;
  readonly uploadtimeout: OptionRow<number>;
  readonly network: OptionRow<'pkt' | 'pkttest' | 'pktreg'>;
  readonly dataDir: OptionRow<string | undefined>;
  readonly statusListen: OptionRow<HostPort | undefined>;
  readonly schedule: OptionRow<readonly Hours[]>;
  readonly pauseOnBattery: OptionRow<boolean>;
  readonly nice: OptionRow<number | undefined>;
  readonly watchdog: OptionRow<number>;
  readonly verbose: OptionRow<boolean>;
} & typeof LOG_OPTIONS = {
  pool: repeated('--pool <url>', 'a pool, as the argument; for files and the environment', poolUrl),
  paymentaddr: option(
    '-p, --paymentaddr <address>',
    'is paid for the work; must be given, nobody is paid instead',
    anyText,
  ),
  threads: optionOr(
    '-t, --threads <n>',
    'mining threads',
    wholeNumber(1, MAX_CLI_THREADS),
    standardThreads(),
    'all cores',
  ),
  uploadtimeout: optionOr('-T, --uploadtimeout <s>', 'seconds until an upload is given up', wholeNumber(1, 600), 30),
  network: optionOr(
    '--network <name>',
    'pkt, pkttest or pktreg: whose addresses are paid',
    oneOf('pkt', 'pkttest', 'pktreg'),
    'pkt',
  ),
  dataDir: option('--data-dir <dir>', 'what is kept over restarts; nothing by default', anyText),
  statusListen: option(
    '--status-listen <host:port>',
    'serve /status, /healthz, /readyz and /metrics; a port alone is one of this machine',
    statusAddress,
  ),
  schedule: repeated('--schedule <hours>', 'mine only in these hours of the day, like 22:00-07:00', hours),
  pauseOnBattery: flag('--pause-on-battery', 'rest while the machine runs on its battery (Linux)'),
  nice: option('--nice <n>', 'leave the processor to others: 0 to 19, the higher the more', wholeNumber(0, 19)),
  watchdog: optionOr(
    '--watchdog <s>',
    'a part without progress for so many seconds is started anew',
    wholeNumber(5, 86_400),
    120,
  ),
  verbose: flag('-v, --verbose', 'the same as --log-level debug'),
  ...LOG_OPTIONS,
};

/** What a configuration file of the existing miners calls these options. */
export const MINER_ALIASES: Readonly<Record<string, string>> = Object.freeze({
  pools: 'pool',
  payment_addr: 'paymentaddr',
  upload_timeout: 'uploadtimeout',
  mine_old_anns: 'mineold',
});

/** Throws UsageError without an address, or for one that this network cannot pay. */
export function checkPaymentAddress(address: string | undefined, networkName: string): string {
  if (address === undefined) throw new UsageError('say who is paid: --paymentaddr ADDRESS.');
  const network = NETWORKS.find(({name}) => name === networkName)!;
  try {
    decodeAddress(address, network.addresses);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new UsageError(`--paymentaddr: ${address} is no address of ${network.name} (${error.message}).`);
  }
  return address;
}

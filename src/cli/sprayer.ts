import {isIP} from 'node:net';
import type {Command} from 'commander';
import type {SprayAddress} from '../service/sprayer/spray-hub.ts';
import {aborted} from './aborted.ts';
import {LOG_OPTIONS} from './log-options.ts';
import {
  anyText,
  type CommandContext,
  type HostPort,
  hostPort,
  makeCommand,
  type OptionRow,
  type OptionValues,
  option,
  optionOr,
  repeated,
  wholeNumber,
} from './options.ts';
import {readPassword} from './password-file.ts';
import {UsageError} from './usage-error.ts';

const STATISTICS_MS = 10_000;
const LEAST_MSS = 1032;

/** Options of everything that sprays. */
export const SPRAY_OPTIONS: {
  readonly subscribe: OptionRow<readonly HostPort[]>;
  readonly bind: OptionRow<HostPort | undefined>;
  readonly sprayerthreads: OptionRow<number>;
  readonly maxsegmentsize: OptionRow<number>;
  readonly mcast: OptionRow<string | undefined>;
} = {
  subscribe: repeated('-s, --subscribe <ip:port>', 'take announcements sprayed by this one', hostPort(1)),
  bind: option('-b, --bind <ip:port>', 'where UDP is received and sent; a private network only', hostPort(0)),
  sprayerthreads: optionOr(
    '-S, --sprayerthreads <n>',
    'taken for compatibility, without effect',
    wholeNumber(1, 256),
    4,
  ),
  maxsegmentsize: optionOr(
    '-M, --maxsegmentsize <n>',
    'bytes of a datagram at most',
    wholeNumber(LEAST_MSS, 65_016),
    1472,
  ),
  mcast: option('--mcast <group>', 'IPv4 group to join instead of subscribing', anyText),
};

/** Sources are known by their addresses, so names will not do. Throws UsageError. */
export function sprayAddress({host, port}: HostPort): SprayAddress {
  if (isIP(host) === 0) throw new UsageError(`${host} is no IP address; announcements are sprayed by address.`);
  return {address: host, port};
}

const OPTIONS = {
  config: option('--config <file>', 'TOML file with the same names as these options', anyText),
  subscribe: SPRAY_OPTIONS.subscribe,
  bind: SPRAY_OPTIONS.bind,
  sprayat: repeated('-S, --sprayat <ip:port>', 'gets everything without subscribing', hostPort(1)),
  passwd: option(
    '-P, --passwd <password>',
    'asked of subscribers and told to others; anyone on this machine sees it',
    anyText,
  ),
  passwdFile: option('--passwd-file <file>', 'file with that password', anyText),
  threads: optionOr('-t, --threads <n>', 'taken for compatibility, without effect', wholeNumber(1, 256), 4),
  maxsegmentsize: SPRAY_OPTIONS.maxsegmentsize,
  ...LOG_OPTIONS,
};

/** A password from the command line or from a file; '' without one. */
export async function passwordOf(text: string | undefined, file: string | undefined): Promise<string> {
  if (text !== undefined && file !== undefined) throw new UsageError('give the password or a file with it, not both.');
  return file === undefined ? (text ?? '') : readPassword(file);
}

/** `pkt sprayer`: hands announcements on to others. */
export function sprayerCommand(context: CommandContext): Command {
  const text = {
    name: 'sprayer',
    summary: 'Hand sprayed announcements on to others, by UDP.',
    settings: 'PKT_SPRAYER',
    notes: 'Passwords go over the network as they are, and addresses can be forged: use it in private networks only.',
  };
  return makeCommand(text, OPTIONS, context, relay);
}

async function relay(
  values: OptionValues<typeof OPTIONS>,
  _none: string,
  {terminal, interrupted}: CommandContext,
): Promise<number> {
  const {bind, subscribe, sprayat, passwd, passwdFile, maxsegmentsize: mss, logLevel, logFormat} = values;
  if (bind === undefined) throw new UsageError('say where to receive: --bind IP:PORT.');
  if (subscribe.length === 0) throw new UsageError('say whose announcements to hand on: --subscribe IP:PORT.');
  const [{Sprayer}, {createLog}] = await Promise.all([
    import('../service/sprayer/sprayer.ts'),
    import('../service/logs/pino-log.ts'),
  ]);
  const log = createLog({level: logLevel, format: logFormat, out: process.stderr});
  const password = await passwordOf(passwd, passwdFile);
  const sprayer = await Sprayer.open({
    bind: sprayAddress(bind),
    password,
    subscribeTo: subscribe.map(sprayAddress),
    sprayAt: sprayat.map(sprayAddress),
    mss,
    relay: true,
    log,
  }).catch((error: Error) => {
    throw new UsageError(`cannot spray: ${error.message}`, {cause: error});
  });
  const {address, port} = sprayer.address;
  await terminal.print(`ready ${JSON.stringify({address: `${address}:${port}`})}`);
  const timer = setInterval(() => {
    const {sources, subscribers} = sprayer.stats;
    for (const {source, ...sums} of sources) log.info(`-> ${source}`, sums);
    for (const {subscriber, ...sums} of subscribers) log.info(`<- ${subscriber}`, sums);
  }, STATISTICS_MS);
  await aborted(interrupted);
  clearInterval(timer);
  await sprayer.close();
  return 0;
}

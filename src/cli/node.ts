import {readFile} from 'node:fs/promises';
import {homedir} from 'node:os';
import {join, resolve} from 'node:path';
import {createSecureContext} from 'node:tls';
import {type Command, InvalidArgumentError} from 'commander';
import {createPktreg, NETWORKS, type Network} from '../core/params/index.ts';
import {ChainError} from '../node/chain/errors.ts';
import type {IndexName} from '../node/chain/indexes/index.ts';
import {PayoutBook} from '../node/mempool/payout-book.ts';
import {TemplateError} from '../node/mempool/template-errors.ts';
import type {NodeOptions, PktNode} from '../node/node.ts';
import type {RpcUser} from '../node/rpc/credentials.ts';
import type {TlsFiles} from '../node/rpc/server.ts';
import {NO_LOG} from '../service/logs/log.ts';
import {StoreError} from '../service/stores/key-value-store.ts';
import {aborted} from './aborted.ts';
import {EXIT_INVALID} from './exit-codes.ts';
import {LOG_OPTIONS} from './log-options.ts';
import {
  anyText,
  type CommandContext,
  flag,
  hostPort,
  makeCommand,
  type OptionValues,
  oneOf,
  option,
  optionOr,
  repeated,
  wholeNumber,
  workBits,
} from './options.ts';
import {readPassword} from './password-file.ts';
import {standardThreads} from './threads.ts';
import {fileError, UsageError} from './usage-error.ts';
import {packageVersion} from './version.ts';

const MIB = 2 ** 20;
/** Blocks of a window of pktreg, where it has windows.   chain spec §1.7 */
const WINDOW = 20;

const OPTIONS = {
  config: option('--config <file>', 'TOML file with the same names as these options', anyText),
  checkConfig: flag('--check-config', 'check options and files, print what would count, and end'),
  network: optionOr('--network <name>', 'pkt, pkttest or pktreg (private)', oneOf('pkt', 'pkttest', 'pktreg'), 'pkt'),
  pktregBits: option('--pktreg-bits <hex>', 'pktreg: difficulty of the first block, like 1e3fffff', workBits),
  pktregBlockSeconds: option(
    '--pktreg-block-seconds <n>',
    `pktreg: adjust the difficulty every ${WINDOW} blocks for blocks of so many seconds; all its nodes must say the same`,
    wholeNumber(1, 3600),
  ),
  dataDir: option('--data-dir <dir>', 'where everything is stored; by default ~/.pktstack/NETWORK', anyText),
  p2pListen: repeated('--p2p-listen <host:port>', 'listen for peers here; port 0 takes a free one', hostPort(0)),
  connect: repeated('--connect <host:port>', 'stay connected to this node', hostPort(1)),
  connectOnly: flag('--connect-only', 'connect to nobody but the nodes of --connect'),
  nodnsseed: flag('--nodnsseed', 'do not ask DNS for peers'),
  outbound: optionOr('--outbound <n>', 'connections to make', wholeNumber(0, 100), 10),
  maxpeers: optionOr('--maxpeers <n>', 'connections in all', wholeNumber(0, 5000), 125),
  rpcListen: option(
    '--rpc-listen <host:port>',
    "serve JSON-RPC here; by default 127.0.0.1 and the network's port",
    hostPort(0),
  ),
  rpcUser: option('--rpc-user <name>', 'name of the admin; without it a cookie file holds a password', anyText),
  rpcPassFile: option('--rpc-pass-file <file>', 'file with the password of the admin', anyText),
  rpcLimitUser: option('--rpc-limit-user <name>', 'name of a user who may only ask', anyText),
  rpcLimitPassFile: option('--rpc-limit-pass-file <file>', 'file with the password of that user', anyText),
  rpcTlsKey: option('--rpc-tls-key <file>', 'serve RPC by TLS: private key, PEM', anyText),
  rpcTlsCert: option('--rpc-tls-cert <file>', 'and the certificate, PEM', anyText),
  statusListen: option('--status-listen <host:port>', 'serve /healthz, /readyz and /metrics here', hostPort(0)),
  txindex: flag('--txindex', 'index of transactions by id'),
  addrindex: flag('--addrindex', 'index of transactions by address; implies --txindex'),
  nocfilters: flag('--nocfilters', 'keep no compact filters for light wallets'),
  prune: option('--prune <part>', 'drop old proofs, or old bodies: whole blocks', oneOf('proofs', 'bodies')),
  pruneKeep: optionOr('--prune-keep <n>', 'blocks that stay whole', wholeNumber(1, 10_000_000), 10_000),
  miningaddr: repeated(
    '--miningaddr <address>',
    'is paid by the blocks mined here until something else is set',
    anyText,
  ),
  coinbase: option('--coinbase <text>', 'text in the coinbase of blocks mined here', anyText),
  blockmaxweight: option('--blockmaxweight <n>', 'weight of blocks mined here', wholeNumber(4000, 4_000_000)),
  miningskipchecks: flag('--miningskipchecks', 'hand out templates without checking them first'),
  minRelayFee: optionOr('--min-relay-fee <n>', 'units per 1000 bytes', wholeNumber(0, 2 ** 40), 1000),
  mempoolMb: optionOr('--mempool-mb <n>', 'memory for transactions that wait, MiB', wholeNumber(5, 100_000), 300),
  blockFileMb: optionOr(
    '--block-file-mb <n>',
    'size of a block file, MiB: pruning drops whole files; small ones are for tests and small disks',
    megabytes,
    128,
  ),
  cacheMb: optionOr('--cache-mb <n>', 'memory for the cache of the store, MiB', wholeNumber(8, 100_000), 64),
  diskReserveMb: optionOr(
    '--disk-reserve-mb <n>',
    'stop taking blocks when less is free, MiB',
    wholeNumber(0, 10_000_000),
    500,
  ),
  threads: optionOr('--threads <n>', 'threads that verify', wholeNumber(1, 63), standardThreads(), 'all cores'),
  ...LOG_OPTIONS,
};

/** Files are counted by places of 32 bits, so none may be larger than that. */
function megabytes(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value >= 0.001 && value <= 2048) return value;
  throw new InvalidArgumentError('Give a number from 0.001 to 2048.');
}

type NodeValues = OptionValues<typeof OPTIONS>;

export function nodeCommand(context: CommandContext): Command {
  const text = {
    name: 'node',
    summary: 'Run a full node: chain, peers and JSON-RPC.',
    settings: 'PKT_NODE',
    notes: `Options count from the command line, then from the environment (--p2p-listen is PKT_NODE_P2P_LISTEN, lists with
commas), then from the file of --config. When the node is up, a line "ready" with the addresses as JSON goes to stdout; the
log goes to stderr. Ctrl-C or SIGTERM stops it in order.`,
  };
  return makeCommand(text, OPTIONS, context, runNode);
}

function networkOf({network: name, pktregBits, pktregBlockSeconds}: NodeValues): Network {
  const network = NETWORKS.find((known) => known.name === name)!;
  if (pktregBits === undefined && pktregBlockSeconds === undefined) return network;
  if (name !== 'pktreg') throw new UsageError('--pktreg-bits and --pktreg-block-seconds need --network pktreg.');
  const window = {retargetBlocks: WINDOW, retargetSeconds: WINDOW * (pktregBlockSeconds ?? 0)};
  const difficulty = {startBits: pktregBits, ...(pktregBlockSeconds !== undefined && window)};
  return createPktreg({difficulty});
}

async function readUser(
  [userOption, user]: readonly [string, string | undefined],
  [fileOption, file]: readonly [string, string | undefined],
  role: RpcUser['role'],
): Promise<RpcUser[]> {
  if (user === undefined && file === undefined) return [];
  if (user === undefined) throw new UsageError(`${fileOption} needs ${userOption}.`);
  if (file === undefined) throw new UsageError(`${userOption} needs ${fileOption}.`);
  if (user.includes(':')) throw new UsageError(`${userOption}: a name has no colon.`);
  return [{user, password: await readPassword(file), role}];
}

async function readTls({rpcTlsKey, rpcTlsCert}: NodeValues): Promise<TlsFiles | undefined> {
  if (rpcTlsKey === undefined && rpcTlsCert === undefined) return undefined;
  if (rpcTlsKey === undefined || rpcTlsCert === undefined) {
    throw new UsageError('--rpc-tls-key and --rpc-tls-cert belong together.');
  }
  const read = async (path: string): Promise<Buffer> => {
    try {
      return await readFile(path);
    } catch (error) {
      throw fileError('read', path, error);
    }
  };
  const files = {key: await read(rpcTlsKey), cert: await read(rpcTlsCert)};
  try {
    createSecureContext(files);
  } catch (error) {
    const {message} = error as Error;
    throw new UsageError(`${rpcTlsKey} and ${rpcTlsCert} are no private key and its certificate: ${message}`);
  }
  return files;
}

/** A wrong address is told before anything is opened. */
async function checkPayouts({miningaddr: fallback}: NodeValues, network: Network): Promise<void> {
  try {
    await PayoutBook.open({network, log: NO_LOG, fallback});
  } catch (error) {
    throw asUsageError(error);
  }
}

function indexesOf({txindex, addrindex, nocfilters}: NodeValues): Set<IndexName> {
  const indexes = new Set<IndexName>();
  if (txindex || addrindex) indexes.add('transactions');
  if (addrindex) indexes.add('addresses');
  if (!nocfilters) indexes.add('filters');
  return indexes;
}

async function optionsOf(values: NodeValues, network: Network): Promise<Omit<NodeOptions, 'log'>> {
  const dataDir = resolve(values.dataDir ?? join(homedir(), '.pktstack', network.name));
  const rpcUsers = [
    ...(await readUser(['--rpc-user', values.rpcUser], ['--rpc-pass-file', values.rpcPassFile], 'admin')),
    ...(await readUser(
      ['--rpc-limit-user', values.rpcLimitUser],
      ['--rpc-limit-pass-file', values.rpcLimitPassFile],
      'limited',
    )),
  ];
  const rpcTls = await readTls(values);
  await checkPayouts(values, network);
  const {prune: part, pruneKeep: keep} = values;
  if (part !== undefined && keep < 1500 && network.name !== 'pktreg') {
    throw new UsageError('--prune-keep: give at least 1500, reorganisations may need them.');
  }
  if (part === 'bodies' && (values.txindex || values.addrindex)) {
    throw new UsageError(
      '--prune bodies leaves nothing to index; take --prune proofs, or no --txindex and --addrindex.',
    );
  }
  return {
    network,
    dataDir,
    version: packageVersion(),
    p2pListen: values.p2pListen,
    connect: values.connect,
    connectOnly: values.connectOnly,
    noDnsSeed: values.nodnsseed,
    outbound: values.outbound,
    maxPeers: values.maxpeers,
    rpcListen: values.rpcListen ?? {host: '127.0.0.1', port: network.rpcPort},
    ...(values.statusListen && {statusListen: values.statusListen}),
    rpcUsers,
    ...(rpcTls && {rpcTls}),
    indexes: indexesOf(values),
    ...(part !== undefined && {prune: {part, keep}}),
    miningAddresses: values.miningaddr,
    ...(values.coinbase !== undefined && {coinbaseText: values.coinbase}),
    ...(values.blockmaxweight !== undefined && {blockMaxWeight: values.blockmaxweight}),
    skipTemplateChecks: values.miningskipchecks,
    mempoolBytes: values.mempoolMb * MIB,
    minRelayFee: BigInt(values.minRelayFee),
    threads: values.threads,
    blockFileBytes: Math.round(values.blockFileMb * MIB),
    cacheBytes: values.cacheMb * MIB,
    diskReserveBytes: values.diskReserveMb * MIB,
  };
}

/** Options as they count, without passwords. */
function shownOptions({
  network,
  rpcUsers = [],
  rpcTls,
  indexes,
  minRelayFee,
  ...rest
}: Omit<NodeOptions, 'log'>): object {
  return {
    network: network.name,
    ...rest,
    indexes: [...(indexes ?? [])],
    minRelayFee: Number(minRelayFee),
    rpcUsers: rpcUsers.map(({user, role}) => ({user, role})),
    rpcTls: rpcTls !== undefined,
  };
}

/** What a user can mend, as one line; anything else is thrown on. */
function asUsageError(error: unknown): unknown {
  if (error instanceof StoreError || error instanceof ChainError || error instanceof TemplateError) {
    return new UsageError(error.message, {cause: error});
  }
  const {code, syscall, address, port, path} = error as NodeJS.ErrnoException & {address?: string; port?: number};
  if (syscall === 'listen')
    return new UsageError(`cannot listen on ${address}:${port}: ${listenReason(code)}`, {cause: error});
  if (syscall === 'getaddrinfo') return new UsageError(`cannot listen: ${(error as Error).message}`, {cause: error});
  return code !== undefined && path !== undefined ? fileError('use', path, error) : error;
}

function listenReason(code: string | undefined): string {
  if (code === 'EADDRINUSE') return 'another program listens there; stop it or choose another port';
  if (code === 'EACCES') return 'this port needs rights that this user does not have';
  return code === 'EADDRNOTAVAIL' ? 'this machine has no such address' : String(code);
}

async function runNode(values: NodeValues, _argument: string, context: CommandContext): Promise<number> {
  const {terminal, interrupted} = context;
  const network = networkOf(values);
  const options = await optionsOf(values, network);
  if (values.checkConfig) {
    await terminal.print(JSON.stringify(shownOptions(options), undefined, 2));
    return 0;
  }
  // Loaded when they are wanted: all of it takes a second.
  const [{PktNode: Node}, {createLog}] = await Promise.all([
    import('../node/node.ts'),
    import('../service/logs/pino-log.ts'),
  ]);
  const log = createLog({level: values.logLevel, format: values.logFormat, out: process.stderr});
  const ended = new AbortController();
  let failed = false;
  let node: PktNode;
  try {
    node = await Node.open({
      ...options,
      log,
      logLevel: log,
      onFailure: () => {
        failed = true;
        ended.abort();
      },
      onStop: () => ended.abort(),
    });
  } catch (error) {
    throw asUsageError(error);
  }
  await terminal.print(`ready ${JSON.stringify(node.addresses)}`);
  log.info('node is up', {network: network.name, height: node.parts.chain.height, dataDir: options.dataDir});
  await aborted(AbortSignal.any([interrupted, ended.signal]));
  log.info('stopping');
  try {
    await node.close();
  } catch (error) {
    log.error('not everything could be closed in order', {error});
    failed = true;
  }
  log.info('stopped');
  return failed ? EXIT_INVALID : 0;
}

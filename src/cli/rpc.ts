import {homedir} from 'node:os';
import {join} from 'node:path';
import type {Command} from 'commander';
import {stringify} from 'lossless-json';
import {NETWORKS} from '../core/params/index.ts';
import {RpcClient, RpcClientError, readCookie} from '../service/rpc-client.ts';
import {EXIT_INVALID} from './exit-codes.ts';
import {
  anyText,
  type CommandContext,
  flag,
  type HostPort,
  hostPort,
  makeCommand,
  type OptionValues,
  oneOf,
  option,
  optionOr,
  wholeNumber,
} from './options.ts';
import {readPassword} from './password-file.ts';
import {fileError, UsageError} from './usage-error.ts';

const OPTIONS = {
  network: optionOr('--network <name>', 'pkt, pkttest or pktreg', oneOf('pkt', 'pkttest', 'pktreg'), 'pkt'),
  dataDir: option('--data-dir <dir>', 'directory of the node, for its cookie; by default ~/.pktstack/NETWORK', anyText),
  rpcConnect: option('--rpc-connect <host:port>', "the node; by default 127.0.0.1 and the network's port", hostPort(1)),
  rpcUser: option('--rpc-user <name>', 'user name; without it the cookie of the node is used', anyText),
  rpcPassFile: option('--rpc-pass-file <file>', 'file with the password', anyText),
  tls: flag('--tls', 'connect by TLS'),
  timeout: optionOr('--timeout <s>', 'seconds to wait for the answer', wholeNumber(1, 86_400), 60),
};

type RpcValues = OptionValues<typeof OPTIONS>;

export function rpcCommand(context: CommandContext): Command {
  const text = {
    name: 'rpc',
    summary: 'Call a method of a running node.',
    argument: {syntax: '<call...>', help: 'a method and its parameters; the method help lists all'},
    settings: 'PKT_RPC',
    notes: `Parameters are JSON; what is no JSON counts as text, so hashes and addresses need no quotes. The result goes to stdout:
texts as they are, everything else as JSON. Example: pkt rpc --network pktreg getblockhash 0`,
  };
  return makeCommand(text, OPTIONS, context, runRpc);
}

/** A parameter as typed: text where the method wants a text, else JSON, else text. */
function parameter(text: string, schema: unknown): unknown {
  if ((schema as {type?: string} | undefined)?.type === 'string') return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

async function parametersOf(method: string, texts: readonly string[]): Promise<unknown[]> {
  const {RPC_METHODS} = await import('../node/rpc/methods/index.ts');
  const known = RPC_METHODS.find(({name}) => name === method)?.paramSchemas ?? [];
  return texts.map((text, i) => parameter(text, known[i]?.schema));
}

async function credentials(values: RpcValues, network: string): Promise<{user: string; password: string}> {
  if (values.rpcUser !== undefined) {
    if (values.rpcPassFile === undefined) throw new UsageError('--rpc-user needs --rpc-pass-file.');
    return {user: values.rpcUser, password: await readPassword(values.rpcPassFile)};
  }
  const path = join(values.dataDir ?? join(homedir(), '.pktstack', network), '.cookie');
  try {
    return await readCookie(path);
  } catch (error) {
    throw fileError('read', path, error);
  }
}

async function runRpc(
  values: RpcValues,
  argument: string | readonly string[],
  context: CommandContext,
): Promise<number> {
  const [method, ...params] = argument as readonly string[];
  const network = NETWORKS.find(({name}) => name === values.network)!;
  const {host, port}: HostPort = values.rpcConnect ?? {host: '127.0.0.1', port: network.rpcPort};
  const name = host.includes(':') ? `[${host}]` : host;
  const client = new RpcClient({
    url: `${values.tls ? 'https' : 'http'}://${name}:${port}/`,
    ...(await credentials(values, network.name)),
    timeoutMs: values.timeout * 1000,
  });
  try {
    const result = await client.call(method!, await parametersOf(method!, params), context.interrupted);
    await context.terminal.print(typeof result === 'string' ? result : (stringify(result, null, 2) ?? 'null'));
    return 0;
  } catch (error) {
    if (!(error instanceof RpcClientError)) throw error;
    if (error.code !== 'rpc-refused') throw new UsageError(error.message, {cause: error});
    context.terminal.note(`pkt: error ${error.rpcCode ?? ''}: ${error.rpcMessage ?? ''}`);
    return EXIT_INVALID;
  }
}

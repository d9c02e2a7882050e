import {z} from 'zod';
import {RpcError, type RpcErrorName} from '../errors.ts';
import {defineMethod, type RpcMethod} from '../method.ts';

/** Version of the interface, as existing clients ask for it. */
const API_VERSION = {versionstring: '1.3.0', major: 1, minor: 3, patch: 0, prerelease: '', buildmetadata: ''};

/** Names that clients know and this node answers with a refusal. */
const REFUSED: readonly (readonly [RpcErrorName, readonly string[]])[] = [
  ['ErrRPCUnimplemented', ['getwork', 'invalidateblock', 'preciousblock', 'reconsiderblock']],
  [
    'ErrRPCNoWallet',
    [
      'addmultisigaddress',
      'createmultisig',
      'createnewaccount',
      'createsimpletransaction',
      'createtransaction',
      'dumpprivkey',
      'getaddressbalances',
      'getbalance',
      'getnetworkstewardvote',
      'getnewaddress',
      'getreceivedbyaddress',
      'gettransaction',
      'getwalletseed',
      'importprivkey',
      'listlockunspent',
      'listreceivedbyaddress',
      'listtransactions',
      'listunspent',
      'lockunspent',
      'resync',
      'sendfrom',
      'sendmany',
      'sendtoaddress',
      'setnetworkstewardvote',
      'signmessage',
      'signrawtransaction',
      'stopresync',
      'walletislocked',
      'walletlock',
      'walletmempool',
      'walletpassphrase',
      'walletpassphrasechange',
    ],
  ],
];

export const REFUSED_METHODS: readonly RpcMethod[] = REFUSED.flatMap(([error, names]) =>
  names.map((name) => ({
    ...defineMethod({
      name,
      role: 'limited' as const,
      summary: 'Not offered by this node.',
      result: 'never',
      run: () => null,
    }),
    run: () => Promise.reject(new RpcError(error)),
  })),
);

/** Methods about the program itself. `all` gives every method there is, for `help`. */
export function controlMethods(all: () => readonly RpcMethod[]): RpcMethod[] {
  const usage = ({name, paramNames}: RpcMethod): string => [name, ...paramNames].join(' ');
  return [
    defineMethod({
      name: 'version',
      role: 'limited',
      summary: 'Versions of the interface and of the program.',
      result: 'object',
      run: ({version}) => ({pktdjsonrpcapi: API_VERSION, pktstack: {versionstring: version}}),
    }),
    defineMethod({
      name: 'uptime',
      role: 'limited',
      summary: 'Seconds since the node was started.',
      result: 'integer',
      run: ({nowSeconds, startedSeconds}) => nowSeconds() - startedSeconds,
    }),
    defineMethod({
      name: 'echo',
      role: 'limited',
      summary: 'Gives its parameter back.',
      result: 'what was given',
      params: {value: z.unknown().optional()},
      run: (_node, {value}) => value ?? null,
    }),
    defineMethod({
      name: 'help',
      role: 'limited',
      summary: 'All methods, or what one of them does.',
      result: 'text',
      params: {method: z.string().optional()},
      run: (_node, {method: name}) => {
        const methods = all();
        if (name === undefined) return methods.map(usage).sort().join('\n');
        const method = methods.find((entry) => entry.name === name);
        if (method === undefined) throw new RpcError('ErrRPCInvalidParameter', `Unknown method: ${name}`);
        return `${usage(method)}\n\n${method.summary}\n\nResult: ${method.result}`;
      },
    }),
    defineMethod({
      name: 'debuglevel',
      summary: 'Changes how much is logged until the node ends; "show" tells how much it is.',
      result: 'text',
      params: {level: z.enum(['show', 'debug', 'info', 'warn', 'error', 'silent'])},
      run: ({log}, {level}) => {
        if (log === undefined) throw new RpcError('ErrRPCMisc', 'the log of this node has one level');
        if (level === 'show') return log.level;
        log.level = level;
        return 'Done.';
      },
    }),
    defineMethod({
      name: 'stop',
      summary: 'Stops the node in order.',
      result: 'text',
      run: ({stop}) => {
        stop();
        return 'pktstack stopping.';
      },
    }),
  ];
}

import {z} from 'zod';
import {decodeHeader} from '../../../core/primitives/index.ts';
import {PROTOCOL_VERSION, SERVICE} from '../../../core/protocol/p2p/index.ts';
import {BAN_MS, formatSubnet, parseSubnet} from '../../p2p/addresses/bans.ts';
import {parseEndpoint} from '../../p2p/addresses/ip.ts';
import type {ManualNode} from '../../p2p/dialer.ts';
import type {PeerInfo} from '../../p2p/peer-info.ts';
import {chainDifficulty} from '../documents/block.ts';
import {RpcError} from '../errors.ts';
import {toPkt} from '../json.ts';
import {defineMethod, type RpcMethod} from '../method.ts';
import {FLAG} from '../params.ts';
import type {RpcNode} from '../rpc-node.ts';

const SERVICE_NAMES: readonly (readonly [bigint, string])[] = [
  [SERVICE.network, 'SFNodeNetwork'],
  [SERVICE.bloom, 'SFNodeBloom'],
  [SERVICE.witness, 'SFNodeWitness'],
  [SERVICE.compactFilters, 'SFNodeCF'],
];

const HOST = z.string().min(1).max(300);

/** host, host:port or [ipv6]:port */
function parseNode({chain}: RpcNode, text: string): ManualNode {
  const match = /^(?:\[([^\]]+)\]|([^:]+)|([0-9a-f:]*:[0-9a-f:]*:[0-9a-f:]*))(?::(\d{1,5}))?$/i.exec(text);
  const host = match?.[1] ?? match?.[2] ?? match?.[3];
  const port = match?.[4] === undefined ? chain.network.p2pPort : Number(match[4]);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new RpcError('ErrRPCInvalidParameter', `not a node: ${text}; expected HOST or HOST:PORT`);
  }
  return {host, port};
}

function addNode(node: RpcNode, text: string, command: string): null {
  const target = parseNode(node, text);
  if (command === 'add') {
    if (!node.peers.addNode(target)) throw new RpcError('ErrRPCInvalidParameter', 'peer is on the list already');
  } else if (command === 'onetry') {
    node.peers.tryNode(target);
  } else if (!node.peers.removeNode(target)) {
    throw new RpcError('ErrRPCInvalidParameter', 'peer not found');
  }
  return null;
}

function disconnect(node: RpcNode, text: string): null {
  const endpoint = parseEndpoint(text, 0);
  const done = /^\d+$/.test(text)
    ? node.peers.disconnect(Number(text))
    : endpoint !== undefined && node.peers.disconnectFrom(endpoint.ip, endpoint.port || undefined) > 0;
  if (!done) throw new RpcError('ErrRPCInvalidParameter', 'peer not found');
  return null;
}

function nodeCommand(node: RpcNode, command: string, text: string, kind: string): null {
  if (command === 'connect') return addNode(node, text, kind === 'perm' ? 'add' : 'onetry');
  if (command === 'disconnect') return disconnect(node, text);
  return addNode(node, text, 'remove');
}

function peerDocument(info: PeerInfo, {p2pPort}: {readonly p2pPort: number}): object {
  const seconds = (ms: number): number => Math.floor(ms / 1000);
  return {
    id: info.id,
    addr: info.address,
    services: info.services.toString(16).padStart(8, '0'),
    relaytxes: info.relaysTransactions,
    lastsend: seconds(info.lastSentMs),
    lastrecv: seconds(info.lastReceivedMs),
    bytessent: info.bytesSent,
    bytesrecv: info.bytesReceived,
    conntime: seconds(info.connectedMs),
    timeoffset: info.timeOffset,
    pingtime: (info.latencyMs ?? 0) * 1000,
    ...(info.pingWaitMs !== undefined && {pingwait: info.pingWaitMs * 1000}),
    version: info.version,
    subver: info.userAgent,
    inbound: info.kind === 'inbound',
    startingheight: info.startHeight,
    currentheight: info.height,
    banscore: info.banScore,
    feefilter: Number(info.minUnitsPerKb),
    syncnode: false,
    defaultport: info.endpoint.port === p2pPort,
  };
}

function networkInfo(node: RpcNode): object {
  const {peers, version, mempool} = node;
  const services = node.services;
  const connections = connected(peers.peers()).length;
  return {
    version: 0,
    subversion: `/pktstack:${version}/`,
    protocolversion: PROTOCOL_VERSION,
    localservices: services.toString(16),
    localservicesnames: SERVICE_NAMES.filter(([bit]) => (services & bit) !== 0n).map(([, name]) => name),
    localrelay: true,
    timeoffset: 0,
    networkactive: connections > 0,
    connections,
    networks: [],
    relayfee: toPkt(mempool.minimumFee),
    incrementalfee: toPkt(mempool.minimumFee),
    localaddresses: [],
  };
}

function connected(peers: readonly PeerInfo[]): PeerInfo[] {
  return peers.filter(({isReady}) => isReady);
}

export const NETWORK_METHODS: readonly RpcMethod[] = [
  defineMethod({
    name: 'getinfo',
    role: 'limited',
    summary: 'A few facts about the node.',
    result: 'object',
    run: ({chain, peers, mempool}) => ({
      version: 0,
      protocolversion: PROTOCOL_VERSION,
      blocks: chain.height,
      timeoffset: 0,
      connections: connected(peers.peers()).length,
      difficulty: chainDifficulty(chain.network, decodeHeader(chain.headerAt(chain.height)!).bits),
      testnet: chain.network.name === 'pkttest',
      relayfee: toPkt(mempool.minimumFee),
      errors: '',
    }),
  }),
  defineMethod({
    name: 'getnetworkinfo',
    summary: 'What this node tells peers of itself.',
    result: 'object',
    run: networkInfo,
  }),
  defineMethod({
    name: 'getpeerinfo',
    summary: 'All connections to peers.',
    result: 'array of objects',
    run: ({chain, peers}) => connected(peers.peers()).map((info) => peerDocument(info, chain.network)),
  }),
  defineMethod({
    name: 'getconnectioncount',
    summary: 'Number of connected peers.',
    result: 'integer',
    run: ({peers}) => connected(peers.peers()).length,
  }),
  defineMethod({
    name: 'getnettotals',
    role: 'limited',
    summary: 'Bytes sent to and received from peers.',
    result: '{totalbytesrecv, totalbytessent, timemillis}',
    run: ({peers, nowMs}) => ({
      totalbytesrecv: peers.totals.bytesReceived,
      totalbytessent: peers.totals.bytesSent,
      timemillis: nowMs(),
    }),
  }),
  defineMethod({
    name: 'getaddednodeinfo',
    summary: 'Nodes that were added by hand.',
    result: 'array of names, or of objects',
    params: {dns: FLAG.default(true), node: HOST.optional()},
    run: (node, {dns, node: only}) => {
      const wanted = only === undefined ? undefined : parseNode(node, only);
      const nodes = node.peers
        .nodes()
        .filter(({host, port}) => wanted === undefined || (host === wanted.host && port === wanted.port));
      const name = ({host, port}: ManualNode): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
      if (!dns) return nodes.map(name);
      return nodes.map((entry) => ({addednode: name(entry), connected: entry.connection !== undefined}));
    },
  }),
  defineMethod({
    name: 'addnode',
    summary: 'Adds a node to be connected to, removes it, or tries it once.',
    result: 'null',
    params: {node: HOST, command: z.enum(['add', 'remove', 'onetry'])},
    run: (node, {node: text, command}) => addNode(node, text, command),
  }),
  defineMethod({
    name: 'node',
    summary: 'Connects to a node, disconnects it (by address or number), or removes it.',
    result: 'null',
    params: {
      command: z.enum(['connect', 'disconnect', 'remove']),
      target: HOST,
      kind: z.enum(['temp', 'perm']).default('temp'),
    },
    run: (node, {command, target, kind}) => nodeCommand(node, command, target, kind),
  }),
  defineMethod({
    name: 'ping',
    summary: 'Sends a ping to every peer; getpeerinfo shows how long the answers took.',
    result: 'null',
    run: ({peers}) => {
      peers.ping();
    },
  }),
  defineMethod({
    name: 'listbanned',
    summary: 'Banned addresses.',
    result: 'array of {address, banned_until}',
    run: ({peers}) =>
      peers.bans().map((ban) => ({address: formatSubnet(ban), banned_until: Math.floor(ban.untilMs / 1000)})),
  }),
  defineMethod({
    name: 'setban',
    summary: 'Bans an address or a subnet, or lifts its ban.',
    result: 'null',
    params: {
      subnet: HOST,
      command: z.enum(['add', 'remove']),
      seconds: z
        .int()
        .min(1)
        .max(10 ** 9)
        .optional(),
    },
    run: ({peers, nowSeconds}, {subnet: text, command, seconds}) => {
      const subnet = parseSubnet(text);
      if (subnet === undefined) throw new RpcError('ErrRPCInvalidParameter', `not an address or subnet: ${text}`);
      if (command === 'add') peers.ban(subnet, nowSeconds() * 1000 + (seconds === undefined ? BAN_MS : seconds * 1000));
      else if (!peers.unban(subnet)) throw new RpcError('ErrRPCInvalidParameter', 'not banned');
    },
  }),
];

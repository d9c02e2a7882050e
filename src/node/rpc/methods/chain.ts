import {z} from 'zod';
import {encodeHex} from '../../../core/bytes/index.ts';
import {totalMoney} from '../../../core/consensus/index.ts';
import {decodeHeader} from '../../../core/primitives/index.ts';
import {verifyStored} from '../../chain/audit.ts';
import type {ChainEntry} from '../../chain/block-tree.ts';
import {shownHash} from '../../chain/layout.ts';
import {blockDocument, chainDifficulty, headerMembers} from '../documents/block.ts';
import {DEFAULT_RATE_BLOCKS, networkHashes} from '../documents/hash-rate.ts';
import {RpcError} from '../errors.ts';
import {toPkt} from '../json.ts';
import {defineMethod, type RpcMethod} from '../method.ts';
import {FLAG, HASH} from '../params.ts';
import type {RpcNode} from '../rpc-node.ts';

const MAX_HEADERS = 2000;
const MAX_LOCATOR = 500;

function entryOf({chain}: RpcNode, hash: Uint8Array): ChainEntry {
  const entry = chain.find(hash);
  if (entry === undefined || entry.state === 'header') throw new RpcError('ErrRPCBlockNotFound');
  return entry;
}

interface BlockRequest {
  readonly hash: Uint8Array;
  readonly verbose: boolean;
  readonly verbosetx: boolean;
  readonly verbosepcp: boolean;
}

async function getBlock(node: RpcNode, request: BlockRequest): Promise<unknown> {
  const {chain} = node;
  const entry = entryOf(node, request.hash);
  const block = await chain.block(entry.hash);
  if (!request.verbose) {
    if (block === undefined) throw new RpcError('ErrRPCBlockNotFound', 'Block has been pruned');
    return encodeHex((await chain.blockBytes(entry.hash))!);
  }
  const body = block ?? (await chain.blockBody(entry.hash));
  if (body === undefined) throw new RpcError('ErrRPCBlockNotFound', 'Block has been pruned');
  const spent = request.verbosetx ? await chain.spentBy(entry.hash) : undefined;
  return blockDocument(chain, entry, body, block, spent, {
    transactions: request.verbosetx,
    proof: request.verbosepcp,
  });
}

function softForks(): object[] {
  return [
    {id: 'bip34', version: 2, reject: {status: true}},
    {id: 'bip66', version: 3, reject: {status: true}},
    {id: 'bip65', version: 4, reject: {status: true}},
  ];
}

/** What is told of deployments that never begin and never end, and hold always.   chain spec §1.4 */
const NEVER = 2n ** 63n - 1n;

function deployments(): object {
  const always = {status: 'active', bit: 0, startTime: NEVER, timeout: NEVER, since: 0};
  return {csv: always, segwit: always};
}

function chainInfo(node: RpcNode): object {
  const {chain, indexes} = node;
  const {bits} = decodeHeader(chain.headerAt(chain.height)!);
  const {work} = chain.find(chain.tip.hash)!;
  const headers = Math.max(chain.height, node.peers.progress().target);
  return {
    chain: chain.network.name,
    blocks: chain.height,
    headers,
    bestblockhash: shownHash(chain.tip.hash),
    initialblockdownload: !chain.isCurrent(node.nowSeconds()),
    difficulty: chainDifficulty(chain.network, bits),
    mediantime: chain.medianTime,
    verificationprogress: headers === 0 ? 1 : chain.height / headers,
    pruned: !chain.isWhole,
    chainwork: work.toString(16).padStart(64, '0'),
    softforks: softForks(),
    bip9_softforks: deployments(),
    indexes: Object.fromEntries(
      (['transactions', 'addresses', 'filters'] as const)
        .filter((name) => indexes.has(name))
        .map((name) => [name, indexes.heightOf(name)]),
    ),
  };
}

export const CHAIN_METHODS: readonly RpcMethod[] = [
  defineMethod({
    name: 'getblockcount',
    role: 'limited',
    summary: 'Height of the best chain.',
    result: 'integer',
    run: ({chain}) => chain.height,
  }),
  defineMethod({
    name: 'getbestblockhash',
    role: 'limited',
    summary: 'Hash of the newest block of the best chain.',
    result: 'hash',
    run: ({chain}) => shownHash(chain.tip.hash),
  }),
  defineMethod({
    name: 'getbestblock',
    role: 'limited',
    summary: 'Hash and height of the newest block of the best chain.',
    result: '{hash, height}',
    run: ({chain}) => ({hash: shownHash(chain.tip.hash), height: chain.height}),
  }),
  defineMethod({
    name: 'getblockhash',
    role: 'limited',
    summary: 'Hash of the block of the best chain at a height.',
    result: 'hash',
    params: {height: z.int()},
    run: ({chain}, {height}) => {
      const hash = chain.hashAt(height);
      if (hash === undefined) throw new RpcError('ErrBlockHeightOutOfRange');
      return shownHash(hash);
    },
  }),
  defineMethod({
    name: 'getblockheader',
    role: 'limited',
    summary: 'Header of a block, as an object or in hex.',
    result: 'object, or 160 hexadecimal digits',
    params: {hash: HASH, verbose: FLAG.default(true)},
    run: (node, {hash, verbose}) => {
      const entry = entryOf(node, hash);
      return verbose ? headerMembers(node.chain, entry, decodeHeader(entry.header)) : encodeHex(entry.header);
    },
  }),
  defineMethod({
    name: 'getblock',
    role: 'limited',
    summary: 'A block: in hex, or as an object with the ids of its transactions or the transactions themselves.',
    result: 'object, or hex of the block with proof and witnesses',
    params: {
      hash: HASH,
      verbose: FLAG.default(true),
      verbosetx: FLAG.default(false),
      verbosepcp: FLAG.default(false),
    },
    run: getBlock,
  }),
  defineMethod({
    name: 'getheaders',
    role: 'limited',
    summary: 'Headers of the best chain behind the first known hash of a locator.',
    result: 'array of hex headers, at most 2000',
    params: {locator: z.array(HASH).max(MAX_LOCATOR), stop: HASH.optional()},
    run: ({chain}, {locator, stop}) =>
      chain.headersAfter(locator, stop, MAX_HEADERS).map((header) => encodeHex(header)),
  }),
  defineMethod({
    name: 'getdifficulty',
    role: 'limited',
    summary: 'How many times harder than at the easiest the newest block was.',
    result: 'number',
    run: ({chain}) => chainDifficulty(chain.network, decodeHeader(chain.headerAt(chain.height)!).bits),
  }),
  defineMethod({
    name: 'getnetworkhashps',
    role: 'limited',
    summary: 'Hashes per second that the difficulty of some blocks stands for.',
    result: 'number',
    params: {blocks: z.int().default(DEFAULT_RATE_BLOCKS), height: z.int().default(-1)},
    run: ({chain}, {blocks, height}) => networkHashes(chain, blocks, height),
  }),
  defineMethod({
    name: 'getblockchaininfo',
    role: 'limited',
    summary: 'State of the chain: height, synchronisation, difficulty, indexes.',
    result: 'object',
    run: chainInfo,
  }),
  defineMethod({
    name: 'getchaintips',
    role: 'limited',
    summary: 'Ends of all known branches.',
    result: 'array of {height, hash, branchlen, status}',
    run: ({chain}) =>
      chain.branchTips().map(({height, hash, isBest, state}) => {
        let fork = height;
        while (fork > 0 && chain.find(chain.ancestorHash(hash, fork)!)?.isBest !== true) fork--;
        const status = isBest
          ? 'active'
          : state === 'failed'
            ? 'invalid'
            : state === 'header'
              ? 'headers-only'
              : 'valid-fork';
        return {height, hash: shownHash(hash), branchlen: height - fork, status};
      }),
  }),
  defineMethod({
    name: 'getcurrentnet',
    role: 'limited',
    summary: 'Magic number of the network.',
    result: 'integer',
    run: ({chain}) => chain.network.magic,
  }),
  defineMethod({
    name: 'getnetworksteward',
    role: 'limited',
    summary: 'The network steward, the votes against it and the money there is, in units.',
    result: '{script, votesagainst, totalpossible, svotesagainst, stotalpossible}',
    run: async (node) => {
      const {steward, against} = await node.chain.steward();
      const total = totalMoney(node.chain.network.money, node.chain.height);
      return {
        script: encodeHex(steward),
        votesagainst: against,
        totalpossible: total,
        svotesagainst: against.toString(),
        stotalpossible: total.toString(),
      };
    },
  }),
  defineMethod({
    name: 'getcfilter',
    role: 'limited',
    summary: 'Compact filter of a block.',
    result: 'hex',
    params: {hash: HASH, type: z.int().default(0)},
    run: async ({indexes}, {hash, type}) => {
      const filter = type === 0 ? await indexes.filter(hash) : undefined;
      if (filter === undefined) throw new RpcError('ErrRPCBlockNotFound');
      return encodeHex(filter);
    },
  }),
  defineMethod({
    name: 'getcfilterheader',
    role: 'limited',
    summary: 'Header that chains the compact filter of a block to those before it.',
    result: 'hash',
    params: {hash: HASH, type: z.int().default(0)},
    run: async ({indexes}, {hash, type}) => {
      const header = type === 0 ? await indexes.filterHeader(hash) : undefined;
      if (header === undefined) throw new RpcError('ErrRPCBlockNotFound');
      return shownHash(header);
    },
  }),
  defineMethod({
    name: 'verifychain',
    summary: 'Reads the newest blocks again and looks whether they are what their hashes say.',
    result: 'boolean',
    params: {level: z.int().default(3), depth: z.int().min(1).max(10_000).default(288)},
    run: ({chain}, {depth}) => verifyStored(chain, depth),
  }),
  defineMethod({
    name: 'gettxoutsetinfo',
    summary: 'Number, sum and hash of all unspent outputs: nodes with the same tip give the same.',
    result: '{height, bestblock, txouts, total_amount, stotal_amount, hash_serialized}',
    run: async ({coinSet}) => {
      const {tip, coins, units, hash} = await coinSet();
      return {
        height: tip.height,
        bestblock: shownHash(tip.hash),
        txouts: coins,
        total_amount: toPkt(units),
        stotal_amount: units.toString(),
        hash_serialized: encodeHex(hash),
      };
    },
  }),
];

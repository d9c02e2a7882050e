import {z} from 'zod';
import {RULES, RuleError} from '../../../core/consensus/index.ts';
import {transactionId} from '../../../core/primitives/index.ts';
import {shownHash} from '../../chain/layout.ts';
import {POLICY_ERRORS, PolicyError} from '../../mempool/errors.ts';
import type {MempoolEntry} from '../../mempool/pool-graph.ts';
import {RpcError} from '../errors.ts';
import {toPkt} from '../json.ts';
import {defineMethod, type RpcMethod} from '../method.ts';
import {FLAG, HASH, HEX} from '../params.ts';
import type {RpcNode} from '../rpc-node.ts';
import {decodeTransactionParam} from './transactions.ts';

/** Names of the codes of reject messages, as existing nodes show them. */
const REJECT_NAMES: ReadonlyMap<number, string> = new Map([
  [0x01, 'ErrRejectMalformed'],
  [0x10, 'ErrRejectInvalid'],
  [0x11, 'ErrRejectObsolete'],
  [0x12, 'ErrRejectDuplicate'],
  [0x40, 'ErrRejectNonstandard'],
  [0x41, 'ErrRejectDust'],
  [0x42, 'ErrRejectInsufficientFee'],
  [0x43, 'ErrRejectCheckpoint'],
]);

function rejection(error: RuleError | PolicyError): string {
  const {reject, text} = error instanceof RuleError ? RULES[error.code] : POLICY_ERRORS[error.code];
  const name = REJECT_NAMES.get(reject) ?? 'ErrRejectInvalid';
  return `${name}: ${name}(${reject}): ${text} (${error.message})`;
}

async function sendRawTransaction({mempool}: RpcNode, hex: string, allowHighFees: boolean): Promise<string> {
  const transaction = decodeTransactionParam(hex);
  try {
    await mempool.accept(transaction, {source: 'local', allowHighFees});
  } catch (error) {
    if (error instanceof RuleError || error instanceof PolicyError) {
      throw new RpcError('ErrRPCTxRejected', rejection(error), error);
    }
    throw error;
  }
  return shownHash(transactionId(transaction));
}

function entryDocument({mempool}: RpcNode, entry: MempoolEntry): object {
  const {size, vsize, fee, timeMs, height, parents, coins, ancestors, descendants} = entry;
  const priority = (at: number): number => Number(mempool.priority(entry, at));
  return {
    size,
    vsize,
    weight: entry.weight,
    fee: toPkt(fee),
    sfee: fee.toString(),
    time: Math.floor(timeMs / 1000),
    height,
    startingpriority: priority(height),
    currentpriority: coins.length === 0 ? 0 : Number(mempool.priority(entry)),
    ancestorcount: ancestors.count,
    descendantcount: descendants.count,
    depends: [...parents].map(({txid}) => shownHash(txid)),
  };
}

export const MEMPOOL_METHODS: readonly RpcMethod[] = [
  defineMethod({
    name: 'getrawmempool',
    role: 'limited',
    summary: 'Transactions that wait to be mined.',
    result: 'array of txids, or object of objects by txid',
    params: {verbose: FLAG.default(false)},
    run: (node, {verbose}) =>
      verbose
        ? Object.fromEntries(
            [...node.mempool.entries()].map((entry) => [shownHash(entry.txid), entryDocument(node, entry)]),
          )
        : node.mempool.txids().map(shownHash),
  }),
  defineMethod({
    name: 'getmempoolentry',
    role: 'limited',
    summary: 'A transaction that waits to be mined.',
    result: 'object',
    params: {txid: HASH},
    run: (node, {txid}) => {
      const entry = node.mempool.get(txid);
      if (entry === undefined) throw new RpcError('ErrRPCNoTxInfo', 'Transaction not in mempool');
      return entryDocument(node, entry);
    },
  }),
  defineMethod({
    name: 'getmempoolinfo',
    role: 'limited',
    summary: 'Size of the pool of transactions.',
    result: '{size, bytes, usage, mempoolminfee}',
    run: ({mempool}) => ({
      size: mempool.count,
      bytes: mempool.bytes,
      usage: mempool.memoryBytes,
      mempoolminfee: toPkt(mempool.minimumFee),
    }),
  }),
  defineMethod({
    name: 'sendrawtransaction',
    role: 'limited',
    summary: 'Takes a signed transaction into the pool and tells peers of it.',
    result: 'txid',
    params: {hex: HEX, allowhighfees: FLAG.default(false)},
    run: (node, {hex, allowhighfees}) => sendRawTransaction(node, hex, allowhighfees),
  }),
  defineMethod({
    name: 'estimatefee',
    role: 'limited',
    summary: 'PKT per 1000 bytes that get a transaction mined within some blocks.',
    result: 'number',
    params: {blocks: z.int().min(1).max(10_000)},
    run: ({fees, mempool}, {blocks}) => toPkt(fees.estimate(blocks, mempool.minimumFee).rate),
  }),
  defineMethod({
    name: 'estimatesmartfee',
    role: 'limited',
    summary: 'PKT per 1000 bytes that get a transaction mined within some blocks, and for how many blocks it holds.',
    result: '{feerate, blocks}',
    params: {blocks: z.int().min(1).max(10_000), mode: z.string().optional()},
    run: ({fees, mempool}, {blocks: target}) => {
      const {rate, blocks} = fees.estimate(target, mempool.minimumFee);
      return {feerate: toPkt(rate), blocks};
    },
  }),
];

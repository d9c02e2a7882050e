import {z} from 'zod';
import {encodeHex, equalBytes} from '../../../core/bytes/index.ts';
import {type AddressError, decodeAddress, outpointKey, withoutVotes} from '../../../core/consensus/index.ts';
import {CodedError} from '../../../core/errors.ts';
import {
  decodeHeader,
  decodeTransaction,
  encodeTransaction,
  isCoinbase,
  SEQUENCE_FINAL,
  type Transaction,
  type TxInput,
  transactionId,
  transactionSize,
} from '../../../core/primitives/index.ts';
import {verifyMessage} from '../../../service/crypto/signed-message.ts';
import {shownHash} from '../../chain/layout.ts';
import {addressOf, scriptDocument, voteDocument} from '../documents/script.ts';
import {
  inputDocuments,
  type MinedPlace,
  outputDocuments,
  placeMembers,
  type SpentAt,
  type SpentOutput,
  transactionDocument,
} from '../documents/transaction.ts';
import {RpcError} from '../errors.ts';
import {fromPkt, toPkt} from '../json.ts';
import {defineMethod, type RpcMethod} from '../method.ts';
import {ADDRESS, AMOUNT, count, decodeHexParam, FLAG, HASH, HEX} from '../params.ts';
import type {RpcNode} from '../rpc-node.ts';

const MAX_SEARCH = 10_000;
const MAX_OUTPUTS = 10_000;

/** Transactions with this many inputs are not looked up input by input where that means reading whole blocks. */
const MAX_LOOKUPS = 1000;

/** Reads a transaction in hex. Throws RpcError. */
export function decodeTransactionParam(text: string): Transaction {
  const bytes = decodeHexParam(text);
  try {
    return decodeTransaction(bytes);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw new RpcError('ErrRPCDeserialization', `TX decode failed: ${error.message}`, error);
  }
}

/** The script of an address of this network. Throws RpcError. */
export function scriptOf({chain}: RpcNode, address: string): Uint8Array {
  try {
    return decodeAddress(address, chain.network.addresses);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw new RpcError('ErrRPCInvalidAddressOrKey', `Invalid address or key: ${error.message}`, error as AddressError);
  }
}

/** Outputs that inputs spend: from the pool, the unspent outputs or, with an index, from mined transactions. */
async function findSpent(node: RpcNode, inputs: readonly TxInput[]): Promise<SpentAt> {
  const known = new Map<string, SpentOutput>();
  const set = ({txid, index}: TxInput, output: SpentOutput | undefined): void => {
    if (output !== undefined) known.set(outpointKey(txid, index), output);
  };
  const coins = await node.chain.coins(inputs);
  for (const [i, input] of inputs.entries()) {
    set(input, coins[i] ?? node.mempool.get(input.txid)?.transaction.outputs[input.index]);
  }
  const missing = inputs.filter(({txid, index}) => !known.has(outpointKey(txid, index)));
  if (node.indexes.has('transactions')) {
    for (const input of missing.slice(0, MAX_LOOKUPS)) {
      const found = await node.indexes.transaction(input.txid);
      set(input, found?.transaction.outputs[input.index]);
    }
  }
  return ({txid, index}) => known.get(outpointKey(txid, index));
}

interface Found {
  readonly transaction: Transaction;
  readonly place: MinedPlace | undefined;
}

async function findTransaction(node: RpcNode, txid: Uint8Array): Promise<Found> {
  const waiting = node.mempool.get(txid);
  if (waiting !== undefined) return {transaction: waiting.transaction, place: undefined};
  const noInfo = (): RpcError => {
    const hint = node.indexes.has('transactions') ? '' : ' (use the transaction index to query mined transactions)';
    const id = shownHash(txid);
    return new RpcError(
      'ErrRPCNoTxInfo',
      `No information for transaction: No information available about transaction ${id}${hint}`,
    );
  };
  if (!node.indexes.has('transactions')) throw noInfo();
  const found = await node.indexes.transaction(txid);
  if (found === undefined) throw noInfo();
  return {transaction: found.transaction, place: placeOf(node, found.blockHash, found.height)};
}

function placeOf({chain}: RpcNode, blockHash: Uint8Array, height: number): MinedPlace {
  const {time} = decodeHeader(chain.find(blockHash)!.header);
  return {blockHash, confirmations: chain.height - height + 1, time};
}

async function getRawTransaction(node: RpcNode, txid: Uint8Array, verbose: boolean): Promise<unknown> {
  const {transaction, place} = await findTransaction(node, txid);
  if (!verbose) return encodeHex(encodeTransaction(transaction));
  const spentAt = isCoinbase(transaction) ? () => undefined : await findSpent(node, transaction.inputs);
  return transactionDocument(node.chain.network, transaction, spentAt, place);
}

function feeOf(transaction: Transaction, spentAt: SpentAt): string {
  let spent = 0n;
  for (const input of transaction.inputs) {
    const output = spentAt(input);
    if (output === undefined) return 'unknown';
    spent += output.value;
  }
  return (spent - transaction.outputs.reduce((sum, {value}) => sum + value, 0n)).toString();
}

async function decodeRawTransaction(node: RpcNode, hex: string, vinextra: boolean): Promise<object> {
  const {network} = node.chain;
  const transaction = decodeTransactionParam(hex);
  const spentAt = vinextra ? await findSpent(node, transaction.inputs) : () => undefined;
  const {size, vsize} = transactionSize(transaction);
  return {
    txid: shownHash(transactionId(transaction)),
    version: transaction.version,
    locktime: transaction.lockTime,
    sfee: feeOf(transaction, spentAt),
    size,
    vsize,
    vin: inputDocuments(network, transaction, spentAt),
    vout: outputDocuments(network, transaction),
  };
}

async function getTxOut(node: RpcNode, txid: Uint8Array, index: number, pool: boolean): Promise<unknown> {
  const {chain, mempool} = node;
  const member = (script: Uint8Array, value: bigint, confirmations: number, coinbase: boolean): object => {
    const vote = voteDocument(chain.network, script);
    return {
      bestblock: shownHash(chain.tip.hash),
      confirmations,
      value: toPkt(value),
      svalue: value.toString(),
      address: addressOf(chain.network, script),
      ...(vote && {vote}),
      coinbase,
    };
  };
  if (pool && mempool.spender({txid, index}) !== undefined) return null;
  const waiting = pool ? mempool.get(txid)?.transaction.outputs[index] : undefined;
  if (waiting !== undefined) return member(waiting.script, waiting.value, 0, false);
  const [coin] = await chain.coins([{txid, index}]);
  return coin === undefined ? null : member(coin.script, coin.value, chain.height - coin.height + 1, coin.isCoinbase);
}

interface Search {
  readonly address: string;
  readonly verbose: boolean;
  readonly skip: number;
  readonly count: number;
  readonly vinextra: boolean;
  readonly reverse: boolean;
  readonly filteraddrs: readonly string[];
}

/** Transactions of the pool that pay to or spend from an address. */
function waitingFor({mempool}: RpcNode, script: Uint8Array): Transaction[] {
  const isIt = (other: {readonly script: Uint8Array}): boolean => equalBytes(withoutVotes(other.script), script);
  return [...mempool.entries()]
    .filter(({transaction, coins}) => transaction.outputs.some(isIt) || coins.some(isIt))
    .map(({transaction}) => transaction);
}

/** Oldest first; what is not mined yet comes last. */
async function searchRawTransactions(node: RpcNode, search: Search): Promise<unknown[]> {
  const script = scriptOf(node, search.address);
  const {skip, count: most, reverse} = search;
  const waiting = waitingFor(node, script);
  const fromPool = reverse ? waiting.slice(skip, skip + most) : [];
  const behind = Math.max(0, skip - (reverse ? waiting.length : 0));
  const txids = await node.indexes.transactionsOf(script, {skip: behind, count: most - fromPool.length, reverse});
  const found: Found[] = fromPool.map((transaction) => ({transaction, place: undefined}));
  for (const txid of txids) found.push(await findTransaction(node, txid));
  if (!reverse && found.length < most && waiting.length > 0) {
    const mined = await node.indexes.countOf(script);
    const rest = waiting.slice(Math.max(0, skip - mined), Math.max(0, skip + most - mined));
    found.push(...rest.map((transaction) => ({transaction, place: undefined})));
  }
  if (found.length === 0) throw new RpcError('ErrRPCNoTxInfo', 'Address: no information available about it');
  if (!search.verbose) return found.map(({transaction}) => encodeHex(encodeTransaction(transaction)));
  return Promise.all(found.map((entry) => searchDocument(node, entry, search)));
}

async function searchDocument(node: RpcNode, {transaction, place}: Found, search: Search): Promise<object> {
  const {network} = node.chain;
  const spentAt =
    search.vinextra && !isCoinbase(transaction) ? await findSpent(node, transaction.inputs) : () => undefined;
  const wanted = new Set(search.filteraddrs);
  const shows = (document: object): boolean => {
    if (wanted.size === 0) return true;
    const {address, prevOut} = document as {address?: string; prevOut?: {address: string}};
    return wanted.has(address ?? prevOut?.address ?? '');
  };
  return {
    hex: encodeHex(encodeTransaction(transaction)),
    txid: shownHash(transactionId(transaction)),
    version: transaction.version,
    locktime: transaction.lockTime,
    vin: inputDocuments(network, transaction, spentAt).filter((entry) => !search.vinextra || shows(entry)),
    vout: outputDocuments(network, transaction).filter(shows),
    ...(place && placeMembers(place)),
  };
}

const NEW_INPUT = z.object({txid: HASH, vout: count(0xffffffff)});

function createRawTransaction(
  node: RpcNode,
  inputs: readonly z.output<typeof NEW_INPUT>[],
  amounts: Readonly<Record<string, number>>,
  lockTime: number,
): string {
  const outputs = Object.entries(amounts).map(([address, pkt]) => {
    const value = fromPkt(pkt);
    if (value <= 0n) throw new RpcError('ErrRPCInvalidParameter', `Invalid amount for ${address}`);
    return {value, script: scriptOf(node, address)};
  });
  if (inputs.length === 0 || outputs.length === 0 || outputs.length > MAX_OUTPUTS) {
    throw new RpcError('ErrRPCInvalidParameter', `a transaction has inputs and 1 to ${MAX_OUTPUTS} outputs`);
  }
  // A lock time counts only while an input is not final.
  const sequence = lockTime === 0 ? SEQUENCE_FINAL : SEQUENCE_FINAL - 1;
  const transaction: Transaction = {
    version: 1,
    inputs: inputs.map(({txid, vout}) => ({txid, index: vout, script: new Uint8Array(0), sequence, witness: []})),
    outputs,
    lockTime,
  };
  return encodeHex(encodeTransaction(transaction));
}

export const TRANSACTION_METHODS: readonly RpcMethod[] = [
  defineMethod({
    name: 'getrawtransaction',
    role: 'limited',
    summary: 'A transaction of the pool or, with the transaction index, of the chain.',
    result: 'hex or object',
    params: {txid: HASH, verbose: FLAG.default(false)},
    run: (node, {txid, verbose}) => getRawTransaction(node, txid, verbose),
  }),
  defineMethod({
    name: 'gettxout',
    role: 'limited',
    summary: 'An output that is not spent yet.',
    result: 'object, or null when there is none',
    params: {txid: HASH, n: count(0xffffffff), mempool: FLAG.default(true)},
    run: (node, {txid, n, mempool}) => getTxOut(node, txid, n, mempool),
  }),
  defineMethod({
    name: 'searchrawtransactions',
    role: 'limited',
    summary: 'Transactions that pay to or spend from an address; needs the address index and the transaction index.',
    result: 'array of objects or hex',
    params: {
      address: ADDRESS,
      verbose: FLAG.default(true),
      skip: count(Number.MAX_SAFE_INTEGER).default(0),
      count: count(MAX_SEARCH).default(100),
      vinextra: FLAG.default(false),
      reverse: FLAG.default(false),
      filteraddrs: z.array(ADDRESS).max(1000).default([]),
    },
    run: (node, search) => searchRawTransactions(node, search),
  }),
  defineMethod({
    name: 'decoderawtransaction',
    role: 'limited',
    summary: 'A transaction in hex as an object; with vinextra also what its inputs spend, and the fee.',
    result: 'object',
    params: {hex: HEX, vinextra: FLAG.default(false)},
    run: (node, {hex, vinextra}) => decodeRawTransaction(node, hex, vinextra),
  }),
  defineMethod({
    name: 'decodescript',
    role: 'limited',
    summary: 'A script in words, with its kind, addresses and vote.',
    result: 'object',
    params: {hex: HEX},
    run: ({chain}, {hex}) => scriptDocument(chain.network, decodeHexParam(hex)),
  }),
  defineMethod({
    name: 'createrawtransaction',
    role: 'limited',
    summary: 'An unsigned transaction.',
    result: 'hex',
    params: {
      inputs: z.array(NEW_INPUT).max(MAX_OUTPUTS),
      amounts: z.record(z.string(), AMOUNT),
      locktime: count(0xffffffff).default(0),
    },
    run: (node, {inputs, amounts, locktime}) => createRawTransaction(node, inputs, amounts, locktime),
  }),
  defineMethod({
    name: 'validateaddress',
    role: 'limited',
    summary: 'Whether an address can be paid to on this network.',
    result: '{isvalid, address}',
    params: {address: z.string()},
    run: ({chain}, {address}) => {
      try {
        decodeAddress(address, chain.network.addresses);
        return {isvalid: true, address};
      } catch (error) {
        if (error instanceof CodedError) return {isvalid: false};
        throw error;
      }
    },
  }),
  defineMethod({
    name: 'verifymessage',
    role: 'limited',
    summary: 'Whether a message was signed with the key of an address.',
    result: 'boolean',
    params: {address: ADDRESS, signature: z.string().max(200), message: z.string().max(2 ** 20)},
    run: (node, {address, signature, message}) => {
      const script = scriptOf(node, address);
      return verifyMessage(message, signature, (signer) => equalBytes(signer, script));
    },
  }),
];

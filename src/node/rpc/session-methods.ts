// The methods that exist on websockets alone; they act on one client.   chain spec §4.6.4
import {randomBytes} from 'node:crypto';
import {z} from 'zod';
import {encodeHex, equalBytes} from '../../core/bytes/index.ts';
import type {Network} from '../../core/params/index.ts';
import {type BlockBody, encodeTransaction} from '../../core/primitives/index.ts';
import type {ChainBlock} from '../chain/block-tree.ts';
import type {Chain} from '../chain/chain.ts';
import {shownHash} from '../chain/layout.ts';
import {RpcError} from './errors.ts';
import {defineMethod, type RpcMethod} from './method.ts';
import {oldNotices, placeMembers, type Subscriber, TransactionFilter} from './notifications.ts';
import {ADDRESS, count, FLAG, HASH} from './params.ts';

const MAX_RESCAN_BLOCKS = 2000;
/** Blocks between two notices of how far a rescan is. */
const PROGRESS_BLOCKS = 100;
const MAX_ENTRIES = 1_000_000;

type Outpoint = {readonly txid: Uint8Array; readonly index: number};

const OUTPOINT: z.ZodType<Outpoint> = z
  .object({hash: HASH, index: count(0xffffffff), tree: z.int().optional()})
  .transform(({hash, index}) => ({txid: hash, index})) as z.ZodType<Outpoint>;
const ADDRESSES = z.array(ADDRESS).max(MAX_ENTRIES);
const OUTPOINTS = z.array(OUTPOINT).max(MAX_ENTRIES);

/** Throws RpcError for an address that is none, or too many of them. */
function extend(
  filter: TransactionFilter,
  network: Network,
  addresses: readonly string[],
  outpoints: readonly Outpoint[],
): void {
  try {
    filter.add(network, addresses, outpoints);
  } catch (error) {
    throw new RpcError('ErrRPCInvalidAddressOrKey', (error as Error).message, error);
  }
}

async function rescanBlocks(chain: Chain, filter: TransactionFilter, hashes: readonly Uint8Array[]): Promise<object[]> {
  const found: object[] = [];
  for (const hash of hashes) {
    const body = await chain.blockBody(hash);
    if (body === undefined) throw new RpcError('ErrRPCBlockNotFound');
    const wanted = body.transactions.filter((transaction) => filter.matches(transaction));
    if (wanted.length === 0) continue;
    found.push({hash: shownHash(hash), transactions: wanted.map((entry) => encodeHex(encodeTransaction(entry)))});
  }
  return found;
}

interface Rescan {
  readonly begin: Uint8Array;
  readonly end: Uint8Array | undefined;
  readonly filter: TransactionFilter;
}

/** Height of a block of the best chain. Throws RpcError. */
function heightOf(chain: Chain, hash: Uint8Array): number {
  const entry = chain.find(hash);
  if (entry?.isBest !== true) throw new RpcError('ErrRPCBlockNotFound');
  return entry.height;
}

/** Tells of everything in a part of the best chain that the filter wants, block by block as the client takes it. */
async function rescan(
  chain: Chain,
  {deliver}: Subscriber,
  {begin, end, filter}: Rescan,
  signal: AbortSignal,
): Promise<void> {
  const first = heightOf(chain, begin);
  const last = end === undefined ? undefined : heightOf(chain, end);
  if (last !== undefined && last < first) {
    throw new RpcError('ErrRPCInvalidParameter', 'the last block is before the first');
  }
  let previous: Uint8Array | undefined;
  for (let height = first; ; height++) {
    if (signal.aborted) throw new RpcError('ErrRPCMisc', 'the rescan was ended');
    const hash = chain.hashAt(height);
    const body = hash && (await chain.blockBody(hash));
    if (hash === undefined || body === undefined) throw new RpcError('ErrRPCDatabase', 'a block is not there any more');
    if (previous !== undefined && !equalBytes(body.header.previous, previous)) {
      throw new RpcError('ErrRPCDatabase', 'the chain changed during the rescan');
    }
    previous = hash;
    const place = {hash, height};
    await tellOf(body, place, filter, deliver);
    const isLast = height === (last ?? chain.height);
    const method = isLast ? 'rescanfinished' : 'rescanprogress';
    if (isLast || (height - first + 1) % PROGRESS_BLOCKS === 0) {
      await deliver({method, params: [shownHash(hash), height, body.header.time]});
    }
    if (isLast) return;
  }
}

async function tellOf(
  {header, transactions}: BlockBody,
  place: ChainBlock,
  filter: TransactionFilter,
  deliver: Subscriber['deliver'],
): Promise<void> {
  for (const [index, transaction] of transactions.entries()) {
    for (const notice of oldNotices(filter, transaction, placeMembers(header, place, index))) await deliver(notice);
  }
}

/** What one client can switch on and off. */
function switches(subscriber: Subscriber): RpcMethod[] {
  const set = (name: string, summary: string, change: () => void): RpcMethod =>
    defineMethod({name, role: 'limited', summary, result: 'null', run: change});
  return [
    set('notifyblocks', 'Begins to tell of blocks.', () => {
      subscriber.blocks = true;
    }),
    set('stopnotifyblocks', 'Ends telling of blocks.', () => {
      subscriber.blocks = false;
    }),
    defineMethod({
      name: 'notifynewtransactions',
      role: 'limited',
      summary: 'Begins to tell of transactions that enter the pool.',
      result: 'null',
      params: {verbose: FLAG.default(false)},
      run: (_node, {verbose}) => {
        subscriber.transactions = verbose ? 'objects' : 'ids';
      },
    }),
    set('stopnotifynewtransactions', 'Ends telling of transactions.', () => {
      subscriber.transactions = false;
    }),
  ];
}

/** Calls of clients that know no filters. */
function oldMethods(subscriber: Subscriber): RpcMethod[] {
  const {watched} = subscriber;
  let scanning = false;
  return [
    defineMethod({
      name: 'notifyreceived',
      role: 'limited',
      summary: 'Begins to tell of transactions that pay to addresses, and of those that spend such outputs.',
      result: 'null',
      params: {addresses: ADDRESSES},
      run: ({chain}, {addresses}) => extend(watched, chain.network, addresses, []),
    }),
    defineMethod({
      name: 'stopnotifyreceived',
      role: 'limited',
      summary: 'Ends telling of transactions that pay to addresses.',
      result: 'null',
      params: {addresses: ADDRESSES},
      run: ({chain}, {addresses}) => watched.remove(chain.network, addresses, []),
    }),
    defineMethod({
      name: 'notifyspent',
      role: 'limited',
      summary: 'Begins to tell of transactions that spend outputs.',
      result: 'null',
      params: {outpoints: OUTPOINTS},
      run: ({chain}, {outpoints}) => extend(watched, chain.network, [], outpoints),
    }),
    defineMethod({
      name: 'stopnotifyspent',
      role: 'limited',
      summary: 'Ends telling of transactions that spend outputs.',
      result: 'null',
      params: {outpoints: OUTPOINTS},
      run: ({chain}, {outpoints}) => watched.remove(chain.network, [], outpoints),
    }),
    defineMethod({
      name: 'rescan',
      role: 'limited',
      summary: 'Tells of transactions of the chain that pay to addresses or spend outputs, then rescanfinished.',
      result: 'null',
      params: {begin: HASH, addresses: ADDRESSES, outpoints: OUTPOINTS, end: HASH.optional()},
      run: async ({chain}, {begin, addresses, outpoints, end}, {signal}) => {
        if (scanning) throw new RpcError('ErrRPCBusy', 'one rescan at a time');
        const filter = new TransactionFilter();
        extend(filter, chain.network, addresses, outpoints);
        scanning = true;
        try {
          await rescan(chain, subscriber, {begin, end, filter}, signal);
        } finally {
          scanning = false;
        }
      },
    }),
  ];
}

export function sessionMethods(subscriber: Subscriber): RpcMethod[] {
  const {filter} = subscriber;
  const id = Number(randomBytes(6).readUIntBE(0, 6));
  return [
    defineMethod({
      name: 'session',
      role: 'limited',
      summary: 'Number of this session.',
      result: '{sessionid}',
      run: () => ({sessionid: id}),
    }),
    ...switches(subscriber),
    defineMethod({
      name: 'loadtxfilter',
      role: 'limited',
      summary: 'Sets or extends what transactions the client wants to hear of.',
      result: 'null',
      params: {reload: FLAG, addresses: ADDRESSES, outpoints: OUTPOINTS},
      run: ({chain}, {reload, addresses, outpoints}) => {
        if (reload) filter.clear();
        extend(filter, chain.network, addresses, outpoints);
      },
    }),
    defineMethod({
      name: 'rescanblocks',
      role: 'limited',
      summary: 'Transactions of blocks that match the filter of the client.',
      result: 'array of {hash, transactions}',
      params: {hashes: z.array(HASH).max(MAX_RESCAN_BLOCKS)},
      run: ({chain}, {hashes}) => rescanBlocks(chain, filter, hashes),
    }),
    ...oldMethods(subscriber),
  ];
}

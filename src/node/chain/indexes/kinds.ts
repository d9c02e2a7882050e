// What each optional index keeps of a block.
import {outpointKey} from '../../../core/consensus/index.ts';
import {encodeFilter, filterHash, filterHeader, filterScripts, transactionId} from '../../../core/primitives/index.ts';
import type {KeyValueStore, StoreChange} from '../../../service/stores/key-value-store.ts';
import type {BlockIndex, IndexedBlock, IndexName} from './block-index.ts';
import {
  ADDRESS_PREFIX,
  addressKey,
  encodeTransactionPlace,
  FILTER_HEADER_PREFIX,
  FILTER_PREFIX,
  filterHeaderKey,
  filterKey,
  TRANSACTION_PREFIX,
  transactionKey,
} from './layout.ts';

function removed(changes: readonly StoreChange[]): StoreChange[] {
  return changes.map(({key}) => ({key, value: undefined}));
}

/** Finds transactions by their id. */
export function createTransactionIndex(): BlockIndex {
  const entries = ({hash, transactions}: IndexedBlock): StoreChange[] =>
    transactions.map((transaction, number) => ({
      key: transactionKey(transactionId(transaction)),
      value: encodeTransactionPlace({block: hash, number}),
    }));
  return {
    name: 'transactions',
    prefixes: [TRANSACTION_PREFIX],
    connect: entries,
    disconnect: (block) => removed(entries(block)),
  };
}

/** Scripts of the coins that each transaction of a block spends. */
function spentScripts({transactions, spent}: IndexedBlock): Uint8Array[][] {
  const scripts = new Map(spent.map(({txid, index, coin}) => [outpointKey(txid, index), coin.script]));
  return transactions.map((transaction, number) => {
    const own = number === 0 ? [] : transaction.inputs.map(({txid, index}) => scripts.get(outpointKey(txid, index))!);
    const txid = transactionId(transaction);
    for (const [index, {script}] of transaction.outputs.entries()) scripts.set(outpointKey(txid, index), script);
    return own;
  });
}

/** Finds transactions by the scripts that they pay to or spend from. */
export function createAddressIndex(): BlockIndex {
  const entries = (block: IndexedBlock): StoreChange[] => {
    const spent = spentScripts(block);
    return block.transactions.flatMap((transaction, number) => {
      const scripts = [...transaction.outputs.map(({script}) => script), ...spent[number]!];
      const txid = transactionId(transaction);
      return scripts.map((script) => ({key: addressKey(script, block.height, number), value: txid}));
    });
  };
  return {
    name: 'addresses',
    prefixes: [ADDRESS_PREFIX],
    connect: entries,
    disconnect: (block) => removed(entries(block)),
  };
}

/** Compact filters and the headers that chain them.   chain spec §2.7 */
export function createFilterIndex(store: KeyValueStore): BlockIndex {
  return {
    name: 'filters',
    prefixes: [FILTER_PREFIX, FILTER_HEADER_PREFIX],
    connect: async (block) => {
      const {hash, header, height, transactions} = block;
      const filter = encodeFilter(hash, filterScripts(transactions, spentScripts(block).flat()));
      const before = height === 0 ? new Uint8Array(32) : (await store.get(filterHeaderKey(header.previous)))!;
      return [
        {key: filterKey(hash), value: filter},
        {key: filterHeaderKey(hash), value: filterHeader(filterHash(filter), before)},
      ];
    },
    disconnect: ({hash}) => removed([filterKey(hash), filterHeaderKey(hash)].map((key) => ({key, value: undefined}))),
  };
}

export function createIndex(name: IndexName, store: KeyValueStore): BlockIndex {
  if (name === 'transactions') return createTransactionIndex();
  return name === 'addresses' ? createAddressIndex() : createFilterIndex(store);
}

// Looking at what is stored as a whole.
import {createHash} from 'node:crypto';
import {equalBytes, writeU32} from '../../core/bytes/index.ts';
import {blockHash, merkleRoot, transactionId} from '../../core/primitives/index.ts';
import {type KeyValueStore, prefixEnd} from '../../service/stores/key-value-store.ts';
import type {ChainBlock} from './block-tree.ts';
import type {Chain} from './chain.ts';
import {COIN_PREFIX, decodeCoin} from './layout.ts';

/** All unspent outputs at a tip. */
export interface CoinSet {
  readonly tip: ChainBlock;
  readonly coins: number;
  readonly units: bigint;
  /** Over all coins in order of their outpoints: equal for all nodes with this tip. */
  readonly hash: Uint8Array;
}

/** Reads all coins as they are at one moment; blocks go on being taken meanwhile. */
export async function readCoinSet(chain: Chain, store: KeyValueStore): Promise<CoinSet> {
  // The iterator sees the store as it is when it is opened.
  const {tip, entries, first} = await chain.exclusive(async () => {
    const range = {from: COIN_PREFIX, to: prefixEnd(COIN_PREFIX)};
    const opened = store.entries(range)[Symbol.asyncIterator]();
    return {tip: chain.tip, entries: opened, first: await opened.next()};
  });
  const hash = createHash('sha256');
  const length = new Uint8Array(4);
  let coins = 0;
  let units = 0n;
  for (let next = first; next.done !== true; next = await entries.next()) {
    const [key, value] = next.value;
    writeU32(length, 0, value.length);
    hash.update(key).update(length).update(value);
    coins++;
    units += decodeCoin(value).value;
  }
  return {tip, coins, units, hash: new Uint8Array(hash.digest())};
}

/** Reads the newest blocks again; false when one of them is not what its hash says. Throws StoreError for damaged records. */
export async function verifyStored(chain: Chain, depth: number): Promise<boolean> {
  for (let height = chain.height; height > 0 && height > chain.height - depth; height--) {
    const hash = chain.hashAt(height)!;
    const body = await chain.blockBody(hash);
    // Dropped on purpose.
    if (body === undefined) return true;
    if (!equalBytes(blockHash(body.header), hash)) return false;
    if (!equalBytes(merkleRoot(body.transactions.map(transactionId)), body.header.merkleRoot)) return false;
  }
  return true;
}

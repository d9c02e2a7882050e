// Keys of the optional indexes, in the same store as the chain.
//
//   'x' txid 32                                       → where a transaction is: block hash 32 | number in the block u32
//   'a' script 20, height u32 BE, number u32 BE       → transaction that pays to or spends from the script: txid 32
//   'g' hash 32                                       → compact filter of a block
//   'k' hash 32                                       → filter header of a block: 32
//   'i' name                                          → last block in an index: hash 32 | height u32
import {createHash} from 'node:crypto';
import {concatBytes, Reader, Writer} from '../../../core/bytes/index.ts';
import {withoutVotes} from '../../../core/consensus/index.ts';
import type {IndexName} from './block-index.ts';

const letter = (text: string): number => text.charCodeAt(0);

export const TRANSACTION_PREFIX = 0x78;
export const ADDRESS_PREFIX = 0x61;
export const FILTER_PREFIX = 0x67;
export const FILTER_HEADER_PREFIX = 0x6b;

const SCRIPT_KEY_BYTES = 20;

export function transactionKey(txid: Uint8Array): Uint8Array {
  return Uint8Array.from([TRANSACTION_PREFIX, ...txid]);
}

export interface TransactionPlace {
  readonly block: Uint8Array;
  readonly number: number;
}

export function encodeTransactionPlace({block, number}: TransactionPlace): Uint8Array {
  return new Writer().bytes(block).u32(number).finish();
}

export function decodeTransactionPlace(bytes: Uint8Array): TransactionPlace {
  const reader = new Reader(bytes);
  const place = {block: reader.bytes(32), number: reader.u32()};
  reader.end();
  return place;
}

/** All scripts of an address, with whatever votes, have the same key. */
export function scriptPrefix(script: Uint8Array): Uint8Array {
  const hash = createHash('sha256').update(withoutVotes(script)).digest();
  return concatBytes(Uint8Array.of(ADDRESS_PREFIX), hash.subarray(0, SCRIPT_KEY_BYTES));
}

export function addressKey(script: Uint8Array, height: number, number: number): Uint8Array {
  const place = new Uint8Array(8);
  const view = new DataView(place.buffer);
  view.setUint32(0, height);
  view.setUint32(4, number);
  return concatBytes(scriptPrefix(script), place);
}

export const filterKey = (hash: Uint8Array): Uint8Array => Uint8Array.from([FILTER_PREFIX, ...hash]);
export const filterHeaderKey = (hash: Uint8Array): Uint8Array => Uint8Array.from([FILTER_HEADER_PREFIX, ...hash]);

export function indexTipKey(name: IndexName): Uint8Array {
  return Uint8Array.from([letter('i'), ...Buffer.from(name)]);
}

export interface IndexTip {
  readonly hash: Uint8Array;
  readonly height: number;
}

export function encodeIndexTip({hash, height}: IndexTip): Uint8Array {
  return new Writer().bytes(hash).u32(height).finish();
}

export function decodeIndexTip(bytes: Uint8Array): IndexTip {
  const reader = new Reader(bytes);
  const tip = {hash: reader.bytes(32), height: reader.u32()};
  reader.end();
  return tip;
}

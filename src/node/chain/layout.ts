// Every key of the chain's store: its prefix, its parts and its value. Prefixes are never used again for something else.
//
//   'h' height u32 BE, hash 32 → header record: header 80 | status u8
//   'b' hash 32                → places of the block's header with transactions, and of its proof: 2 × (file u32 | offset u32 | length u32)
//   'f' part u8, file u32 BE   → greatest height of a block in the file: u32; part 0 is bodies, 1 proofs
//   'u' hash 32                → undo data: the coins that the block spent
//   'e' hash 32                → steward state after the block: against i64 | script
//   'c' txid 32, index u32 BE  → coin
//   't' candidate 80           → votes over all coins: for i64 | against i64 | script
//   'a' 'g' 'i' 'k' 'x'        → optional indexes, see indexes/layout.ts
//   'm' 't'                    → tip: hash 32
//   'm' 'f' part u8            → first file of the part that is still there: u32
//   'm' 'p'                    → undo data of the best chain below this height has been dropped: u32
//   'm' 'v'                    → version of this layout, network magic: u32 | u32
import {encodeHex, Reader, Writer} from '../../core/bytes/index.ts';
import type {Coin, PlacedCoin, StewardState, Tally} from '../../core/consensus/index.ts';
import {HEADER_BYTES} from '../../core/primitives/index.ts';
import type {RecordPlace} from '../../service/stores/record-files.ts';

export const LAYOUT_VERSION = 3;
export const HASH_BYTES = 32;

/** Hashes are shown reversed, in hex. */
export function shownHash(hash: Uint8Array): string {
  return encodeHex(hash.slice().reverse());
}

const letter = (text: string): number => text.charCodeAt(0);

/** Big endian. By hand: a DataView of a short array costs more than all else about a key. */
function putU32(key: Uint8Array, at: number, value: number): void {
  key[at] = value >>> 24;
  key[at + 1] = value >>> 16;
  key[at + 2] = value >>> 8;
  key[at + 3] = value;
}

function keyWithHash(prefix: string, hash: Uint8Array): Uint8Array {
  const key = new Uint8Array(1 + HASH_BYTES);
  key[0] = letter(prefix);
  key.set(hash, 1);
  return key;
}

export const HEADER_PREFIX: Uint8Array = Uint8Array.of(letter('h'));
export const COIN_PREFIX: Uint8Array = Uint8Array.of(letter('c'));
export const TALLY_PREFIX: Uint8Array = Uint8Array.of(letter('t'));
export const TIP_KEY: Uint8Array = Uint8Array.of(letter('m'), letter('t'));
export const VERSION_KEY: Uint8Array = Uint8Array.of(letter('m'), letter('v'));

export const PRUNED_KEY: Uint8Array = Uint8Array.of(letter('m'), letter('p'));

const PART_NUMBERS: Readonly<Record<'bodies' | 'proofs', number>> = Object.freeze({bodies: 0, proofs: 1});

export function fileHeightKey(part: keyof typeof PART_NUMBERS, file: number): Uint8Array {
  const key = new Uint8Array(6);
  key[0] = letter('f');
  key[1] = PART_NUMBERS[part];
  putU32(key, 2, file);
  return key;
}

export function firstFileKey(part: keyof typeof PART_NUMBERS): Uint8Array {
  return Uint8Array.of(letter('m'), letter('f'), PART_NUMBERS[part]);
}

/** Headers stand in order of their heights, so that parents are read before their children. */
export function headerKey(height: number, hash: Uint8Array): Uint8Array {
  const key = new Uint8Array(5 + HASH_BYTES);
  key[0] = letter('h');
  putU32(key, 1, height);
  key.set(hash, 5);
  return key;
}

/** Hash in the key of a header. */
export function hashOfHeaderKey(key: Uint8Array): Uint8Array {
  return key.slice(5);
}

export const blockKey = (hash: Uint8Array): Uint8Array => keyWithHash('b', hash);
export const undoKey = (hash: Uint8Array): Uint8Array => keyWithHash('u', hash);
export const stewardKey = (hash: Uint8Array): Uint8Array => keyWithHash('e', hash);

export function coinKey(txid: Uint8Array, index: number): Uint8Array {
  const key = new Uint8Array(1 + HASH_BYTES + 4);
  key[0] = letter('c');
  key.set(txid, 1);
  putU32(key, 1 + HASH_BYTES, index);
  return key;
}

/** The key of a candidate is its hex of 160 digits, see candidateKey. */
export function tallyKey(candidate: string): Uint8Array {
  return Uint8Array.from([letter('t'), ...Buffer.from(candidate, 'hex')]);
}

export function tallyCandidate(key: Uint8Array): string {
  return Buffer.from(key.subarray(1)).toString('hex');
}

/** What is known of a block: its header, its data, that it is or was part of the best chain; or that it is invalid for good. */
export type BlockStatus = 0 | 1 | 2 | 3;
export const STATUS: Readonly<Record<'header' | 'stored' | 'connected' | 'failed', BlockStatus>> = Object.freeze({
  header: 0,
  stored: 1,
  connected: 2,
  failed: 3,
});

// coin: height·2 + coinbase as varint | value u64 | script
export function encodeCoin({value, script, height, isCoinbase}: Coin): Uint8Array {
  return new Writer()
    .varint(height * 2 + (isCoinbase ? 1 : 0))
    .u64(value)
    .bytes(script)
    .finish();
}

function readCoin(reader: Reader, scriptLength: (reader: Reader) => number): Coin {
  const place = reader.varintUpTo(2 ** 33);
  const value = reader.u64();
  return {
    value,
    script: reader.bytes(scriptLength(reader)),
    height: Math.floor(place / 2),
    isCoinbase: place % 2 === 1,
  };
}

export function decodeCoin(bytes: Uint8Array): Coin {
  return readCoin(new Reader(bytes), (reader) => reader.remaining);
}

export function encodeHeaderRecord(header: Uint8Array, status: BlockStatus): Uint8Array {
  const record = new Uint8Array(HEADER_BYTES + 1);
  record.set(header);
  record[HEADER_BYTES] = status;
  return record;
}

/** Where the two parts of a block lie. */
export interface BlockPlace {
  readonly body: RecordPlace;
  readonly proof: RecordPlace;
}

export function encodeBlockPlace({body, proof}: BlockPlace): Uint8Array {
  const writer = new Writer();
  for (const {file, offset, length} of [body, proof]) writer.u32(file).u32(offset).u32(length);
  return writer.finish();
}

export function decodeBlockPlace(bytes: Uint8Array): BlockPlace {
  const reader = new Reader(bytes);
  const readPlace = (): RecordPlace => ({file: reader.u32(), offset: reader.u32(), length: reader.u32()});
  const place = {body: readPlace(), proof: readPlace()};
  reader.end();
  return place;
}

/** undo data: count varint | per coin: txid 32 | index u32 | height·2 + coinbase varint | value u64 | script varint, bytes */
export function encodeUndo(spent: readonly PlacedCoin[]): Uint8Array {
  const writer = new Writer();
  writer.varint(spent.length);
  for (const {txid, index, coin} of spent) {
    writer.bytes(txid).u32(index);
    writer.varint(coin.height * 2 + (coin.isCoinbase ? 1 : 0)).u64(coin.value);
    writer.varint(coin.script.length).bytes(coin.script);
  }
  return writer.finish();
}

export function decodeUndo(bytes: Uint8Array): PlacedCoin[] {
  const reader = new Reader(bytes);
  const count = reader.varintUpTo(reader.remaining);
  const spent: PlacedCoin[] = [];
  for (let i = 0; i < count; i++) {
    const txid = reader.bytes(HASH_BYTES);
    const index = reader.u32();
    spent.push({txid, index, coin: readCoin(reader, (rest) => rest.varintUpTo(rest.remaining))});
  }
  reader.end();
  return spent;
}

export function encodeSteward({steward, against}: StewardState): Uint8Array {
  return new Writer().u64(BigInt.asUintN(64, against)).bytes(steward).finish();
}

export function decodeSteward(bytes: Uint8Array): StewardState {
  const reader = new Reader(bytes);
  const against = BigInt.asIntN(64, reader.u64());
  return {against, steward: reader.bytes(reader.remaining)};
}

export function encodeTally(tally: Tally): Uint8Array {
  return new Writer()
    .u64(BigInt.asUintN(64, tally.for))
    .u64(BigInt.asUintN(64, tally.against))
    .bytes(tally.script)
    .finish();
}

export function decodeTally(bytes: Uint8Array): Tally {
  const reader = new Reader(bytes);
  const inFavour = BigInt.asIntN(64, reader.u64());
  const against = BigInt.asIntN(64, reader.u64());
  return {for: inFavour, against, script: reader.bytes(reader.remaining)};
}

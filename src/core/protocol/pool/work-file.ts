// What a pool's master hands out for a block to be made.   pool spec §3.2, §3.3
//
//   work_<n>.bin  header 80 | signing key 32 | share target u32 | announcement target u32 | height i32 | L u32 | coinbase L | branch 32·k
//   bt_<n>.bin    list of: 1 | height | header | coinbase | list of branch | list of transactions;
//                 list = its strings one after another, string = varint length, bytes; the outermost list has no length of its own
import {BytesError, copyBytes, encodeVarint, Reader, readU32, Writer} from '../../bytes/index.ts';
import {dsha256} from '../../crypto/index.ts';
import {checkBytes, checkInteger, checkU32} from '../../errors.ts';
import {HEADER_BYTES} from '../../packetcrypt/index.ts';
import {PoolError} from './errors.ts';

const KEY_OFFSET = 80;
const SHARE_TARGET_OFFSET = 112;
const ANN_TARGET_OFFSET = 116;
const HEIGHT_OFFSET = 120;
const COINBASE_LENGTH_OFFSET = 124;
const COINBASE_OFFSET = 128;
const HASH_BYTES = 32;
const MAX_BRANCH = 32;
const MAX_FILE_BYTES = 8 * 2 ** 20;
const MERKLE_ROOT_OFFSET = 36;
const NONCE_OFFSET = 76;

/** Work for block miners and block handlers. */
export interface PoolWork {
  /** Header of the template, 80 bytes; its merkle root is that with the placeholder. */
  readonly header: Uint8Array;
  /** Announcements of this height must be signed with it; 32 zeros where they need not. */
  readonly signingKey: Uint8Array;
  /** Compact. */
  readonly shareTarget: number;
  readonly annTarget: number;
  readonly height: number;
  /** Without witness, with the placeholder of the commitment. */
  readonly coinbase: Uint8Array;
  /** Siblings of the coinbase up to the root. */
  readonly branch: readonly Uint8Array[];
}

export function encodeWork(work: PoolWork): Uint8Array {
  const {header, signingKey, shareTarget, annTarget, height, coinbase, branch} = work;
  checkBytes('header', header, HEADER_BYTES);
  checkBytes('signingKey', signingKey, HASH_BYTES);
  checkInteger('height', height, 0, 0x7fffffff);
  const writer = new Writer();
  writer.bytes(header).bytes(signingKey).u32(shareTarget).u32(annTarget).u32(height);
  writer.u32(coinbase.length).bytes(coinbase);
  for (const hash of branch) {
    checkBytes('branch', hash, HASH_BYTES);
    writer.bytes(hash);
  }
  return writer.finish();
}

/** Throws PoolError 'bad-work-file'. */
export function decodeWork(bytes: Uint8Array): PoolWork {
  checkBytes('bytes', bytes);
  if (bytes.length < COINBASE_OFFSET || bytes.length > MAX_FILE_BYTES) {
    throw new PoolError('bad-work-file', {bytes: bytes.length});
  }
  const behind = COINBASE_OFFSET + readU32(bytes, COINBASE_LENGTH_OFFSET);
  const rest = bytes.length - behind;
  const height = readU32(bytes, HEIGHT_OFFSET);
  if (rest < 0 || rest % HASH_BYTES !== 0 || rest / HASH_BYTES > MAX_BRANCH || height > 0x7fffffff) {
    throw new PoolError('bad-work-file', {bytes: bytes.length, behind, height});
  }
  return {
    header: copyBytes(bytes, 0, HEADER_BYTES),
    signingKey: copyBytes(bytes, KEY_OFFSET, SHARE_TARGET_OFFSET),
    shareTarget: readU32(bytes, SHARE_TARGET_OFFSET),
    annTarget: readU32(bytes, ANN_TARGET_OFFSET),
    height,
    coinbase: copyBytes(bytes, COINBASE_OFFSET, behind),
    branch: Array.from({length: rest / HASH_BYTES}, (_, i) =>
      copyBytes(bytes, behind + HASH_BYTES * i, behind + HASH_BYTES * (i + 1)),
    ),
  };
}

/** A whole block to be made: what block handlers need besides the work. */
export interface TemplateFile {
  readonly height: number;
  readonly header: Uint8Array;
  readonly coinbase: Uint8Array;
  readonly branch: readonly Uint8Array[];
  /** With witnesses; the first is the coinbase with the placeholder. */
  readonly transactions: readonly Uint8Array[];
}

function writeStrings(writer: Writer, strings: readonly Uint8Array[]): Writer {
  for (const text of strings) writer.varint(text.length).bytes(text);
  return writer;
}

function encodeList(strings: readonly Uint8Array[]): Uint8Array {
  return writeStrings(new Writer(), strings).finish();
}

export function encodeTemplateFile({height, header, coinbase, branch, transactions}: TemplateFile): Uint8Array {
  checkBytes('header', header, HEADER_BYTES);
  checkU32('height', height);
  return encodeList([
    encodeVarint(1),
    encodeVarint(height),
    header,
    coinbase,
    encodeList(branch),
    encodeList(transactions),
  ]);
}

function readList(bytes: Uint8Array): Uint8Array[] {
  const reader = new Reader(bytes);
  const strings: Uint8Array[] = [];
  while (reader.remaining > 0) strings.push(reader.bytes(reader.varintUpTo(reader.remaining)));
  return strings;
}

function readNumber(bytes: Uint8Array): number {
  const reader = new Reader(bytes);
  const value = reader.varintUpTo(0xffffffff);
  reader.end();
  return value;
}

/** Throws PoolError 'bad-template-file'. */
export function decodeTemplateFile(bytes: Uint8Array): TemplateFile {
  checkBytes('bytes', bytes);
  try {
    const parts = readList(bytes);
    const [version, height, header, coinbase, branch, transactions] = parts as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    if (parts.length !== 6 || readNumber(version) !== 1 || header.length !== HEADER_BYTES) {
      throw new PoolError('bad-template-file', {parts: parts.length});
    }
    const hashes = readList(branch);
    if (hashes.length > MAX_BRANCH || hashes.some((hash) => hash.length !== HASH_BYTES)) {
      throw new PoolError('bad-template-file', {branch: hashes.length});
    }
    return {height: readNumber(height), header, coinbase, branch: hashes, transactions: readList(transactions)};
  } catch (error) {
    if (!(error instanceof BytesError)) throw error;
    throw new PoolError('bad-template-file', {}, error);
  }
}

/** Header of a work for a coinbase (without witness) and a nonce.   pool spec §3.5 */
export function workHeader({header, branch}: PoolWork, coinbase: Uint8Array, nonce: number): Uint8Array {
  let root = dsha256(coinbase);
  const pair = new Uint8Array(2 * HASH_BYTES);
  for (const sibling of branch) {
    pair.set(root);
    pair.set(sibling, HASH_BYTES);
    root = dsha256(pair);
  }
  const result = copyBytes(header);
  result.set(root, MERKLE_ROOT_OFFSET);
  new DataView(result.buffer).setUint32(NONCE_OFFSET, nonce, true);
  return result;
}

// The pool on disk.   chain spec §4.3
//
//   "PKTPOOL1" | network magic u32 | count u32 | per transaction: time u64 ms | local u8 | length u32, bytes | SHA-256 of all that
import {concatBytes, equalBytes, Reader, Writer} from '../../core/bytes/index.ts';
import {sha256} from '../../core/crypto/index.ts';
import {CodedError, type ErrorTable} from '../../core/errors.ts';
import {decodeTransaction, encodeTransaction, type Transaction} from '../../core/primitives/index.ts';
import type {Log} from '../../service/logs/log.ts';
import {readWholeFile, writeFileAtomically} from '../../service/stores/atomic-file.ts';
import {StoreError} from '../../service/stores/key-value-store.ts';

const HEAD = new TextEncoder().encode('PKTPOOL1');
const CHECKSUM_BYTES = 32;
/** Bound on the file, which is read as a whole. */
const MAX_FILE_BYTES = 2 ** 30;
/** Time, local and length of a record. */
const MIN_RECORD_BYTES = 13;

/** A transaction as it is kept. */
export interface PoolRecord {
  readonly transaction: Transaction;
  readonly timeMs: number;
  readonly isLocal: boolean;
}

export type PoolFileErrorCode = 'pool-file-damaged' | 'pool-file-of-other-network';

export const POOL_FILE_ERRORS: ErrorTable<PoolFileErrorCode> = Object.freeze({
  'pool-file-damaged': {text: 'the file is not what was written'},
  'pool-file-of-other-network': {text: 'the file was written on another network'},
});

export class PoolFileError extends CodedError<PoolFileErrorCode> {
  constructor(code: PoolFileErrorCode, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(code, POOL_FILE_ERRORS[code], details, cause);
  }
}

export function encodePool(magic: number, records: readonly PoolRecord[]): Uint8Array {
  const writer = new Writer().bytes(HEAD).u32(magic).u32(records.length);
  for (const {transaction, timeMs, isLocal} of records) {
    const bytes = encodeTransaction(transaction);
    writer
      .u64(BigInt(timeMs))
      .u8(isLocal ? 1 : 0)
      .u32(bytes.length)
      .bytes(bytes);
  }
  const body = writer.finish();
  return concatBytes(body, sha256(body));
}

/** Throws PoolFileError. */
export function decodePool(magic: number, bytes: Uint8Array): PoolRecord[] {
  const end = bytes.length - CHECKSUM_BYTES;
  const body = bytes.subarray(0, Math.max(0, end));
  if (end < HEAD.length || !equalBytes(body.subarray(0, HEAD.length), HEAD))
    throw new PoolFileError('pool-file-damaged');
  if (!equalBytes(sha256(body), bytes.subarray(end))) throw new PoolFileError('pool-file-damaged');
  const reader = new Reader(body.subarray(HEAD.length));
  const written = reader.u32();
  if (written !== magic) throw new PoolFileError('pool-file-of-other-network', {magic: written});
  return readRecords(reader);
}

/** The checksum fits, so a failure here means another version of this program, or a bug; the file is as good as damaged. */
function readRecords(reader: Reader): PoolRecord[] {
  try {
    const count = reader.u32();
    if (count > reader.remaining / MIN_RECORD_BYTES) throw new PoolFileError('pool-file-damaged', {count});
    const records: PoolRecord[] = [];
    for (let i = 0; i < count; i++) {
      const timeMs = Number(reader.u64());
      const local = reader.u8();
      if (!Number.isSafeInteger(timeMs) || local > 1) throw new PoolFileError('pool-file-damaged', {timeMs, local});
      records.push({timeMs, isLocal: local === 1, transaction: decodeTransaction(reader.view(reader.u32()))});
    }
    reader.end();
    return records;
  } catch (error) {
    if (error instanceof CodedError) throw new PoolFileError('pool-file-damaged', {}, error);
    throw error;
  }
}

/** What the file holds; nothing, after a warning, where it cannot be read. magic: of the network */
export async function readPool(path: string, magic: number, log: Log): Promise<PoolRecord[]> {
  try {
    const bytes = await readWholeFile(path, MAX_FILE_BYTES);
    return bytes === undefined ? [] : decodePool(magic, bytes);
  } catch (error) {
    if (!(error instanceof PoolFileError) && !(error instanceof StoreError)) throw error;
    log.warn('the kept transactions cannot be read and are left out', {path, error});
    return [];
  }
}

/** Replaces the file; false, after a warning, where that does not work. */
export async function writePool(
  path: string,
  magic: number,
  records: readonly PoolRecord[],
  log: Log,
): Promise<boolean> {
  try {
    await writeFileAtomically(path, encodePool(magic, records));
    return true;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn('the transactions of the pool cannot be saved', {path, error});
    return false;
  }
}

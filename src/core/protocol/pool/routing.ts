// Which handler takes what, and the ids of what is sent.   pool spec §3.7, §4.1
import {encodeHex, isZero, readU32, readU64} from '../../bytes/index.ts';
import {compress32, sha256} from '../../crypto/index.ts';
import {checkBytes, checkInteger} from '../../errors.ts';
import {ANN_BYTES} from '../../packetcrypt/index.ts';

const HARD_NONCE_OFFSET = 4;
const CONTENT_HASH_OFFSET = 24;
const CONTENT_HASH_END = 56;
const ID_BYTES = 16;
const NO_PREFIX = 0n;
const LAST_PREFIX = 2n ** 64n - 1n;

/** d: the first 8 bytes of the hash of an announcement, by which it is routed and recognised. */
export function announcementPrefix(ann: Uint8Array): bigint {
  checkBytes('ann', ann, ANN_BYTES);
  return readU64(compress32(ann), 0);
}

/** Two prefixes are set aside: announcements that have them are refused everywhere. */
export function isReservedPrefix(prefix: bigint): boolean {
  return prefix === NO_PREFIX || prefix === LAST_PREFIX;
}

/** True when the content hash of an announcement is all zero. */
export function hasNoContent(ann: Uint8Array): boolean {
  return isZero(ann.subarray(CONTENT_HASH_OFFSET, CONTENT_HASH_END));
}

/** Number of the announcement handler that takes an announcement, 0..handlers-1. */
export function announcementHandler(prefix: bigint, handlers: number): number {
  checkInteger('handlers', handlers, 1, 0xffffffff);
  return handlers === 1 ? 0 : Number(prefix % BigInt(handlers));
}

/** The same for senders of soft version 2 and up, by the hard nonce. */
export function announcementHandlerByNonce(ann: Uint8Array, handlers: number): number {
  checkInteger('handlers', handlers, 1, 0xffffffff);
  return readU32(ann, HARD_NONCE_OFFSET) % handlers;
}

/** Id of a batch of announcements: 32 hexadecimal digits. hash: compress32 of the batch. */
export function batchIdOf(hash: Uint8Array): string {
  return encodeHex(hash.subarray(0, ID_BYTES));
}

/** The same of the batch itself. */
export function batchId(body: Uint8Array): string {
  return batchIdOf(compress32(body));
}

/** Id of a share; header: as the work has it, but for merkle root and nonce. */
export function shareId(header: Uint8Array, nonce2: number): string {
  const id = compress32(header).slice(0, ID_BYTES);
  const view = new DataView(id.buffer);
  view.setUint32(0, (view.getUint32(0, true) ^ nonce2) >>> 0, true);
  return encodeHex(id);
}

/** Id of an uploaded log: what the paymaker answers when it has it. */
export function logId(body: Uint8Array): string {
  return encodeHex(sha256(body).subarray(0, ID_BYTES));
}

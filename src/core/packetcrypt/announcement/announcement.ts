// Announcement layout and hashes.   spec §2
//
//   0 version u8 | 1 softNonce u24 | 4 hardNonce u32 | 8 workBits u32 | 12 parentBlockHeight u32 | 16 contentType u32
//   20 contentLength u32 | 24 contentHash 32 | 56 signingKey 32 | 88 branch 13 × 64 | 920 root 64 | 984 item4Prefix 40
import {concatBytes, copyBytes, isZero, readU24, readU32, writeU24, writeU32, xorInto} from '../../bytes/index.ts';
import {compress32, compress64} from '../../crypto/index.ts';
import {checkBytes, checkInteger, checkU32} from '../../errors.ts';
import {STATE_BYTES} from '../crypto-cycle.ts';
import {AnnError} from '../errors.ts';

export const ANN_BYTES = 1024;
export const ANN_HEADER_BYTES = 88;
export const ANN_BRANCH_OFFSET = 88;
export const ANN_BRANCH_BYTES = 832;
export const ANN_ROOT_OFFSET = 920;
export const ANN_PREFIX_OFFSET = 984;
export const ANN_PREFIX_BYTES = 40;
/** Hashes of the announcement's own tree. */
export const ANN_HASH_BYTES = 64;
/** Items of a table, and the depth of the tree over them. */
export const TABLE_ITEMS = 8192;
export const TABLE_DEPTH = 13;
/** Version of the announcements made today. Versions 2..255 are treated alike. */
export const ANN_VERSION = 1;

const SIGNING_KEY_OFFSET = 56;

/** The header fields, bytes 0..87. `contentHash` and `signingKey` are 32 bytes; an all-zero key means unsigned. */
export interface AnnouncementHeader {
  readonly version: number;
  readonly softNonce: number;
  readonly hardNonce: number;
  readonly workBits: number;
  readonly parentBlockHeight: number;
  readonly contentType: number;
  readonly contentLength: number;
  readonly contentHash: Uint8Array;
  readonly signingKey: Uint8Array;
}

/** Throws TypeError unless `ann` is a Uint8Array, AnnError 'INVAL' unless it has 1024 bytes. */
export function checkAnnouncementSize(ann: Uint8Array): void {
  checkBytes('ann', ann);
  if (ann.length !== ANN_BYTES) throw new AnnError('INVAL', {expected: ANN_BYTES, got: ann.length});
}

export function annVersion(ann: Uint8Array): number {
  return ann[0]!;
}

export function annSoftNonce(ann: Uint8Array): number {
  return readU24(ann, 1);
}

export function annWorkBits(ann: Uint8Array): number {
  return readU32(ann, 8);
}

export function annParentBlockHeight(ann: Uint8Array): number {
  return readU32(ann, 12);
}

/** The signing key, a view of the announcement; `undefined` for an unsigned one.   spec §2.4 */
export function annSigningKey(ann: Uint8Array): Uint8Array | undefined {
  const key = ann.subarray(SIGNING_KEY_OFFSET, SIGNING_KEY_OFFSET + 32);
  return isZero(key) ? undefined : key;
}

/** Header fields of an announcement or of its first 88 bytes. Throws AnnError 'INVAL' when shorter. */
export function decodeAnnouncementHeader(ann: Uint8Array): AnnouncementHeader {
  checkBytes('ann', ann);
  if (ann.length < ANN_HEADER_BYTES) throw new AnnError('INVAL', {expected: ANN_HEADER_BYTES, got: ann.length});
  return {
    version: annVersion(ann),
    softNonce: annSoftNonce(ann),
    hardNonce: readU32(ann, 4),
    workBits: annWorkBits(ann),
    parentBlockHeight: annParentBlockHeight(ann),
    contentType: readU32(ann, 16),
    contentLength: readU32(ann, 20),
    contentHash: copyBytes(ann, 24, 56),
    signingKey: copyBytes(ann, SIGNING_KEY_OFFSET, SIGNING_KEY_OFFSET + 32),
  };
}

/** The 88 header bytes. Throws RangeError or TypeError for fields that do not fit. */
export function encodeAnnouncementHeader(header: AnnouncementHeader): Uint8Array {
  checkInteger('version', header.version, 0, 0xff);
  checkInteger('softNonce', header.softNonce, 0, 0xffffff);
  for (const name of ['hardNonce', 'workBits', 'parentBlockHeight', 'contentType', 'contentLength'] as const) {
    checkU32(name, header[name]);
  }
  checkBytes('contentHash', header.contentHash, 32);
  checkBytes('signingKey', header.signingKey, 32);
  const bytes = new Uint8Array(ANN_HEADER_BYTES);
  bytes[0] = header.version;
  writeU24(bytes, 1, header.softNonce);
  writeU32(bytes, 4, header.hardNonce);
  writeU32(bytes, 8, header.workBits);
  writeU32(bytes, 12, header.parentBlockHeight);
  writeU32(bytes, 16, header.contentType);
  writeU32(bytes, 20, header.contentLength);
  bytes.set(header.contentHash, 24);
  bytes.set(header.signingKey, SIGNING_KEY_OFFSET);
  return bytes;
}

/**
 * Encrypts or decrypts branch and prefix in place with the final state; its own inverse.   spec §2.1
 * The root between them stays in clear.
 */
export function annCrypt(ann: Uint8Array, state: Uint8Array): void {
  checkBytes('ann', ann, ANN_BYTES);
  checkBytes('state', state, STATE_BYTES);
  xorInto(ann, ANN_BRANCH_OFFSET, state, 0, ANN_BRANCH_BYTES);
  xorInto(ann, ANN_PREFIX_OFFSET, state, ANN_BRANCH_BYTES, ANN_PREFIX_BYTES);
}

/** The header bytes with soft nonce zero: what both table seeds are made of.   spec §2.5 */
function headerWithoutSoftNonce(ann: Uint8Array): Uint8Array {
  const header = copyBytes(ann, 0, ANN_HEADER_BYTES);
  writeU24(header, 1, 0);
  return header;
}

/** Seed of the first table (64 bytes): header and parent hash (32 bytes, internal byte order).   spec §2.5 */
export function annHash0(annOrHeader: Uint8Array, parentHash: Uint8Array): Uint8Array {
  checkBytes('parentHash', parentHash, 32);
  return compress64(concatBytes(headerWithoutSoftNonce(annOrHeader), parentHash, new Uint8Array(32)));
}

/** Seed of the search (64 bytes): header and root (64 bytes) of the first table.   spec §2.5 */
export function annHash1(annOrHeader: Uint8Array, root: Uint8Array): Uint8Array {
  checkBytes('root', root, ANN_HASH_BYTES);
  return compress64(concatBytes(headerWithoutSoftNonce(annOrHeader), root));
}

/** Seed of the second table (64 bytes).   spec §6 step 5 */
export function v1Seed(root: Uint8Array, hash0: Uint8Array): Uint8Array {
  checkBytes('root', root, ANN_HASH_BYTES);
  checkBytes('hash0', hash0, 64);
  return compress64(concatBytes(root, hash0));
}

/** Identity of an announcement (32 bytes), over all 1024 bytes as transmitted.   spec §2.5 */
export function annHash(ann: Uint8Array): Uint8Array {
  checkBytes('ann', ann, ANN_BYTES);
  return compress32(ann);
}

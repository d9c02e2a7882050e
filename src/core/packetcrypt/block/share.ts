// Shares, as block miners upload them to a pool.   spec §8.9
import {BytesError, concatBytes, copyBytes, decodeHex, encodeHex, readU32} from '../../bytes/index.ts';
import {compress32} from '../../crypto/index.ts';
import {checkBytes, checkInteger, checkU32} from '../../errors.ts';
import {ProofWireError} from '../errors.ts';
import {decodeOpenProof, encodeProof, MAX_RECORD_BYTES, type PacketCryptProof} from '../proof/proof-wire.ts';
import {COMMITMENT_BYTES} from './commitment.ts';

export const HEADER_BYTES = 80;
/** Header, proof record with its head, version record; generous. */
const MAX_SHARE_BYTES = HEADER_BYTES + MAX_RECORD_BYTES + 64;

/** The JSON object of an upload. */
export interface ShareUpload {
  readonly coinbase_commit: string;
  readonly header_and_proof: string;
}

export interface Share {
  /** 48 bytes */
  readonly commitment: Uint8Array;
  /** 80 bytes */
  readonly header: Uint8Array;
  readonly proof: PacketCryptProof;
}

/** The upload of a share. Its signatures are not part of it: the pool adds them. */
export function encodeShare({commitment, header, proof}: Share): ShareUpload {
  checkBytes('commitment', commitment, COMMITMENT_BYTES);
  checkBytes('header', header, HEADER_BYTES);
  const unsigned = {...proof, signatures: proof.announcements.map(() => undefined), contentProofs: undefined};
  return {
    coinbase_commit: encodeHex(commitment),
    header_and_proof: encodeHex(concatBytes(header, encodeProof(unsigned, 'share'))),
  };
}

function hexField(upload: object, name: keyof ShareUpload): Uint8Array {
  const text: unknown = (upload as Partial<Record<string, unknown>>)[name];
  if (typeof text !== 'string' || text.length > 2 * MAX_SHARE_BYTES) throw new ProofWireError('share-shape', {name});
  try {
    return decodeHex(text);
  } catch (error) {
    if (error instanceof BytesError) throw new ProofWireError('share-shape', {name, ...error.details}, error);
    throw error;
  }
}

/**
 * A share from parsed JSON of unknown shape. Only the records 1 and 4 may be there.
 * Throws ProofWireError 'share-shape' and the codes of decodeProof.
 */
export function decodeShare(upload: unknown): Share {
  if (typeof upload !== 'object' || upload === null) throw new ProofWireError('share-shape', {got: typeof upload});
  const commitment = hexField(upload, 'coinbase_commit');
  if (commitment.length !== COMMITMENT_BYTES) throw new ProofWireError('share-shape', {commitment: commitment.length});
  const bytes = hexField(upload, 'header_and_proof');
  if (bytes.length < HEADER_BYTES) throw new ProofWireError('truncated', {got: bytes.length});
  const proof = decodeOpenProof(bytes.subarray(HEADER_BYTES));
  if (proof.contentProofs !== undefined || proof.signatures.some((signature) => signature !== undefined)) {
    throw new ProofWireError('share-shape', {reason: 'signatures or content proofs'});
  }
  return {commitment, header: copyBytes(bytes, 0, HEADER_BYTES), proof};
}

/** Number of the pool's block handler that takes a share, 0..handlerCount-1. */
export function shareHandler(header: Uint8Array, nonce2: number, handlerCount: number): number {
  checkBytes('header', header, HEADER_BYTES);
  checkU32('nonce2', nonce2);
  checkInteger('handlerCount', handlerCount, 1, 0xffffffff);
  return ((readU32(compress32(header), 0) ^ nonce2) >>> 0) % handlerCount;
}

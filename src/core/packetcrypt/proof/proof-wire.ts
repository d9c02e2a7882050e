// The proof records between header and transactions of a block.   spec §8.8
//
//   record: type varint | length varint | value
//   0 end | 1 proof: nonce2 u32, 4 × 1024 announcements, tree proof | 2 signatures: 64 bytes per signed announcement
//   3 content proofs | 4 version: one varint
import {BytesError, concatBytes, copyBytes, encodeVarint, Reader, varintSize, Writer} from '../../bytes/index.ts';
import {checkBigUint, checkBytes, checkU32} from '../../errors.ts';
import {ANN_BYTES, annSigningKey} from '../announcement/announcement.ts';
import {ProofWireError} from '../errors.ts';
import {checkProfile, type Profile} from '../profile.ts';
import {PROOF_ANNS} from './proof-tree.ts';

export const SIGNATURE_BYTES = 64;
const END_RECORD = 0;
const PROOF_RECORD = 1;
const SIGNATURES_RECORD = 2;
const CONTENT_RECORD = 3;
const VERSION_RECORD = 4;
/** nonce2 and the announcements; the tree proof has at least one byte more. */
const PROOF_HEAD_BYTES = 4 + PROOF_ANNS * ANN_BYTES;
export const MAX_RECORD_BYTES = 131072;

export interface PacketCryptProof {
  /** 0 when no version record is there; 2 today, higher ones are treated alike. */
  readonly version: bigint;
  /** The nonce that travels with the proof, u32. */
  readonly nonce2: number;
  /** Four announcements, 1024 bytes each, in the order of selection. */
  readonly announcements: readonly Uint8Array[];
  readonly treeProof: Uint8Array;
  /** Per announcement 64 bytes, `undefined` where there is none. */
  readonly signatures: readonly (Uint8Array | undefined)[];
  /** Value of the content proof record, `undefined` without one. */
  readonly contentProofs: Uint8Array | undefined;
}

type Fields = {-readonly [Name in keyof PacketCryptProof]?: PacketCryptProof[Name]};

/** Runs a step of decoding; what Reader refuses becomes a code of ours. */
function decoding<Result>(step: () => Result): Result {
  try {
    return step();
  } catch (error) {
    if (error instanceof BytesError) {
      if (error.code === 'varint-not-canonical') throw new ProofWireError('varint-not-canonical', error.details, error);
      if (error.code === 'trailing-bytes') throw new ProofWireError('trailing-bytes', error.details, error);
      throw new ProofWireError('truncated', error.details, error);
    }
    throw error;
  }
}

function takeProof(fields: Fields, value: Uint8Array): void {
  const reader = new Reader(value);
  fields.nonce2 = reader.u32();
  fields.announcements = Array.from({length: PROOF_ANNS}, () => reader.bytes(ANN_BYTES));
  fields.treeProof = reader.bytes(reader.remaining);
}

function takeSignatures(fields: Fields, value: Uint8Array, profile: Profile): void {
  if (fields.announcements === undefined) throw new ProofWireError('record-before-proof', {type: SIGNATURES_RECORD});
  const signed = fields.announcements.map((ann) => annSigningKey(ann) !== undefined);
  const wanted = SIGNATURE_BYTES * signed.filter(Boolean).length;
  if (value.length !== wanted) throw new ProofWireError('signatures-length', {expected: wanted, got: value.length});
  if (profile === 'strict' && wanted === 0) throw new ProofWireError('record-superfluous', {type: SIGNATURES_RECORD});
  const reader = new Reader(value);
  const before = fields.signatures ?? [];
  fields.signatures = signed.map((has, k) => (has ? reader.bytes(SIGNATURE_BYTES) : before[k]));
}

function takeContentProofs(fields: Fields, value: Uint8Array, profile: Profile): void {
  if (fields.announcements === undefined) throw new ProofWireError('record-before-proof', {type: CONTENT_RECORD});
  if (profile === 'strict' && value.length === 0)
    throw new ProofWireError('record-superfluous', {type: CONTENT_RECORD});
  fields.contentProofs = copyBytes(value);
}

function takeVersion(fields: Fields, value: Uint8Array, profile: Profile): void {
  const version = new Reader(value).varint();
  if (varintSize(version) !== value.length) throw new ProofWireError('version-length', {length: value.length});
  if (profile === 'strict' && version === 0n) throw new ProofWireError('record-superfluous', {type: VERSION_RECORD});
  fields.version = version;
}

/** Holds the stated length of a record to its limits and to what is left of the data, before anything is read. */
function checkLength(type: bigint, length: bigint, reader: Reader): number {
  if (type === BigInt(PROOF_RECORD) && (length <= BigInt(PROOF_HEAD_BYTES) || length > BigInt(MAX_RECORD_BYTES))) {
    throw new ProofWireError('proof-length', {length});
  }
  if (type === BigInt(CONTENT_RECORD) && length > BigInt(MAX_RECORD_BYTES)) {
    throw new ProofWireError('record-too-large', {type, length});
  }
  if (length > BigInt(reader.remaining)) throw new ProofWireError('truncated', {type, length, left: reader.remaining});
  return Number(length);
}

/** Reads one record; true when it was the end record. */
function readRecord(reader: Reader, fields: Fields, seen: Set<bigint>, profile: Profile): boolean {
  const type = reader.varint();
  const length = reader.varint();
  if (type === BigInt(END_RECORD)) {
    // The node software ignores this length and consumes nothing.
    if (profile === 'strict' && length !== 0n) throw new ProofWireError('end-length', {length});
    return true;
  }
  const value = reader.view(checkLength(type, length, reader));
  if (profile === 'strict') {
    if (type > BigInt(VERSION_RECORD)) throw new ProofWireError('record-unknown', {type});
    if (seen.has(type)) throw new ProofWireError('record-repeated', {type});
    seen.add(type); // at most the known types: nodes skip unknown ones by the million without remembering them
  }
  if (type === BigInt(PROOF_RECORD)) takeProof(fields, value);
  else if (type === BigInt(SIGNATURES_RECORD)) takeSignatures(fields, value, profile);
  else if (type === BigInt(CONTENT_RECORD)) takeContentProofs(fields, value, profile);
  else if (type === BigInt(VERSION_RECORD)) takeVersion(fields, value, profile);
  return false;
}

function complete(fields: Fields): PacketCryptProof {
  const {nonce2, announcements, treeProof} = fields;
  if (nonce2 === undefined || announcements === undefined || treeProof === undefined) {
    throw new ProofWireError('proof-missing');
  }
  return {
    version: fields.version ?? 0n,
    nonce2,
    announcements,
    treeProof,
    signatures: fields.signatures ?? announcements.map(() => undefined),
    contentProofs: fields.contentProofs,
  };
}

/**
 * Reads proof records up to and including the end record; the reader then stands at the transactions.   spec §8.8
 *
 * strict  every record at most once, none unknown, none that says only what its absence says; order free except that
 *         the proof precedes signatures and content proofs
 * node    unknown records are skipped, repeated ones replace, the length of the end record is ignored
 * throws  ProofWireError. Time and memory are bounded by the data.
 */
export function readProof(reader: Reader, profile: Profile = 'strict'): PacketCryptProof {
  checkProfile(profile);
  return decoding(() => {
    const fields: Fields = {};
    const seen = new Set<bigint>();
    while (!readRecord(reader, fields, seen, profile)) {
      // the end record ends it, or the data's end refuses it
    }
    return complete(fields);
  });
}

/** Proof records with the end record and nothing behind it.   spec §8.8 */
export function decodeProof(bytes: Uint8Array, profile: Profile = 'strict'): PacketCryptProof {
  const reader = new Reader(bytes);
  const proof = readProof(reader, profile);
  decoding(() => reader.end());
  return proof;
}

/** Proof records without end record, as in a share: all of `bytes`. Strict profile.   spec §8.9 */
export function decodeOpenProof(bytes: Uint8Array): PacketCryptProof {
  return decoding(() => {
    const reader = new Reader(bytes);
    const fields: Fields = {};
    const seen = new Set<bigint>();
    while (reader.remaining > 0) {
      if (readRecord(reader, fields, seen, 'strict')) throw new ProofWireError('end-length', {reason: 'end record'});
    }
    return complete(fields);
  });
}

function record(type: number, value: Uint8Array): Uint8Array {
  return concatBytes(encodeVarint(type), encodeVarint(value.length), value);
}

/** Throws TypeError or RangeError unless the proof can be written. */
function checkProof(proof: PacketCryptProof): void {
  checkBigUint('version', proof.version, 64);
  checkU32('nonce2', proof.nonce2);
  checkBytes('treeProof', proof.treeProof);
  const {length} = proof.treeProof;
  if (length === 0 || length > MAX_RECORD_BYTES - PROOF_HEAD_BYTES) {
    throw new RangeError(`"treeProof" expected 1..${MAX_RECORD_BYTES - PROOF_HEAD_BYTES} bytes, got length ${length}`);
  }
  for (const name of ['announcements', 'signatures'] as const) {
    if (proof[name].length !== PROOF_ANNS) {
      throw new RangeError(`"${name}" expected array of length ${PROOF_ANNS}, got length ${proof[name].length}`);
    }
  }
  for (const ann of proof.announcements) checkBytes('announcements', ann, ANN_BYTES);
  if (proof.contentProofs !== undefined) checkBytes('contentProofs', proof.contentProofs);
}

/** Signatures of the signed announcements, one after another; empty when there are none, or none given. */
function joinSignatures({announcements, signatures}: PacketCryptProof): Uint8Array {
  const signed = announcements.flatMap((ann, k) => (annSigningKey(ann) === undefined ? [] : [signatures[k]]));
  const present = signed.filter((signature) => signature !== undefined);
  if (present.length !== 0 && present.length !== signed.length) {
    throw new RangeError(`"signatures" expected all ${signed.length} or none, got ${present.length}`);
  }
  for (const signature of present) checkBytes('signatures', signature, SIGNATURE_BYTES);
  return concatBytes(...present);
}

/**
 * Order of the records: `node` 1, 2, 3, 4, 0 as nodes write blocks; `miner` 1, 4, 2, 3, 0 as miners and pools do;
 * `share` is `miner` without end record.
 */
export type ProofLayout = 'node' | 'miner' | 'share';

/** Writes proof records in canonical form: none that says what its absence says.   spec §8.8 */
export function encodeProof(proof: PacketCryptProof, layout: ProofLayout = 'node'): Uint8Array {
  checkProof(proof);
  const head = new Writer().u32(proof.nonce2);
  for (const ann of proof.announcements) head.bytes(ann);
  const main = record(PROOF_RECORD, head.bytes(proof.treeProof).finish());
  const joined = joinSignatures(proof);
  const signatures = joined.length === 0 ? joined : record(SIGNATURES_RECORD, joined);
  const empty = new Uint8Array(0);
  const contents = proof.contentProofs === undefined ? empty : record(CONTENT_RECORD, proof.contentProofs);
  const version = proof.version === 0n ? empty : record(VERSION_RECORD, encodeVarint(proof.version));
  const end = Uint8Array.of(END_RECORD, 0);
  if (layout === 'node') return concatBytes(main, signatures, contents, version, end);
  return concatBytes(main, version, signatures, contents, layout === 'share' ? empty : end);
}

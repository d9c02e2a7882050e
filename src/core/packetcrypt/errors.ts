// Why PacketCrypt data is refused. Codes in capitals are those of the specification and of the existing programs;
// `value` is their number there.
import {CodedError, type ErrorRow} from '../errors.ts';

type Details = Readonly<Record<string, unknown>>;

interface ValueRow extends ErrorRow {
  readonly value?: number;
}

/** Why a program cannot be made or run; the last three concern programs that no seed generates.   spec §4.6, §5.2 */
export type RandHashErrorCode = 'TOO_BIG' | 'TOO_LONG' | 'BAD_OPCODE' | 'BAD_OPERAND' | 'BAD_STRUCTURE';

export const RAND_HASH_ERRORS: Readonly<Record<RandHashErrorCode, ValueRow>> = Object.freeze({
  TOO_BIG: {value: -1, text: 'the program has more than 2048 instructions'},
  TOO_LONG: {value: -3, text: 'the program executes more than 20000 instructions in one cycle'},
  BAD_OPCODE: {text: 'the program has an instruction that does not exist'},
  BAD_OPERAND: {text: 'an instruction names no variable of its open frames, or has a count out of range'},
  BAD_STRUCTURE: {text: 'loops, branches and ends of the program do not nest'},
});

export class RandHashError extends CodedError<RandHashErrorCode> {
  constructor(code: RandHashErrorCode, details: Details = {}) {
    super(code, RAND_HASH_ERRORS[code], details);
  }
}

/** Why an announcement is refused.   spec §7 */
export type AnnErrorCode =
  | 'INVAL'
  | 'INVAL_ITEM4'
  | 'INSUF_POW'
  | 'SOFT_NONCE_HIGH'
  | 'BAD_PROGRAM'
  | 'ANN_VERSION_NOT_ALLOWED'
  | 'ANN_VERSION_MISMATCH';

export const ANN_ERRORS: Readonly<Record<AnnErrorCode, ValueRow>> = Object.freeze({
  INVAL: {value: 1, penalty: 100, text: 'malformed, or the fourth item is not in the tree of the first table'},
  INVAL_ITEM4: {value: 2, penalty: 100, text: 'the part bound to the fourth item does not decrypt to what it must be'},
  INSUF_POW: {value: 3, penalty: 100, text: 'the work hash does not meet the work bits'},
  SOFT_NONCE_HIGH: {value: 4, penalty: 100, text: 'the soft nonce is above the limit of the work bits'},
  BAD_PROGRAM: {value: 1, penalty: 100, text: 'no program can be made from the seed, or it runs too long'},
  ANN_VERSION_NOT_ALLOWED: {penalty: 100, text: 'announcements of this version are not allowed at this parent height'},
  ANN_VERSION_MISMATCH: {penalty: 100, text: 'announcements of version 0 are not allowed in this proof version'},
});

export class AnnError extends CodedError<AnnErrorCode> {
  constructor(code: AnnErrorCode, details: Details = {}, cause?: unknown) {
    super(code, ANN_ERRORS[code], details, cause);
  }
}

/** Why a block or share is refused for its PacketCrypt proof.   spec §10.1 */
export type BlockErrorCode =
  | 'ANN_INVALID'
  | 'ANN_INSUF_POW'
  | 'ANN_SIG_INVALID'
  | 'ANN_CONTENT_INVALID'
  | 'PCP_INVAL'
  | 'PCP_MISMATCH'
  | 'INSUF_POW'
  | 'BAD_COINBASE'
  | 'PROOF_VERSION_NOT_ALLOWED'
  | 'ANN_PARENT_UNKNOWN';

export const BLOCK_ERRORS: Readonly<Record<BlockErrorCode, ValueRow>> = Object.freeze({
  ANN_INVALID: {value: 0x200, penalty: 100, text: 'an announcement is not valid'},
  ANN_INSUF_POW: {value: 0x300, penalty: 100, text: 'an announcement, aged, has less work than the commitment states'},
  ANN_SIG_INVALID: {value: 0x400, penalty: 100, text: 'the signature of an announcement is missing or wrong'},
  ANN_CONTENT_INVALID: {value: 0x500, penalty: 100, text: 'a content proof is wrong, missing or not allowed'},
  PCP_INVAL: {value: 0x600, penalty: 100, text: 'the announcement tree proof is malformed'},
  PCP_MISMATCH: {value: 0x700, penalty: 100, text: 'the announcement tree proof does not lead to the committed root'},
  INSUF_POW: {value: 0x800, penalty: 100, text: 'the block hash does not meet the effective target'},
  BAD_COINBASE: {value: 0x900, penalty: 100, text: 'the coinbase carries no acceptable commitment'},
  PROOF_VERSION_NOT_ALLOWED: {penalty: 100, text: 'proofs of this version are not allowed at this height'},
  ANN_PARENT_UNKNOWN: {penalty: 0, text: 'an announcement names a parent height of which no ancestor is known'},
});

/** `announcement` is the number (0..3) of the announcement at fault, where there is one. */
export class BlockError extends CodedError<BlockErrorCode> {
  readonly announcement: number | undefined;

  constructor(code: BlockErrorCode, details: Details = {}, cause?: unknown) {
    super(code, BLOCK_ERRORS[code], details, cause);
    const announcement = details['announcement'];
    this.announcement = typeof announcement === 'number' ? announcement : undefined;
  }

  /** Number of the code in the existing programs, announcement number added; `undefined` where they have none. */
  get value(): number | undefined {
    const {value} = BLOCK_ERRORS[this.code];
    return value === undefined ? undefined : value + (this.announcement ?? 0);
  }
}

/** Why the proof records of a block message cannot be decoded.   spec §8.8 */
export type ProofWireErrorCode =
  | 'truncated'
  | 'trailing-bytes'
  | 'varint-not-canonical'
  | 'proof-missing'
  | 'proof-length'
  | 'record-before-proof'
  | 'record-repeated'
  | 'record-unknown'
  | 'record-superfluous'
  | 'record-too-large'
  | 'signatures-length'
  | 'version-length'
  | 'end-length'
  | 'share-shape';

export const PROOF_WIRE_ERRORS: Readonly<Record<ProofWireErrorCode, ErrorRow>> = Object.freeze({
  truncated: {penalty: 100, text: 'the data ends inside the proof records'},
  'trailing-bytes': {penalty: 100, text: 'bytes are left over behind the proof records'},
  'varint-not-canonical': {penalty: 100, text: 'a type, length or version is not in its shortest form'},
  'proof-missing': {penalty: 100, text: 'there is no proof record'},
  'proof-length': {penalty: 100, text: 'the proof record is not longer than 4100 or longer than 131072 bytes'},
  'record-before-proof': {penalty: 100, text: 'signatures or content proofs come before the proof record'},
  'record-repeated': {penalty: 100, text: 'a record occurs twice'},
  'record-unknown': {penalty: 100, text: 'a record has an unknown type'},
  'record-superfluous': {penalty: 100, text: 'a record is empty or says only what its absence says'},
  'record-too-large': {penalty: 100, text: 'a record is larger than 131072 bytes'},
  'signatures-length': {penalty: 100, text: 'the signatures record has not 64 bytes per signed announcement'},
  'version-length': {penalty: 100, text: 'the version record has another length than its number'},
  'end-length': {penalty: 100, text: 'the end record has a length other than 0, or stands where none may'},
  'share-shape': {penalty: 100, text: 'a share is an object with two strings of hex digits, of limited length'},
});

export class ProofWireError extends CodedError<ProofWireErrorCode> {
  constructor(code: ProofWireErrorCode, details: Details = {}, cause?: unknown) {
    super(code, PROOF_WIRE_ERRORS[code], details, cause);
  }
}

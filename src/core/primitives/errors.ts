import {CodedError, type ErrorTable} from '../errors.ts';

/** Why a transaction or block from outside cannot be decoded. A refused encoding says nothing about a block's hash. */
export type WireErrorCode =
  | 'truncated'
  | 'trailing-bytes'
  | 'too-large'
  | 'varint-not-canonical'
  | 'bad-witness-flag'
  | 'witness-empty'
  | 'partial-transaction'
  | 'bad-proof-section';

export const WIRE_ERRORS: ErrorTable<WireErrorCode> = Object.freeze({
  truncated: {penalty: 20, text: 'the data ends before the structure does'},
  'trailing-bytes': {penalty: 20, text: 'bytes are left over behind the structure'},
  'too-large': {penalty: 20, text: 'a length or count exceeds what the message can hold'},
  'varint-not-canonical': {penalty: 20, text: 'a CompactSize number is not in its shortest form'},
  'bad-witness-flag': {penalty: 20, text: 'the byte behind the witness marker is not 1'},
  'witness-empty': {penalty: 20, text: 'the witness form is used for a transaction without witnesses'},
  'partial-transaction': {
    penalty: 20,
    text: 'the version is that of a partial transaction, which the network cannot decode',
  },
  'bad-proof-section': {penalty: 20, text: 'the proof section is not in its canonical form'},
});

export class WireError extends CodedError<WireErrorCode> {
  constructor(code: WireErrorCode, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(code, WIRE_ERRORS[code], details, cause);
  }
}

import {CodedError, type ErrorTable} from '../errors.ts';

/** Why bytes or text from outside cannot be decoded, whatever structure they belong to. */
export type BytesErrorCode =
  | 'truncated'
  | 'trailing-bytes'
  | 'too-large'
  | 'varint-not-canonical'
  | 'bad-hex'
  | 'bad-length';

export const BYTES_ERRORS: ErrorTable<BytesErrorCode> = Object.freeze({
  truncated: {penalty: 20, text: 'the data ends before the structure does'},
  'trailing-bytes': {penalty: 20, text: 'bytes are left over behind the structure'},
  'too-large': {penalty: 20, text: 'a length or number exceeds its limit'},
  'varint-not-canonical': {penalty: 20, text: 'a CompactSize number is not in its shortest form'},
  'bad-hex': {penalty: 20, text: 'not an even number of hexadecimal digits'},
  'bad-length': {penalty: 20, text: 'the length is not the required one'},
});

export class BytesError extends CodedError<BytesErrorCode> {
  constructor(code: BytesErrorCode, details: Readonly<Record<string, unknown>> = {}) {
    super(code, BYTES_ERRORS[code], details);
  }
}

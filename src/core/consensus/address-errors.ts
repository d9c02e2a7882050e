import {CodedError, type ErrorTable} from '../errors.ts';

/** Why a text is no address. */
export type AddressErrorCode =
  | 'unknown-format'
  | 'bad-base64'
  | 'mixed-case'
  | 'bad-bech32'
  | 'bad-witness-program'
  | 'bad-public-key'
  | 'bad-checksum'
  | 'unknown-version'
  | 'other-network';

export const ADDRESS_ERRORS: ErrorTable<AddressErrorCode> = Object.freeze({
  'unknown-format': {text: 'the text has the form of no address'},
  'bad-base64': {text: 'what follows "script:" is not base64 with padding'},
  'mixed-case': {text: 'a bech32 address has both upper and lower case letters'},
  'bad-bech32': {text: 'the characters or the checksum of a bech32 address are wrong'},
  'bad-witness-program': {text: 'a bech32 address is not of version 0 with 20 or 32 bytes'},
  'bad-public-key': {text: 'the hexadecimal digits are no public key of the curve'},
  'bad-checksum': {text: 'the checksum of a base58 address is wrong'},
  'unknown-version': {text: 'the version byte of a base58 address is none of the network'},
  'other-network': {text: 'the address belongs to another network'},
});

export class AddressError extends CodedError<AddressErrorCode> {
  constructor(code: AddressErrorCode, details: Readonly<Record<string, unknown>> = {}) {
    super(code, ADDRESS_ERRORS[code], details);
  }
}

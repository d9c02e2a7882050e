import {CodedError, type ErrorTable} from '../../errors.ts';

/** Why bytes from a peer are no message. */
export type MessageErrorCode =
  | 'wrong-magic'
  | 'wrong-checksum'
  | 'payload-too-long'
  | 'bad-command'
  | 'malformed'
  | 'too-many';

export const MESSAGE_ERRORS: ErrorTable<MessageErrorCode> = Object.freeze({
  'wrong-magic': {penalty: 100, text: 'the message belongs to another network'},
  'wrong-checksum': {penalty: 50, text: 'the checksum does not match the payload'},
  'payload-too-long': {penalty: 100, text: 'the payload is longer than its command allows'},
  'bad-command': {penalty: 50, text: 'the command is not printable text padded with zeros'},
  malformed: {penalty: 20, text: 'the payload is not what its command calls for'},
  'too-many': {penalty: 20, text: 'the payload has more entries than its command allows'},
});

export class MessageError extends CodedError<MessageErrorCode> {
  constructor(code: MessageErrorCode, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(code, MESSAGE_ERRORS[code], details, cause);
  }
}

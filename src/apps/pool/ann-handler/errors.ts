import {CodedError, type ErrorTable} from '../../../core/errors.ts';

/** Why a whole post is refused. The texts are those that existing miners know. */
export type SubmitErrorCode =
  | 'overloaded'
  | 'disconnected'
  | 'not-ready'
  | 'bad-header'
  | 'bad-payto'
  | 'bad-size'
  | 'too-large'
  | 'wrong-height'
  | 'all-refused'
  | 'banned';

export const SUBMIT_ERRORS: ErrorTable<SubmitErrorCode> = Object.freeze({
  overloaded: {text: 'overloaded'},
  disconnected: {text: 'disconnected'},
  'not-ready': {text: 'server not ready'},
  'bad-header': {text: 'a header is missing or not a number'},
  'bad-payto': {text: 'invalid payto'},
  'bad-size': {text: 'size not an even multiple of 1024'},
  'too-large': {text: 'more announcements than one post may have'},
  'wrong-height': {text: 'block number out of range'},
  'all-refused': {text: 'nothing in it could be used'},
  banned: {text: 'too many bad announcements came from this address; try again later'},
});

export class SubmitError extends CodedError<SubmitErrorCode> {
  /** What the sender is told. */
  readonly wire: string;
  readonly status: number;
  /** Announcements in it whose work was not what they claim. */
  readonly forged: number;

  constructor(code: SubmitErrorCode, wire: string = SUBMIT_ERRORS[code].text, status: number = 400, forged = 0) {
    super(code, SUBMIT_ERRORS[code], {wire});
    this.wire = wire;
    this.status = status;
    this.forged = forged;
  }
}

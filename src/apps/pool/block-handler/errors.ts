import {CodedError, type ErrorTable} from '../../../core/errors.ts';

/** Why a share is refused. Miners look for some of the texts that go with them. */
export type ShareErrorCode =
  | 'not-connected'
  | 'no-content'
  | 'not-json'
  | 'bad-share'
  | 'no-work'
  | 'stale'
  | 'parent-out-of-range'
  | 'signing-key'
  | 'no-template'
  | 'invalid'
  | 'not-accepted';

export const SHARE_ERRORS: ErrorTable<ShareErrorCode> = Object.freeze({
  'not-connected': {text: 'server not ready'},
  'no-content': {text: 'no content'},
  'not-json': {text: 'Upload is not parsable as json'},
  'bad-share': {text: 'Upload is not a share'},
  'no-work': {text: 'no currentWork'},
  stale: {text: 'Share is for wrong work'},
  'parent-out-of-range': {text: 'announcement parent block out of range'},
  'signing-key': {text: 'announcement needs signing key'},
  'no-template': {text: 'Unable to get block template'},
  invalid: {text: 'Failed validation of share'},
  'not-accepted': {text: 'error submitting block'},
});

export class ShareError extends CodedError<ShareErrorCode> {
  /** What the miner is told. */
  readonly wire: string;
  readonly status: number;

  constructor(code: ShareErrorCode, wire: string = SHARE_ERRORS[code].text, status: number = 400) {
    super(code, SHARE_ERRORS[code], {wire});
    this.wire = wire;
    this.status = status;
  }
}

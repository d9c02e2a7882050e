import {CodedError, type ErrorTable} from '../../errors.ts';

/** Why something that one part of a pool says to another is not understood. */
export type PoolErrorCode =
  | 'not-served'
  | 'bad-document'
  | 'bad-work-file'
  | 'bad-template-file'
  | 'bad-unit'
  | 'bad-event';

export const POOL_ERRORS: ErrorTable<PoolErrorCode> = Object.freeze({
  'not-served': {text: 'the pool does not have it now; a master that was just started needs a moment'},
  'bad-document': {text: 'a JSON document of the pool lacks a field or has one of another type'},
  'bad-work-file': {text: 'a work file is too short, or does not end where it should'},
  'bad-template-file': {text: 'a block template file is not what its lengths say'},
  'bad-unit': {text: 'a datagram holds neither announcements nor a subscription'},
  'bad-event': {text: 'a line of a log is no event'},
});

export class PoolError extends CodedError<PoolErrorCode> {
  constructor(code: PoolErrorCode, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(code, POOL_ERRORS[code], details, cause);
  }
}

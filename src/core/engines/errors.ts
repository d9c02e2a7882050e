import {CodedError, type ErrorRow} from '../errors.ts';

/** Why an engine refuses or gives up. */
export type EngineErrorCode = 'overloaded' | 'closed' | 'threads-lost' | 'set-too-large';

export const ENGINE_ERRORS: Readonly<Record<EngineErrorCode, ErrorRow>> = Object.freeze({
  overloaded: {text: 'more work is waiting than the engine may hold; try again later'},
  closed: {text: 'the engine has been closed'},
  'threads-lost': {text: 'threads crash again and again; the engine has given up'},
  'set-too-large': {text: 'the set has more announcements than the store was opened for'},
});

export class EngineError extends CodedError<EngineErrorCode> {
  constructor(code: EngineErrorCode, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(code, ENGINE_ERRORS[code], details, cause);
  }
}

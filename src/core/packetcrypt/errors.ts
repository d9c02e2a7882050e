import {CodedError, type ErrorTable} from '../errors.ts';

type Details = Readonly<Record<string, unknown>>;

/** Why a program cannot be made or run.   spec §4.6, §5.2 */
export type RandHashErrorCode = 'TOO_BIG' | 'TOO_LONG';

export const RAND_HASH_ERRORS: ErrorTable<RandHashErrorCode> = Object.freeze({
  TOO_BIG: {text: 'the generated program has more than 2048 instructions'},
  TOO_LONG: {text: 'the program executes more than 20000 instructions in one cycle'},
});

export class RandHashError extends CodedError<RandHashErrorCode> {
  constructor(code: RandHashErrorCode, details: Details = {}) {
    super(code, RAND_HASH_ERRORS[code], details);
  }
}

import {CodedError, type ErrorTable} from '../errors.ts';

type Details = Readonly<Record<string, unknown>>;

/** Why a program cannot be made or run; the last three concern programs that no seed generates.   spec §4.6, §5.2 */
export type RandHashErrorCode = 'TOO_BIG' | 'TOO_LONG' | 'BAD_OPCODE' | 'BAD_OPERAND' | 'BAD_STRUCTURE';

export const RAND_HASH_ERRORS: ErrorTable<RandHashErrorCode> = Object.freeze({
  TOO_BIG: {text: 'the program has more than 2048 instructions'},
  TOO_LONG: {text: 'the program executes more than 20000 instructions in one cycle'},
  BAD_OPCODE: {text: 'the program has an instruction that does not exist'},
  BAD_OPERAND: {text: 'an instruction names no variable of its open frames, or has a count out of range'},
  BAD_STRUCTURE: {text: 'loops, branches and ends of the program do not nest'},
});

export class RandHashError extends CodedError<RandHashErrorCode> {
  constructor(code: RandHashErrorCode, details: Details = {}) {
    super(code, RAND_HASH_ERRORS[code], details);
  }
}

import {CodedError, type ErrorTable} from '../../core/errors.ts';

/** Why a chain cannot be opened. */
export type ChainErrorCode = 'wrong-network' | 'wrong-layout' | 'chain-damaged' | 'closed';

export const CHAIN_ERRORS: ErrorTable<ChainErrorCode> = Object.freeze({
  'wrong-network': {text: 'the data directory belongs to another network; choose another directory'},
  'wrong-layout': {text: 'the data directory was written by another version of this program that this one cannot read'},
  'chain-damaged': {text: 'the stored chain is damaged; remove the data directory and synchronise again'},
  closed: {text: 'the chain has been closed'},
});

export class ChainError extends CodedError<ChainErrorCode> {
  constructor(code: ChainErrorCode, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(code, CHAIN_ERRORS[code], details, cause);
  }
}

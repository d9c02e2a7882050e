import {CodedError, type ErrorTable} from '../../../core/errors.ts';

export type PaymakerErrorCode =
  | 'bad-settings'
  | 'over-budget'
  | 'overloaded'
  | 'ledger-unusable'
  | 'ledger-newer'
  | 'ledger-unreachable'
  | 'ledger-locked'
  | 'ledger-changed'
  | 'empty-map';

export const PAYMAKER_ERRORS: ErrorTable<PaymakerErrorCode> = Object.freeze({
  'bad-settings': {text: 'the settings of the paymaker have mistakes'},
  'over-budget': {text: 'this handler has claimed more than it may; the upload is taken when its budget has recovered'},
  overloaded: {text: 'overloaded'},
  'ledger-unusable': {
    text: 'the ledger cannot be used; check that it can be written and that the disk has room',
  },
  'ledger-unreachable': {
    text: 'the database of the ledger cannot be reached; check that it runs, its address, user and password',
  },
  'ledger-locked': {
    text: 'another paymaker writes to this ledger; stop it, or give this one a ledger of its own',
  },
  'ledger-changed': {
    text: 'the connection to the ledger was lost and somebody else may have written; it is read anew',
  },
  'empty-map': {text: 'a map without addresses is never sent'},
  'ledger-newer': {text: 'the ledger was written by a newer version of this program'},
});

export class PaymakerError extends CodedError<PaymakerErrorCode> {
  constructor(code: PaymakerErrorCode, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(code, PAYMAKER_ERRORS[code], details, cause);
  }
}

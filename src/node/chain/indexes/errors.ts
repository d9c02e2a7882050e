import {CodedError, type ErrorTable} from '../../../core/errors.ts';

/** Why an index cannot answer. */
export type IndexErrorCode = 'index-off' | 'index-behind' | 'index-needs-blocks';

export const INDEX_ERRORS: ErrorTable<IndexErrorCode> = Object.freeze({
  'index-off': {text: 'this question needs an index that is switched off; start the node with it'},
  'index-behind': {text: 'the index is still being built; try again later'},
  'index-needs-blocks': {
    text: 'the index needs blocks that have been pruned; synchronise again without pruning, or switch the index off',
  },
});

export class IndexError extends CodedError<IndexErrorCode> {
  constructor(code: IndexErrorCode, details: Readonly<Record<string, unknown>> = {}) {
    super(code, INDEX_ERRORS[code], details);
  }
}

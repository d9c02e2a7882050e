import {CodedError, type ErrorTable} from '../../core/errors.ts';

/** Why there is no block template, or why payouts are refused. */
export type TemplateErrorCode =
  | 'no-payouts'
  | 'bad-payout-address'
  | 'bad-payout-weight'
  | 'unspendable-payout'
  | 'payouts-too-large'
  | 'template-refused'
  | 'too-many-waiters'
  | 'closed';

export const TEMPLATE_ERRORS: ErrorTable<TemplateErrorCode> = Object.freeze({
  'no-payouts': {text: 'You must specify at least one address to pay to, with a weight above 0'},
  'bad-payout-address': {text: 'an address to pay to could not be decoded or belongs to another network'},
  'bad-payout-weight': {text: 'a weight is no decimal number of at least 0'},
  'unspendable-payout': {text: 'nobody could ever spend what this address is paid'},
  'payouts-too-large': {text: 'so many payouts do not fit into a block; pay fewer at a time'},
  'template-refused': {text: 'the block that was built breaks a rule of the chain'},
  'too-many-waiters': {text: 'too many clients wait for the next template'},
  closed: {text: 'the node is shutting down'},
});

export class TemplateError extends CodedError<TemplateErrorCode> {
  constructor(code: TemplateErrorCode, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(code, TEMPLATE_ERRORS[code], details, cause);
  }
}

import {CodedError, type ErrorTable} from '../../../core/errors.ts';

export type MasterErrorCode = 'no-node' | 'not-synchronised' | 'chain-changed';

export const MASTER_ERRORS: ErrorTable<MasterErrorCode> = Object.freeze({
  'no-node': {text: 'no node answers; look at the addresses and passwords of the nodes'},
  'not-synchronised': {text: 'the node is still synchronising; work is handed out when it is done'},
  'chain-changed': {text: 'the chain changed while it was looked at'},
});

export class MasterError extends CodedError<MasterErrorCode> {
  constructor(code: MasterErrorCode, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(code, MASTER_ERRORS[code], details, cause);
  }
}

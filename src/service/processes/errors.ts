import {CodedError, type ErrorTable} from '../../core/errors.ts';

export type PartErrorCode = 'part-refuses' | 'part-crashes' | 'part-late' | 'part-stopped';

export const PART_ERRORS: ErrorTable<PartErrorCode> = Object.freeze({
  'part-refuses': {text: 'a part cannot run as it was told to'},
  'part-crashes': {text: 'a part ends again and again as soon as it is started'},
  'part-late': {text: 'a part is not ready within its time'},
  'part-stopped': {text: 'a part was stopped before it was ready'},
});

/** `lines` in the details are the last ones that the part wrote. */
export class PartError extends CodedError<PartErrorCode> {
  constructor(code: PartErrorCode, details: Readonly<Record<string, unknown>>) {
    super(code, PART_ERRORS[code], details);
  }
}

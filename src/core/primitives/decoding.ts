import {BytesError} from '../bytes/index.ts';
import {WireError} from './errors.ts';

/** Runs a step of decoding; what Reader refuses becomes a WireError of the same code. */
export function decoding<Result>(step: () => Result): Result {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof BytesError)) throw error;
    const {code} = error;
    if (code === 'trailing-bytes' || code === 'too-large' || code === 'varint-not-canonical') {
      throw new WireError(code, error.details, error);
    }
    throw new WireError('truncated', error.details, error);
  }
}

// The coinbase commitment.   spec §8.4
//
//   0 magic u32 | 4 annLeastWorkTarget u32 | 8 root 32 | 40 numAnns u64                       48 bytes
//
// It stands in an output script of the coinbase: 6a 30 (OP_RETURN, push 48) and the 48 bytes.
import {concatBytes, copyBytes, equalBytes, readU32, readU64, writeU32, writeU64} from '../../bytes/index.ts';
import {checkBigUint, checkBytes, checkU32} from '../../errors.ts';
import {BlockError} from '../errors.ts';

export const COMMITMENT_BYTES = 48;
export const COMMITMENT_MAGIC = 0x0211f909;
const SCRIPT_START: Uint8Array = Uint8Array.of(0x6a, 0x30, 0x09, 0xf9, 0x11, 0x02);
const SCRIPT_HEAD_BYTES = 2;

export interface Commitment {
  /** Compact: the easiest degraded target among the announcements of the set. */
  readonly annLeastWorkTarget: number;
  /** Root of the proof tree, 32 bytes. */
  readonly root: Uint8Array;
  /** Announcements in the set. */
  readonly numAnns: bigint;
}

export function encodeCommitment({annLeastWorkTarget, root, numAnns}: Commitment): Uint8Array {
  checkU32('annLeastWorkTarget', annLeastWorkTarget);
  checkBytes('root', root, 32);
  checkBigUint('numAnns', numAnns, 64);
  const bytes = new Uint8Array(COMMITMENT_BYTES);
  writeU32(bytes, 0, COMMITMENT_MAGIC);
  writeU32(bytes, 4, annLeastWorkTarget);
  bytes.set(root, 8);
  writeU64(bytes, 40, numAnns);
  return bytes;
}

/** Throws BlockError 'BAD_COINBASE' for a wrong length or magic. The target is not judged here. */
export function decodeCommitment(bytes: Uint8Array): Commitment {
  checkBytes('bytes', bytes);
  if (bytes.length !== COMMITMENT_BYTES) {
    throw new BlockError('BAD_COINBASE', {expected: COMMITMENT_BYTES, got: bytes.length});
  }
  const magic = readU32(bytes, 0);
  if (magic !== COMMITMENT_MAGIC) throw new BlockError('BAD_COINBASE', {magic: magic.toString(16)});
  return {annLeastWorkTarget: readU32(bytes, 4), root: copyBytes(bytes, 8, 40), numAnns: readU64(bytes, 40)};
}

/** The output script of a commitment, 50 bytes. */
export function commitmentScript(commitment: Uint8Array): Uint8Array {
  checkBytes('commitment', commitment, COMMITMENT_BYTES);
  return concatBytes(SCRIPT_START.subarray(0, SCRIPT_HEAD_BYTES), commitment);
}

/** The output script a block template carries until a commitment takes its place, 50 bytes. */
export function placeholderScript(): Uint8Array {
  return concatBytes(
    SCRIPT_START,
    new Uint8Array(SCRIPT_HEAD_BYTES + COMMITMENT_BYTES - SCRIPT_START.length).fill(0xfc),
  );
}

/**
 * The 48 commitment bytes of a coinbase, given its output scripts in order; `undefined` when it has none.
 * The first script longer than 6 bytes with the right start counts. A shorter one than 50 bytes is filled up with
 * zeros, a longer one cut.
 */
export function findCommitment(outputScripts: Iterable<Uint8Array>): Uint8Array | undefined {
  for (const script of outputScripts) {
    if (script.length <= SCRIPT_START.length) continue;
    if (!equalBytes(script.subarray(0, SCRIPT_START.length), SCRIPT_START)) continue;
    const commitment = new Uint8Array(COMMITMENT_BYTES);
    commitment.set(script.subarray(SCRIPT_HEAD_BYTES, SCRIPT_HEAD_BYTES + COMMITMENT_BYTES));
    return commitment;
  }
  return undefined;
}

function indexOfBytes(bytes: Uint8Array, pattern: Uint8Array): number {
  for (let start = 0; start + pattern.length <= bytes.length; start++) {
    if (equalBytes(bytes.subarray(start, start + pattern.length), pattern)) return start;
  }
  return -1;
}

/**
 * A copy of a serialised coinbase with the commitment in place of the first placeholder.
 * Throws BlockError 'BAD_COINBASE' when there is no placeholder.
 */
export function fillPlaceholder(coinbase: Uint8Array, commitment: Uint8Array): Uint8Array {
  checkBytes('coinbase', coinbase);
  checkBytes('commitment', commitment, COMMITMENT_BYTES);
  const start = indexOfBytes(coinbase, placeholderScript());
  if (start < 0) throw new BlockError('BAD_COINBASE', {reason: 'no placeholder'});
  const filled = copyBytes(coinbase);
  filled.set(commitment, start + SCRIPT_HEAD_BYTES);
  return filled;
}

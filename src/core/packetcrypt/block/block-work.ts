// The block hash.   spec §3.6, §8.5
import {copyBytes} from '../../bytes/index.ts';
import {compress32} from '../../crypto/index.ts';
import {checkBytes, checkInteger, checkU32} from '../../errors.ts';
import {finalize, initState, itemNumber, smul, update} from '../crypto-cycle.ts';
import {PROOF_ANNS} from '../proof/proof-tree.ts';
import {HEADER_BYTES} from './share.ts';

/** Where the content block of an announcement goes, in proof versions that have content proofs.   spec §A.3 */
const CONTENT_OFFSET = 1056;

export interface BlockWork {
  /** 32 bytes */
  readonly workHash: Uint8Array;
  /** The four item numbers, before the modulo by the number of announcements. */
  readonly itemNumbers: readonly bigint[];
}

/** What one update takes in: an announcement (1024 bytes), and in old proofs 32 bytes of its content. */
interface Taken {
  readonly ann: Uint8Array;
  readonly content?: Uint8Array | undefined;
}

function run(header: Uint8Array, nonce2: number, take: (itemNumber: bigint, k: number) => Taken): BlockWork {
  checkBytes('header', header, HEADER_BYTES);
  checkU32('nonce2', nonce2);
  const state = initState(compress32(header), nonce2);
  const itemNumbers: bigint[] = [];
  for (let k = 0; k < PROOF_ANNS; k++) {
    const number = itemNumber(state);
    itemNumbers.push(number);
    const {ann, content} = take(number, k);
    if (content !== undefined) state.set(content, CONTENT_OFFSET);
    update(state, ann);
  }
  smul(state);
  finalize(state);
  return {workHash: copyBytes(state, 0, 32), itemNumbers};
}

/**
 * One try of the block search over a set of announcements.
 *
 * header 80 bytes | nonce2 u32 | count announcements in the set
 * annAt  the announcement of a number 0..count-1 in tree order, 1024 bytes
 */
export function blockWork(
  header: Uint8Array,
  nonce2: number,
  count: number,
  annAt: (number: number) => Uint8Array,
): BlockWork {
  checkInteger('count', count, 1, Number.MAX_SAFE_INTEGER);
  return run(header, nonce2, (number) => ({ann: annAt(Number(number % BigInt(count)))}));
}

/**
 * The block hash of a proof: its four announcements are taken in order, whatever their numbers.
 * contents  per announcement the 32-byte block of its content proof, if it has one (old proofs only)
 */
export function proofWork(
  header: Uint8Array,
  nonce2: number,
  anns: readonly Uint8Array[],
  contents: readonly (Uint8Array | undefined)[] = [],
): BlockWork {
  if (anns.length !== PROOF_ANNS)
    throw new RangeError(`"anns" expected ${PROOF_ANNS} announcements, got ${anns.length}`);
  return run(header, nonce2, (_, k) => ({ann: anns[k]!, content: contents[k]}));
}

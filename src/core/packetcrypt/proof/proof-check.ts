// Verifying a tree proof.   spec §8.7
import {concatBytes, equalBytes, readU64, writeU64} from '../../bytes/index.ts';
import {compress32} from '../../crypto/index.ts';
import {checkBigUint, checkBytes} from '../../errors.ts';
import {BlockError} from '../errors.ts';
import {checkProfile, type Profile} from '../profile.ts';
import {TREE_HASH_BYTES} from './proof-order.ts';
import {PROOF_ANNS} from './proof-tree.ts';
import {type ProofNode, walkProof} from './proof-walk.ts';

const MAX_U64 = 0xffffffffffffffffn;
/** No set has so many announcements; more would not fit the arithmetic of the other implementations. */
const MAX_ENTRIES = 1n << 63n;

export interface TreeProofInput {
  /** Number of announcements, from the commitment. */
  readonly count: bigint;
  /** The four item numbers of the block hash, before the modulo. */
  readonly itemNumbers: readonly bigint[];
  /** annHash of the four announcements, in the same order; 32 bytes each. */
  readonly hashes: readonly Uint8Array[];
  readonly proof: Uint8Array;
}

/** What is known of a node: its hash and the numbers it covers, as far as known. */
interface Known {
  readonly hash: Uint8Array;
  readonly start: bigint | undefined;
  readonly end: bigint | undefined;
  readonly range: bigint | undefined;
}

const PADDING: Known = {
  hash: new Uint8Array(TREE_HASH_BYTES).fill(0xff),
  start: MAX_U64,
  end: MAX_U64,
  range: undefined,
};

function invalid(reason: string): BlockError {
  return new BlockError('PCP_INVAL', {reason});
}

/** Leaf slots of the selected announcements, and the hash each must have.   steps 1 and 3 */
function selectLeaves({count, itemNumbers, hashes}: TreeProofInput): Map<bigint, Uint8Array> {
  if (count === 0n || count + 1n >= MAX_ENTRIES) throw invalid('number of announcements');
  const leaves = new Map<bigint, Uint8Array>();
  for (let k = 0; k < PROOF_ANNS; k++) {
    const slot = (itemNumbers[k]! % count) + 1n;
    if (count % 2n === 0n && slot === count) throw invalid('last announcement of an even set');
    const known = leaves.get(slot);
    if (known !== undefined && !equalBytes(known, hashes[k]!)) throw invalid('two announcements for one number');
    leaves.set(slot, hashes[k]!);
  }
  return leaves;
}

/** Reads the elements of a proof. In the node profile missing bytes of the last element count as zero.   step 4 */
class ProofReader {
  readonly #proof: Uint8Array;
  readonly #profile: Profile;
  #offset = 0;

  constructor(proof: Uint8Array, profile: Profile) {
    this.#proof = proof;
    this.#profile = profile;
  }

  take(size: number): Uint8Array {
    const rest = this.#proof.length - this.#offset;
    if (rest < size && (this.#profile === 'strict' || rest === 0)) throw invalid('proof too short');
    const element = new Uint8Array(size);
    element.set(this.#proof.subarray(this.#offset, this.#offset + size));
    this.#offset += Math.min(rest, size);
    return element;
  }

  end(): void {
    if (this.#offset !== this.#proof.length) throw invalid('proof too long');
  }
}

/** What a proof says about one node. */
interface Sent {
  readonly range: bigint | undefined;
  readonly hash: Uint8Array | undefined;
}

/** start + range or end - range: in the strict profile it may not leave 64 bits, in the node profile it wraps. */
function inside(value: bigint, profile: Profile): bigint {
  if (profile === 'strict' && (value < 0n || value > MAX_U64)) throw invalid('range wraps around');
  return value & MAX_U64;
}

/** Joins two children whose ranges must meet.   steps 5 to 7 */
function parentOf(left: Known, right: Known, profile: Profile): Known {
  // Of two children at most one was sent, and of two leaves each knows its start: what one lacks the other has.
  const rightStart = right.start ?? left.end;
  const leftEnd = left.end ?? right.start;
  if (rightStart === undefined || leftEnd === undefined || leftEnd !== rightStart) throw invalid('gap in the ranges');
  const leftStart = left.start ?? inside(leftEnd - left.range!, profile);
  const rightEnd = right.end ?? inside(rightStart + right.range!, profile);
  if (profile === 'strict' && (leftEnd <= leftStart || (right !== PADDING && rightEnd <= rightStart))) {
    throw invalid('empty range');
  }
  const ranges = new Uint8Array(32);
  for (const [i, value] of [leftStart, leftEnd, rightStart, rightEnd].entries()) writeU64(ranges, 8 * i, value);
  const hash = compress32(concatBytes(left.hash, ranges.subarray(0, 16), right.hash, ranges.subarray(16)));
  return {hash, start: leftStart, end: rightEnd, range: undefined};
}

function climb(node: ProofNode<Sent>, leaves: ReadonlyMap<bigint, Uint8Array>, profile: Profile): Known {
  const {kind, level, slot} = node.place;
  if (kind === 'padding') return PADDING;
  if (node.children !== undefined) {
    const [left, right] = node.children;
    return parentOf(climb(left, leaves, profile), climb(right, leaves, profile), profile);
  }
  const hash = node.content.hash ?? leaves.get(slot)!;
  return {hash, start: level === 0 ? readU64(hash, 0) : undefined, end: undefined, range: node.content.range};
}

function checkInput({count, itemNumbers, hashes, proof}: TreeProofInput): void {
  checkBigUint('count', count, 64);
  checkBytes('proof', proof);
  if (itemNumbers.length !== PROOF_ANNS || hashes.length !== PROOF_ANNS) {
    throw new RangeError(`"hashes" and "itemNumbers" expected ${PROOF_ANNS} of each`);
  }
  for (const number of itemNumbers) checkBigUint('itemNumbers', number, 64);
  for (const hash of hashes) checkBytes('hashes', hash, TREE_HASH_BYTES);
}

/**
 * The root that a proof leads to, to be compared with the committed one.   spec §8.7
 *
 * strict  refuses whatever one of the public implementations refuses
 * node    accepts ranges that wrap around or are empty, and a last element cut short when a byte of it is there
 * throws  BlockError 'PCP_INVAL' for a malformed proof
 * cost    at most 8 hashes per level; independent of the number of announcements but for its bit length
 */
export function treeProofRoot(input: TreeProofInput, profile: Profile = 'strict'): Uint8Array {
  checkInput(input);
  checkProfile(profile);
  const leaves = selectLeaves(input);
  const reader = new ProofReader(input.proof, profile);
  const top = walkProof(input.count + 1n, [...leaves.keys()], ({kind, rangeSent}): Sent => {
    const range = rangeSent ? readU64(reader.take(8), 0) : undefined;
    return {range, hash: kind === 'provided' ? reader.take(TREE_HASH_BYTES) : undefined};
  });
  reader.end();
  const root = climb(top, leaves, profile);
  if (root.start !== 0n || root.end !== MAX_U64) throw invalid('root does not cover all numbers');
  return compress32(concatBytes(root.hash, new Uint8Array(8), new Uint8Array(8).fill(0xff)));
}

/** Holds a proof to the committed root. Throws BlockError 'PCP_INVAL' or 'PCP_MISMATCH'.   spec §8.7 */
export function checkTreeProof(input: TreeProofInput, root: Uint8Array, profile: Profile = 'strict'): void {
  checkBytes('root', root, TREE_HASH_BYTES);
  if (!equalBytes(treeProofRoot(input, profile), root)) throw new BlockError('PCP_MISMATCH');
}

// Judges a mined block as strangers would: from its bytes, with the plain check of every announcement.   spec §10
import {copyBytes, equalBytes} from '../../core/bytes/index.ts';
import type {FoundShare} from '../../core/engines/index.ts';
import {
  ANN_BYTES,
  annParentBlockHeight,
  checkBlockProof,
  checkNodeProof,
  checkSignatures,
  decodeProof,
  encodeProof,
  findCommitment,
  type PacketCryptProof,
  PKT_PROOF_RULES,
  type ProofOutcome,
} from '../../core/packetcrypt/index.ts';
import type {BlockDraft} from './block.ts';

/** Proof version in force today. */
const PROOF_VERSION = 2n;

export interface Verified {
  readonly outcome: ProofOutcome;
  /** Encoded proof records. */
  readonly wire: Uint8Array;
}

/**
 * Encodes the proof of a find, decodes it in both profiles and holds it to the rules of both.
 * hashAt  hash of the block at a height, internal byte order
 * throws  BlockError, ProofWireError when the find is not good
 */
export function verifyFind(
  find: FoundShare,
  draft: BlockDraft,
  blockHeight: number,
  shareTarget: number,
  hashAt: (height: number) => Uint8Array | undefined,
): Verified {
  const announcements = [0, 1, 2, 3].map((k) => copyBytes(find.announcements, k * ANN_BYTES, (k + 1) * ANN_BYTES));
  const proof: PacketCryptProof = {
    version: PROOF_VERSION,
    nonce2: find.nonce2,
    announcements,
    treeProof: find.treeProof,
    signatures: announcements.map(() => undefined),
    contentProofs: undefined,
  };
  const wire = encodeProof(proof);
  const commitment = findCommitment([draft.commitmentScript]);
  if (commitment === undefined) throw new Error('bug: the coinbase has lost its commitment');
  const parents = announcements.map((ann) => hashAt(annParentBlockHeight(ann)));
  const parentHashes = parents.filter((hash) => hash !== undefined);
  if (parentHashes.length !== parents.length) throw new Error('bug: an announcement without parent was mined');
  const common = {header: find.header, commitment, blockHeight, shareTarget, parentHashes};

  const strictly = decodeProof(wire);
  checkSignatures(strictly);
  const strict = checkBlockProof({...common, proof: strictly}, {context: {proofVersion: PROOF_VERSION}});
  const node = checkNodeProof({...common, proof: decodeProof(wire, 'node')}, PKT_PROOF_RULES);
  const agree = strict.outcome === node.outcome && equalBytes(strict.workHash, find.hash);
  if (!agree || !equalBytes(encodeProof(strictly), wire)) throw new Error('bug: two ways to read a proof disagree');
  return {outcome: strict.outcome, wire};
}

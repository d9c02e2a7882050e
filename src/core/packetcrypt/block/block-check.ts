// Validating the proof of a block or share.   spec §10
import {copyBytes, readU32} from '../../bytes/index.ts';
import {checkBytes, checkU32} from '../../errors.ts';
import {ANN_BYTES, annHash, annParentBlockHeight, annWorkBits} from '../announcement/announcement.ts';
import {announcementVerdict} from '../announcement/announcement-check.ts';
import type {AnnouncementContext, AnnouncementJudge} from '../announcement/announcement-verdict.ts';
import {CURRENT_DIFFICULTY, type DifficultyRules} from '../difficulty.ts';
import {AnnError, BlockError} from '../errors.ts';
import {checkContentProofs} from '../historical.ts';
import type {Profile} from '../profile.ts';
import {checkTreeProof} from '../proof/proof-check.ts';
import {PROOF_ANNS} from '../proof/proof-tree.ts';
import type {PacketCryptProof} from '../proof/proof-wire.ts';
import {meetsTarget} from '../work-check.ts';
import {checkProofVersion, checkSignatures, difficultyOf, isCurrentVersion, type ProofRules} from './block-rules.ts';
import {type BlockWork, proofWork} from './block-work.ts';
import {type Commitment, decodeCommitment} from './commitment.ts';
import {HEADER_BYTES} from './share.ts';

const BITS_OFFSET = 72;
const HAP_NONCE2_OFFSET = 84;
const HAP_ANNS_OFFSET = 88;
const HAP_PROOF_OFFSET = HAP_ANNS_OFFSET + PROOF_ANNS * ANN_BYTES;
/** The node software keeps heights in signed words. */
const MAX_PARENT_HEIGHT = 0x7fffffff;

/** Numbers of the two good outcomes in the existing programs. */
export const OUTCOME_VALUES: Readonly<Record<ProofOutcome, number>> = Object.freeze({OK: 0, SHARE_OK: 0x100});
/** OK: the block target is met. SHARE_OK: only the share target is. */
export type ProofOutcome = 'OK' | 'SHARE_OK';

export interface ProofResult {
  readonly outcome: ProofOutcome;
  /** 32 bytes */
  readonly workHash: Uint8Array;
}

/** The parts of a proof that the work of a block is made of. */
export type ProofBody = Pick<PacketCryptProof, 'nonce2' | 'announcements' | 'treeProof'>;

export interface BlockProofInput {
  /** 80 bytes */
  readonly header: Uint8Array;
  readonly proof: ProofBody;
  /** 48 bytes, from the coinbase */
  readonly commitment: Uint8Array;
  readonly blockHeight: number;
  /** Compact; absent or 0: only the block target counts. */
  readonly shareTarget?: number;
  /** Hashes of the four parent blocks, internal byte order; absent: announcements are not validated. */
  readonly parentHashes?: readonly Uint8Array[] | undefined;
}

export interface BlockCheckOptions {
  /** Replaces the plain announcement check. */
  readonly judge?: AnnouncementJudge;
  /** Rules of the place for announcements; see AnnouncementContext. Its profile is not used. */
  readonly context?: Omit<AnnouncementContext, 'profile'>;
}

export interface NodeProofInput {
  readonly header: Uint8Array;
  readonly proof: PacketCryptProof;
  /** 48 bytes as found in the coinbase, `undefined` when it has none. */
  readonly commitment: Uint8Array | undefined;
  readonly blockHeight: number;
  readonly shareTarget?: number;
  /** Hash of the ancestor of this block at each announcement's parent height, `undefined` where there is none. */
  readonly parentHashes: readonly (Uint8Array | undefined)[];
}

/**
 * Splits header and proof in one piece, as the existing programs pass it: header 80 | ignored 4 | nonce2 u32 |
 * 4 × 1024 announcements | tree proof.   spec §10.1
 * Throws BlockError 'PCP_INVAL' when shorter than 4184 bytes.
 */
export function splitHeaderAndProof(hap: Uint8Array): {header: Uint8Array; proof: ProofBody} {
  checkBytes('hap', hap);
  if (hap.length < HAP_PROOF_OFFSET) throw new BlockError('PCP_INVAL', {reason: 'too short', got: hap.length});
  const announcements = Array.from({length: PROOF_ANNS}, (_, k) =>
    copyBytes(hap, HAP_ANNS_OFFSET + ANN_BYTES * k, HAP_ANNS_OFFSET + ANN_BYTES * (k + 1)),
  );
  const nonce2 = readU32(hap, HAP_NONCE2_OFFSET);
  return {
    header: copyBytes(hap, 0, HEADER_BYTES),
    proof: {nonce2, announcements, treeProof: copyBytes(hap, HAP_PROOF_OFFSET)},
  };
}

/** A proof together with the rules it is judged by. */
interface Trial {
  readonly header: Uint8Array;
  readonly proof: ProofBody;
  readonly blockHeight: number;
  readonly shareTarget: number;
  readonly commitment: Commitment;
  readonly difficulty: DifficultyRules;
  readonly profile: Profile;
  readonly judge: AnnouncementJudge;
  readonly context: AnnouncementContext;
}

function checkCommitted(commitment: Commitment, difficulty: DifficultyRules): void {
  if (difficulty.minAnnDiffOk(commitment.annLeastWorkTarget)) return;
  throw new BlockError('BAD_COINBASE', {annLeastWorkTarget: commitment.annLeastWorkTarget.toString(16)});
}

/** Which target the work meets, `undefined` for none. */
function outcomeOf({workHash}: BlockWork, trial: Trial): ProofOutcome | undefined {
  const {annLeastWorkTarget, numAnns} = trial.commitment;
  const meets = (bits: number): boolean =>
    meetsTarget(workHash, trial.difficulty.effectiveTarget(bits, annLeastWorkTarget, numAnns), trial.profile);
  if (meets(readU32(trial.header, BITS_OFFSET))) return 'OK';
  return trial.shareTarget !== 0 && meets(trial.shareTarget) ? 'SHARE_OK' : undefined;
}

/** Validity and age of one announcement.   steps 4 and 4' */
function checkAnnouncementOf(trial: Trial, announcement: number, parentHash: Uint8Array | undefined): void {
  const ann = trial.proof.announcements[announcement]!;
  if (parentHash !== undefined) {
    const {verdict} = trial.judge(ann, parentHash, trial.context);
    if (verdict !== 'OK') throw new BlockError('ANN_INVALID', {announcement, verdict}, new AnnError(verdict));
  }
  const parentHeight = annParentBlockHeight(ann);
  const target = trial.difficulty.degradedTarget(annWorkBits(ann), trial.blockHeight, parentHeight);
  if (target > trial.commitment.annLeastWorkTarget) {
    throw new BlockError('ANN_INSUF_POW', {announcement, target: target.toString(16)});
  }
}

function checkTree({proof, commitment, profile}: Trial, work: BlockWork): void {
  const hashes = proof.announcements.map((ann) => annHash(ann));
  const input = {count: commitment.numAnns, itemNumbers: work.itemNumbers, hashes, proof: proof.treeProof};
  checkTreeProof(input, commitment.root, profile);
}

function checkInput(header: Uint8Array, proof: ProofBody, blockHeight: number, shareTarget: number): void {
  checkBytes('header', header, HEADER_BYTES);
  checkU32('blockHeight', blockHeight);
  checkU32('shareTarget', shareTarget);
  checkBytes('treeProof', proof.treeProof);
  if (proof.announcements.length !== PROOF_ANNS) {
    throw new RangeError(`"announcements" expected ${PROOF_ANNS}, got ${proof.announcements.length}`);
  }
  for (const ann of proof.announcements) checkBytes('announcements', ann, ANN_BYTES);
}

function checkParentHashes(hashes: readonly (Uint8Array | undefined)[]): void {
  if (hashes.length !== PROOF_ANNS) {
    throw new RangeError(`"parentHashes" expected ${PROOF_ANNS} hashes, got ${hashes.length}`);
  }
  for (const hash of hashes) if (hash !== undefined) checkBytes('parentHashes', hash, 32);
}

/**
 * Holds a block or share to proof version 2 in the strict profile, checks in the order and with the codes of the
 * existing pool software: insufficient work is reported last.   spec §10.1
 *
 * Not checked here: the version of the proof and the signatures (checkProofVersion, checkSignatures), and unless
 * `context` says so the version rules of announcements.
 * throws  BlockError 'BAD_COINBASE', 'ANN_INVALID', 'ANN_INSUF_POW', 'PCP_INVAL', 'PCP_MISMATCH', 'INSUF_POW'
 */
export function checkBlockProof(input: BlockProofInput, options: BlockCheckOptions = {}): ProofResult {
  const {header, proof, blockHeight, parentHashes, shareTarget = 0} = input;
  checkInput(header, proof, blockHeight, shareTarget);
  if (parentHashes !== undefined) checkParentHashes(parentHashes);
  const trial: Trial = {
    header,
    proof,
    blockHeight,
    shareTarget,
    commitment: decodeCommitment(input.commitment),
    difficulty: CURRENT_DIFFICULTY,
    profile: 'strict',
    judge: options.judge ?? announcementVerdict,
    context: {...options.context, profile: 'strict'},
  };
  checkCommitted(trial.commitment, trial.difficulty);
  const work = proofWork(header, proof.nonce2, proof.announcements);
  const outcome = outcomeOf(work, trial);
  for (let k = 0; k < PROOF_ANNS; k++) checkAnnouncementOf(trial, k, parentHashes?.[k]);
  checkTree(trial, work);
  if (outcome === undefined) throw new BlockError('INSUF_POW');
  return {outcome, workHash: work.workHash};
}

/** Every announcement must name an ancestor of the block. */
function checkParentsKnown({proof, parentHashes}: NodeProofInput): void {
  for (const [announcement, ann] of proof.announcements.entries()) {
    const parentBlockHeight = annParentBlockHeight(ann);
    if (parentBlockHeight > MAX_PARENT_HEIGHT || parentHashes[announcement] === undefined) {
      throw new BlockError('ANN_PARENT_UNKNOWN', {announcement, parentBlockHeight});
    }
  }
}

/** Content proofs: not allowed from version 2 on, before that what they prove enters the block hash. */
function contentsOf(header: Uint8Array, proof: PacketCryptProof): (Uint8Array | undefined)[] {
  if (!isCurrentVersion(proof.version)) {
    return checkContentProofs(header, proof.nonce2, proof.announcements, proof.contentProofs);
  }
  if (proof.contentProofs !== undefined) throw new BlockError('ANN_CONTENT_INVALID', {reason: 'not allowed'});
  return [];
}

/**
 * Holds a block (or a share, with a share target) to exactly the rules of the node software, for every proof version,
 * in its order.   spec §10.2, Appendix A
 *
 * throws  BlockError 'PROOF_VERSION_NOT_ALLOWED', 'ANN_PARENT_UNKNOWN', 'ANN_SIG_INVALID', 'ANN_CONTENT_INVALID',
 *         'BAD_COINBASE', 'INSUF_POW', 'ANN_INVALID', 'ANN_INSUF_POW', 'PCP_INVAL', 'PCP_MISMATCH'
 */
export function checkNodeProof(
  input: NodeProofInput,
  rules: ProofRules,
  judge: AnnouncementJudge = announcementVerdict,
): ProofResult {
  const {header, proof, blockHeight, parentHashes, shareTarget = 0} = input;
  checkInput(header, proof, blockHeight, shareTarget);
  checkParentHashes(parentHashes);
  checkProofVersion(proof.version, blockHeight, rules);
  checkParentsKnown(input);
  checkSignatures(proof);
  const contents = contentsOf(header, proof);
  if (input.commitment === undefined) throw new BlockError('BAD_COINBASE', {reason: 'no commitment'});
  const context: AnnouncementContext = {
    profile: 'node',
    proofVersion: BigInt.asIntN(64, proof.version),
    firstVersion1Parent: rules.firstVersion1Parent,
  };
  const commitment = decodeCommitment(input.commitment);
  const difficulty = difficultyOf(proof.version);
  const trial: Trial = {
    header,
    proof,
    blockHeight,
    shareTarget,
    commitment,
    difficulty,
    profile: 'node',
    judge,
    context,
  };
  checkCommitted(commitment, difficulty);
  const work = proofWork(header, proof.nonce2, proof.announcements, contents);
  const outcome = outcomeOf(work, trial);
  if (outcome === undefined) throw new BlockError('INSUF_POW');
  for (let k = 0; k < PROOF_ANNS; k++) checkAnnouncementOf(trial, k, parentHashes[k]);
  checkTree(trial, work);
  return {outcome, workHash: work.workHash};
}

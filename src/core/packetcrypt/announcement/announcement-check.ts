// Validating announcements.   spec §7
import {copyBytes, equalBytes, isZero} from '../../bytes/index.ts';
import {checkBytes} from '../../errors.ts';
import {softNonceMax} from '../difficulty.ts';
import {AnnError, RandHashError} from '../errors.ts';
import {checkProfile, type Profile} from '../profile.ts';
import {meetsTarget} from '../work-check.ts';
import {
  ANN_BRANCH_BYTES,
  ANN_BRANCH_OFFSET,
  ANN_BYTES,
  ANN_HASH_BYTES,
  ANN_PREFIX_OFFSET,
  ANN_ROOT_OFFSET,
  annCrypt,
  annHash0,
  annHash1,
  annParentBlockHeight,
  annSoftNonce,
  annVersion,
  annWorkBits,
  v1Seed,
} from './announcement.ts';
import {branchRoot} from './announcement-tree.ts';
import {oldAnnouncementVerdict} from './announcement-v0.ts';
import type {AnnouncementContext, AnnouncementVerdict} from './announcement-verdict.ts';
import {annWork} from './announcement-work.ts';
import {makeItem, makeProgram} from './item.ts';

/** The rules about versions, which depend on where the announcement stands. */
function contextVerdict(ann: Uint8Array, context: AnnouncementContext): AnnouncementVerdict | undefined {
  const {proofVersion, firstVersion1Parent} = context;
  const version = annVersion(ann);
  if (version === 0) {
    return proofVersion !== undefined && proofVersion >= 2 ? {verdict: 'ANN_VERSION_MISMATCH'} : undefined;
  }
  const tooLow = firstVersion1Parent !== undefined && annParentBlockHeight(ann) < firstVersion1Parent;
  return tooLow ? {verdict: 'ANN_VERSION_NOT_ALLOWED'} : undefined;
}

/** Steps 2 to 8 for versions 1 and up. Throws RandHashError. */
function workVerdict(ann: Uint8Array, parentHash: Uint8Array, profile: Profile): AnnouncementVerdict {
  const root = ann.subarray(ANN_ROOT_OFFSET, ANN_ROOT_OFFSET + ANN_HASH_BYTES);
  const hash0 = annHash0(ann, parentHash);
  const hash1 = annHash1(ann, root);
  const seed2 = v1Seed(root, hash0);
  const program2 = makeProgram(seed2.subarray(0, 32));
  const {state, workHash, items} = annWork(hash1, annSoftNonce(ann), (number) =>
    makeItem(number, seed2.subarray(32), program2),
  );

  const plain = copyBytes(ann);
  annCrypt(plain, state);
  if (!isZero(plain.subarray(ANN_PREFIX_OFFSET))) return {verdict: 'INVAL_ITEM4'};

  const last = items.at(-1)!;
  const item = makeItem(last, hash0.subarray(32), makeProgram(hash0.subarray(0, 32)));
  const branch = plain.subarray(ANN_BRANCH_OFFSET, ANN_BRANCH_OFFSET + ANN_BRANCH_BYTES);
  if (!equalBytes(branchRoot(item, last, branch), root)) return {verdict: 'INVAL'};

  return meetsTarget(workHash, annWorkBits(ann), profile) ? {verdict: 'OK', workHash} : {verdict: 'INSUF_POW'};
}

/** Runs a judgement; a program that cannot be made or runs too long is a verdict too. */
function withoutFailure(judged: () => AnnouncementVerdict): AnnouncementVerdict {
  try {
    return judged();
  } catch (error) {
    if (error instanceof RandHashError) return {verdict: 'BAD_PROGRAM'};
    throw error;
  }
}

/**
 * The verdict of an announcement that can be judged without its work: by its size, version, work bits and soft nonce, or by
 * the historical rules. `undefined` when the work decides.   spec §7 step 1
 */
export function earlyVerdict(
  ann: Uint8Array,
  parentHash: Uint8Array,
  context: AnnouncementContext,
): AnnouncementVerdict | undefined {
  const profile = context.profile ?? 'strict';
  checkProfile(profile);
  const refused = contextVerdict(ann, context);
  if (refused !== undefined) return refused;
  const old = annVersion(ann) === 0;
  if (old && profile === 'node') return withoutFailure(() => oldAnnouncementVerdict(ann, parentHash));
  const max = softNonceMax(annWorkBits(ann));
  if (max === undefined) return {verdict: 'INVAL'};
  if (annSoftNonce(ann) > max) return {verdict: 'SOFT_NONCE_HIGH'};
  return old ? {verdict: 'INVAL_ITEM4'} : undefined;
}

/**
 * Judges an announcement; the verdict of one that is not valid is the first code of spec §7 that applies.
 *
 * ann         1024 bytes as transmitted; any other length is 'INVAL'
 * parentHash  32 bytes, hash of the block at the announcement's parent height, internal byte order
 * cost        two programs and five items: a few milliseconds
 */
export function announcementVerdict(
  ann: Uint8Array,
  parentHash: Uint8Array,
  context: AnnouncementContext = {},
): AnnouncementVerdict {
  checkBytes('ann', ann);
  checkBytes('parentHash', parentHash, 32);
  if (ann.length !== ANN_BYTES) return {verdict: 'INVAL'};
  return (
    earlyVerdict(ann, parentHash, context) ??
    withoutFailure(() => workVerdict(ann, parentHash, context.profile ?? 'strict'))
  );
}

/** As announcementVerdict, but returns the work hash (32 bytes) and throws AnnError for one that is not valid. */
export function checkAnnouncement(
  ann: Uint8Array,
  parentHash: Uint8Array,
  context: AnnouncementContext = {},
): Uint8Array {
  const {verdict, workHash} = announcementVerdict(ann, parentHash, context);
  if (verdict !== 'OK') throw new AnnError(verdict);
  return workHash!;
}

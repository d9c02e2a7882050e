// Rules of proof versions 0 and 1, for old blocks.   spec §A.2, §A.3
import {bigToCompact, compactToBig, concatBytes, copyBytes, equalBytes, readU32} from '../bytes/index.ts';
import {compress32} from '../crypto/index.ts';
import {checkU32} from '../errors.ts';
import {type AnnouncementHeader, decodeAnnouncementHeader} from './announcement/announcement.ts';
import {
  ANN_WAIT_BLOCKS,
  compactForWork,
  type DifficultyRules,
  FIRST_DEGRADING_HEIGHT,
  MAX_TARGET,
  targetForWork,
  UNUSABLE_TARGET,
  workForCompact,
  workForTarget,
} from './difficulty.ts';
import {BlockError} from './errors.ts';

const MAX_OLD_ANN_TARGET = 0x20ffffff;
/** Content up to this length stands in the announcement itself and needs no proof. */
const CONTENT_BLOCK_BYTES = 32;

function oldEffectiveWork(blockTarget: number, annTarget: number, count: bigint): bigint {
  const blockWork = workForCompact(blockTarget);
  const annWork = workForCompact(annTarget);
  if (blockWork === undefined || annWork === undefined || annWork === 0n || count === 0n) return (1n << 256n) - 1n;
  return blockWork ** 3n / annWork / count;
}

/** What an announcement's target is worth at an age: its work is divided by the age beyond 3.   spec §A.2 */
export function oldDegrade(annTarget: number, age: number): number {
  checkU32('annTarget', annTarget);
  checkU32('age', age);
  if (age < ANN_WAIT_BLOCKS) return UNUSABLE_TARGET;
  const target = compactToBig(annTarget);
  if (target === undefined) return UNUSABLE_TARGET;
  if (age === ANN_WAIT_BLOCKS) return bigToCompact(target);
  const degraded = bigToCompact(targetForWork(workForTarget(target) / BigInt(age - ANN_WAIT_BLOCKS)));
  return degraded > MAX_TARGET ? UNUSABLE_TARGET : degraded;
}

/** Difficulty of proof versions 0 and 1. */
export const OLD_DIFFICULTY: DifficultyRules = Object.freeze({
  effectiveTarget: (blockTarget: number, annTarget: number, count: bigint): number =>
    compactForWork(oldEffectiveWork(blockTarget, annTarget, count)),
  degradedTarget: (workBits: number, blockHeight: number, parentBlockHeight: number): number =>
    blockHeight < FIRST_DEGRADING_HEIGHT ? workBits : oldDegrade(workBits, (blockHeight - parentBlockHeight) >>> 0),
  minAnnDiffOk: (compact: number): boolean => compact > 0 && compact <= MAX_OLD_ANN_TARGET,
});

/** Which block of a content a proof must show, and how deep the content's tree is. */
function provedBlock(contentLength: number, proofIndex: number): {block: number; depth: number} {
  const blocks = Math.ceil(contentLength / CONTENT_BLOCK_BYTES);
  return {block: proofIndex % blocks, depth: Math.ceil(Math.log2(blocks))};
}

/** Takes the next 32 bytes of a content proof record. */
type Take = (announcement: number) => Uint8Array;

/** Checks one content proof and returns the proved block of 32 bytes. */
function checkContent(header: AnnouncementHeader, announcement: number, proofIndex: number, take: Take): Uint8Array {
  const {contentLength, contentHash} = header;
  let {block, depth} = provedBlock(contentLength, proofIndex);
  const content = take(announcement);
  let hash = content;
  let size = CONTENT_BLOCK_BYTES;
  for (; depth > 0; depth--) {
    // A sibling that would begin behind the content does not exist: the hash passes unchanged.
    if (size * (block ^ 1) < contentLength) {
      const sibling = take(announcement);
      hash = compress32(block % 2 === 1 ? concatBytes(sibling, hash) : concatBytes(hash, sibling));
    }
    block >>>= 1;
    size *= 2;
  }
  if (!equalBytes(hash, contentHash)) throw new BlockError('ANN_CONTENT_INVALID', {announcement});
  return content;
}

/**
 * Checks the content proofs of an old proof: one for each announcement with more than 32 bytes of content, one after
 * another.   spec §A.3
 *
 * header  80 bytes; it and nonce2 select the block to be proved
 * returns per announcement the proved block of 32 bytes, `undefined` where none is needed
 * throws  BlockError 'ANN_CONTENT_INVALID' for wrong, missing and surplus bytes
 */
export function checkContentProofs(
  header: Uint8Array,
  nonce2: number,
  anns: readonly Uint8Array[],
  contentProofs: Uint8Array | undefined,
): (Uint8Array | undefined)[] {
  const bytes = contentProofs ?? new Uint8Array(0);
  const proofIndex = (readU32(compress32(header), 0) ^ nonce2) >>> 0;
  let offset = 0;
  const take: Take = (announcement) => {
    if (bytes.length - offset < CONTENT_BLOCK_BYTES) {
      throw new BlockError('ANN_CONTENT_INVALID', {announcement, reason: 'too short'});
    }
    offset += CONTENT_BLOCK_BYTES;
    return copyBytes(bytes, offset - CONTENT_BLOCK_BYTES, offset);
  };
  const contents = anns.map((ann, k) => {
    const annHeader = decodeAnnouncementHeader(ann);
    return annHeader.contentLength > CONTENT_BLOCK_BYTES ? checkContent(annHeader, k, proofIndex, take) : undefined;
  });
  if (offset !== bytes.length) throw new BlockError('ANN_CONTENT_INVALID', {reason: 'bytes left over'});
  return contents;
}

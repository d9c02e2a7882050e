// Rules about the proof of a block that need neither its hash nor its announcements' work.   spec §8.8
import {verifyEd25519} from '../../crypto/index.ts';
import {checkBigUint, checkU32} from '../../errors.ts';
import {annSigningKey} from '../announcement/announcement.ts';
import {CURRENT_DIFFICULTY, type DifficultyRules} from '../difficulty.ts';
import {BlockError} from '../errors.ts';
import {OLD_DIFFICULTY} from '../historical.ts';
import type {PacketCryptProof} from '../proof/proof-wire.ts';

/** Heights at which the rules of a network change. */
export interface ProofRules {
  /** Proof versions above 1 are allowed from here on. */
  readonly firstVersion2Height: number;
  /** Proof versions below 2 are allowed up to here. */
  readonly lastVersion1Height: number;
  /** Announcements of version 1 may name parents from here on. */
  readonly firstVersion1Parent: number;
}

/** The main network. */
export const PKT_PROOF_RULES: ProofRules = Object.freeze({
  firstVersion2Height: 113949,
  lastVersion1Height: 122621,
  firstVersion1Parent: 103869,
});

/**
 * True for version 2 and up. The node software keeps the version in a signed 64-bit number, so that 2^63 and above are
 * negative there and count as old.   spec §8.8
 */
export function isCurrentVersion(version: bigint): boolean {
  return BigInt.asIntN(64, version) >= 2n;
}

/** Throws BlockError 'PROOF_VERSION_NOT_ALLOWED' when a proof of this version may not stand at this height. */
export function checkProofVersion(version: bigint, blockHeight: number, rules: ProofRules): void {
  checkBigUint('version', version, 64);
  checkU32('blockHeight', blockHeight);
  const current = isCurrentVersion(version);
  const allowed = current ? blockHeight >= rules.firstVersion2Height : blockHeight <= rules.lastVersion1Height;
  if (!allowed) throw new BlockError('PROOF_VERSION_NOT_ALLOWED', {version, blockHeight});
}

/** Difficulty rules of a proof version. */
export function difficultyOf(version: bigint): DifficultyRules {
  return isCurrentVersion(version) ? CURRENT_DIFFICULTY : OLD_DIFFICULTY;
}

/**
 * Every announcement with a signing key must be signed, all 1024 bytes of it.   spec §2.4, §8.8
 * Throws BlockError 'ANN_SIG_INVALID'.
 */
export function checkSignatures({announcements, signatures}: PacketCryptProof): void {
  for (const [announcement, ann] of announcements.entries()) {
    const key = annSigningKey(ann);
    if (key === undefined) continue;
    const signature = signatures[announcement];
    if (signature === undefined) throw new BlockError('ANN_SIG_INVALID', {announcement, reason: 'missing'});
    if (!verifyEd25519(signature, ann, key)) throw new BlockError('ANN_SIG_INVALID', {announcement});
  }
}

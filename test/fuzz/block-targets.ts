import {ok} from 'node:assert/strict';
import {concatBytes, decodeHex, Reader} from '../../src/core/bytes/index.ts';
import {
  type AnnouncementJudge,
  BlockError,
  type BlockProofInput,
  checkBlockProof,
  checkContentProofs,
  checkNodeProof,
  checkSignatures,
  PKT_PROOF_RULES,
  type ProofRules,
  readProof,
  splitHeaderAndProof,
} from '../../src/core/packetcrypt/index.ts';
import {readVectors} from '../support/vectors.ts';
import {mutateBytes, mutateInPlace} from './mutate.ts';
import type {Random} from './random.ts';
import {accepted, type FuzzTarget, outcome} from './target.ts';

interface BlockCase {
  readonly wire: string;
  readonly commit: string;
  readonly blockHeight: number;
  readonly shareTarget: string;
  readonly parentHashes: string[];
}

/** Vectors stand at heights where their versions are not allowed yet. */
const ANY_HEIGHT: ProofRules = {...PKT_PROOF_RULES, firstVersion2Height: 0, lastVersion1Height: 0xffffffff};
/** The announcements have a target of their own. */
const okay: AnnouncementJudge = () => ({verdict: 'OK'});

const blocks = readVectors<{blocks: BlockCase[]}>('block').blocks.map((block) => {
  const wire = decodeHex(block.wire);
  return {
    header: wire.slice(0, 80),
    section: wire.slice(80),
    proof: readProof(new Reader(wire.subarray(80))),
    commitment: decodeHex(block.commit),
    blockHeight: block.blockHeight,
    shareTarget: Number.parseInt(block.shareTarget, 16),
    parentHashes: block.parentHashes.map((hash) => decodeHex(hash)),
  };
});

function number(valid: number, random: Random): number {
  return random.toss(5) ? random.edgeWord() : valid;
}

function strictBlock(random: Random): void {
  const block = random.pick(blocks);
  const {nonce2, announcements, treeProof} = block.proof;
  const whole = concatBytes(block.header, new Uint8Array(8), ...announcements, treeProof);
  new DataView(whole.buffer).setUint32(84, nonce2, true);
  const split = accepted(() => splitHeaderAndProof(random.toss(2) ? mutateBytes(whole, random) : whole));
  if (split === undefined) return;
  const input: BlockProofInput = {
    ...split,
    commitment: random.toss(3) ? mutateBytes(block.commitment, random) : block.commitment,
    blockHeight: number(block.blockHeight, random),
    shareTarget: number(block.shareTarget, random),
    parentHashes: random.toss(4) ? undefined : block.parentHashes,
  };
  const result = outcome(() => checkBlockProof(input, {judge: okay}));
  if (typeof result === 'string') ok(new BlockError(result as 'PCP_INVAL').value !== undefined);
}

function nodeBlock(random: Random): void {
  const block = random.pick(blocks);
  const wire = random.toss(2) ? mutateBytes(block.section, random) : block.section;
  const proof = accepted(() => readProof(new Reader(wire), 'node'));
  if (proof === undefined) return;
  const input = {
    header: random.toss(3) ? mutateInPlace(block.header, random) : block.header,
    proof: random.toss(4) ? {...proof, version: random.edgeBig()} : proof,
    commitment: random.toss(3) ? mutateBytes(block.commitment, random) : block.commitment,
    blockHeight: number(block.blockHeight, random),
    shareTarget: number(block.shareTarget, random),
    parentHashes: block.parentHashes.map((hash) => (random.toss(20) ? undefined : hash)),
  };
  outcome(() => checkNodeProof(input, random.toss(4) ? PKT_PROOF_RULES : ANY_HEIGHT, okay));
}

function signatures(random: Random): void {
  const signed = random.pick(blocks.filter(({proof}) => proof.signatures.some((signature) => signature !== undefined)));
  const {announcements, signatures: good} = signed.proof;
  const proof = {
    ...signed.proof,
    announcements: announcements.map((ann) => (random.toss(3) ? mutateInPlace(ann, random) : ann)),
    signatures: good.map((signature) =>
      signature === undefined || random.toss(2) ? signature : mutateInPlace(signature, random),
    ),
  };
  accepted(() => checkSignatures(proof));
}

function contentProofs(random: Random): void {
  const {header, proof} = random.pick(blocks);
  const announcements = proof.announcements.map((ann) => {
    const copy = ann.slice();
    const length = random.toss(2) ? random.below(300) : random.edgeWord();
    new DataView(copy.buffer).setUint32(20, length, true);
    return copy;
  });
  const bytes = random.toss(6)
    ? undefined
    : random.bytes(32 * random.below(100) + (random.toss(4) ? random.below(32) : 0));
  accepted(() => checkContentProofs(header, random.edgeWord(), announcements, bytes));
}

export const BLOCK_TARGETS: readonly FuzzTarget[] = [
  {name: 'block, strict profile', cases: 300, run: strictBlock},
  {name: 'block, node profile', cases: 300, run: nodeBlock},
  {name: 'announcement signatures', cases: 100, run: signatures},
  {name: 'content proofs', cases: 1000, run: contentProofs},
];

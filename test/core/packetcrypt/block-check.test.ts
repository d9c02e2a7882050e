import {equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import {concatBytes, decodeHex, encodeHex, Reader, readU32} from '../../../src/core/bytes/index.ts';
import {dsha256} from '../../../src/core/crypto/index.ts';
import {
  type AnnouncementJudge,
  announcementVerdict,
  BlockError,
  checkBlockProof,
  checkNodeProof,
  checkProofVersion,
  checkSignatures,
  decodeCommitment,
  effectiveTarget,
  OUTCOME_VALUES,
  PKT_PROOF_RULES,
  readProof,
  splitHeaderAndProof,
} from '../../../src/core/packetcrypt/index.ts';
import {refuses} from '../../support/refusal.ts';
import {readVectors} from '../../support/vectors.ts';
import {blockCheckVectors, blockVectors, blockWireVectors} from './block-suite.ts';

blockCheckVectors('plain', announcementVerdict);
blockWireVectors('plain', announcementVerdict);

const {blocks} = blockVectors;
const okay: AnnouncementJudge = () => ({verdict: 'OK', workHash: new Uint8Array(32)});

function inputOf(name: string) {
  const block = blocks.find((candidate) => candidate.name === name)!;
  const wire = decodeHex(block.wire);
  return {
    header: wire.slice(0, 80),
    proof: readProof(new Reader(wire.subarray(80))),
    commitment: decodeHex(block.commit),
    blockHeight: block.blockHeight,
    shareTarget: Number.parseInt(block.shareTarget, 16),
    parentHashes: block.parentHashes.map((hash) => decodeHex(hash)),
  };
}

test('effective targets, work hashes and selections of the block vectors', () => {
  for (const block of blocks) {
    const wire = decodeHex(block.wire);
    const {annLeastWorkTarget, numAnns} = decodeCommitment(decodeHex(block.commit));
    const bits = readU32(wire, 72);
    equal(effectiveTarget(bits, annLeastWorkTarget, numAnns), Number.parseInt(block.effectiveTarget, 16), block.name);
    const shareTarget = Number.parseInt(block.shareTarget, 16);
    if (shareTarget !== 0) {
      const expected = Number.parseInt(block.effectiveShareTarget, 16);
      equal(effectiveTarget(shareTarget, annLeastWorkTarget, numAnns), expected, block.name);
    }
    if (block.expect === 'PCP_INVAL') continue;
    equal(encodeHex(checkBlockProof(inputOf(block.name), {judge: okay}).workHash), block.workHash, block.name);
  }
});

test('the code values of the existing programs', () => {
  equal(OUTCOME_VALUES.OK, 0);
  equal(OUTCOME_VALUES.SHARE_OK, 0x100);
  equal(new BlockError('ANN_INVALID', {announcement: 3}).value, 0x203);
  equal(new BlockError('ANN_INSUF_POW', {announcement: 1}).value, 0x301);
  equal(new BlockError('ANN_SIG_INVALID', {announcement: 2}).value, 0x402);
  equal(new BlockError('ANN_CONTENT_INVALID', {announcement: 0}).value, 0x500);
  equal(new BlockError('PCP_INVAL').value, 0x600);
  equal(new BlockError('PCP_MISMATCH').value, 0x700);
  equal(new BlockError('INSUF_POW').value, 0x800);
  equal(new BlockError('BAD_COINBASE').value, 0x900);
  equal(new BlockError('PROOF_VERSION_NOT_ALLOWED').value, undefined);
});

test('proof versions by height', () => {
  const check = (version: bigint, height: number) => () => checkProofVersion(version, height, PKT_PROOF_RULES);
  check(0n, 0)();
  check(1n, 122621)();
  check(2n, 113949)();
  check(2n, 122622)();
  check((1n << 63n) - 1n, 200000)();
  // Negative in the node software.
  check(1n << 63n, 122621)();
  check((1n << 64n) - 1n, 0)();
  for (const refused of [
    check(0n, 122622),
    check(1n, 122622),
    check(2n, 113948),
    check(3n, 0),
    check(1n << 63n, 122622),
  ]) {
    refuses(refused, 'PROOF_VERSION_NOT_ALLOWED');
  }
  refuses(
    () => checkNodeProof({...inputOf('height-2-special-case')}, PKT_PROOF_RULES, okay),
    'PROOF_VERSION_NOT_ALLOWED',
  );
});

test('a version of 2^63 and above is judged as an old one', () => {
  const input = inputOf('share-only');
  const heights = {...PKT_PROOF_RULES, firstVersion2Height: 0, lastVersion1Height: 0xffffffff};
  const outcome = (version: bigint) => {
    try {
      return checkNodeProof({...input, proof: {...input.proof, version}}, heights, okay).outcome;
    } catch (error) {
      return (error as BlockError).code;
    }
  };
  // The old difficulty divides by the number of announcements, not by its square.
  equal(outcome(2n), 'SHARE_OK');
  equal(outcome(1n), 'INSUF_POW');
  equal(outcome((1n << 63n) - 1n), outcome(2n));
  equal(outcome(1n << 63n), outcome(1n));
  equal(outcome((1n << 64n) - 1n), outcome(1n));
});

test('signatures: every signed announcement, in its place', () => {
  const {proof} = inputOf('signed-31');
  checkSignatures(proof);
  const first = proof.signatures.findIndex((signature) => signature !== undefined);
  const without = {...proof, signatures: proof.signatures.map((signature, k) => (k === first ? undefined : signature))};
  refuses(() => checkSignatures(without), 'ANN_SIG_INVALID');
  const wrong = {
    ...proof,
    signatures: proof.signatures.map((signature, k) =>
      k === first ? Uint8Array.from(signature!, (byte, i) => (i === 40 ? byte ^ 1 : byte)) : signature,
    ),
  };
  refuses(() => checkSignatures(wrong), 'ANN_SIG_INVALID');
});

test('node profile: what only the node checks', () => {
  const input = inputOf('signed-31');
  const rules = PKT_PROOF_RULES;
  equal(checkNodeProof(input, rules, okay).outcome, 'OK');
  refuses(() => checkNodeProof({...input, commitment: undefined}, rules, okay), 'BAD_COINBASE');
  const parents = input.parentHashes;
  refuses(
    () => checkNodeProof({...input, parentHashes: [parents[0]!, parents[1]!, undefined, parents[3]!]}, rules, okay),
    'ANN_PARENT_UNKNOWN',
  );
  const far = input.proof.announcements.map((ann) => {
    const copy = ann.slice();
    copy[15] = 0x80;
    return copy;
  });
  refuses(
    () => checkNodeProof({...input, proof: {...input.proof, announcements: far}}, rules, okay),
    'ANN_PARENT_UNKNOWN',
  );
  refuses(
    () => checkNodeProof({...input, proof: {...input.proof, contentProofs: new Uint8Array(0)}}, rules, okay),
    'ANN_CONTENT_INVALID',
  );
  const low = {...rules, firstVersion1Parent: 0x7fffffff};
  refuses(() => checkNodeProof(input, low), 'ANN_INVALID');
});

test('the announcement check is handed context and parents, and its verdict becomes the cause', () => {
  const input = inputOf('seven-announcements');
  const seen: string[] = [];
  const judge: AnnouncementJudge = (ann, parentHash, context) => {
    seen.push(`${readU32(ann, 12)} ${encodeHex(parentHash).slice(0, 8)} ${context?.profile} ${context?.proofVersion}`);
    return {verdict: seen.length === 3 ? 'INSUF_POW' : 'OK'};
  };
  throws(
    () => checkBlockProof(input, {judge, context: {proofVersion: 2}}),
    (error) =>
      error instanceof BlockError &&
      error.code === 'ANN_INVALID' &&
      error.announcement === 2 &&
      (error.cause as {code: string}).code === 'INSUF_POW',
  );
  equal(seen.length, 3);
  equal(
    seen.every((line) => line.endsWith('strict 2')),
    true,
  );
});

test('every truncation of header and proof is refused', () => {
  const input = inputOf('seven-announcements');
  const hap = concatBytes(
    input.header,
    new Uint8Array(4),
    Uint8Array.of(1, 0, 0, 0),
    ...input.proof.announcements,
    input.proof.treeProof,
  );
  const check = (bytes: Uint8Array) => {
    const {header, proof} = splitHeaderAndProof(bytes);
    return checkBlockProof({...input, header, proof}, {judge: okay});
  };
  equal(check(hap).outcome, 'OK');
  for (let length = 0; length < 4184; length += 97)
    refuses(() => splitHeaderAndProof(hap.subarray(0, length)), 'PCP_INVAL');
  for (let length = 4184; length < hap.length; length += 7) refuses(() => check(hap.subarray(0, length)), 'PCP_INVAL');
});

test('the genesis block: its header has the name, its proof is of an older layout and refused', () => {
  const {genesis} = readVectors<{genesis: {blockHash: string; hex: string}}>('block');
  const bytes = decodeHex(genesis.hex);
  equal(encodeHex(dsha256(bytes.subarray(0, 80)).reverse()), genesis.blockHash);
  const proof = readProof(new Reader(bytes.subarray(80)), 'node');
  equal(proof.version, 0n);
  const input = {
    header: bytes.subarray(0, 80),
    proof,
    commitment: decodeHex(blocks[0]!.commit),
    blockHeight: 0,
    parentHashes: proof.announcements.map(() => new Uint8Array(32)),
  };
  throws(() => checkNodeProof(input, PKT_PROOF_RULES), BlockError);
});

test('misuse is a TypeError or RangeError', () => {
  const input = inputOf('one-announcement');
  const {proof} = input;
  throws(() => checkBlockProof({...input, header: new Uint8Array(79)}), RangeError);
  throws(() => checkBlockProof({...input, blockHeight: -1}), RangeError);
  throws(() => checkBlockProof({...input, shareTarget: 2 ** 32}), RangeError);
  throws(() => checkBlockProof({...input, parentHashes: [new Uint8Array(32)]}), RangeError);
  throws(
    () => checkBlockProof({...input, parentHashes: input.parentHashes.map((hash) => hash.subarray(1))}),
    RangeError,
  );
  throws(() => checkBlockProof({...input, proof: {...proof, announcements: proof.announcements.slice(1)}}), RangeError);
  throws(() => splitHeaderAndProof('00' as unknown as Uint8Array), TypeError);
  refuses(() => checkBlockProof({...input, commitment: new Uint8Array(47)}), 'BAD_COINBASE');
});

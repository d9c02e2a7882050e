import {deepEqual, equal} from 'node:assert/strict';
import {test} from 'node:test';
import {concatBytes, decodeHex, encodeHex, Reader} from '../../../src/core/bytes/index.ts';
import {expand} from '../../../src/core/crypto/index.ts';
import {
  type AnnouncementJudge,
  BlockError,
  type BlockWork,
  checkBlockProof,
  checkNodeProof,
  meetsTarget,
  PKT_PROOF_RULES,
  type ProofRules,
  ProofWireError,
  readProof,
  splitHeaderAndProof,
} from '../../../src/core/packetcrypt/index.ts';
import {readVectors} from '../../support/vectors.ts';

export interface WorkCase {
  header: string;
  nonce2: number;
  annCount: number;
  annSeed: string;
  hdrHash: string;
  itemNosRaw: string[];
  itemNos: number[];
  beforeSmul: string;
  a: string;
  b: string;
  smulOut: string;
  workHash: string;
  work: [string, number][];
}

export const blockWorkCases: WorkCase[] = readVectors<{cases: WorkCase[]}>('blockhash').cases;

/** One announcement of the set of a case; not real ones, only bytes. Sets go up to 10⁸, so none is made whole. */
export function caseAnnouncement({annSeed}: WorkCase, number: number): Uint8Array {
  return expand(decodeHex(annSeed), number, 1024);
}

/** Every block hash of blockhash.json through one implementation. */
export function blockWorkVectors(
  name: string,
  work: (header: Uint8Array, nonce2: number, count: number, annAt: (number: number) => Uint8Array) => BlockWork,
): void {
  test(`block hash, ${name}: ${blockWorkCases.length} vectors`, () => {
    for (const vector of blockWorkCases) {
      const {workHash, itemNumbers} = work(decodeHex(vector.header), vector.nonce2, vector.annCount, (number) =>
        caseAnnouncement(vector, number),
      );
      deepEqual(
        itemNumbers.map((number) => number.toString(16).padStart(16, '0')),
        vector.itemNosRaw,
      );
      deepEqual(
        itemNumbers.map((number) => Number(number % BigInt(vector.annCount))),
        vector.itemNos,
      );
      equal(encodeHex(workHash), vector.workHash);
      for (const [target, ok] of vector.work) equal(meetsTarget(workHash, Number.parseInt(target, 16)), ok === 1);
    }
  });
}

interface BlockCase {
  name: string;
  wire: string;
  commit: string;
  blockHeight: number;
  shareTarget: string;
  parentHashes: string[];
  nonce2: number;
  selected: number[];
  effectiveTarget: string;
  effectiveShareTarget: string;
  workHash: string;
  proofLen: number;
  packetcrypt_rs: string;
  pktd: string;
  expect: string;
}

interface Mutation {
  base: number;
  note: string;
  patch?: {field: 'hap' | 'commit' | 'par'; offset: number; hex: string};
  hapLenDelta?: number;
  blockHeight?: number;
  shareTarget?: string;
  parentHashes?: null;
  packetcrypt_rs: string;
  pktd: string;
  expect: string;
}

interface WireMutation {
  base: number;
  note: string;
  keepHead: number;
  insert: string;
  keepTail: number;
  pktd: string;
  accept: boolean;
}

interface Vectors {
  blocks: BlockCase[];
  mutations: Mutation[];
  wireMutations: WireMutation[];
}

export const blockVectors: Vectors = readVectors<Vectors>('block');

/** The recorded verdicts do not apply the heights of proof versions. */
const ANY_HEIGHT: ProofRules = {...PKT_PROOF_RULES, firstVersion2Height: 0, lastVersion1Height: 0xffffffff};

/** What one check is given: parts of a case that mutations replace. */
interface Attempt {
  hap: Uint8Array;
  commitment: Uint8Array;
  parents: Uint8Array | undefined;
  blockHeight: number;
  shareTarget: number;
}

function attemptOf(block: BlockCase): Attempt {
  const wire = decodeHex(block.wire);
  const {nonce2, announcements, treeProof} = readProof(new Reader(wire.subarray(80)));
  const numbers = new Uint8Array(8);
  new DataView(numbers.buffer).setUint32(4, nonce2, true);
  return {
    hap: concatBytes(wire.subarray(0, 80), numbers, ...announcements, treeProof),
    commitment: decodeHex(block.commit),
    parents: decodeHex(block.parentHashes.join('')),
    blockHeight: block.blockHeight,
    shareTarget: Number.parseInt(block.shareTarget, 16),
  };
}

function mutate(attempt: Attempt, mutation: Mutation): Attempt {
  const {patch, hapLenDelta = 0} = mutation;
  const mutated = {...attempt};
  const hap = new Uint8Array(attempt.hap.length + hapLenDelta);
  hap.set(attempt.hap.subarray(0, hap.length));
  mutated.hap = hap;
  if (patch !== undefined) {
    const field = {hap, commit: mutated.commitment, par: mutated.parents!}[patch.field];
    field.set(decodeHex(patch.hex), patch.offset);
  }
  if (mutation.blockHeight !== undefined) mutated.blockHeight = mutation.blockHeight;
  if (mutation.shareTarget !== undefined) mutated.shareTarget = Number.parseInt(mutation.shareTarget, 16);
  if (mutation.parentHashes === null) mutated.parents = undefined;
  return mutated;
}

function fourOf(parents: Uint8Array): Uint8Array[] {
  return Array.from({length: 4}, (_, k) => parents.subarray(32 * k, 32 * k + 32));
}

/** The verdict in the words of the vectors: a code, with the number of the announcement where the table has one. */
function verdictOf(check: () => {outcome: string; workHash: Uint8Array}, workHash?: string): string {
  try {
    const result = check();
    if (workHash !== undefined) equal(encodeHex(result.workHash), workHash);
    return result.outcome;
  } catch (error) {
    if (!(error instanceof BlockError)) throw error;
    return error.announcement === undefined ? error.code : `${error.code}(${error.announcement})`;
  }
}

function strictVerdict(
  {hap, commitment, parents, blockHeight, shareTarget}: Attempt,
  judge: AnnouncementJudge,
): string {
  return verdictOf(() => {
    const {header, proof} = splitHeaderAndProof(hap);
    const parentHashes = parents === undefined ? undefined : fourOf(parents);
    return checkBlockProof({header, proof, commitment, blockHeight, shareTarget, parentHashes}, {judge});
  });
}

/** The recorded verdict of the node software as one of our codes, without announcement number. */
function nodeCode(recorded: string): string {
  if (recorded === 'BLOCK_OK') return 'OK';
  if (recorded.startsWith('ANN ')) return 'ANN_INVALID';
  return recorded.split(':')[0]!;
}

/** Every case of block.json but the wire encodings, through one implementation of the announcement check. */
export function blockCheckVectors(name: string, judge: AnnouncementJudge): void {
  const {blocks, mutations} = blockVectors;

  test(`blocks, strict profile, ${name}: ${blocks.length} vectors`, () => {
    for (const block of blocks) equal(strictVerdict(attemptOf(block), judge), block.expect, block.name);
  });

  test(`altered blocks, strict profile, ${name}: ${mutations.length} vectors`, () => {
    for (const mutation of mutations) {
      const attempt = mutate(attemptOf(blocks[mutation.base]!), mutation);
      equal(strictVerdict(attempt, judge), mutation.expect, mutation.note);
    }
  });

  test(`blocks, altered or not, node profile, ${name}: ${blocks.length + mutations.length} vectors`, () => {
    const check = (block: BlockCase, attempt: Attempt): string => {
      const {header, proof} = splitHeaderAndProof(attempt.hap);
      const {version, signatures} = readProof(new Reader(decodeHex(block.wire).subarray(80)));
      const {commitment, blockHeight, shareTarget} = attempt;
      const input = {
        header,
        proof: {...proof, version, signatures, contentProofs: undefined},
        commitment,
        blockHeight,
        shareTarget,
        parentHashes: fourOf(attempt.parents!),
      };
      return verdictOf(() => checkNodeProof(input, ANY_HEIGHT, judge)).split('(')[0]!;
    };
    for (const block of blocks) equal(check(block, attemptOf(block)), nodeCode(block.pktd), block.name);
    for (const mutation of mutations) {
      if (mutation.pktd === 'n/a') continue;
      const block = blocks[mutation.base]!;
      equal(check(block, mutate(attemptOf(block), mutation)), nodeCode(mutation.pktd), mutation.note);
    }
  });
}

function wireVerdict(wire: Uint8Array, block: BlockCase, judge: AnnouncementJudge): string {
  try {
    const proof = readProof(new Reader(wire.subarray(80)), 'node');
    const input = {
      header: wire.subarray(0, 80),
      proof,
      commitment: decodeHex(block.commit),
      blockHeight: block.blockHeight,
      shareTarget: Number.parseInt(block.shareTarget, 16),
      parentHashes: block.parentHashes.map((hash) => decodeHex(hash)),
    };
    return verdictOf(() => checkNodeProof(input, ANY_HEIGHT, judge));
  } catch (error) {
    if (error instanceof ProofWireError) return error.code;
    throw error;
  }
}

/** What each refused encoding must be refused with. */
const WIRE_CODES: Readonly<Record<string, string>> = {
  'signatures missing': 'ANN_SIG_INVALID(3)',
  'signature bit flipped': 'ANN_SIG_INVALID(3)',
  'signatures before the proof TLV': 'record-before-proof',
  'dangling byte in signatures': 'signatures-length',
  'version length mismatch': 'version-length',
  'content proof TLV with version 2': 'ANN_CONTENT_INVALID',
  'empty content proof TLV with version 2': 'ANN_CONTENT_INVALID',
  'proof TLV without tree proof': 'proof-length',
};

/** Every wire encoding of block.json through one implementation of the announcement check. */
export function blockWireVectors(name: string, judge: AnnouncementJudge): void {
  test(`wire encodings, node profile, ${name}: ${blockVectors.wireMutations.length} vectors`, () => {
    for (const {base, note, keepHead, insert, keepTail, pktd, accept} of blockVectors.wireMutations) {
      const block = blockVectors.blocks[base]!;
      const wire = decodeHex(block.wire);
      const tail = wire.subarray(wire.length - keepTail);
      const altered = concatBytes(wire.subarray(0, keepHead), decodeHex(insert), tail);
      const verdict = wireVerdict(altered, block, judge);
      equal(verdict === 'OK' || verdict === 'SHARE_OK', accept, `${note}: ${verdict}`);
      if (accept) equal(verdict, nodeCode(pktd), note);
      else if (note === 'proof TLV missing') equal(['record-before-proof', 'proof-missing'].includes(verdict), true);
      else equal(verdict, WIRE_CODES[note], note);
    }
  });
}

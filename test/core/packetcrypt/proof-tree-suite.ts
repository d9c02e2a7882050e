import {deepEqual, equal} from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {test} from 'node:test';
import {decodeHex, encodeHex} from '../../../src/core/bytes/index.ts';
import {
  BlockError,
  checkTreeProof,
  type HashPairs,
  isProvable,
  orderAnnouncements,
  ProofTree,
  pickHashes,
} from '../../../src/core/packetcrypt/index.ts';
import {readVectors} from '../../support/vectors.ts';

interface ProofCase {
  indexes: number[];
  len: number;
  proof?: string;
  proofSha256?: string;
  pktd: string;
  expect: string;
}
interface TreeCase {
  count: number;
  seed: string;
  root: string;
  rootEntry: string;
  sorted?: string[];
  proofs: ProofCase[];
}
interface InvalidCase {
  count: number;
  proofNo: number;
  note: string;
  total: number;
  indexes: number[];
  annHashes: string[];
  proof?: string;
  proofUnchanged?: number;
  packetcrypt_rs: string;
  expect: string;
  pktd: string;
}
interface AdversarialCase {
  note: string;
  root: string;
  annHashes: string[];
  total: number;
  indexes: number[];
  proof: string;
  pktd: string;
  expect: string;
}
interface Vectors {
  trees: TreeCase[];
  invalid: InvalidCase[];
  dedup: {hashes: string[]; kept: number[]}[];
  adversarial: AdversarialCase[];
}

/** The unsorted announcement hashes of a tree case, one after another. */
function caseHashes({count, seed}: TreeCase): Uint8Array {
  const hashes = new Uint8Array(32 * count);
  for (let i = 0; i < count; i++) {
    const number = Buffer.alloc(4);
    number.writeUInt32LE(i);
    hashes.set(createHash('sha256').update(decodeHex(seed)).update(number).digest(), 32 * i);
  }
  return hashes;
}

/** The hashes of a tree case in tree order. */
export function orderedHashes(hashes: Uint8Array): Uint8Array {
  return pickHashes(hashes, orderAnnouncements(hashes));
}

function verdict(
  count: number,
  indexes: number[],
  hashes: Uint8Array[],
  proof: Uint8Array,
  root: Uint8Array,
  profile: 'strict' | 'node',
): string {
  try {
    checkTreeProof({count: BigInt(count), itemNumbers: indexes.map(BigInt), hashes, proof}, root, profile);
    return 'OK';
  } catch (error) {
    if (error instanceof BlockError) return error.code;
    throw error;
  }
}

/** First word of a recorded verdict of the node software. */
function nodeVerdict(recorded: string): string {
  return recorded === 'refused' ? 'PCP_INVAL' : recorded.split(' ')[0]!;
}

/** Every case of prooftree.json, the tree built with one implementation of the pair hash. */
export function proofTreeVectors(name: string, hashPairs: HashPairs): void {
  const vectors = readVectors<Vectors>('prooftree');
  const trees = new Map<number, {tree: ProofTree; hashes: Uint8Array; proofs: Uint8Array[]}>();

  test(`trees and proofs, ${name}: ${vectors.trees.length} trees`, () => {
    for (const vector of vectors.trees) {
      const hashes = orderedHashes(caseHashes(vector));
      if (vector.sorted !== undefined) equal(encodeHex(hashes), vector.sorted.join(''));
      const tree = ProofTree.build(hashes, hashPairs);
      equal(tree.count, vector.count);
      equal(encodeHex(tree.rootEntry), vector.rootEntry);
      equal(encodeHex(tree.root), vector.root);
      const proofs = vector.proofs.map((proofCase) => {
        const proof = tree.prove(proofCase.indexes);
        equal(proof.length, proofCase.len);
        if (proofCase.proof !== undefined) equal(encodeHex(proof), proofCase.proof);
        else equal(createHash('sha256').update(proof).digest('hex'), proofCase.proofSha256);
        const selected = proofCase.indexes.map((i) => hashes.slice(32 * i, 32 * i + 32));
        const {count} = vector;
        equal(verdict(count, proofCase.indexes, selected, proof, tree.root, 'strict'), proofCase.expect);
        equal(verdict(count, proofCase.indexes, selected, proof, tree.root, 'node'), nodeVerdict(proofCase.pktd));
        equal(isProvable(count, proofCase.indexes), proofCase.expect === 'OK');
        return proof;
      });
      trees.set(vector.count, {tree, hashes, proofs});
    }
  });

  test(`altered proofs, ${name}: ${vectors.invalid.length} cases in both profiles`, () => {
    for (const vector of vectors.invalid) {
      const {tree, proofs} = trees.get(vector.count)!;
      const proof = vector.proof === undefined ? proofs[vector.proofNo]! : decodeHex(vector.proof);
      const note = `count ${vector.count} proof ${vector.proofNo}: ${vector.note}`;
      const hashes = vector.annHashes.map((hash) => decodeHex(hash));
      equal(verdict(vector.total, vector.indexes, hashes, proof, tree.root, 'strict'), vector.expect, note);
      equal(verdict(vector.total, vector.indexes, hashes, proof, tree.root, 'node'), nodeVerdict(vector.pktd), note);
    }
  });
}

test('order and duplicates', () => {
  const {dedup} = readVectors<Vectors>('prooftree');
  for (const {hashes, kept} of dedup) deepEqual([...orderAnnouncements(decodeHex(hashes.join('')))], kept);
});

test('trees built over unsorted or repeated announcements: the node profile accepts them', () => {
  const {adversarial} = readVectors<Vectors>('prooftree');
  equal(adversarial.length, 7);
  for (const {note, root, annHashes, total, indexes, proof, pktd, expect} of adversarial) {
    const hashes = annHashes.map((hash) => decodeHex(hash));
    equal(verdict(total, indexes, hashes, decodeHex(proof), decodeHex(root), 'strict'), expect, note);
    equal(verdict(total, indexes, hashes, decodeHex(proof), decodeHex(root), 'node'), pktd, note);
  }
});

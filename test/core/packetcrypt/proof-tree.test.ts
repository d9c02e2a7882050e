import {deepEqual, equal, throws} from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {test} from 'node:test';
import fc from 'fast-check';
import {encodeHex, readU64} from '../../../src/core/bytes/index.ts';
import {
  checkTreeProof,
  entryCount,
  hashPairsPlainly,
  isProvable,
  orderAnnouncements,
  ProofTree,
  treeProofRoot,
} from '../../../src/core/packetcrypt/index.ts';
import {checkProperty} from '../../support/property.ts';
import {acceptsOrRefuses, refuses} from '../../support/refusal.ts';
import {orderedHashes, proofTreeVectors} from './proof-tree-suite.ts';

proofTreeVectors('plain', hashPairsPlainly);

function randomTree(count: number): {tree: ProofTree; hashes: Uint8Array} {
  const hashes = orderedHashes(randomBytes(32 * count));
  return {tree: ProofTree.build(hashes), hashes};
}

function inputFor(tree: ProofTree, hashes: Uint8Array, selected: readonly number[]) {
  return {
    count: BigInt(tree.count),
    itemNumbers: selected.map((number) => BigInt(number + 3 * tree.count)),
    hashes: selected.map((number) => hashes.slice(32 * number, 32 * number + 32)),
    proof: tree.prove(selected),
  };
}

test('random trees: every provable selection verifies in both profiles', () => {
  checkProperty(
    fc.property(fc.integer({min: 1, max: 70}), fc.array(fc.nat(), {minLength: 4, maxLength: 4}), (count, numbers) => {
      const {tree, hashes} = randomTree(count);
      const selected = numbers.map((number) => number % tree.count);
      const input = inputFor(tree, hashes, selected);
      for (const profile of ['strict', 'node'] as const) {
        if (isProvable(tree.count, selected)) checkTreeProof(input, tree.root, profile);
        else refuses(() => checkTreeProof(input, tree.root, profile), 'PCP_INVAL');
      }
    }),
  );
});

test('entryCount counts the entries of all layers', () => {
  for (const count of [1, 2, 3, 4, 7, 8, 100]) {
    const {tree} = randomTree(count);
    let entries = 0;
    for (let level = 0; acceptsLevel(tree, level); level++) {
      let index = 0;
      while (acceptsEntry(tree, level, index)) index++;
      entries += index;
    }
    equal(entryCount(count + 1), entries);
  }
});

function acceptsEntry(tree: ProofTree, level: number, index: number): boolean {
  try {
    tree.entry(level, index);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function acceptsLevel(tree: ProofTree, level: number): boolean {
  return acceptsEntry(tree, level, 0);
}

test('leaf entries link each start to the next end; paddings are all ones', () => {
  const {tree, hashes} = randomTree(4);
  for (let i = 0; i < 4; i++) equal(readU64(tree.entry(0, i), 40), readU64(tree.entry(0, i + 1), 32));
  equal(encodeHex(tree.entry(0, 0).subarray(0, 40)), '00'.repeat(40));
  deepEqual(tree.entry(0, 4).subarray(0, 32), hashes.subarray(96));
  equal(encodeHex(tree.entry(0, 4).subarray(40)), 'ff'.repeat(8));
  equal(encodeHex(tree.entry(0, 5)), 'ff'.repeat(48));
  equal(encodeHex(tree.entry(1, 3)), 'ff'.repeat(48));
});

test('every truncation of a proof is refused, in the node profile unless only zero bytes are cut', () => {
  const {tree, hashes} = randomTree(13);
  const input = inputFor(tree, hashes, [0, 5, 7, 12]);
  for (let length = 0; length < input.proof.length; length++) {
    const cut = {...input, proof: input.proof.subarray(0, length)};
    refuses(() => checkTreeProof(cut, tree.root), 'PCP_INVAL');
    const padded = new Uint8Array(input.proof.length);
    padded.set(cut.proof);
    const same = encodeHex(padded) === encodeHex(input.proof) && input.proof.length - length < 8;
    equal(
      acceptsOrRefuses(() => checkTreeProof(cut, tree.root, 'node')),
      same,
    );
  }
  refuses(
    () => checkTreeProof({...input, proof: Buffer.concat([input.proof, Buffer.of(0)])}, tree.root, 'node'),
    'PCP_INVAL',
  );
});

test('every changed bit of a proof is refused in the strict profile', () => {
  const {tree, hashes} = randomTree(5);
  const input = inputFor(tree, hashes, [0, 2, 3, 4]);
  for (let bit = 0; bit < 8 * input.proof.length; bit++) {
    const proof = input.proof.slice();
    proof[bit >> 3] = proof[bit >> 3]! ^ (1 << (bit & 7));
    equal(
      acceptsOrRefuses(() => checkTreeProof({...input, proof}, tree.root)),
      false,
    );
  }
});

test('random input to the verifier: a code or a root, never anything else', () => {
  const u64 = fc.oneof(fc.bigInt({min: 0n, max: (1n << 64n) - 1n}), fc.bigInt({min: 0n, max: 20n}));
  const hash = fc.uint8Array({minLength: 32, maxLength: 32});
  const four = <T>(item: fc.Arbitrary<T>) => fc.array(item, {minLength: 4, maxLength: 4});
  checkProperty(
    fc.property(u64, four(u64), four(hash), fc.uint8Array({maxLength: 600}), (count, itemNumbers, hashes, proof) => {
      for (const profile of ['strict', 'node'] as const) {
        if (acceptsOrRefuses(() => treeProofRoot({count, itemNumbers, hashes, proof}, profile))) {
          equal(treeProofRoot({count, itemNumbers, hashes, proof}, profile).length, 32);
        }
      }
    }),
    1000,
  );
});

test('huge counts are refused at once', () => {
  const hash = new Uint8Array(32).fill(7);
  for (const count of [(1n << 62n) - 1n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n]) {
    const input = {
      count,
      itemNumbers: [1n, 2n, 3n, 4n],
      hashes: [hash, hash, hash, hash],
      proof: new Uint8Array(131072),
    };
    refuses(() => treeProofRoot(input), 'PCP_INVAL');
    refuses(() => treeProofRoot(input, 'node'), 'PCP_INVAL');
  }
});

test('ordering drops the numbers 0 and 2^64 - 1 and keeps the first of equals', () => {
  const hashes = new Uint8Array(32 * 5);
  hashes.fill(0xff, 32, 40);
  hashes[64] = 1;
  hashes[96] = 1;
  hashes[128 + 7] = 1;
  deepEqual([...orderAnnouncements(hashes)], [2, 4]);
  deepEqual([...orderAnnouncements(new Uint8Array(0))], []);
});

test('ordering and building stay linear', () => {
  const measure = (count: number): number => {
    const hashes = randomBytes(32 * count);
    const begun = performance.now();
    ProofTree.build(orderedHashes(hashes), (_pairs, parents) => {
      parents.fill(1);
    });
    return performance.now() - begun;
  };
  measure(1 << 14);
  const [small, large] = [measure(1 << 14), measure(1 << 17)];
  console.log(`# ordering and layout: 2^14 in ${small.toFixed(1)} ms, 2^17 in ${large.toFixed(1)} ms`);
  equal(large < 8 * 4 * Math.max(small, 2), true);
});

test('misuse is a TypeError or RangeError', () => {
  const {tree, hashes} = randomTree(5);
  throws(() => ProofTree.build(new Uint8Array(0)), RangeError);
  throws(() => ProofTree.build(new Uint8Array(33)), RangeError);
  throws(() => ProofTree.build(new Uint8Array(32)), /tree order/);
  throws(() => ProofTree.build(Buffer.concat([hashes.subarray(32), hashes.subarray(0, 32)])), /tree order/);
  throws(() => ProofTree.build(Buffer.concat([hashes, hashes.subarray(128)])), /tree order/);
  throws(() => tree.prove([0, 1, 2]), RangeError);
  throws(() => tree.prove([0, 1, 2, 5]), RangeError);
  throws(() => tree.prove([0, 1, 2, -1]), RangeError);
  throws(() => orderAnnouncements(new Uint8Array(31)), RangeError);
  const input = inputFor(tree, hashes, [0, 1, 2, 3]);
  throws(() => treeProofRoot({...input, count: 5 as unknown as bigint}), TypeError);
  throws(() => treeProofRoot({...input, itemNumbers: [1n]}), RangeError);
  throws(() => treeProofRoot({...input, hashes: input.hashes.map((hash) => hash.subarray(1))}), RangeError);
  throws(() => checkTreeProof(input, new Uint8Array(31)), RangeError);
  throws(() => checkTreeProof(input, tree.root, 'lenient' as 'node'), TypeError);
});

import {deepEqual, equal, ok} from 'node:assert/strict';
import {concatBytes, decodeHex, encodeHex, encodeVarint, Reader} from '../../src/core/bytes/index.ts';
import {
  BlockError,
  COMMITMENT_BYTES,
  checkTreeProof,
  commitmentScript,
  decodeCommitment,
  decodeProof,
  decodeShare,
  encodeCommitment,
  encodeProof,
  encodeShare,
  fillPlaceholder,
  findCommitment,
  orderAnnouncements,
  type PacketCryptProof,
  ProofTree,
  pickHashes,
  placeholderScript,
  readProof,
  type Share,
  type TreeProofInput,
  treeProofRoot,
} from '../../src/core/packetcrypt/index.ts';
import {readVectors} from '../support/vectors.ts';
import {mutateBytes} from './mutate.ts';
import {Random} from './random.ts';
import {accepted, type FuzzTarget, outcome, sameBytes} from './target.ts';

interface WireCase {
  readonly wire: string;
  readonly commit: string;
}

const blocks = readVectors<{blocks: WireCase[]}>('block').blocks.map(({wire, commit}) => {
  const bytes = decodeHex(wire);
  const reader = new Reader(bytes.subarray(80));
  const proof = readProof(reader);
  return {
    header: bytes.slice(0, 80),
    section: bytes.slice(80, 80 + reader.offset),
    proof,
    commitment: decodeHex(commit),
  };
});
type BlockParts = (typeof blocks)[number];

function record(type: number | bigint, value: Uint8Array, length: number | bigint): Uint8Array {
  return concatBytes(encodeVarint(type), encodeVarint(length), value);
}

/** The proof record of a valid section: it comes first. */
function proofRecord(section: Uint8Array): Uint8Array {
  const reader = new Reader(section);
  reader.varint();
  const length = reader.varintUpTo(section.length);
  return section.subarray(0, reader.offset + length);
}

/** Records in any order, of any type and length, some of them good. */
function hostileSection({section, proof}: BlockParts, random: Random): Uint8Array {
  const parts: Uint8Array[] = random.toss(8) ? [] : [proofRecord(section)];
  for (let n = random.below(5); n > 0; n--) {
    const kind = random.below(8);
    const signatures = concatBytes(...proof.signatures.filter((signature) => signature !== undefined));
    const version = encodeVarint(random.toss(2) ? 2 : random.edgeBig());
    const some = random.bytes(random.below(70));
    if (kind === 0) parts.push(record(random.edgeBig(), some, random.toss(4) ? random.edgeBig() : some.length));
    else if (kind === 1) parts.push(record(2, signatures, signatures.length));
    else if (kind === 2) parts.push(record(3, some, some.length));
    else if (kind === 3) parts.push(proofRecord(section));
    else if (kind === 4) parts.push(record(random.below(6), some, random.edgeWord()));
    else parts.push(record(4, version, version.length));
  }
  if (!random.toss(5)) parts.push(record(0, new Uint8Array(0), random.toss(8) ? random.edgeWord() : 0));
  return concatBytes(...parts);
}

function someSection(random: Random): Uint8Array {
  const block = random.pick(blocks);
  const kind = random.below(4);
  if (kind === 0) return mutateBytes(block.section, random);
  if (kind === 1) return mutateBytes(hostileSection(block, random), random);
  return kind === 2 ? hostileSection(block, random) : random.bytes(random.below(80));
}

/** What a strict decoder accepted is written back: in one of our layouts, or in another order of the same records. */
function checkStrictProof(bytes: Uint8Array, proof: PacketCryptProof): void {
  const written = encodeProof(proof, 'node');
  equal(written.length, bytes.length, 'nothing but the order of records is free');
  deepEqual(decodeProof(written), proof);
}

function proofRecords(random: Random): void {
  const bytes = someSection(random);
  const strict = accepted(() => decodeProof(bytes));
  const node = accepted(() => decodeProof(bytes, 'node'));
  const reader = new Reader(bytes);
  const front = accepted(() => readProof(reader, 'node'));
  ok(reader.offset <= bytes.length);
  if (strict !== undefined) {
    checkStrictProof(bytes, strict);
    deepEqual(node, strict, 'what is strictly right is right for nodes');
  }
  if (node !== undefined) deepEqual(front, node);
}

function proofRoundTrip(random: Random): void {
  const {proof} = random.pick(blocks);
  const announcements = proof.announcements.map((ann) => {
    const copy = ann.slice();
    copy.fill(random.toss(2) ? 0 : random.word(), 56, 88);
    return copy;
  });
  const isSigned = announcements.map((ann) => ann.subarray(56, 88).some((byte) => byte !== 0));
  const sign = random.toss(2);
  const made: PacketCryptProof = {
    version: random.edgeBig(),
    nonce2: random.edgeWord(),
    announcements,
    treeProof: random.bytes(1 + random.below(300)),
    signatures: isSigned.map((signed) => (sign && signed ? random.bytes(64) : undefined)),
    contentProofs: random.toss(2) ? random.bytes(1 + random.below(100)) : undefined,
  };
  for (const layout of ['node', 'miner'] as const) {
    const bytes = encodeProof(made, layout);
    const decoded = decodeProof(bytes);
    deepEqual(decoded, made);
    sameBytes(encodeProof(decoded, layout), bytes, 'encoding is canonical');
  }
}

const ODD_VALUES: readonly unknown[] = [undefined, null, 0, NaN, '', 'zz', '0', [], {}, true, 1n, Symbol('x'), () => 0];

function share(random: Random): void {
  const {header, commitment, proof, section} = random.pick(blocks);
  const unsigned = {...proof, signatures: proof.announcements.map(() => undefined), contentProofs: undefined};
  const made: Share = {commitment, header, proof: unsigned};
  const upload = encodeShare(made);
  if (random.toss(8)) deepEqual(decodeShare(upload), made);
  const open = random.toss(2) ? decodeHex(upload.header_and_proof) : concatBytes(header, section);
  const hostile: Record<string, unknown> = {
    coinbase_commit: encodeHex(random.toss(3) ? mutateBytes(commitment, random) : commitment),
    header_and_proof: encodeHex(mutateBytes(open, random)),
  };
  if (random.toss(6))
    hostile[random.pick(['coinbase_commit', 'header_and_proof', 'toString'])] = random.pick(ODD_VALUES);
  const decoded = accepted(() => decodeShare(random.toss(20) ? random.pick(ODD_VALUES) : hostile));
  if (decoded === undefined) return;
  const written = encodeShare(decoded);
  equal(written.coinbase_commit, hostile['coinbase_commit']);
  equal(written.header_and_proof.length, (hostile['header_and_proof'] as string).length);
  deepEqual(decodeShare(written), decoded);
}

function commitment(random: Random): void {
  const valid = random.pick(blocks).commitment;
  const bytes = mutateBytes(valid, random);
  const decoded = accepted(() => decodeCommitment(bytes));
  if (decoded !== undefined) sameBytes(encodeCommitment(decoded), bytes, 'encoding is canonical');
  const scripts = Array.from({length: random.below(4)}, () => mutateBytes(commitmentScript(valid), random));
  const found = findCommitment(scripts);
  if (found !== undefined) equal(found.length, COMMITMENT_BYTES);
  const whole = concatBytes(random.bytes(random.below(30)), placeholderScript(), random.bytes(random.below(30)));
  const coinbase = mutateBytes(whole, random);
  const filled = accepted(() => fillPlaceholder(coinbase, valid));
  if (filled !== undefined) equal(filled.length, coinbase.length);
}

interface TreeCase {
  readonly tree: ProofTree;
  readonly hashes: Uint8Array;
}

const trees: TreeCase[] = [1, 2, 3, 4, 5, 7, 8, 31, 100, 777].map((count) => {
  const random = new Random(count);
  const unordered = random.bytes(32 * count);
  const hashes = pickHashes(unordered, orderAnnouncements(unordered));
  return {tree: ProofTree.build(hashes), hashes};
});

function treeProof(random: Random): void {
  const {tree, hashes} = random.pick(trees);
  const selected = Array.from({length: 4}, () => random.below(tree.count));
  const proof = tree.prove(selected);
  const valid: TreeProofInput = {
    count: BigInt(tree.count),
    itemNumbers: selected.map((number) => BigInt(number) + BigInt(tree.count) * BigInt(random.word())),
    hashes: selected.map((number) => hashes.subarray(32 * number, 32 * number + 32)),
    proof,
  };
  const sameSelection = random.toss(2);
  const hostile: TreeProofInput = {
    count: sameSelection ? valid.count : random.edgeBig(),
    itemNumbers: sameSelection
      ? valid.itemNumbers
      : valid.itemNumbers.map((n) => (random.toss(4) ? random.edgeBig() : n)),
    hashes: sameSelection ? valid.hashes : valid.hashes.map((hash) => (random.toss(6) ? random.bytes(32) : hash)),
    proof: mutateBytes(proof, random),
  };
  const strict = outcome(() => treeProofRoot(hostile));
  const node = outcome(() => treeProofRoot(hostile, 'node'));
  if (typeof strict !== 'string') {
    ok(typeof node !== 'string');
    sameBytes(strict, node, 'what is strictly right is right for nodes');
    if (sameSelection && Buffer.compare(strict, tree.root) === 0)
      sameBytes(hostile.proof, proof, 'only one proof fits');
  }
  const isLastOfEven = tree.count % 2 === 0 && selected.includes(tree.count - 1);
  equal(
    outcome(() => checkTreeProof(valid, tree.root)),
    isLastOfEven ? 'PCP_INVAL' : undefined,
  );
  const code = outcome(() => checkTreeProof(valid, random.bytes(32)));
  ok(typeof code === 'string' && new BlockError(code as 'PCP_INVAL').value !== undefined);
}

export const PROOF_TARGETS: readonly FuzzTarget[] = [
  {name: 'proof records', cases: 8000, run: proofRecords},
  {name: 'proof records there and back', cases: 1000, run: proofRoundTrip},
  {name: 'share', cases: 2000, run: share},
  {name: 'commitment', cases: 10_000, run: commitment},
  {name: 'tree proof', cases: 2000, run: treeProof},
];

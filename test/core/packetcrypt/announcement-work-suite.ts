import {deepEqual, equal} from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {test} from 'node:test';
import {decodeHex, encodeHex, readU32} from '../../../src/core/bytes/index.ts';
import {annHash0, annHash1, meetsTarget, softNonceMax, v1Seed} from '../../../src/core/packetcrypt/index.ts';
import {readVectors} from '../../support/vectors.ts';

export interface WorkCase {
  header: string;
  parentBlockHash: string;
  annHash0: string;
  annHash1: string;
  v1Seed: string;
  merkleRoot: string;
  leaf0: string;
  leaf8191: string;
  layerSha256: string[];
  softNonceMax: number;
  tries: {nonce: number; itemNos: number[]; workHash: string; meets: number}[];
  branchItem: number;
  branch: string;
  prog1Len: number;
  prog1Sha256: string;
  prog2Len: number;
  prog2Sha256: string;
  table1First?: string;
  table1Last?: string;
  table1FirstSha256: string;
  table1LastSha256: string;
  table1Sha256: string;
  table2First?: string;
  table2Last?: string;
  table2FirstSha256: string;
  table2LastSha256: string;
  table2Sha256: string;
}

/** One table of a job: `seed` is its 64-byte seed, program seed and item seed. */
export interface TableUnderTest {
  /** Instruction words of the program. */
  readonly words: Uint32Array;
  readonly item: (number: number) => Uint8Array;
}

/** What an implementation of spec §5.6 and §6 offers. */
export interface AnnouncementWorkImplementation {
  readonly openTable: (seed: Uint8Array) => TableUnderTest;
  /** One try: `hash1` 64 bytes, the second table. */
  readonly work: (
    hash1: Uint8Array,
    softNonce: number,
    table: TableUnderTest,
  ) => {workHash: Uint8Array; items: readonly number[]};
}

/** What makes and hashes whole tables. */
export interface TableImplementation {
  /** All 8192 items, one after another. */
  readonly makeTable: (seed: Uint8Array) => Uint8Array;
  readonly makeTree: (table: Uint8Array) => {
    layer: (level: number) => Uint8Array;
    branch: (leaf: number) => Uint8Array;
  };
}

export const workCases: WorkCase[] = readVectors<{cases: WorkCase[]}>('annwork').cases;

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function checkTable(table: TableUnderTest, vector: WorkCase, which: 1 | 2): void {
  const bytes = Buffer.alloc(4 * table.words.length);
  for (const [i, word] of table.words.entries()) bytes.writeUInt32LE(word, 4 * i);
  equal(table.words.length, vector[`prog${which}Len`]);
  equal(sha256(bytes), vector[`prog${which}Sha256`]);
  const [first, last] = [table.item(0), table.item(8191)];
  equal(sha256(first), vector[`table${which}FirstSha256`]);
  equal(sha256(last), vector[`table${which}LastSha256`]);
  if (vector[`table${which}First`] !== undefined) equal(encodeHex(first), vector[`table${which}First`]);
  if (vector[`table${which}Last`] !== undefined) equal(encodeHex(last), vector[`table${which}Last`]);
}

/** Seeds, programs, first and last items and all tries of annwork.json through one implementation. */
export function announcementWorkVectors(name: string, implementation: AnnouncementWorkImplementation): void {
  test(`announcement work, ${name}: ${workCases.length} jobs`, () => {
    for (const vector of workCases) {
      const header = decodeHex(vector.header);
      const root = decodeHex(vector.merkleRoot);
      const hash0 = annHash0(header, decodeHex(vector.parentBlockHash));
      const table2 = implementation.openTable(v1Seed(root, hash0));
      checkTable(implementation.openTable(hash0), vector, 1);
      checkTable(table2, vector, 2);
      const workBits = readU32(header, 8);
      equal(softNonceMax(workBits), vector.softNonceMax);
      for (const {nonce, itemNos, workHash, meets} of vector.tries) {
        const got = implementation.work(annHash1(header, root), nonce, table2);
        deepEqual([...got.items], itemNos);
        equal(encodeHex(got.workHash), workHash);
        equal(meetsTarget(got.workHash, workBits), meets === 1);
      }
    }
  });
}

/** Whole tables, all tree layers and the branch of annwork.json through one implementation. */
export function announcementTableVectors(name: string, {makeTable, makeTree}: TableImplementation): void {
  for (const [number, vector] of workCases.entries()) {
    test(`whole tables and tree, ${name}: job ${number}`, () => {
      const table1 = makeTable(decodeHex(vector.annHash0));
      equal(sha256(table1), vector.table1Sha256);
      const tree = makeTree(table1);
      for (const [level, digest] of vector.layerSha256.entries()) equal(sha256(tree.layer(level)), digest);
      const leaves = tree.layer(0);
      equal(encodeHex(leaves.subarray(0, 64)), vector.leaf0);
      equal(encodeHex(leaves.subarray(64 * 8191)), vector.leaf8191);
      equal(encodeHex(tree.layer(13)), vector.merkleRoot);
      equal(encodeHex(tree.branch(vector.branchItem)) + vector.merkleRoot, vector.branch);
      equal(sha256(makeTable(decodeHex(vector.v1Seed))), vector.table2Sha256);
    });
  }
}

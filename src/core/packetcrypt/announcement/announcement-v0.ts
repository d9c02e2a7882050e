// Announcements of version 0, as found in old blocks.   spec §A.1
import {concatBytes, copyBytes, equalBytes, readU32, readWords, writeWords} from '../../bytes/index.ts';
import {compress64, expand} from '../../crypto/index.ts';
import {checkBytes, checkInteger} from '../../errors.ts';
import {finalize, ITEM_BYTES, initState, itemNumber, update} from '../crypto-cycle.ts';
import {generateProgram} from '../rand-hash/rand-gen.ts';
import {runProgram} from '../rand-hash/rand-hash.ts';
import {meetsTarget} from '../work-check.ts';
import {
  ANN_BRANCH_BYTES,
  ANN_BRANCH_OFFSET,
  ANN_HASH_BYTES,
  ANN_PREFIX_BYTES,
  ANN_PREFIX_OFFSET,
  ANN_ROOT_OFFSET,
  annHash0,
  annHash1,
  annSoftNonce,
  annWorkBits,
  TABLE_ITEMS,
} from './announcement.ts';
import {branchRoot} from './announcement-tree.ts';
import type {AnnouncementVerdict} from './announcement-verdict.ts';

const BLOCKS = 16;
const BLOCK_BYTES = 64;
const ROUNDS = 2;
const PROGRAM_SEED_OFFSET = 992;
const CYCLES = 4;

/** An item of version 0: no program, only hashes. 1024 bytes. */
export function makeOldItem(number: number, seed: Uint8Array): Uint8Array {
  checkInteger('number', number, 0, TABLE_ITEMS - 1);
  checkBytes('seed', seed, 32);
  const blocks = [expand(seed, number, BLOCK_BYTES)];
  while (blocks.length < BLOCKS) blocks.push(compress64(blocks.at(-1)!));
  for (let round = 0; round < ROUNDS; round++) {
    for (let k = 0; k < BLOCKS; k++) {
      const previous = blocks[(k + BLOCKS - 1) % BLOCKS]!;
      const other = (k + (readU32(previous, 0) % (BLOCKS - 1))) % BLOCKS;
      blocks[k] = compress64(concatBytes(previous, blocks[other]!));
    }
  }
  return concatBytes(...blocks);
}

/** Runs the program an item carries in its last 32 bytes over the item itself. */
function runItem(state: Uint8Array, item: Uint8Array): void {
  const program = generateProgram(item.subarray(PROGRAM_SEED_OFFSET, ITEM_BYTES));
  const words = readWords(state);
  runProgram(program, readWords(item), words, CYCLES);
  writeWords(state, 0, words);
}

/**
 * Judges an announcement of version 0: one table, nothing encrypted, no limit of the soft nonce. Node profile.
 *
 * ann 1024 bytes | parentHash 32 bytes
 * throws RandHashError for a program that cannot be made or runs too long
 */
export function oldAnnouncementVerdict(ann: Uint8Array, parentHash: Uint8Array): AnnouncementVerdict {
  const root = ann.subarray(ANN_ROOT_OFFSET, ANN_ROOT_OFFSET + ANN_HASH_BYTES);
  const seed = annHash0(ann, parentHash).subarray(0, 32);
  const state = initState(annHash1(ann, root).subarray(0, 32), annSoftNonce(ann));
  let number = 0;
  let item: Uint8Array = new Uint8Array(0);
  for (let access = 0; access < 4; access++) {
    number = Number(itemNumber(state) % BigInt(TABLE_ITEMS));
    item = makeOldItem(number, seed);
    runItem(state, item);
    update(state, item);
  }
  finalize(state);
  const prefix = ann.subarray(ANN_PREFIX_OFFSET, ANN_PREFIX_OFFSET + ANN_PREFIX_BYTES);
  if (!equalBytes(prefix, item.subarray(0, ANN_PREFIX_BYTES))) return {verdict: 'INVAL_ITEM4'};
  const branch = ann.subarray(ANN_BRANCH_OFFSET, ANN_BRANCH_OFFSET + ANN_BRANCH_BYTES);
  if (!equalBytes(branchRoot(item, number, branch), root)) return {verdict: 'INVAL'};
  const workHash = copyBytes(state, 0, 32);
  if (!meetsTarget(workHash, annWorkBits(ann), 'node')) return {verdict: 'INSUF_POW'};
  return {verdict: 'OK', workHash};
}

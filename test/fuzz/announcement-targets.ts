import {deepEqual, equal, ok} from 'node:assert/strict';
import {concatBytes, decodeHex, readU64, writeU32} from '../../src/core/bytes/index.ts';
import {AnnouncementChecker} from '../../src/core/packetcrypt/announcement/announcement-checker.ts';
import {AnnouncementKernel} from '../../src/core/packetcrypt/announcement/announcement-kernel.ts';
import {CHECKER_PAGES} from '../../src/core/packetcrypt/announcement/announcement-memory.ts';
import {AnnouncementSet} from '../../src/core/packetcrypt/block/announcement-set.ts';
import {AnnouncementStore} from '../../src/core/packetcrypt/block/announcement-store.ts';
import {
  ANN_BYTES,
  ANN_HEADER_BYTES,
  type AnnouncementContext,
  annHash,
  announcementVerdict,
  decodeAnnouncementHeader,
  degrade,
  effectiveTarget,
  encodeAnnouncementHeader,
  meetsTarget,
  minAnnDiffOk,
  oldDegrade,
  powerMultiplier,
  softNonceMax,
} from '../../src/core/packetcrypt/index.ts';
import {readVectors} from '../support/vectors.ts';
import {mutateBytes, mutateInPlace} from './mutate.ts';
import type {Random} from './random.ts';
import {accepted, type FuzzTarget, sameBytes} from './target.ts';

interface AnnouncementCase {
  readonly ann: string;
  readonly parentBlockHash: string;
}

const cases = readVectors<{cases: AnnouncementCase[]}>('announce').cases.map(({ann, parentBlockHash}) => ({
  ann: decodeHex(ann),
  parent: decodeHex(parentBlockHash),
}));

function header(random: Random): void {
  const bytes = random.toss(2) ? mutateBytes(random.pick(cases).ann, random) : random.bytes(random.below(200));
  const decoded = accepted(() => decodeAnnouncementHeader(bytes));
  equal(decoded === undefined, bytes.length < ANN_HEADER_BYTES);
  if (decoded === undefined) return;
  sameBytes(encodeAnnouncementHeader(decoded), bytes.slice(0, ANN_HEADER_BYTES), 'encoding is canonical');
}

/** A compact target: any number, or one of a reasonable exponent. */
function target(random: Random): number {
  if (random.toss(3)) return random.edgeWord();
  return (random.below(36) * 2 ** 24 + (random.word() & 0xffffff)) >>> 0;
}

function isWord(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
}

function difficulty(random: Random): void {
  const [ours, theirs, age] = [target(random), target(random), random.toss(2) ? random.below(300) : random.edgeWord()];
  ok(effectiveTarget(ours, theirs, random.edgeBig()) <= 0x207fffff);
  ok(isWord(degrade(ours, age)) && isWord(oldDegrade(ours, age)));
  const max = softNonceMax(ours);
  ok(max === undefined ? (ours & 0x7fffff) === 0 : max >= 0 && max <= 0xffffff);
  ok(powerMultiplier(ours, random.edgeBig()) <= 0xffffffffffffffffn);
  const hash = random.bytes(32);
  hash.fill(0, random.below(33));
  if (meetsTarget(hash, ours)) ok(meetsTarget(hash, ours, 'node') && ours <= 0x207fffff);
  if (minAnnDiffOk(ours)) ok(softNonceMax(ours) !== undefined);
}

const CONTEXTS: readonly AnnouncementContext[] = [
  {},
  {profile: 'node'},
  {profile: 'node', proofVersion: 2n, firstVersion1Parent: 103869},
  {proofVersion: 2, firstVersion1Parent: 0},
];

const checker = new AnnouncementChecker(new AnnouncementKernel(CHECKER_PAGES));

/** Garbage with a header that passes the first tests. */
function garbage(random: Random): Uint8Array {
  const ann = random.bytes(ANN_BYTES);
  ann.set([random.toss(4) ? random.below(256) : 1, random.below(256), 0, 0]);
  writeU32(ann, 8, random.toss(4) ? random.edgeWord() : 0x20000fff);
  return ann;
}

function verdicts(random: Random): void {
  const context = random.pick(CONTEXTS);
  const {ann, parent} = random.pick(cases);
  const anns = Array.from({length: 1 + random.below(3)}, () => {
    const kind = random.below(6);
    if (kind === 0) return garbage(random);
    if (kind === 1) return ann;
    if (kind === 2) return mutateInPlace(ann, random);
    const changed = ann.slice();
    // Branch, prefix or soft nonce: the announcement stays in its job.
    const at = kind === 3 ? 88 + random.below(832) : kind === 4 ? 984 + random.below(40) : 1 + random.below(2);
    changed[at]! ^= 1 << random.below(8);
    return changed;
  });
  const parentHash = random.toss(10) ? random.bytes(32) : parent;
  const judged = checker.validate(concatBytes(...anns), parentHash, context);
  for (const [k, one] of anns.entries()) deepEqual(judged[k], announcementVerdict(one, parentHash, context));
}

function wrongLength(random: Random): void {
  const {ann, parent} = random.pick(cases);
  const bytes = mutateBytes(ann, random);
  if (bytes.length === ANN_BYTES) return;
  deepEqual(announcementVerdict(bytes, parent), {verdict: 'INVAL'});
}

const CAPACITY = 64;
let set: AnnouncementSet | undefined;

function announcementSet(random: Random): void {
  set ??= new AnnouncementSet(new AnnouncementStore(CAPACITY, 1), 0);
  set.drop(() => true);
  set.prepare(0, () => false); // gives up the order of the case before, which keeps its slots
  const anns = Array.from({length: random.below(CAPACITY + 20)}, () => random.bytes(ANN_BYTES));
  for (let n = random.below(20); n > 0 && anns.length > 0; n--) anns.push(random.pick(anns));
  const known = new Set<bigint>();
  for (let at = 0; at < anns.length; ) {
    const part = anns.slice(at, at + 1 + random.below(9));
    at += part.length;
    let [added, refused] = [0, 0];
    for (const ann of part) {
      if (known.size === CAPACITY) refused++;
      else if (!known.has(readU64(annHash(ann), 0))) {
        known.add(readU64(annHash(ann), 0));
        added++;
      }
    }
    deepEqual(set.add(concatBytes(...part)), {added, refused, duplicates: part.length - added - refused});
  }
  equal(set.size, known.size);
  const prepared = set.prepare(0, () => true);
  equal(prepared?.count, known.size === 0 ? undefined : known.size - 1 + (known.size % 2));
}

export const ANNOUNCEMENT_TARGETS: readonly FuzzTarget[] = [
  {name: 'announcement header', cases: 10_000, run: header},
  {name: 'difficulty', cases: 10_000, run: difficulty},
  {name: 'announcement of another length', cases: 500, run: wrongLength},
  {name: 'announcement verdicts', cases: 300, run: verdicts},
  {name: 'announcement set', cases: 100, run: announcementSet},
];

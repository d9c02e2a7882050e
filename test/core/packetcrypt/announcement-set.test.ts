import {deepEqual, equal, throws} from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {test} from 'node:test';
import {concatBytes, readU64, writeU32} from '../../../src/core/bytes/index.ts';
import {AnnouncementSet, type PreparedSet} from '../../../src/core/packetcrypt/block/announcement-set.ts';
import {AnnouncementStore} from '../../../src/core/packetcrypt/block/announcement-store.ts';
import {
  annHash,
  checkTreeProof,
  orderAnnouncements,
  ProofTree,
  pickHashes,
} from '../../../src/core/packetcrypt/index.ts';

interface Opened {
  readonly store: AnnouncementStore;
  readonly set: AnnouncementSet;
}

function open(capacity: number): Opened {
  const store = new AnnouncementStore(capacity, 1);
  return {store, set: new AnnouncementSet(store, 0)};
}

/** Bytes that look like announcements of a class. */
function makeAnns(count: number, parentBlockHeight = 100, workBits = 0x207fffff): Uint8Array[] {
  return Array.from({length: count}, () => {
    const ann = new Uint8Array(randomBytes(1024));
    writeU32(ann, 8, workBits);
    writeU32(ann, 12, parentBlockHeight);
    return ann;
  });
}

const everything = () => true;

/** The prepared set must be what the plain functions make of these announcements, the last of an even number left out. */
function checkPrepared({store}: Opened, prepared: PreparedSet | undefined, anns: readonly Uint8Array[]): void {
  const hashes = concatBytes(...anns.map((ann) => annHash(ann)));
  const order = orderAnnouncements(hashes).subarray(0, anns.length - ((anns.length + 1) % 2));
  equal(prepared!.count, order.length);
  equal(prepared!.count % 2, 1);
  const ordered = pickHashes(hashes, order);
  deepEqual(prepared!.tree.root, ProofTree.build(ordered).root);
  for (const [i, index] of order.entries()) deepEqual(store.slot(prepared!.slots[i]!).slice(), anns[index]);
  for (let i = 1; i < order.length; i++) {
    equal(readU64(ordered, 32 * i) > readU64(ordered, 32 * (i - 1)), true);
  }
  const selected = [0, 1, 2, 3].map((k) => (k * 7919) % order.length);
  const input = {
    count: BigInt(order.length),
    itemNumbers: selected.map((number) => BigInt(number)),
    hashes: selected.map((number) => annHash(store.slot(prepared!.slots[number]!).slice())),
    proof: prepared!.tree.prove(selected),
  };
  for (const profile of ['strict', 'node'] as const) checkTreeProof(input, prepared!.tree.root, profile);
}

test('odd and even numbers of announcements', () => {
  for (const count of [1, 2, 3, 4, 100, 2500]) {
    const opened = open(3000);
    const anns = makeAnns(count);
    deepEqual(opened.set.add(concatBytes(...anns)), {added: count, duplicates: 0, refused: 0});
    equal(opened.set.size, count);
    checkPrepared(opened, opened.set.prepare(0, everything), anns);
  }
});

test('duplicates are left out, whether they come together or later', () => {
  const opened = open(100);
  const anns = makeAnns(7);
  deepEqual(opened.set.add(concatBytes(...anns, anns[0]!, anns[6]!)), {added: 7, duplicates: 2, refused: 0});
  deepEqual(opened.set.add(concatBytes(anns[3]!)), {added: 0, duplicates: 1, refused: 0});
  deepEqual(opened.set.classes, [{parentBlockHeight: 100, workBits: 0x207fffff, count: 7}]);
  checkPrepared(opened, opened.set.prepare(1, everything), anns);
});

test('a full store refuses; what is dropped makes room', () => {
  const opened = open(10);
  const old = makeAnns(4, 1);
  const young = makeAnns(9, 2);
  opened.set.add(concatBytes(...old));
  deepEqual(opened.set.add(concatBytes(...young)), {added: 6, duplicates: 0, refused: 3});
  equal(
    opened.set.drop(({parentBlockHeight}) => parentBlockHeight === 1),
    4,
  );
  deepEqual(opened.set.add(concatBytes(...young)), {added: 3, duplicates: 6, refused: 0});
  equal(opened.set.drop(everything), 9);
  equal(opened.set.drop(everything), 0);
  deepEqual([opened.set.size, opened.set.classes], [0, []]);
  equal(opened.set.prepare(0, everything), undefined);
  // A dropped announcement may come again.
  deepEqual(opened.set.add(concatBytes(...old)), {added: 4, duplicates: 0, refused: 0});
  checkPrepared(opened, opened.set.prepare(0, everything), old);
});

test('announcements of a set in use stay in place until both orders have gone on', () => {
  const opened = open(20);
  const mined = makeAnns(9, 1);
  opened.set.add(concatBytes(...mined));
  const inUse = opened.set.prepare(0, everything)!;
  opened.set.drop(everything);
  const next = makeAnns(11, 2);
  opened.set.add(concatBytes(...next, ...makeAnns(9, 3)));
  equal(opened.set.size, 11);
  const prepared = opened.set.prepare(1, everything);
  checkPrepared(opened, prepared, next);
  checkPrepared(opened, inUse, mined);
  // Order 0 is written anew: now the places of the dropped ones are free.
  opened.set.prepare(0, everything);
  deepEqual(opened.set.add(concatBytes(...makeAnns(10, 3))), {added: 9, duplicates: 0, refused: 1});
});

test('only chosen classes are prepared', () => {
  const opened = open(100);
  const [a, b, c] = [makeAnns(5, 1), makeAnns(6, 2), makeAnns(8, 2, 0x2000ffff)];
  opened.set.add(concatBytes(...a, ...b, ...c));
  const chosen = opened.set.prepare(0, ({parentBlockHeight, workBits}) => {
    return parentBlockHeight === 1 || workBits === 0x2000ffff;
  });
  checkPrepared(opened, chosen, [...a, ...c]);
  equal(
    opened.set.prepare(1, () => false),
    undefined,
  );
});

test('misuse is a TypeError or RangeError', () => {
  const {set} = open(5);
  throws(() => set.add(new Uint8Array(1023)), RangeError);
  throws(() => set.add('00' as unknown as Uint8Array), TypeError);
  throws(() => new AnnouncementStore(0, 1), RangeError);
  throws(() => new AnnouncementStore(500_000_001, 1), RangeError);
  throws(() => new AnnouncementStore(10, 65), RangeError);
});

import {deepEqual, equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {
  type AnnouncementClass,
  chooseAnnouncements,
  degradedTarget,
  effectiveTarget,
  effectiveWork,
  minAnnDiffOk,
  powerMultiplier,
} from '../../../src/core/packetcrypt/index.ts';
import {checkProperty} from '../../support/property.ts';
import {readVectors} from '../../support/vectors.ts';

const HEIGHT = 1000;

/** Least effective work over all subsets of odd size, the u32 maximum committed; undefined when there is none. */
function bruteForce(
  classes: readonly AnnouncementClass[],
  height: number,
  bits: number,
  max: number,
): bigint | undefined {
  const targets = classes.flatMap(({parentBlockHeight, workBits, count}) =>
    Array.from({length: count}, () => degradedTarget(workBits, height, parentBlockHeight)),
  );
  let best: bigint | undefined;
  for (let subset = 1; subset < 2 ** targets.length; subset++) {
    const chosen = targets.filter((_, i) => (subset >> i) & 1);
    if (chosen.length % 2 === 0 || chosen.length > max || !chosen.every(minAnnDiffOk)) continue;
    const work = effectiveWork(bits, Math.max(...chosen), chosen.length);
    if (best === undefined || work < best) best = work;
  }
  return best;
}

/** The choice must be what it says: possible, odd, within the limit, committed to its own maximum. */
function checkChoice(
  classes: readonly AnnouncementClass[],
  height: number,
  bits: number,
  max: number,
): bigint | undefined {
  const choice = chooseAnnouncements(classes, height, bits, max);
  if (choice === undefined) return undefined;
  const {taken, count, annLeastWorkTarget} = choice;
  equal(taken.length, classes.length);
  equal(
    taken.reduce((sum, number) => sum + number, 0),
    count,
  );
  equal(count % 2 === 1 && count <= max, true);
  const targets = classes.flatMap(({parentBlockHeight, workBits, count: available}, i) => {
    equal(taken[i]! >= 0 && taken[i]! <= available, true);
    return taken[i]! > 0 ? [degradedTarget(workBits, height, parentBlockHeight)] : [];
  });
  equal(Math.max(...targets), annLeastWorkTarget);
  equal(minAnnDiffOk(annLeastWorkTarget), true);
  equal(choice.effectiveWork, effectiveWork(bits, annLeastWorkTarget, count));
  equal(choice.effectiveTarget, effectiveTarget(bits, annLeastWorkTarget, count));
  equal(choice.powerMultiplier, powerMultiplier(annLeastWorkTarget, count));
  return choice.effectiveWork;
}

/** Work bits of all forms: normal, denormal, with sign, above the limit, worth nothing. */
const workBits = fc.oneof(
  fc.constantFrom(0x207fffff, 0x203fffff, 0x2001ffff, 0x20000fff, 0x20000001, 0x1f7fffff, 0x1f1ffe00, 0x1f0000ff),
  fc.constantFrom(0x21000001, 0x20800000, 0x1f800001, 0x02000001, 0, 0x1effffff),
  fc
    .tuple(fc.integer({min: 0x1d, max: 0x20}), fc.nat(0x7fffff), fc.nat(23))
    .map(([e, m, cut]) => e * 2 ** 24 + (m >>> cut)),
);

test('the optimum over all subsets, with and without a limit', () => {
  const anyClass = fc.record({
    parentBlockHeight: fc.integer({min: HEIGHT - 14, max: HEIGHT}),
    workBits,
    count: fc.nat(3),
  });
  checkProperty(
    fc.property(
      fc.array(anyClass, {maxLength: 4}),
      fc.constantFrom(HEIGHT, 2),
      fc.constantFrom(0x1c160000, 0x1f0fffff, 0x1b04864c),
      fc.integer({min: 1, max: 14}),
      (classes, height, bits, max) => {
        equal(checkChoice(classes, height, bits, max), bruteForce(classes, height, bits, max));
      },
    ),
    400,
  );
});

interface SelectionCase {
  name: string;
  nextHeight: number;
  maxMining: number;
  classes: {height: number; workBits: number; count: number}[];
  ranked: {effective: number; height: number; workBits: number}[];
  evaluations: {classes: number; count: number; worst: number; effectiveTarget: number}[];
  best: {classes: number; count: number; worst: number} | null;
}

test('the choices of the existing pool software, but for the announcement dropped from an even set', () => {
  const {cases} = readVectors<{cases: SelectionCase[]}>('pool-selection');
  for (const {name, nextHeight, maxMining, classes, ranked, evaluations, best} of cases) {
    for (const {effective, height, workBits: bits} of ranked)
      equal(degradedTarget(bits, nextHeight, height), effective);
    for (const {count, worst, effectiveTarget: expected} of evaluations) {
      equal(effectiveTarget(0x1c160000, worst, count), expected, name);
    }
    const input = classes.map(({height, workBits: bits, count}) => ({
      parentBlockHeight: height,
      workBits: bits,
      count,
    }));
    const choice = chooseAnnouncements(input, nextHeight, 0x1c160000, maxMining - 1);
    if (best === null) {
      equal(choice, undefined, name);
      continue;
    }
    equal(choice?.annLeastWorkTarget, best.worst, name);
    equal(choice?.count, best.count - 1 + (best.count % 2), name);
    equal(choice?.taken.filter((number) => number > 0).length, best.classes, name);
  }
});

test('three block periods of a steady supply are best', () => {
  const classes = Array.from({length: 10}, (_, age) => ({
    parentBlockHeight: HEIGHT - 3 - age,
    workBits: 0x2001ffff,
    count: 1000,
  }));
  const choice = chooseAnnouncements(classes, HEIGHT, 0x1c160000)!;
  deepEqual(
    choice.taken.map((number) => number > 0),
    [true, true, true, ...new Array(7).fill(false)],
  );
  equal(choice.count, 2999);
});

test('a denormal target that is the larger u32 but the harder number is found', () => {
  // 0x20000fff at age 3 is worth 4097 hashes and compares above 0x1f1ffe00, which is worth 2048.
  const classes = [
    {parentBlockHeight: HEIGHT - 4, workBits: 0x20000fff, count: 3},
    {parentBlockHeight: HEIGHT - 3, workBits: 0x20000fff, count: 1},
  ];
  const choice = chooseAnnouncements(classes, HEIGHT, 0x1c160000)!;
  equal(choice.annLeastWorkTarget, 0x20000fff);
  equal(choice.count, 3);
  equal(choice.taken[1], 1);
});

test('nothing usable', () => {
  equal(chooseAnnouncements([], HEIGHT, 0x1c160000), undefined);
  equal(
    chooseAnnouncements([{parentBlockHeight: HEIGHT - 2, workBits: 0x207fffff, count: 5}], HEIGHT, 0x1c160000),
    undefined,
  );
  equal(
    chooseAnnouncements([{parentBlockHeight: HEIGHT - 3, workBits: 0x207fffff, count: 0}], HEIGHT, 0x1c160000),
    undefined,
  );
});

test('10⁸ announcements in 10⁵ classes are chosen from well within a second', () => {
  const classes = Array.from({length: 100000}, (_, i) => ({
    parentBlockHeight: 1000000 - 3 - (i % 250),
    workBits: 0x1d000000 + ((i * 2654435761) % 0x7fffff) + 1,
    count: 1000,
  }));
  chooseAnnouncements(classes.slice(0, 1000), 1000000, 0x1c160000);
  const begun = performance.now();
  const choice = chooseAnnouncements(classes, 1000000, 0x1c160000)!;
  const took = performance.now() - begun;
  console.log(`# 10^5 classes: ${took.toFixed(0)} ms, ${choice.count} announcements chosen`);
  equal(took < 1000, true);
});

test('misuse is a TypeError or RangeError', () => {
  const one = {parentBlockHeight: 1, workBits: 0x207fffff, count: 1};
  throws(() => chooseAnnouncements([{...one, count: -1}], 4, 0x207fffff), RangeError);
  throws(() => chooseAnnouncements([{...one, workBits: 2 ** 32}], 4, 0x207fffff), RangeError);
  throws(() => chooseAnnouncements([{...one, parentBlockHeight: '1' as unknown as number}], 4, 0x207fffff), TypeError);
  throws(() => chooseAnnouncements([one], -1, 0x207fffff), RangeError);
  throws(() => chooseAnnouncements([one], 4, 0x207fffff, 0), RangeError);
});

import {equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {bigToCompact, compactToBig} from '../../../src/core/bytes/index.ts';
import {
  compactForWork,
  degrade,
  degradedTarget,
  effectiveTarget,
  effectiveWork,
  minAnnDiffOk,
  powerMultiplier,
  softNonceMax,
  targetForWork,
  UNUSABLE_TARGET,
  workForCompact,
  workForTarget,
} from '../../../src/core/packetcrypt/index.ts';
import {checkProperty} from '../../support/property.ts';
import {readVectors} from '../../support/vectors.ts';

interface Vectors {
  toBig: [string, string][];
  toCompact: [string, string][];
  workForTarget: [string, string][];
  targetForWork: [string, string][];
  effectiveTarget: [string, string, string, string][];
  multiplier: [string, string, string][];
  degrade: [string, number, string][];
  minAnnDiffOk: [string, number][];
  softNonceMax: [string, number][];
}
const vectors = readVectors<Vectors>('difficulty');
const u32 = (hex: string): number => Number.parseInt(hex, 16);
const big = (hex: string): bigint => BigInt(`0x${hex}`);

test(`compact to number and back: ${vectors.toBig.length} and ${vectors.toCompact.length} vectors`, () => {
  for (const [compact, value] of vectors.toBig) equal(compactToBig(u32(compact)), big(value), compact);
  for (const [value, compact] of vectors.toCompact) equal(bigToCompact(big(value)), u32(compact), value);
});

test(`work and target: ${vectors.workForTarget.length} and ${vectors.targetForWork.length} vectors`, () => {
  for (const [target, work] of vectors.workForTarget) equal(workForTarget(compactToBig(u32(target))!), big(work));
  for (const [work, target] of vectors.targetForWork) equal(targetForWork(big(work)), big(target), work);
  equal(workForCompact(0x1f0fffff), 4096n);
  equal(workForCompact(0x20800001), undefined);
});

test(`effectiveTarget: ${vectors.effectiveTarget.length} vectors`, () => {
  for (const [block, ann, count, expected] of vectors.effectiveTarget) {
    equal(effectiveTarget(u32(block), u32(ann), BigInt(count)), u32(expected), `${block} ${ann} ${count}`);
  }
  equal(effectiveWork(0x1b04864c, 0x20000fff, 87195648), 7547864203083389563n);
});

test('effectiveTarget: a target with the sign bit, and no announcements, are never met', () => {
  equal(effectiveTarget(0x20800000, 0x207fffff, 1), 0);
  equal(effectiveTarget(0x207fffff, 0x20800000, 1), 0);
  equal(effectiveTarget(0x207fffff, 0x207fffff, 0), 0);
  equal(compactForWork(1n << 256n), 0);
});

test(`powerMultiplier: ${vectors.multiplier.length} vectors`, () => {
  for (const [ann, count, expected] of vectors.multiplier) {
    equal(powerMultiplier(u32(ann), BigInt(count)), BigInt(expected), `${ann} ${count}`);
  }
});

test(`degrade: ${vectors.degrade.length} vectors`, () => {
  for (const [ann, age, expected] of vectors.degrade) equal(degrade(u32(ann), age), u32(expected), `${ann} ${age}`);
});

/** Spec §9.5 word for word. */
function degradeByTheBook(annTarget: number, age: number): number {
  if (age < 3 || age > 259) return 0xffffffff;
  if (age === 3) return annTarget;
  const value = compactToBig(annTarget);
  if (value === undefined) return 0xffffffff;
  const x = value << BigInt(age - 3);
  return x < 1n << 255n && bigToCompact(x) <= 0x207fffff ? bigToCompact(x) : 0xffffffff;
}

test('degrade agrees with the definition in whole numbers', () => {
  const anyCompact = fc.oneof(
    fc.nat(0xffffffff),
    fc.tuple(fc.nat(0x21), fc.nat(0x7fffff), fc.nat(23)).map(([e, m, cut]) => e * 2 ** 24 + (m >>> cut)),
  );
  checkProperty(
    fc.property(anyCompact, fc.oneof(fc.nat(300), fc.nat(40), fc.nat(0xffffffff)), (compact, age) => {
      equal(degrade(compact, age), degradeByTheBook(compact, age));
    }),
    5000,
  );
});

test('degradedTarget: undegraded below height 3, unusable when the parent is above the block', () => {
  equal(degradedTarget(0x207fffff, 2, 0), 0x207fffff);
  equal(degradedTarget(0x207fffff, 3, 0), 0x207fffff);
  equal(degradedTarget(0x207fffff, 4, 0), UNUSABLE_TARGET);
  equal(degradedTarget(0x207fffff, 3, 1), UNUSABLE_TARGET);
  equal(degradedTarget(0x1f7fffff, 100, 101), UNUSABLE_TARGET);
  equal(degradedTarget(0x1f7fffff, 104, 100), 0x2000ffff);
});

test(`minAnnDiffOk: ${vectors.minAnnDiffOk.length} vectors`, () => {
  for (const [compact, expected] of vectors.minAnnDiffOk) equal(minAnnDiffOk(u32(compact)), expected === 1, compact);
  equal(minAnnDiffOk(0x02000001), false);
  equal(minAnnDiffOk(0x0100ffff), false);
});

test(`softNonceMax: ${vectors.softNonceMax.length} vectors`, () => {
  for (const [bits, expected] of vectors.softNonceMax) equal(softNonceMax(u32(bits)), expected, bits);
  equal(softNonceMax(0x20800000), undefined);
  equal(softNonceMax(0xffffffff), 0);
});

test('misuse is a TypeError or RangeError', () => {
  throws(() => effectiveTarget(-1, 1, 1), RangeError);
  throws(() => effectiveTarget(0x207fffff, 0x207fffff, 1.5), RangeError);
  throws(() => effectiveTarget(0x207fffff, 0x207fffff, -1n), RangeError);
  throws(() => effectiveTarget(0x207fffff, 0x207fffff, '1' as unknown as number), TypeError);
  throws(() => degrade(0x207fffff, -1), RangeError);
  throws(() => degrade(2 ** 32, 3), RangeError);
  throws(() => softNonceMax(Number.NaN), RangeError);
  throws(() => minAnnDiffOk('1' as unknown as number), TypeError);
});

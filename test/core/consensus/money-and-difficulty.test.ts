import {equal} from 'node:assert/strict';
import {test} from 'node:test';
import {compactToBig, decodeHex} from '../../../src/core/bytes/index.ts';
import {declaredHeight} from '../../../src/core/consensus/coinbase.ts';
import {
  areAllowedBits,
  blockWorkUnits,
  type ChainPoint,
  medianTime,
  requiredBits,
  retarget,
} from '../../../src/core/consensus/required-bits.ts';
import {MAX_UNITS, stewardShare, subsidy, totalMoney} from '../../../src/core/consensus/subsidy.ts';
import {createPktreg, PKT, PKTREG} from '../../../src/core/params/index.ts';
import {readVectors} from '../../support/vectors.ts';

test('subsidy, steward share and total money', () => {
  const {rows} = readVectors<{rows: [number, string, string, string][]}>('subsidy');
  equal(rows.length, 632);
  for (const [height, created, share, total] of rows) {
    equal(subsidy(PKT.money, height), BigInt(created), `subsidy at ${height}`);
    equal(stewardShare(PKT.money, height), BigInt(share), `share at ${height}`);
    equal(totalMoney(PKT.money, height), BigInt(total), `total at ${height}`);
  }
});

test('the final supply fits the largest amount', () => {
  const {finalSupplyUnits, firstHeightWithoutSubsidy} = readVectors<{
    finalSupplyUnits: string;
    firstHeightWithoutSubsidy: number;
  }>('subsidy');
  equal(subsidy(PKT.money, firstHeightWithoutSubsidy), 0n);
  equal(subsidy(PKT.money, firstHeightWithoutSubsidy - 1) > 0n, true);
  equal(totalMoney(PKT.money, 0x7fffffff), BigInt(finalSupplyUnits));
  equal(totalMoney(PKT.money, 0x7fffffff) < MAX_UNITS, true);
});

test('compact targets and work', () => {
  const {compact} = readVectors<{compact: {bits: string; target: string; work: string}[]}>('retarget');
  equal(compact.length, 66);
  for (const {bits, target, work} of compact) {
    const value = Number.parseInt(bits, 16);
    const negative = target.startsWith('-');
    equal(compactToBig(value), negative ? undefined : BigInt(`0x${target}`), bits);
    if (!negative && target !== '0') equal(blockWorkUnits(value), BigInt(work), bits);
  }
});

test('single retargets', () => {
  const {nextTarget} = readVectors<{nextTarget: {rows: [string, number, string][]}}>('retarget');
  equal(nextTarget.rows.length, 247);
  for (const [bits, seconds, next] of nextTarget.rows) {
    equal(
      retarget(PKT.difficulty, Number.parseInt(bits, 16), seconds),
      Number.parseInt(next, 16),
      `${bits} ${seconds}`,
    );
  }
});

interface Sequence {
  bitsRuns: [string, number][];
  gaps: number[];
  startHeight: number;
  seedHeight?: number;
  seedTimestamp?: number;
  seedBits?: string;
  seedSpacing?: number;
}

/** Checks the bits of every block of a sequence on top of the blocks given. */
function checkSequence(chain: Map<number, ChainPoint>, {bitsRuns, gaps, startHeight}: Sequence): void {
  const expected = bitsRuns.flatMap(([bits, count]) => new Array<number>(count).fill(Number.parseInt(bits, 16)));
  equal(expected.length, gaps.length);
  for (const [i, gap] of gaps.entries()) {
    const height = startHeight + i;
    const previous = chain.get(height - 1)!;
    const time = previous.time + gap;
    const bits = requiredBits(PKT.difficulty, previous, time, (_point, at) => chain.get(at)!);
    equal(bits, expected[i], `height ${height}`);
    chain.set(height, {height, time, bits});
  }
}

test('6100 blocks from genesis and 6000 across the end of the minimum difficulty rule', () => {
  const {sequenceFromGenesis, sequenceAcross50000} = readVectors<Record<string, Sequence>>('retarget');
  checkSequence(new Map([[0, {height: 0, time: 0, bits: 0x1f0fffff}]]), sequenceFromGenesis!);
  const {seedHeight, seedTimestamp, seedBits, seedSpacing} = sequenceAcross50000!;
  const chain = new Map<number, ChainPoint>();
  for (let height = seedHeight! - (seedHeight! % 2016); height <= seedHeight!; height++) {
    const time = seedTimestamp! - (seedHeight! - height) * seedSpacing!;
    chain.set(height, {height, time, bits: Number.parseInt(seedBits!, 16)});
  }
  checkSequence(chain, sequenceAcross50000!);
});

test('pktreg keeps its bits, and retargets in short windows when told to', () => {
  const chain = new Map<number, ChainPoint>();
  for (let height = 0; height < 20; height++) chain.set(height, {height, time: 1000 * height, bits: 0x1f0fffff});
  const at = (_point: ChainPoint, height: number): ChainPoint => chain.get(height)!;
  equal(requiredBits(PKTREG.difficulty, chain.get(19)!, 99_999_999, at), 0x1f0fffff);
  const {difficulty} = createPktreg({difficulty: {retargetBlocks: 20, retargetSeconds: 1200}});
  const bits = requiredBits(difficulty, chain.get(19)!, 20_000, at);
  equal(bits, retarget(difficulty, 0x1f0fffff, 19_000));
  equal(bits, 0x1f3ffffc);
  const start = createPktreg({difficulty: {startBits: 0x1e3fffff}}).difficulty;
  const genesis = {height: 0, time: 0, bits: 0x207fffff};
  equal(requiredBits(start, genesis, 60, at), 0x1e3fffff);
  equal(requiredBits(start, {height: 1, time: 60, bits: 0x1e3fffff}, 120, at), 0x1e3fffff);
  equal(requiredBits(PKTREG.difficulty, genesis, 60, at), 0x207fffff);
});

test('bits that no header may carry', () => {
  for (const bits of [0, 0x1f800000, 0x1f100000, 0x01003456, 0x2100ffff]) {
    equal(areAllowedBits(PKT.difficulty, bits), false, bits.toString(16));
  }
  for (const bits of [0x1f0fffff, 0x1b00ffff, 0x03000001]) equal(areAllowedBits(PKT.difficulty, bits), true);
});

test('the median of two blocks is the later one', () => {
  equal(medianTime([5]), 5);
  equal(medianTime([5, 9]), 9);
  equal(medianTime([9, 1, 5]), 5);
});

test('heights that coinbase scripts declare', () => {
  const {height: cases} = readVectors<{height: {script: string; height?: number}[]}>('coinbase');
  equal(cases.length, 30);
  for (const {script, height} of cases) equal(declaredHeight(decodeHex(script)), height, script);
});

import {equal} from 'node:assert/strict';
import {test} from 'node:test';
import {formatBig, formatRate, type PoolFigures, statisticsLine} from '../../../src/apps/miner/ann/statistics.ts';
import {readVectors} from '../../support/vectors.ts';

interface Vectors {
  readonly examples: readonly {
    readonly style: 'documented' | 'newer';
    readonly encryptionsPerSecond: number;
    readonly annsPerSecond: number;
    readonly pools: readonly PoolFigures[];
    readonly line: string;
  }[];
  readonly bigNumber: readonly (readonly [number, string])[];
  readonly kbps: readonly (readonly [number, string])[];
}

const {examples, bigNumber, kbps} = readVectors<Vectors>('pool-annminer-log');

test('the line of statistics is the documented one', () => {
  for (const {style, line, ...figures} of examples.filter((example) => example.style === 'documented')) {
    // The example was made before overload was told apart from rejections, and counts it in neither.
    const pools = figures.pools.map((pool) => ({...pool, overload: 0}));
    equal(statisticsLine({...figures, pools}), line, style);
  }
});

test('overload counts as overflow, and makes the rate worse', () => {
  const pool = {lost: 1, overload: 2, accepted: 3, rejected: 0, inflight: 0, handlers: 1};
  const line = statisticsLine({encryptionsPerSecond: 0, annsPerSecond: 0, pools: [pool]});
  equal(/overflow: \[3\].*goodrate: \[50%\]/.test(line), true, line);
});

test('numbers and rates', () => {
  for (const [value, text] of bigNumber) equal(formatBig(value), text);
  for (const [value, text] of kbps) equal(formatRate(value), text);
});

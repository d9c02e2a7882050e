// Owns: `pkt bench`, the figures of the algorithm on this machine. Does not own: comparing commits (scripts/bench.mjs).
import {cpus} from 'node:os';
import {benchAnnouncements, benchMiner, benchSearch, benchTables} from './announcements.ts';
import {benchBlocks} from './blocks.ts';
import type {BenchRow} from './row.ts';
import {benchVerify} from './verify.ts';

export type BenchTopic = 'ann' | 'tables' | 'block' | 'verify' | 'all';
export const BENCH_TOPICS: readonly BenchTopic[] = ['ann', 'tables', 'block', 'verify', 'all'];

export interface BenchOptions {
  readonly topic: BenchTopic;
  /** Work bits of the `ann` rows; by default the usual pool setting and the easiest. */
  readonly bits?: number;
  readonly threads: number;
  readonly seconds: number;
  /** Announcements per job of the `verify` rows; by default 1, 256 and 1024. */
  readonly group?: number;
}

export interface BenchReport {
  readonly cpu: string;
  readonly node: string;
  readonly rows: readonly BenchRow[];
}

const POOL_BITS = 0x2001ffff;
const EASIEST_BITS = 0x207fffff;

/** Runs the rows of a topic one after another; `onRow` hears of each as it is done. */
export async function runBench(options: BenchOptions, onRow: (row: BenchRow) => void): Promise<BenchReport> {
  const {topic, seconds, threads} = options;
  const wanted = (name: BenchTopic): boolean => topic === 'all' || topic === name;
  const work: (() => Promise<BenchRow>)[] = [];
  if (wanted('ann')) {
    const bits = options.bits === undefined ? [POOL_BITS, EASIEST_BITS] : [options.bits];
    for (const workBits of bits) work.push(() => benchAnnouncements(workBits, seconds));
    work.push(() => benchSearch(seconds));
    for (const count of new Set([1, threads])) work.push(() => benchMiner(bits[0]!, count, seconds));
  }
  if (wanted('tables')) work.push(() => benchTables(seconds));
  if (wanted('block'))
    work.push(
      () => benchBlocks(seconds, true),
      () => benchBlocks(seconds, false),
    );
  if (wanted('verify')) {
    const groups = options.group === undefined ? [1, 256, 1024] : [options.group];
    for (const group of groups) work.push(() => benchVerify(group, seconds));
  }
  const rows: BenchRow[] = [];
  for (const measure of work) {
    const row = await measure();
    rows.push(row);
    onRow(row);
  }
  return {cpu: cpus()[0]?.model ?? 'unknown', node: process.version, rows};
}

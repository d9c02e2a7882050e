// What an event earns.   pool spec §9.3
import {compactToBig} from '../../../core/bytes/index.ts';
import {workMultiple} from '../../../core/protocol/pool/index.ts';
import type {ReadEvent} from './events.ts';
import {ONE, ratioOf} from './fixed.ts';

/** A block event as far as credit depends on it. */
export interface BlockMark {
  readonly id: string;
  readonly time: number;
  readonly difficulty: number;
}

const MULTIPLE = 4096n;
const TWO_256 = 2n ** 256n;
/** Of one event: nine times 4096 blocks' worth of work. No event is worth more, and a signed 64-bit number holds it. */
export const MAX_CREDIT: bigint = 9n * ONE;

/** Order of everything that has a time and an id. */
export function compareMarks(a: {time: number; id: string}, b: {time: number; id: string}): number {
  if (a.time !== b.time) return a.time - b.time;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

/** The newest block event before a time, of an ordered list. */
export function blockBefore(blocks: readonly BlockMark[], time: number): BlockMark | undefined {
  let low = 0;
  let high = blocks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (blocks[middle]!.time < time) low = middle + 1;
    else high = middle;
  }
  return blocks[low - 1];
}

/** By which 2^256 is divided to give the work. Doubles lose the 1 beside a large target, and so do we: all pools agree then. */
function divisorOf(target: number): bigint {
  const whole = compactToBig(target) ?? 0n;
  return whole < 2n ** 53n ? whole + 1n : whole;
}

/** Exact credit, rounded down, in units of 10^-18; 0 while no difficulty is known. */
export function exactCredit(
  event: Pick<ReadEvent, 'target' | 'payable' | 'payTo'>,
  block: BlockMark | undefined,
): bigint {
  if (block === undefined || event.payable === 0 || event.payTo === '') return 0n;
  const {over, under} = ratioOf(block.difficulty);
  const divisor = divisorOf(event.target) * MULTIPLE * MULTIPLE * over;
  const credit = (TWO_256 * BigInt(event.payable) * ONE * under) / divisor;
  return credit > MAX_CREDIT ? MAX_CREDIT : credit;
}

/** The same with doubles, as existing paymakers compute it. */
export function doubleCredit(
  event: Pick<ReadEvent, 'target' | 'payable' | 'payTo'>,
  block: BlockMark | undefined,
): number {
  if (block === undefined || event.payable === 0 || event.payTo === '') return 0;
  return (workMultiple(event.target) * event.payable) / (block.difficulty * Number(MULTIPLE));
}

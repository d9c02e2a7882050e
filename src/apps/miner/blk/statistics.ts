// The line of statistics of a block miner.   pool spec §6.8
import {formatBig} from '../ann/statistics.ts';
import type {BlockMinerFigures} from './block-pool-miner.ts';

const THOUSAND = 1024;

/** What happened since the last line. */
export interface BlockRates {
  readonly hashesPerSecond: number;
  readonly shares: number;
  /** Announcements received from each source. */
  readonly received: readonly number[];
}

/** 90 → '90 s', 5400 → '90 min', 7200 → '2 h', then days. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '-';
  if (seconds < 120) return `${Math.ceil(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

/** The documented line; behind it how the set multiplies each hash, and how long a share and a block take at this rate. */
export function blockLine(figures: BlockMinerFigures, {hashesPerSecond, shares, received}: BlockRates): string {
  const {setSize, leastWork, powerMultiplier, ready, spare, immature, classes, hashesPerShare, hashesPerBlock} =
    figures;
  const after = (hashes: number): string => formatDuration(hashes / hashesPerSecond);
  const mining =
    setSize === 0
      ? 'Not mining'
      : [
          `shr: ${shares}`.padEnd(8),
          `real: ${formatBig(hashesPerSecond)}e/s eff: ${formatBig(hashesPerSecond * powerMultiplier)}e/s`.padEnd(30),
          `anns: ${setSize} @ ${leastWork}`.padEnd(20),
        ].join('');
  const held = `rdy: ${ready} spr: ${spare} imm: ${immature}`.padEnd(27);
  const from = `<- [ ${received.map((count) => Math.floor(count / THOUSAND)).join(', ')} ]`;
  const expected =
    setSize === 0
      ? ''
      : ` x${formatBig(powerMultiplier).trim()}, share in ${after(hashesPerShare)}, block in ${after(hashesPerBlock)}`;
  return `${mining} ${held} cls: ${classes} ${from}${expected}`;
}

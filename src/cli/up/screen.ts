// What a person sees of a private network.

import type {PartReport} from '../../service/processes/part-group.ts';
import {formatNumber} from '../terminal.ts';
import type {BlockFigures, Figures} from './figures.ts';

const UNITS = 2 ** 30;
const SHOWN_PAYEES = 5;
const SHOWN_BLOCKS = 5;

function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}

/** Units as PKT with three digits. */
export function formatPkt(units: bigint): string {
  return `${(Number(units) / UNITS).toLocaleString('en-US', {minimumFractionDigits: 3, maximumFractionDigits: 3})} PKT`;
}

/** Names for addresses of this network, where it has any. */
export type NameOf = (address: string) => string;

function paidText({paid}: BlockFigures, nameOf: NameOf): string {
  const rows = [...paid].sort(([, a], [, b]) => Number(b - a)).slice(0, SHOWN_PAYEES);
  return rows.map(([address, units]) => `${nameOf(address)} ${formatPkt(units)}`).join(', ');
}

/** One line for each block. */
export function blockLine(block: BlockFigures, nameOf: NameOf): string {
  return `block ${block.height} mined: ${paidText(block, nameOf)}`;
}

/** All on one line, for places that keep what they are sent. */
export function plainLine({height, annsPerSecond, megabitsPerSecond, shares, next}: Figures, nameOf: NameOf): string {
  const payees = next.slice(0, SHOWN_PAYEES).map(([address, part]) => `${nameOf(address)} ${percent(part)}`);
  return (
    `height ${height}, ${formatNumber(annsPerSecond)} announcements/s, ${formatNumber(megabitsPerSecond)} Mbit/s, ` +
    `${formatNumber(shares)} shares; the next block pays ${payees.join(', ') || 'nobody yet'}`
  );
}

/** The live screen, as lines. */
export function screenLines(
  figures: Figures,
  parts: readonly PartReport[],
  nameOf: NameOf,
  nowSeconds: number,
): readonly string[] {
  const {height, announcements, annsPerSecond, megabitsPerSecond, shares, next, blocks, difficulty} = figures;
  const [newest] = blocks;
  const age = newest === undefined ? '' : `, ${Math.max(0, Math.round(nowSeconds - newest.time))} s ago`;
  const state = parts.map((part) => `${part.name}${part.state === 'running' ? '' : ` (${part.state})`}`).join('  ');
  return [
    `height         ${height}${age}; difficulty ${formatNumber(difficulty)}`,
    `announcements  ${formatNumber(annsPerSecond)}/s, ${formatNumber(megabitsPerSecond)} Mbit/s; ${formatNumber(announcements)} in all`,
    `shares         ${formatNumber(shares)} in all`,
    'the next block pays',
    ...next.slice(0, SHOWN_PAYEES).map(([address, part]) => `  ${percent(part).padStart(7)}  ${nameOf(address)}`),
    'newest blocks',
    ...blocks
      .slice(0, SHOWN_BLOCKS)
      .map((block) => `  ${String(block.height).padStart(7)}  ${paidText(block, nameOf)}`),
    `programs       ${state}`,
  ];
}

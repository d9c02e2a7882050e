// The outcome of a simulation as a picture.
import {scaleLinear, scaleLog} from 'd3-scale';
import {line} from 'd3-shape';
import type {PoolOutcome} from './pool-model.ts';

const WIDTH = 760;
const HEIGHT = 460;
const EDGE = {left: 80, right: 70, top: 40, bottom: 50};
const FLOOR = 1;

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

function shortNumber(value: number): string {
  return Intl.NumberFormat('en-US', {notation: 'compact', maximumSignificantDigits: 3}).format(value);
}

/** SVG: announcements found and taken per second over the number of miners, and the part that is taken. title: of the picture. */
export function plotPool(outcomes: readonly PoolOutcome[], saturatedAt: number | undefined, title: string): string {
  const miners = outcomes.map((outcome) => outcome.miners);
  const x = scaleLog([Math.min(...miners), Math.max(...miners)], [EDGE.left, WIDTH - EDGE.right]);
  const most = Math.max(...outcomes.map(({found}) => found), FLOOR * 10);
  const least = Math.max(FLOOR, Math.min(...outcomes.map(({taken}) => taken)) / 2);
  const y = scaleLog([least, most], [HEIGHT - EDGE.bottom, EDGE.top]);
  const part = scaleLinear([0, 1], [HEIGHT - EDGE.bottom, EDGE.top]);
  const path = (value: (outcome: PoolOutcome) => number): string =>
    line<PoolOutcome>(
      ({miners: at}) => x(at),
      (outcome) => value(outcome),
    )([...outcomes]) ?? '';
  const decades = (ticks: readonly number[]): number[] => ticks.filter((tick) => Number.isInteger(Math.log10(tick)));
  const bottom = HEIGHT - EDGE.bottom;
  const right = WIDTH - EDGE.right;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escapeText(title)}</title><rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="${WIDTH / 2}" y="20" text-anchor="middle" font-size="14">${escapeText(title)}</text>`,
    ...decades(x.ticks()).map(
      (tick) =>
        `<path d="M${x(tick)},${EDGE.top}V${bottom}" stroke="#ddd"/><text x="${x(tick)}" y="${bottom + 18}" text-anchor="middle">${shortNumber(tick)}</text>`,
    ),
    ...decades(y.ticks()).map(
      (tick) =>
        `<path d="M${EDGE.left},${y(tick)}H${right}" stroke="#ddd"/><text x="${EDGE.left - 8}" y="${y(tick) + 4}" text-anchor="end">${shortNumber(tick)}</text>`,
    ),
    ...part
      .ticks(5)
      .map((tick) => `<text x="${right + 8}" y="${part(tick) + 4}" fill="#2a7">${Math.round(100 * tick)} %</text>`),
    `<text x="${WIDTH / 2}" y="${HEIGHT - 12}" text-anchor="middle">announcement miners</text>`,
    `<text transform="translate(18 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle">announcements per second</text>`,
    `<path d="${path(({found}) => y(Math.max(least, found)))}" fill="none" stroke="#888" stroke-dasharray="5 4"/>`,
    `<path d="${path(({taken}) => y(Math.max(least, taken)))}" fill="none" stroke="#15c" stroke-width="2"/>`,
    `<path d="${path(({takenPart}) => part(takenPart))}" fill="none" stroke="#2a7"/>`,
    `<text x="${EDGE.left + 10}" y="${EDGE.top + 16}" fill="#888">found (dashed)</text>`,
    `<text x="${EDGE.left + 10}" y="${EDGE.top + 32}" fill="#15c">taken</text>`,
    `<text x="${EDGE.left + 10}" y="${EDGE.top + 48}" fill="#2a7">part that is taken (right)</text>`,
  ];
  if (saturatedAt !== undefined && saturatedAt >= miners[0]!) {
    const at = x(saturatedAt);
    parts.push(
      `<path d="M${at},${EDGE.top}V${bottom}" stroke="#c33"/>`,
      `<text x="${at - 6}" y="${bottom - 8}" text-anchor="end" fill="#c33">saturated at ${shortNumber(saturatedAt)}</text>`,
    );
  }
  return `${parts.join('\n')}\n</svg>\n`;
}

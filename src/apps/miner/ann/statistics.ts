// The line of statistics that the user documentation explains.   pool spec §5.5

/** What happened since the last line. */
export interface PoolFigures {
  readonly lost: number;
  readonly overload: number;
  readonly accepted: number;
  readonly rejected: number;
  /** In requests that are open now. */
  readonly inflight: number;
  readonly handlers: number;
}

export interface Figures {
  readonly encryptionsPerSecond: number;
  readonly annsPerSecond: number;
  readonly pools: readonly PoolFigures[];
}

const BIG_UNITS = ['', 'K', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
const RATE_UNITS = ['K', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];

/** Whole thousands, with a space before the unit: 467015 → '467 K'. */
export function formatBig(value: number): string {
  let rest = value;
  let unit = 0;
  while (rest >= 10_000 && unit < BIG_UNITS.length - 1) {
    rest /= 1000;
    unit++;
  }
  return `${Math.floor(rest)} ${BIG_UNITS[unit]}`;
}

/** Kilobits per second: 29248 → '28.56Mb/s'. */
export function formatRate(kilobits: number): string {
  let rest = kilobits;
  let unit = 0;
  while (rest >= 1000 && unit < RATE_UNITS.length - 1) {
    rest /= 1024;
    unit++;
  }
  return `${Math.floor(rest * 100) / 100}${RATE_UNITS[unit]}b/s`;
}

function goodRate({accepted, rejected, lost, overload, handlers}: PoolFigures): number {
  if (handlers === 0) return 0;
  const all = accepted + rejected + lost + overload;
  return all === 0 ? 100 : Math.floor((accepted * 100) / all);
}

/** The line without time and level. An overloaded handler pays nothing, so what it refused counts as overflow. */
export function statisticsLine({encryptionsPerSecond, annsPerSecond, pools}: Figures): string {
  const list = (show: (pool: PoolFigures) => string | number): string => `[${pools.map(show).join(', ')}]`;
  const count = pools.length;
  const parts: readonly (readonly [string, number])[] = [
    [`${formatBig(encryptionsPerSecond)}e/s`, 10],
    [formatRate(annsPerSecond * count * 8), 11],
    [`overflow: ${list(({lost, overload}) => lost + overload)}`, 10 + 5 * count],
    [`uploading: ${list(({inflight}) => inflight)}`, 11 + 8 * count],
    [`accept/reject: ${list(({accepted, rejected}) => `${accepted}/${rejected}`)}`, 15 + 12 * count],
  ];
  const line = parts.map(([text, width]) => text.padEnd(width)).join(' ');
  return `${line} - goodrate: ${list((pool) => `${goodRate(pool)}%`)}`;
}

// Hours of the day in which is mined.

/** From one minute of the day to another; `to` may be the smaller one: over midnight. */
export interface Hours {
  readonly from: number;
  readonly to: number;
}

const MINUTES = 60;
const DAY = 24 * MINUTES;

function readTime(text: string): number | undefined {
  const [, hours, minutes] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? [];
  const time = Number(hours) * MINUTES + Number(minutes);
  return Number(minutes) < MINUTES && time <= DAY ? time : undefined;
}

/** Reads 22:00-07:00; undefined for anything else. */
export function readHours(text: string): Hours | undefined {
  const [from, to, ...rest] = text.split('-').map((part) => readTime(part.trim()));
  if (from === undefined || to === undefined || rest.length > 0 || from === to) return undefined;
  return {from, to};
}

/** Whether a minute of the day lies in any of the hours; without hours always. */
export function isWithin(hours: readonly Hours[], minute: number): boolean {
  if (hours.length === 0) return true;
  return hours.some(({from, to}) => (from < to ? minute >= from && minute < to : minute >= from || minute < to));
}

/** Minute of the day by the clock of this machine. */
export function minuteOf(date: Date): number {
  return date.getHours() * MINUTES + date.getMinutes();
}

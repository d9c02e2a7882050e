// Shows what status.json says, again and again.

const SHOW_MS = 1000;
const TIMEOUT_MS = 5000;
const UNITS = 2 ** 30;

interface Paid {
  readonly address: string;
  readonly name: string;
  readonly units: number;
}

interface Status {
  readonly height: number;
  readonly announcements: number;
  readonly shares: number;
  readonly annsPerSecond: number;
  readonly megabitsPerSecond: number;
  readonly next: readonly {readonly name: string; readonly part: number}[];
  readonly blocks: readonly {
    readonly height: number;
    readonly time: number;
    readonly hash: string;
    readonly paid: readonly Paid[];
  }[];
  readonly paid: readonly Paid[];
  readonly parts: readonly {readonly name: string; readonly state: string; readonly restarts: number}[];
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found;
}

function text(id: string, value: string): void {
  element(id).textContent = value;
}

function rows(id: string, table: readonly (readonly string[])[]): void {
  element(id).replaceChildren(
    ...table.map((cells) => {
      const row = document.createElement('tr');
      row.append(
        ...cells.map((cell) => {
          const place = document.createElement('td');
          place.textContent = cell;
          return place;
        }),
      );
      return row;
    }),
  );
}

const number = new Intl.NumberFormat('en-US', {maximumFractionDigits: 1});
const pkt = (units: number): string => `${number.format(units / UNITS)} PKT`;

function show(status: Status): void {
  text('height', number.format(status.height));
  text('rate', number.format(status.annsPerSecond));
  text('bandwidth', `${number.format(status.megabitsPerSecond)} Mbit/s`);
  text('announcements', number.format(status.announcements));
  text('shares', number.format(status.shares));
  rows(
    'next',
    status.next.map(({name, part}) => [name, `${(100 * part).toFixed(1)} %`]),
  );
  rows(
    'blocks',
    status.blocks.map(({height, time, hash, paid}) => [
      String(height),
      new Date(1000 * time).toLocaleTimeString(),
      `${hash.slice(0, 16)}…`,
      paid.map(({name, units}) => `${name}: ${pkt(units)}`).join('; '),
    ]),
  );
  rows(
    'paid',
    status.paid.map(({name, units}) => [name, pkt(units)]),
  );
  rows(
    'parts',
    status.parts.map(({name, state, restarts}) => [name, state, String(restarts)]),
  );
  const ill = status.parts.filter(({state}) => state !== 'running').map(({name}) => name);
  text('state', ill.length === 0 ? 'Everything is running.' : `Not running: ${ill.join(', ')}.`);
}

async function look(): Promise<void> {
  try {
    const answer = await fetch('/status.json', {signal: AbortSignal.timeout(TIMEOUT_MS)});
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    show((await answer.json()) as Status);
  } catch {
    text('state', 'The network does not answer: it has been stopped, or is being started.');
  }
  setTimeout(() => void look(), SHOW_MS);
}

void look();

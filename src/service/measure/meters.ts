// Metrics that are read from the program when somebody asks, instead of being told of every change.
import {Counter, Gauge, type Registry} from 'prom-client';

/** One value, or one for each set of labels. */
export type Reading = number | readonly {readonly labels: Readonly<Record<string, string>>; readonly value: number}[];

interface Meter {
  readonly registry: Registry;
  /** Ends in the base unit; counters get `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
}

function each(reading: Reading, take: (labels: Readonly<Record<string, string>>, value: number) => void): void {
  if (typeof reading === 'number') take({}, reading);
  else for (const {labels, value} of reading) take(labels, value);
}

export function addGauge({registry, name, help, labelNames = []}: Meter, read: () => Reading | Promise<Reading>): void {
  new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    async collect() {
      const reading = await read();
      this.reset();
      each(reading, (labels, value) => this.set(labels, value));
    },
  });
}

/** read: sums since the start. */
export function addCounter({registry, name, help, labelNames = []}: Meter, read: () => Reading): void {
  new Counter({
    name: `${name}_total`,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      each(read(), (labels, value) => this.inc(labels, value));
    },
  });
}

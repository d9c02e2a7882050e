import {collectDefaultMetrics, Registry} from 'prom-client';
import {addCounter, addGauge, type Reading} from './meters.ts';

/** Numbers of one program for Prometheus, in a registry of their own. */
export class MetricSet {
  readonly registry: Registry = new Registry();
  readonly #prefix: string;

  /** prefix: of the names, like pkt_node. */
  constructor(prefix: string) {
    this.#prefix = prefix;
    collectDefaultMetrics({register: this.registry, prefix: 'pkt_'});
  }

  gauge(name: string, help: string, read: () => Reading | Promise<Reading>): void {
    addGauge({registry: this.registry, name: `${this.#prefix}_${name}`, help}, read);
  }

  /** read: a sum since the start. The name gets the ending _total. */
  counter(name: string, help: string, read: () => Reading): void {
    addCounter({registry: this.registry, name: `${this.#prefix}_${name}`, help}, read);
  }
}

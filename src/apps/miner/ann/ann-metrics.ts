// What operators see of an announcement miner. Healthy: pkt_ann_anns_per_second is above 0, pkt_ann_pool_up is 1 for every pool,
// the rate of pkt_ann_results_total{result="accepted"} is most of all results, pkt_ann_restarts_total stands still.
import {collectDefaultMetrics, Registry} from 'prom-client';
import {addCounter, addGauge, type Reading} from '../../../service/measure/meters.ts';
import type {AnnMiner} from './ann-miner.ts';
import type {PoolStatus} from './pool-status.ts';
import type {UploadCounts} from './uploader.ts';

const RESULTS: readonly (keyof UploadCounts)[] = [
  'accepted',
  'rejected',
  'invalid',
  'overload',
  'refused',
  'lost',
  'expired',
];

/** The numbers of one miner, in a registry of their own. */
export function annMetrics(miner: AnnMiner): Registry {
  const registry = new Registry();
  collectDefaultMetrics({register: registry, prefix: 'pkt_'});
  const meter = (name: string, help: string, labelNames: readonly string[] = []) => ({
    registry,
    name: `pkt_ann_${name}`,
    help,
    labelNames,
  });
  const perPool = (read: (pool: PoolStatus) => number): Reading =>
    miner.pools.map((pool) => ({labels: {pool: pool.url}, value: read(pool)}));

  addCounter(meter('hashes', 'Hashes tried'), () => miner.status.hashes);
  addCounter(meter('found', 'Announcements found'), () => miner.status.found);
  addCounter(meter('restarts', 'Parts that the watchdog started anew'), () => miner.status.restarts);
  addCounter(meter('sent_bytes', 'Bytes of uploads, over all runs where they are kept'), () => miner.status.data.sent);
  addGauge(meter('anns_per_second', 'Announcements found per second, mean of ten'), () => miner.annsPerSecond);
  addGauge(meter('encryptions_per_second', 'The same times their work'), () => miner.status.encryptionsPerSecond);
  addGauge(meter('paused', '1 while mining rests'), () => (miner.paused === undefined ? 0 : 1));
  addGauge(meter('pool_up', '1 while announcements are accepted by a pool', ['pool']), () =>
    perPool(({state}) => (state === 'mining' ? 1 : 0)),
  );
  addGauge(meter('pool_height', 'Height of the tip of a pool', ['pool']), () =>
    perPool(({tipHeight}) => tipHeight ?? 0),
  );
  addGauge(meter('uploading', 'Announcements in open requests', ['pool']), () =>
    perPool(({counts}) => counts.inflight),
  );
  addCounter(meter('results', 'What became of announcements; invalid are among the rejected', ['pool', 'result']), () =>
    miner.pools.flatMap(({url, counts}) =>
      RESULTS.map((result) => ({labels: {pool: url, result}, value: counts[result]})),
    ),
  );
  addCounter(meter('handler_invalid', 'Announcements that a handler calls invalid', ['pool', 'host']), () =>
    miner.pools.flatMap(({url, handlers}) => {
      const hosts = new Map<string, number>();
      for (const {host, counts} of handlers) hosts.set(host, (hosts.get(host) ?? 0) + counts.invalid);
      return [...hosts].map(([host, value]) => ({labels: {pool: url, host}, value}));
    }),
  );
  return registry;
}

// What operators see of a block miner. Healthy: the rate of pkt_blk_hashes_total is that of the machine, pkt_blk_set_announcements
// is near its usual, pkt_blk_switch_seconds below 1, stale and lost shares stand still.
import {collectDefaultMetrics, Registry} from 'prom-client';
import {addCounter, addGauge} from '../../../service/measure/meters.ts';
import type {BlockPoolMiner} from './block-pool-miner.ts';

/** The numbers of one miner, in a registry of their own. */
export function blockMetrics(miner: BlockPoolMiner): Registry {
  const registry = new Registry();
  collectDefaultMetrics({register: registry, prefix: 'pkt_'});
  const meter = (name: string, help: string, labelNames: readonly string[] = []) => ({
    registry,
    name: `pkt_blk_${name}`,
    help,
    labelNames,
  });
  const figures = () => miner.figures();
  addCounter(meter('hashes', 'Block hashes tried'), () => figures().hashes);
  addCounter(meter('shares', 'Shares by what became of them; blocks are among the accepted', ['result']), () =>
    Object.entries(figures().shares).map(([result, value]) => ({labels: {result}, value: value as number})),
  );
  addCounter(meter('announcements', 'Announcements by what became of them', ['result']), () =>
    Object.entries(figures().intake).map(([result, value]) => ({labels: {result}, value: value as number})),
  );
  addCounter(meter('handler_lies', 'Files that were not what they claimed', ['handler']), () =>
    figures().handlers.map(({url, lies}) => ({labels: {handler: url}, value: lies})),
  );
  addCounter(meter('downloaded_bytes', 'Bytes of files of announcements', ['handler']), () =>
    figures().handlers.map(({url, bytes}) => ({labels: {handler: url}, value: bytes})),
  );
  addCounter(meter('spray_lost', 'Sprayed announcements that did not arrive', ['source']), () =>
    figures().sources.map(({source, lost}) => ({labels: {source}, value: lost})),
  );
  addGauge(meter('held_announcements', 'Announcements in memory'), () => figures().announcements);
  addGauge(meter('set_announcements', 'Of the set that is mined'), () => figures().setSize);
  addGauge(meter('set_least_work', 'Least effective difficulty of the set'), () => figures().leastWork);
  addGauge(meter('power_multiplier', 'Effective hash rate divided by the real one'), () => figures().powerMultiplier);
  addGauge(meter('height', 'Height that is mined'), () => figures().height);
  addGauge(meter('switch_seconds', 'From new work to mining, the last time'), () => figures().switchMs / 1000);
  addGauge(meter('kept_bytes', 'Announcements on disk'), () => figures().keptBytes);
  addGauge(meter('paused', '1 while mining rests'), () => (miner.paused === undefined ? 0 : 1));
  return registry;
}

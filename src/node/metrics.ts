// What operators see of a node. Healthy: pkt_node_height grows by one a minute, pkt_node_peers is above 3,
// pkt_node_event_loop_seconds stays below 0.05, pkt_node_disk_free_bytes above the reserve, pkt_node_blocks_refused_total still.
import {statfs} from 'node:fs/promises';
import {monitorEventLoopDelay} from 'node:perf_hooks';
import {Counter, Histogram, type Registry} from 'prom-client';
import {MetricSet} from '../service/measure/metric-set.ts';
import type {Chain} from './chain/chain.ts';
import type {Mempool} from './mempool/mempool.ts';
import type {PeerNetwork} from './p2p/peer-network.ts';
import type {CallRecord} from './rpc/dispatcher.ts';

export interface MetricsOptions {
  /** Where the disk is looked at. */
  readonly dataDir: string;
  readonly nowMs: () => number;
}

export interface NodeParts {
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly peers: PeerNetwork;
}

/** The numbers of one node, in a registry of its own. */
export class NodeMetrics {
  readonly #set = new MetricSet('pkt_node');
  readonly registry: Registry = this.#set.registry;
  readonly #calls: Histogram<'method' | 'ok'>;
  readonly #connected: Counter;
  readonly #disconnected: Counter;
  readonly #options: MetricsOptions;
  readonly #delay = monitorEventLoopDelay({resolution: 10});

  constructor(options: MetricsOptions) {
    this.#options = options;
    const registers = [this.registry];
    this.#calls = new Histogram({
      name: 'pkt_node_rpc_seconds',
      help: 'How long calls took, by method',
      labelNames: ['method', 'ok'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
      registers,
    });
    this.#connected = new Counter({
      name: 'pkt_node_blocks_connected_total',
      help: 'Blocks that joined the chain',
      registers,
    });
    this.#disconnected = new Counter({
      name: 'pkt_node_blocks_disconnected_total',
      help: 'Blocks that left the chain in reorganisations',
      registers,
    });
    this.#delay.enable();
  }

  /** Begins to read from the parts of a node. */
  observe({chain, mempool, peers}: NodeParts): void {
    this.#set.gauge('height', 'Height of the best chain', () => chain.height);
    this.#set.gauge('target_height', 'Height that peers tell of', () => peers.progress().target);
    this.#set.gauge('tip_age_seconds', 'Age of the newest block by its own time', () => {
      return Math.max(0, this.#options.nowMs() / 1000 - (chain.find(chain.tip.hash)?.medianTime ?? 0));
    });
    this.#set.gauge('peers', 'Connected peers', () => peers.peers().filter(({isReady}) => isReady).length);
    this.#set.counter('peer_received_bytes', 'Bytes received from peers', () => peers.totals.bytesReceived);
    this.#set.counter('peer_sent_bytes', 'Bytes sent to peers', () => peers.totals.bytesSent);
    this.#set.counter('blocks_refused', 'Blocks that break a rule', () => chain.refusedBlocks);
    this.#set.gauge('disk_free_bytes', 'Room left on the disk of the data directory', async () => {
      const {bavail, bsize} = await statfs(this.#options.dataDir);
      return bavail * bsize;
    });
    this.#set.gauge('mempool_transactions', 'Transactions that wait', () => mempool.count);
    this.#set.gauge('mempool_bytes', 'Memory they take', () => mempool.memoryBytes);
    this.#set.gauge('event_loop_seconds', 'Longest time the main thread was busy since the last look', () => {
      const seconds = this.#delay.max / 1e9;
      this.#delay.reset();
      return seconds;
    });
    chain.subscribe(({type}) => {
      if (type === 'connected') this.#connected.inc();
      else if (type === 'disconnected') this.#disconnected.inc();
    });
  }

  readonly called = ({method, ok, ms}: CallRecord): void => {
    this.#calls.observe({method, ok: String(ok)}, ms / 1000);
  };

  close(): void {
    this.#delay.disable();
    this.registry.clear();
  }
}

// The programs of a private network, started and stopped in order.
import {fileURLToPath} from 'node:url';
import type {Log} from '../../service/logs/log.ts';
import type {PartError} from '../../service/processes/errors.ts';
import {PartGroup, type PartReport} from '../../service/processes/part-group.ts';
import {RpcClient, readCookie} from '../../service/rpc-client.ts';
import {type Home, POOL_FEE, type Ports} from './home.ts';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const LOOPBACK = '127.0.0.1';
/** Miners take what others leave. */
const MINER_NICE = 10;
const MINER_MEMORY_MB = '512';
/** Easy enough for a slow machine; what follows is adjusted to the one there is. */
const FIRST_BITS = '1e7fffff';
const BLOCK_SECONDS = '10';
const RPC_MS = 10_000;

export interface NetworkOptions {
  readonly home: Home;
  readonly ports: Ports;
  readonly poolConfig: string;
  /** Is paid for mining. */
  readonly miner: string;
  /** Gets the fee. */
  readonly pool: string;
  /** Mining threads of each miner. */
  readonly annThreads: number;
  readonly blkThreads: number;
  readonly log: Log;
  readonly onFailure: (error: PartError) => void;
}

/** Starts what others need first, and stops it last. */
export class PrivateNetwork {
  readonly #options: NetworkOptions;
  readonly #group: PartGroup;

  constructor(options: NetworkOptions) {
    this.#options = options;
    const {home, log, onFailure} = options;
    this.#group = new PartGroup({main: MAIN, logDir: home.path('logs'), log, onFailure});
  }

  get parts(): readonly PartReport[] {
    return this.#group.reports;
  }

  /** Resolves when everything is up. Throws PartError. */
  async start(): Promise<void> {
    const {home, ports, poolConfig, miner, annThreads, blkThreads} = this.#options;
    const at = (port: number): string => `${LOOPBACK}:${port}`;
    await this.#group.start('node', [
      ...['node', '--network', 'pktreg', '--data-dir', home.path('node')],
      ...['--p2p-listen', at(ports.p2p), '--rpc-listen', at(ports.rpc), '--outbound', '0', '--addrindex'],
      ...['--pktreg-bits', FIRST_BITS, '--pktreg-block-seconds', BLOCK_SECONDS, '--miningaddr', miner],
    ]);
    await this.#firstPayouts(at(ports.rpc));
    const pool = (...args: readonly string[]): Promise<unknown> =>
      this.#group.start(args[0]!, ['pool', ...args, '--config', poolConfig]);
    await Promise.all([pool('master'), pool('paymaker'), pool('annhandler', 'a'), pool('blkhandler', 'b')]);
    const master = `http://${at(ports.master)}/master`;
    const mines = {saysReady: false, nice: MINER_NICE};
    const common = (name: string): string[] => [
      ...[name, '--network', 'pktreg', '--paymentaddr', miner, '--data-dir', home.path(name)],
    ];
    const memory = ['--memorysizemb', MINER_MEMORY_MB];
    await this.#group.start('blk', [...common('blk'), '--threads', String(blkThreads), ...memory, master], mines);
    await this.#group.start('ann', [...common('ann'), '--threads', String(annThreads), master], mines);
  }

  /** The first block is paid as the paymaker pays while its books are empty: it has nothing to go by until there is work to pay. */
  async #firstPayouts(rpc: string): Promise<void> {
    const {home, miner, pool} = this.#options;
    const cookie = await readCookie(home.path('node', '.cookie'));
    const node = new RpcClient({url: `http://${rpc}/`, ...cookie, timeoutMs: RPC_MS});
    if ((await node.call('getblockcount')) !== 0) return;
    await node.call('configureminingpayouts', [{[miner]: 1 - POOL_FEE, [pool]: POOL_FEE}]);
  }

  /** Ends the search; what was found is sent. */
  async stopMiners(): Promise<void> {
    await this.#group.stop('ann', 'blk');
  }

  async stopHandlers(): Promise<void> {
    await this.#group.stop('annhandler', 'blkhandler');
  }

  /** Everything that is still there. */
  async stop(): Promise<void> {
    await this.stopMiners();
    await this.stopHandlers();
    await this.#group.stopAll();
  }
}

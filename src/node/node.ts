// A full node: the one place where its parts are put together.
//
// Owns: the order in which parts open and close, timers, the data directory's layout.
// Does not own: what the parts do; options as text, environment, signals (cli).
//
//   DIR/index      coins, headers, indexes (ordered store)      DIR/blocks     block files
//   DIR/peers      addresses and bans                           DIR/*.dat      pool of transactions, payouts
import {mkdir} from 'node:fs/promises';
import {join} from 'node:path';
import {checkSigops} from '../core/consensus/index.ts';
import {useSha256} from '../core/crypto/index.ts';
import type {Network} from '../core/params/index.ts';
import {SERVICE} from '../core/protocol/p2p/index.ts';
import {NATIVE_SHA256} from '../service/crypto/native-sha256.ts';
import {loadVerifier} from '../service/crypto/secp256k1.ts';
import {StatusServer} from '../service/http/status-server.ts';
import type {Log} from '../service/logs/log.ts';
import type {LogLevel} from '../service/logs/pino-log.ts';
import {createRoomCheck} from '../service/stores/disk-room.ts';
import type {KeyValueStore} from '../service/stores/key-value-store.ts';
import {openLevelStore} from '../service/stores/level-store.ts';
import {BlockVerifier} from '../service/threads/block-verifier.ts';
import {spawnNodeThread} from '../service/threads/node-threads.ts';
import {readCoinSet} from './chain/audit.ts';
import {Chain, type ChainEvent} from './chain/chain.ts';
import {ChainIndexes, type IndexName} from './chain/indexes/index.ts';
import type {CheckProof} from './chain/proof-ahead.ts';
import {createProofCheck} from './chain/proof-check.ts';
import {type BlockPart, StoredBlocks} from './chain/stored-blocks.ts';
import {Generator} from './generator.ts';
import {BlockTemplates} from './mempool/block-templates.ts';
import {FeeEstimator} from './mempool/fee-estimator.ts';
import {Mempool} from './mempool/mempool.ts';
import {PayoutBook} from './mempool/payout-book.ts';
import {TemplateError} from './mempool/template-errors.ts';
import {NodeMetrics} from './metrics.ts';
import type {ManualNode} from './p2p/dialer.ts';
import {HUB_LIMITS} from './p2p/hub.ts';
import {PeerNetwork} from './p2p/peer-network.ts';
import {relayOf} from './p2p/relay/mempool-relay.ts';
import {Credentials, type RpcUser, removeCookie, writeCookie} from './rpc/credentials.ts';
import {Dispatcher} from './rpc/dispatcher.ts';
import {transactionDocument} from './rpc/documents/transaction.ts';
import {toPkt} from './rpc/json.ts';
import {RPC_LIMITS, type RpcLimits} from './rpc/limits.ts';
import {RPC_AREAS, RPC_METHODS} from './rpc/methods/index.ts';
import {Notifications} from './rpc/notifications.ts';
import type {RpcNode} from './rpc/rpc-node.ts';
import {RpcServer, type TlsFiles} from './rpc/server.ts';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface PruneOptions {
  /** 'proofs' keeps what wallets and explorers need. */
  readonly part: BlockPart;
  /** Blocks below the tip that stay whole. */
  readonly keep: number;
}

export interface NodeOptions {
  readonly network: Network;
  readonly dataDir: string;
  readonly version: string;
  readonly log: Log;
  /** Where to listen; nowhere without it. Port 0 takes any that is free. */
  readonly p2pListen?: readonly HostPort[];
  readonly rpcListen?: HostPort;
  readonly statusListen?: HostPort;
  readonly connect?: readonly ManualNode[];
  /** Nobody but `connect` is connected to. */
  readonly connectOnly?: boolean;
  readonly noDnsSeed?: boolean;
  readonly outbound?: number;
  readonly maxPeers?: number;
  /** Without any, a cookie file in the data directory has the password. */
  readonly rpcUsers?: readonly RpcUser[];
  readonly rpcTls?: TlsFiles;
  readonly rpcLimits?: Partial<RpcLimits>;
  readonly indexes?: ReadonlySet<IndexName>;
  readonly prune?: PruneOptions;
  /** Addresses that share the blocks mined here as long as nothing else is set. */
  readonly miningAddresses?: readonly string[];
  readonly coinbaseText?: string;
  readonly blockMaxWeight?: number;
  readonly skipTemplateChecks?: boolean;
  readonly mempoolBytes?: number;
  /** Units per 1000 virtual bytes. */
  readonly minRelayFee?: bigint;
  /** For proofs and scripts. */
  readonly threads?: number;
  readonly cacheBytes?: number;
  /** Size of a block file; pruning drops whole files. */
  readonly blockFileBytes?: number;
  readonly diskReserveBytes?: number;
  /** Instead of the look at the disk. Throws StoreError 'disk-full' while there is too little room. */
  readonly checkRoom?: () => Promise<void>;
  /** Instead of the true check of proofs: to load blocks that have none. No command offers it. */
  readonly checkProof?: CheckProof;
  /** Wall clock, milliseconds. */
  readonly nowMs?: () => number;
  /** The node cannot go on; it is to be closed. */
  readonly onFailure?: (error: unknown) => void;
  /** Where `debuglevel` changes how much is logged. */
  readonly logLevel?: {level: LogLevel};
  /** Called when a client asks the node to stop. */
  readonly onStop?: () => void;
}

/** Addresses that are listened on. */
export interface NodeAddresses {
  readonly p2p: readonly string[];
  readonly rpc: string | undefined;
  readonly status: string | undefined;
}

const COOKIE_FILE = '.cookie';
const PRUNE_BLOCKS = 100;
const PRUNE_KEEP_MIN = 1500;
const HOUSEKEEPING_MS = 5000;
const PROGRESS_MS = 10_000;
const MAINTAIN_MS = 60_000;
const DEFAULT_RESERVE = 500 * 2 ** 20;
const DEFAULT_CACHE = 64 * 2 ** 20;
const DEFAULT_INDEXES: ReadonlySet<IndexName> = new Set(['filters']);

function shownAddress({address, port}: {readonly address: string; readonly port: number}): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** A running node. */
export class PktNode {
  readonly #options: NodeOptions;
  readonly #nowMs: () => number;
  /** How to close what was opened, last first. */
  readonly #closers: (() => Promise<void> | void)[] = [];
  readonly #stopping = new AbortController();
  #parts!: RpcNode;
  #addresses!: NodeAddresses;
  #store!: KeyValueStore;
  #progressMs = 0;
  #pruning = false;
  #prunedAt = 0;
  #loaded = false;
  #maintainedMs = 0;
  #closing: Promise<void> | undefined;

  private constructor(options: NodeOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  /** Opens everything and begins to work. Throws StoreError, ChainError, TemplateError, or the system's error for an address. */
  static async open(options: NodeOptions): Promise<PktNode> {
    const {prune} = options;
    if (prune !== undefined && options.network.name !== 'pktreg' && prune.keep < PRUNE_KEEP_MIN) {
      throw new RangeError(`"prune.keep" expected at least ${PRUNE_KEEP_MIN}, got ${prune.keep}`);
    }
    useSha256(NATIVE_SHA256);
    const node = new PktNode(options);
    try {
      await node.#open();
      return node;
    } catch (error) {
      await node.close();
      throw error;
    }
  }

  async #open(): Promise<void> {
    const {network, dataDir, log} = this.#options;
    await mkdir(dataDir, {recursive: true});
    const nowSeconds = (): number => Math.floor(this.#nowMs() / 1000);
    const verifier = this.#openVerifier();
    const chain = await this.#openChain(verifier, nowSeconds);
    const indexes = await ChainIndexes.open({
      chain,
      store: this.#store,
      enabled: this.#options.indexes ?? DEFAULT_INDEXES,
      log,
    });
    this.#closers.push(() => indexes.close());
    const mempool = this.#openMempool(chain, verifier);
    const fees = new FeeEstimator();
    mempool.subscribe(fees.follow);
    const payouts = await PayoutBook.open({
      network,
      log,
      path: join(dataDir, 'payouts.json'),
      ...(this.#options.miningAddresses && {fallback: this.#options.miningAddresses}),
    });
    const templates = this.#openTemplates(chain, mempool, payouts, nowSeconds);
    const generator = new Generator({chain, templates, spawn: spawnNodeThread, now: () => performance.now()});
    this.#closers.push(() => generator.close());
    const services = SERVICE.network | SERVICE.witness | (indexes.has('filters') ? SERVICE.compactFilters : 0n);
    const peers = await this.#openPeers(chain, mempool, indexes, services);
    this.#parts = {
      chain,
      indexes,
      mempool,
      fees,
      templates,
      payouts,
      peers,
      services,
      coinSet: () => readCoinSet(chain, this.#store),
      checkProof: (input, rules) => verifier.checkProof(input, rules),
      generate: (blocks, signal) => generator.generate(blocks, AbortSignal.any([signal, this.#stopping.signal])),
      version: this.#options.version,
      nowMs: this.#nowMs,
      nowSeconds,
      startedSeconds: nowSeconds(),
      log: this.#options.logLevel,
      stop: () => this.#options.onStop?.(),
    };
    const metrics = new NodeMetrics({dataDir, nowMs: this.#nowMs});
    this.#closers.push(() => metrics.close());
    metrics.observe({chain, mempool, peers});
    const rpc = await this.#openRpc(metrics);
    const status = await this.#openStatus(metrics);
    this.#addresses = {p2p: this.#p2pAddresses(peers), rpc, status};
    chain.subscribe((event) => this.#chainMoved(event));
    this.#housekeeping();
    const timer = setInterval(() => this.#housekeeping(), HOUSEKEEPING_MS);
    this.#closers.push(() => clearInterval(timer));
  }

  /** Transactions of the last run may spend coins of blocks that were missed, so they wait until the chain is current. */
  #loadMempool(): void {
    const {mempool} = this.#parts;
    const {log} = this.#options;
    this.#loaded = true;
    void mempool.load().then(
      ({taken, refused}) => {
        if (taken + refused > 0) log.info('transactions of the last run looked at', {taken, refused});
      },
      (error: unknown) => log.debug('the kept transactions were not all looked at', {error}),
    );
  }

  #openVerifier(): BlockVerifier {
    const {threads = 2, log} = this.#options;
    const loaded = loadVerifier();
    if (loaded.name === 'wasm') log.info('signatures are verified by WebAssembly; native code does not load here');
    const verifier = new BlockVerifier({
      threads,
      spawn: spawnNodeThread,
      now: () => performance.now(),
      verifier: loaded,
      onCrash: ({thread, error, replaced}) => {
        log.error('a verifying thread died', {thread, error, replaced});
        if (!replaced) this.#fail(error);
      },
    });
    this.#closers.push(() => verifier.close());
    return verifier;
  }

  async #openChain(verifier: BlockVerifier, nowSeconds: () => number): Promise<Chain> {
    const {network, dataDir, log, cacheBytes, blockFileBytes, diskReserveBytes, checkRoom, checkProof} = this.#options;
    this.#store = await openLevelStore(join(dataDir, 'index'), {cacheBytes: cacheBytes ?? DEFAULT_CACHE});
    this.#closers.push(() => this.#store.close());
    const blocks = await StoredBlocks.open({
      path: join(dataDir, 'blocks'),
      magic: network.magic,
      store: this.#store,
      ...(blockFileBytes !== undefined && {fileBytes: blockFileBytes}),
    });
    this.#closers.push(() => blocks.close());
    const chain = await Chain.open({
      network,
      store: this.#store,
      blocks,
      nowSeconds,
      log,
      checkProof: checkProof ?? createProofCheck(network.proof, (input, rules) => verifier.checkProof(input, rules)),
      checkScripts: async (block, spending) => {
        checkSigops(block, spending);
        await verifier.checkScripts(spending);
      },
      checkRoom: checkRoom ?? createRoomCheck(dataDir, diskReserveBytes ?? DEFAULT_RESERVE, this.#nowMs),
    });
    this.#closers.push(() => chain.close());
    return chain;
  }

  #openMempool(chain: Chain, verifier: BlockVerifier): Mempool {
    const {dataDir, log, mempoolBytes, minRelayFee} = this.#options;
    const mempool = new Mempool({
      chain,
      checkScripts: (transaction, coins, flags) => verifier.checkScripts([{transaction, coins}], flags),
      log,
      nowMs: this.#nowMs,
      random: Math.random,
      path: join(dataDir, 'mempool.dat'),
      ...(mempoolBytes !== undefined && {maxMemoryBytes: mempoolBytes}),
      ...(minRelayFee !== undefined && {minRelayFee}),
    });
    this.#closers.push(() => mempool.close());
    return mempool;
  }

  #openTemplates(chain: Chain, pool: Mempool, payouts: PayoutBook, nowSeconds: () => number): BlockTemplates {
    const {log, coinbaseText, blockMaxWeight, skipTemplateChecks} = this.#options;
    const templates = new BlockTemplates({
      chain,
      pool,
      payouts,
      nowSeconds,
      log,
      ...(coinbaseText !== undefined && {coinbaseText}),
      ...(blockMaxWeight !== undefined && {maxWeight: blockMaxWeight}),
      ...(skipTemplateChecks !== undefined && {skipChecks: skipTemplateChecks}),
    });
    this.#closers.push(() => templates.close());
    return templates;
  }

  async #openPeers(chain: Chain, mempool: Mempool, indexes: ChainIndexes, services: bigint): Promise<PeerNetwork> {
    const {
      dataDir,
      log,
      version,
      p2pListen = [],
      connect = [],
      connectOnly,
      noDnsSeed,
      outbound,
      maxPeers,
    } = this.#options;
    const peers = await PeerNetwork.open({
      chain,
      pool: relayOf(mempool),
      filters: indexes.has('filters') ? indexes : undefined,
      services,
      userAgent: `/pktstack:${version}/`,
      nowMs: this.#nowMs,
      log,
      onFailure: (error) => this.#fail(error),
      listen: p2pListen,
      connect,
      path: join(dataDir, 'peers'),
      ...(connectOnly !== undefined && {connectOnly}),
      ...(noDnsSeed !== undefined && {noDnsSeed}),
      ...(outbound !== undefined && {outboundTarget: outbound}),
      ...(maxPeers !== undefined && {limits: {...HUB_LIMITS, total: maxPeers}}),
    });
    this.#closers.push(() => peers.close());
    return peers;
  }

  #p2pAddresses(peers: PeerNetwork): string[] {
    const {p2pListen = []} = this.#options;
    return peers.ports.map((port, i) => shownAddress({address: p2pListen[i]!.host, port}));
  }

  async #openRpc(metrics: NodeMetrics): Promise<string | undefined> {
    const {rpcListen, rpcTls, rpcLimits, dataDir, version, log} = this.#options;
    if (rpcListen === undefined) return undefined;
    const notifications = this.#notifications();
    const server = new RpcServer({
      dispatcher: new Dispatcher({node: this.#parts, methods: RPC_METHODS, log, onCall: metrics.called}),
      areas: RPC_AREAS,
      credentials: new Credentials(await this.#users(join(dataDir, COOKIE_FILE))),
      notifications,
      version,
      log,
      limits: {...RPC_LIMITS, ...rpcLimits},
      ...(rpcTls && {tls: rpcTls}),
    });
    this.#closers.push(() => server.close());
    return shownAddress(await server.listen(rpcListen.host, rpcListen.port));
  }

  async #users(cookie: string): Promise<readonly RpcUser[]> {
    const {rpcUsers = []} = this.#options;
    if (rpcUsers.length > 0) return rpcUsers;
    this.#closers.push(() => removeCookie(cookie));
    return [await writeCookie(cookie)];
  }

  #notifications(): Notifications {
    const {chain, mempool} = this.#parts;
    const notifications = new Notifications();
    chain.subscribe((event) => {
      if (event.type === 'connected') notifications.blockConnected(event.block, event.place);
      else if (event.type === 'disconnected') notifications.blockDisconnected(event.block, event.place);
    });
    mempool.subscribe((event) => {
      if (event.type !== 'added') return;
      const {transaction, coins} = event.entry;
      const amount = toPkt(transaction.outputs.reduce((sum, {value}) => sum + value, 0n));
      notifications.transactionAccepted(transaction, amount, () =>
        transactionDocument(chain.network, transaction, (input) => coins[transaction.inputs.indexOf(input)], undefined),
      );
    });
    return notifications;
  }

  async #openStatus(metrics: NodeMetrics): Promise<string | undefined> {
    const {statusListen} = this.#options;
    if (statusListen === undefined) return undefined;
    const server = new StatusServer({metrics: metrics.registry, readiness: () => this.readiness()});
    this.#closers.push(() => server.close());
    return shownAddress(await server.listen(statusListen.host, statusListen.port));
  }

  /** Whether the node has what its users ask for. */
  readiness(): {readonly ready: boolean; readonly reason?: string} {
    const {chain, nowSeconds, peers} = this.#parts;
    if (this.#closing !== undefined) return {ready: false, reason: 'the node is stopping'};
    if (chain.isCurrent(nowSeconds())) return {ready: true};
    return {ready: false, reason: `synchronising: height ${chain.height} of ${peers.progress().target}`};
  }

  /** The parts, for those who drive the node as a library. */
  get parts(): RpcNode {
    return this.#parts;
  }

  get addresses(): NodeAddresses {
    return this.#addresses;
  }

  #chainMoved({type, place}: ChainEvent): void {
    const {log, prune} = this.#options;
    const {chain, indexes, nowSeconds} = this.#parts;
    if (type === 'disconnected') log.info('block taken back', {height: place.height, hash: place.hash});
    if (type !== 'tip') return;
    if (chain.isCurrent(nowSeconds())) log.info('new tip', {height: place.height, hash: place.hash});
    // One event may stand for many blocks.
    if (prune === undefined || this.#pruning || place.height - this.#prunedAt < PRUNE_BLOCKS) return;
    this.#pruning = true;
    this.#prunedAt = place.height;
    chain
      .prune(prune.part, prune.keep, () => indexes.lowestHeight)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#pruning = false;
      });
  }

  #housekeeping(): void {
    const {templates, mempool, chain, peers, nowSeconds} = this.#parts;
    templates.tick();
    const nowMs = this.#nowMs();
    if (nowMs - this.#maintainedMs >= MAINTAIN_MS) {
      this.#maintainedMs = nowMs;
      mempool.maintain().catch((error: unknown) => this.#fail(error));
    }
    const isCurrent = chain.isCurrent(nowSeconds());
    if (isCurrent && !this.#loaded) this.#loadMempool();
    if (isCurrent || nowMs - this.#progressMs < PROGRESS_MS) return;
    this.#progressMs = nowMs;
    const {height, target, blocksPerSecond, secondsLeft} = peers.progress();
    this.#options.log.info('synchronising', {
      height,
      target,
      blocksPerSecond: Math.round(blocksPerSecond * 10) / 10,
      ...(secondsLeft !== undefined && {secondsLeft}),
    });
  }

  #fail(error: unknown): void {
    if (this.#closing !== undefined) return;
    this.#options.log.error('the node cannot go on', {error});
    this.#options.onFailure?.(error);
  }

  /** Stops in order: first what others talk to, then what works, then what is stored. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stopping.abort(new TemplateError('closed'));
    let failure: unknown;
    for (const close of this.#closers.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
  }
}

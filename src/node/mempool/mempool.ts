import {encodeHex} from '../../core/bytes/index.ts';
import {
  CONSENSUS_SCRIPT_FLAGS,
  type Coin,
  checkTransaction,
  POLICY_SCRIPT_FLAGS,
  RuleError,
  sigopCost,
  UNITS_PER_PKT,
} from '../../core/consensus/index.ts';
import {CodedError} from '../../core/errors.ts';
import {
  isCoinbase,
  type Outpoint,
  type Transaction,
  type TransactionSize,
  transactionId,
  transactionSize,
} from '../../core/primitives/index.ts';
import type {Log} from '../../service/logs/log.ts';
import {ChainFollower, type RemovalReason, type Returning} from './chain-follower.ts';
import {PolicyError} from './errors.ts';
import {FreeLimit} from './free-limit.ts';
import {checkLineage} from './lineage.ts';
import type {Acceptance, CheckScripts, MempoolEvent, Origin, Resolved} from './mempool-types.ts';
import {MAX_ORPHAN_BYTES, type Orphan, Orphans} from './orphans.ts';
import {
  checkStandard,
  checkStandardInputs,
  feeAt,
  MAX_FREE_BYTES,
  MAX_STANDARD_SIGOP_COST,
  MIN_FREE_PRIORITY,
  MIN_RELAY_FEE,
  priority,
} from './policy.ts';
import type {PoolChain} from './pool-chain.ts';
import {type PoolRecord, readPool, writePool} from './pool-file.ts';
import {
  type EntryFacts,
  feeRate,
  type MempoolEntry,
  PoolEntry,
  PoolGraph,
  parentsFirst,
  transactionKey,
} from './pool-graph.ts';
import {Rebroadcasts} from './rebroadcasts.ts';
import {checkReplacement, findConflicts} from './replacement.ts';
import {RollingFee} from './rolling-fee.ts';
import {checkAges, checkLocks, feeOf, nextBlock} from './spending.ts';

export interface MempoolOptions {
  readonly chain: PoolChain;
  readonly checkScripts: CheckScripts;
  readonly log: Log;
  /** Wall clock, milliseconds. */
  readonly nowMs: () => number;
  /** 0 ≤ number < 1 */
  readonly random: () => number;
  /** Where the pool is kept while the node is down; nowhere without it. */
  readonly path?: string;
  /** Memory that transactions may take, bytes. */
  readonly maxMemoryBytes?: number;
  /** Units per 1000 virtual bytes. */
  readonly minRelayFee?: bigint;
  /** As the network says unless given. */
  readonly relayNonStandard?: boolean;
}

const MAX_MEMORY_BYTES = 300_000_000;
const MAX_AGE_MS = 14 * 24 * 3_600_000;
const MAX_QUEUED = 1000;
/** Outputs that are looked for to see whether a transaction was mined. */
const MAX_OUTPUTS_ASKED = 100;
const SAVE_MS = 5 * 60_000;
/** A local transaction that pays more per started 1000 virtual bytes is taken for a slip. */
const HIGH_FEE_RATE: bigint = UNITS_PER_PKT;

/**
 * Transactions that could be in the next block. They are taken one after another; at any time all of the pool together could be
 * mined on the tip, and no two spend the same output.   chain spec §4.3
 */
export class Mempool {
  readonly #options: MempoolOptions;
  readonly #relayFee: bigint;
  readonly #maxMemoryBytes: number;
  readonly #nonStandard: boolean;
  readonly #graph = new PoolGraph();
  readonly #orphans = new Orphans();
  readonly #free = new FreeLimit();
  readonly #rolling: RollingFee;
  readonly #rebroadcasts: Rebroadcasts;
  readonly #listeners = new Set<(event: MempoolEvent) => void>();
  readonly #unfollow: () => void;
  /** What the file held and could not be taken in yet. */
  #unloaded: PoolRecord[] = [];
  #isLoaded: boolean;
  #queue: Promise<unknown> = Promise.resolve();
  #queued = 0;
  #version = 0;
  #savedVersion = 0;
  #savedMs: number;
  #closed = false;

  constructor(options: MempoolOptions) {
    this.#options = options;
    this.#relayFee = options.minRelayFee ?? MIN_RELAY_FEE;
    this.#maxMemoryBytes = options.maxMemoryBytes ?? MAX_MEMORY_BYTES;
    this.#nonStandard = options.relayNonStandard ?? options.chain.network.relayNonStandard;
    this.#rolling = new RollingFee(Math.max(Number(this.#relayFee), Number(MIN_RELAY_FEE)));
    this.#rebroadcasts = new Rebroadcasts(options.random);
    this.#isLoaded = options.path === undefined;
    this.#savedMs = options.nowMs();
    const follower = new ChainFollower(this.#graph, this.#orphans, {
      next: () => nextBlock(options.chain),
      onRemoved: (entries, reason, height) => this.#removed(entries, reason, height),
      onBlock: (height) => {
        this.#rolling.blockConnected(options.nowMs());
        this.#tell({type: 'block', height});
      },
      onSettled: (returning, orphans) => this.#afterBlocks(returning, orphans),
    });
    this.#unfollow = options.chain.subscribe(follower.follow);
  }

  /** Number of transactions. */
  get count(): number {
    return this.#graph.count;
  }

  /** Bytes of all transactions, with witnesses. */
  get bytes(): number {
    return this.#graph.bytes;
  }

  /** About what they take in memory. */
  get memoryBytes(): number {
    return this.#graph.memoryBytes;
  }

  get orphanCount(): number {
    return this.#orphans.count;
  }

  /** Grows with every change. */
  get version(): number {
    return this.#version;
  }

  /** What transactions must pay at least, units per 1000 virtual bytes; above the relay fee where the pool is full. */
  get minimumFee(): bigint {
    const rolling = BigInt(Math.ceil(this.#rollingRate()));
    return rolling > this.#relayFee ? rolling : this.#relayFee;
  }

  #rollingRate(): number {
    return this.#rolling.rate(this.#graph.memoryBytes / this.#maxMemoryBytes, this.#options.nowMs());
  }

  /** Entries in the order in which they came; what they hold changes with the pool. */
  entries(): IterableIterator<MempoolEntry> {
    return this.#graph.entries();
  }

  txids(): Uint8Array[] {
    return Array.from(this.#graph.entries(), ({txid}) => txid.slice());
  }

  get(txid: Uint8Array): MempoolEntry | undefined {
    return this.#graph.get(txid);
  }

  /** True for transactions of the pool and orphans: there is no need to ask for them. */
  has(txid: Uint8Array): boolean {
    return this.#graph.get(txid) !== undefined || this.#orphans.has(txid);
  }

  /** The entry that spends an outpoint. */
  spender({txid, index}: Outpoint): MempoolEntry | undefined {
    return this.#graph.spender(txid, index);
  }

  /** An output of a transaction in the pool, spent or not. */
  output({txid, index}: Outpoint): Coin | undefined {
    const output = this.#graph.get(txid)?.transaction.outputs[index];
    return output && {...output, height: this.#options.chain.tip.height + 1, isCoinbase: false};
  }

  /** Coins as they would be with the pool mined: its outputs are there, and what it spends is not. */
  async coins(outpoints: readonly Outpoint[]): Promise<(Coin | undefined)[]> {
    const known = await this.#coinsBefore(outpoints);
    return known.map((coin, i) => (this.spender(outpoints[i]!) === undefined ? coin : undefined));
  }

  /** Coins whether or not the pool spends them. */
  async #coinsBefore(outpoints: readonly Outpoint[]): Promise<(Coin | undefined)[]> {
    const coins = outpoints.map((outpoint) => this.output(outpoint));
    // An outpoint of a transaction in the pool cannot be a coin of the chain.
    const others = outpoints.filter(({txid}) => this.#graph.get(txid) === undefined);
    const stored = await this.#options.chain.coins(others);
    let at = 0;
    return coins.map((coin, i) => (this.#graph.get(outpoints[i]!.txid) === undefined ? stored[at++] : coin));
  }

  /** The age-based priority of an entry in the next block, as existing nodes report it. */
  priority(entry: MempoolEntry, height: number = this.#options.chain.tip.height + 1): bigint {
    return priority(entry.transaction, entry.size, entry.coins, height);
  }

  subscribe(listener: (event: MempoolEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(event: MempoolEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /**
   * Takes a transaction in. Throws RuleError where it breaks a rule of the chain, PolicyError where the pool does not want it.
   * One from a peer whose inputs are not known is kept as an orphan.
   */
  async accept(transaction: Transaction, origin: Origin): Promise<Acceptance> {
    if (origin.source === 'peer' && this.#queued >= MAX_QUEUED) throw new PolicyError('overloaded');
    return this.#enqueue(async () => {
      const result = await this.#take(transaction, origin);
      if (result.status === 'orphan') return result;
      return {...result, resolved: await this.#resolve(this.#waitingFor(result.entry))};
    });
  }

  /** Does one thing after another. */
  #enqueue<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#queued++;
    const done = this.#queue.then(() => {
      if (this.#closed) throw new PolicyError('closed');
      return work();
    });
    this.#queue = done
      .catch(() => {})
      .then(() => {
        this.#queued--;
      });
    return done;
  }

  #waitingFor({txid, transaction}: MempoolEntry): Orphan[] {
    return this.#orphans.childrenOf(txid, transaction);
  }

  /** Looks at orphans again whose inputs may be known now, and at those that wait for them. */
  async #resolve(orphans: Iterable<Orphan>): Promise<Resolved[]> {
    const resolved: Resolved[] = [];
    const queue = new Set(orphans);
    for (const orphan of queue) {
      const {txid, transaction, peer} = orphan;
      if (!this.#orphans.has(txid)) continue;
      try {
        const result = await this.#take(transaction, {source: 'peer', peer}, orphan);
        if (result.status === 'orphan') continue;
        for (const child of this.#waitingFor(result.entry)) {
          // Once more for one that was looked at too early.
          queue.delete(child);
          queue.add(child);
        }
        resolved.push({txid, peer, refusal: undefined});
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        resolved.push({txid, peer, refusal: error});
      }
      this.#orphans.remove(txid);
    }
    return resolved;
  }

  /** Checks a transaction and takes it in, while the chain stands still. again: it is this orphan */
  #take(transaction: Transaction, origin: Origin, again?: Orphan, timeMs?: number): Promise<Taken> {
    return this.#options.chain.exclusive(async (): Promise<Taken> => {
      const txid = transactionId(transaction);
      const size = this.#checkAlone(transaction, txid, origin, again);
      const conflicts = findConflicts(this.#graph, transaction);
      const found = await this.#coinsBefore(transaction.inputs);
      const coins = found.filter((coin) => coin !== undefined);
      if (coins.length < found.length) return this.#withoutInputs({transaction, txid, size: size.size}, found, origin);
      const facts = this.#checkInputs({transaction, txid, ...size}, coins, origin, timeMs);
      const leaving = conflicts.size === 0 ? new Set<PoolEntry>() : this.#checkReplacement(facts, conflicts);
      checkLineage(this.#graph, transaction, size.vsize, leaving);
      this.#checkFee(facts, origin);
      await this.#checkScripts(transaction, coins);
      const entry = this.#add(new PoolEntry(facts), leaving, origin);
      this.#orphans.remove(txid);
      return {status: 'accepted', entry};
    });
  }

  #checkReplacement(facts: EntryFacts, conflicts: ReadonlySet<PoolEntry>): Set<PoolEntry> {
    return checkReplacement(this.#graph, facts, conflicts, this.#relayFee);
  }

  /** What can be said without coins. */
  #checkAlone(transaction: Transaction, txid: Uint8Array, {source}: Origin, again?: Orphan): TransactionSize {
    const known = this.#graph.get(txid);
    if (known !== undefined) {
      if (source === 'local') this.#markLocal(known);
      throw new PolicyError('already-known', {txid: shown(txid)});
    }
    if (source === 'peer' && again === undefined && this.#orphans.has(txid)) {
      throw new PolicyError('already-known', {txid: shown(txid)});
    }
    checkTransaction(transaction);
    if (isCoinbase(transaction)) throw new PolicyError('coinbase', {txid: shown(txid)});
    const size = transactionSize(transaction);
    if (!this.#nonStandard) checkStandard(transaction, size, this.#relayFee);
    return size;
  }

  #markLocal(entry: PoolEntry): void {
    entry.isLocal = true;
    this.#rebroadcasts.add(entry.key, this.#options.nowMs());
    this.#version++;
  }

  /** Keeps an orphan of a peer, or says why not. */
  async #withoutInputs(
    {transaction, txid, size}: {transaction: Transaction; txid: Uint8Array; size: number},
    coins: readonly (Coin | undefined)[],
    {source, peer = ''}: Origin,
  ): Promise<Taken> {
    const own = transaction.outputs.slice(0, MAX_OUTPUTS_ASKED).map((_, index) => ({txid, index}));
    const mined = await this.#options.chain.coins(own);
    if (mined.some((coin) => coin !== undefined)) throw new PolicyError('already-mined', {txid: shown(txid)});
    const parents = transaction.inputs.filter((_, i) => coins[i] === undefined).map((input) => input.txid);
    const missing = [...new Map(parents.map((parent) => [transactionKey(parent), parent])).values()];
    // No further output of a transaction in the pool will ever be known.
    const isHopeless = missing.some((parent) => this.#graph.get(parent) !== undefined);
    if (isHopeless || source !== 'peer') throw new PolicyError('missing-inputs', {txid: shown(missing[0]!)});
    if (size > MAX_ORPHAN_BYTES) throw new PolicyError('orphan-size', {bytes: size});
    this.#orphans.add({txid, transaction, peer, timeMs: this.#options.nowMs()});
    return {status: 'orphan', missing};
  }

  #checkInputs(
    {transaction, txid, ...size}: TransactionSize & {transaction: Transaction; txid: Uint8Array},
    coins: readonly Coin[],
    {source}: Origin,
    timeMs: number = this.#options.nowMs(),
  ): EntryFacts {
    const next = nextBlock(this.#options.chain);
    checkLocks(next, transaction, coins);
    checkAges(next, coins);
    const fee = feeOf(transaction, coins);
    if (!this.#nonStandard) checkStandardInputs(transaction, coins);
    const scripts = coins.map(({script}) => script);
    const cost = sigopCost(transaction, scripts, CONSENSUS_SCRIPT_FLAGS);
    if (cost > MAX_STANDARD_SIGOP_COST) throw new PolicyError('sigop-cost', {cost, max: MAX_STANDARD_SIGOP_COST});
    const height = next.height - 1;
    const isLocal = source === 'local';
    return {transaction, txid, ...size, coins, fee, sigopCost: cost, timeMs, height, isLocal};
  }

  /** Minimum fees, and the exception for old and valuable coins.   chain spec §4.3 */
  #checkFee(facts: EntryFacts, {source, allowHighFees = false}: Origin): void {
    const {fee, vsize, size, transaction, coins, height} = facts;
    if (source === 'local' && !allowHighFees && fee > HIGH_FEE_RATE * BigInt(Math.ceil(vsize / 1000))) {
      throw new PolicyError('fee-high', {fee});
    }
    const rate = this.#rollingRate();
    if (rate > 0 && feeRate(fee, vsize) * 1000 < rate) throw new PolicyError('pool-full', {fee, rate});
    const needed = feeAt(this.#relayFee, vsize);
    if (fee >= needed || source === 'reorg' || source === 'file') return;
    if (vsize >= MAX_FREE_BYTES) throw new PolicyError('fee-low', {fee, needed});
    const found = priority(transaction, size, coins, height + 1);
    if (found <= MIN_FREE_PRIORITY) throw new PolicyError('priority-low', {fee, needed, priority: found});
    if (source === 'peer' && !this.#free.take(vsize, this.#options.nowMs())) {
      throw new PolicyError('free-limit', {fee, needed});
    }
  }

  /** A script that policy alone refuses is nobody's fault. */
  async #checkScripts(transaction: Transaction, coins: readonly Coin[]): Promise<void> {
    const {checkScripts} = this.#options;
    try {
      await checkScripts(transaction, coins, POLICY_SCRIPT_FLAGS);
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      await checkScripts(transaction, coins, CONSENSUS_SCRIPT_FLAGS);
      throw new PolicyError('script-policy', error.details, error);
    }
  }

  #add(entry: PoolEntry, leaving: ReadonlySet<PoolEntry>, origin: Origin): PoolEntry {
    this.#removed(this.#graph.removeWithDescendants(leaving), 'replaced', entry.height);
    this.#graph.add(entry);
    this.#version++;
    const evicted = this.#trim();
    if (evicted.includes(entry)) {
      this.#removed(
        evicted.filter((other) => other !== entry),
        'evicted',
        entry.height,
      );
      throw new PolicyError('pool-full', {fee: entry.fee, rate: this.#rollingRate()});
    }
    if (entry.isLocal) this.#rebroadcasts.add(entry.key, this.#options.nowMs());
    this.#tell({type: 'added', entry, origin});
    this.#removed(evicted, 'evicted', entry.height);
    return entry;
  }

  /** Throws out what is worth least until the pool is small enough. */
  #trim(): PoolEntry[] {
    const evicted: PoolEntry[] = [];
    while (this.#graph.memoryBytes > this.#maxMemoryBytes && this.#graph.leastWorth !== undefined) {
      const victim = this.#graph.leastWorth;
      this.#rolling.raise(feeRate(victim.descendants.fees, victim.descendants.vsize) * 1000, this.#options.nowMs());
      evicted.push(...this.#graph.removeWithDescendants([victim]));
    }
    return evicted;
  }

  #removed(entries: readonly PoolEntry[], reason: RemovalReason, height: number): void {
    for (const entry of entries) {
      this.#version++;
      this.#rebroadcasts.delete(entry.key);
      this.#tell({type: 'removed', entry, reason, height});
    }
  }

  /** After a change of the tip: transactions of blocks that were taken back, and orphans of what was mined. */
  #afterBlocks(returning: readonly Returning[], orphans: readonly Orphan[]): void {
    const work = this.#enqueue(async () => {
      for (const {transaction, timeMs, isLocal} of returning) {
        await this.#takeBack(transaction, {source: 'reorg'}, timeMs, isLocal);
      }
      await this.#resolve(orphans);
    });
    work.catch((error: unknown) => {
      if (!this.#closed) this.#options.log.error('transactions could not be taken back', {error});
    });
  }

  /** Takes in what was in the pool or in a block before, if it is still welcome. */
  async #takeBack(transaction: Transaction, origin: Origin, timeMs?: number, isLocal = false): Promise<boolean> {
    try {
      const taken = await this.#take(transaction, origin, undefined, timeMs);
      if (isLocal && taken.status === 'accepted') this.#markLocal(taken.entry);
      return taken.status === 'accepted';
    } catch (error) {
      if (error instanceof CodedError) return false;
      throw error;
    }
  }

  /** Forgets the orphans of a peer that is gone. */
  removePeer(peer: string): void {
    this.#orphans.removePeer(peer);
  }

  /** Local transactions whose time it is to be announced again; each call puts them off by up to half an hour. */
  dueForRebroadcast(nowMs: number): MempoolEntry[] {
    return this.#rebroadcasts.due(nowMs).flatMap((key) => this.#graph.find(key) ?? []);
  }

  /** Drops what is too old, and saves the pool when it is time; to be called every minute or so. */
  async maintain(): Promise<void> {
    const work = this.#enqueue(async () => {
      const nowMs = this.#options.nowMs();
      this.#orphans.expire(nowMs);
      const old = [...this.#graph.entries()].filter(({timeMs}) => nowMs - timeMs >= MAX_AGE_MS);
      await this.#options.chain.exclusive(async () => {
        const present = old.filter((entry) => this.#graph.get(entry.txid) === entry);
        this.#removed(this.#graph.removeWithDescendants(present), 'expired', this.#options.chain.tip.height);
      });
      if (nowMs - this.#savedMs >= SAVE_MS) await this.#save();
    });
    await work.catch((error: unknown) => {
      // A pool that is being closed is saved then.
      if (!this.#closed) throw error;
    });
  }

  /**
   * Takes in what the file holds, once; the chain should be up to date by then. A damaged file is passed over with a warning.
   * Other work goes on in between.
   */
  async load(): Promise<{readonly taken: number; readonly refused: number}> {
    const result = {taken: 0, refused: 0};
    if (this.#isLoaded) return result;
    const {path, chain, log} = this.#options;
    this.#unloaded = (await readPool(path!, chain.network.magic, log)).reverse();
    this.#isLoaded = true;
    try {
      while (this.#unloaded.length > 0) result[await this.#loadOne()]++;
    } catch (error) {
      // What is left is written again when the pool is closed.
      if (!this.#closed) throw error;
    }
    return result;
  }

  #loadOne(): Promise<'taken' | 'refused'> {
    return this.#enqueue(async () => {
      const {transaction, timeMs, isLocal} = this.#unloaded.at(-1)!;
      const nowMs = this.#options.nowMs();
      // A clock that was wrong must not keep a transaction for ever.
      const cameMs = Math.min(timeMs, nowMs);
      const isFresh = nowMs - cameMs < MAX_AGE_MS;
      const isTaken = isFresh && (await this.#takeBack(transaction, {source: 'file'}, cameMs, isLocal));
      this.#unloaded.pop();
      return isTaken ? 'taken' : 'refused';
    });
  }

  /** Writes what has changed; what was not loaded yet is kept. */
  async #save(): Promise<void> {
    const {path, chain, log, nowMs} = this.#options;
    this.#savedMs = nowMs();
    if (path === undefined || !this.#isLoaded || this.#version === this.#savedVersion) return;
    const version = this.#version;
    const records = [...parentsFirst(this.#graph.entries()), ...this.#unloaded.toReversed()];
    if (await writePool(path, chain.network.magic, records, log)) this.#savedVersion = version;
  }

  /** Waits for the work at hand, refuses further, saves the pool. */
  async close(): Promise<void> {
    if (this.#closed) return this.#queue.then(() => {});
    this.#closed = true;
    this.#unfollow();
    const saved = this.#queue.then(() => this.#save());
    this.#queue = saved.catch(() => {});
    await saved;
  }
}

type Taken =
  | {readonly status: 'accepted'; readonly entry: PoolEntry}
  | {readonly status: 'orphan'; readonly missing: readonly Uint8Array[]};

/** Ids are shown reversed. */
function shown(txid: Uint8Array): string {
  return encodeHex(txid.slice().reverse());
}

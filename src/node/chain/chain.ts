import {encodeHex, equalBytes, readU32, Writer} from '../../core/bytes/index.ts';
import {
  type BlockChanges,
  type BlockContext,
  type CheckedBlock,
  type Coin,
  checkBlock,
  checkHeader,
  checkNotTooNew,
  checkSinceCheckpoint,
  checkWitnessCommitment,
  connectBlock,
  isFinal,
  type PlacedCoin,
  RuleError,
  type SpendingTransaction,
  type StewardState,
} from '../../core/consensus/index.ts';
import {assert} from '../../core/errors.ts';
import type {Network} from '../../core/params/index.ts';
import {
  type Block,
  type BlockBody,
  blockHash,
  decodeBlock,
  decodeBlockBody,
  encodeHeader,
  HEADER_BYTES,
  type Outpoint,
} from '../../core/primitives/index.ts';
import {type Log, NO_LOG} from '../../service/logs/log.ts';
import {type KeyValueStore, prefixEnd, type StoreChange} from '../../service/stores/key-value-store.ts';
import {Breather} from '../../service/threads/breather.ts';
import {BlockTree, type ChainBlock} from './block-tree.ts';
import {ChainView} from './chain-view.ts';
import {ChainError} from './errors.ts';
import {
  type BlockStatus,
  coinKey,
  decodeCoin,
  decodeSteward,
  decodeUndo,
  encodeHeaderRecord,
  encodeSteward,
  encodeUndo,
  HEADER_PREFIX,
  hashOfHeaderKey,
  headerKey,
  LAYOUT_VERSION,
  PRUNED_KEY,
  STATUS,
  shownHash,
  stewardKey,
  TIP_KEY,
  undoKey,
  VERSION_KEY,
} from './layout.ts';
import {ProofAhead, type ProofContext} from './proof-ahead.ts';
import type {BlockPart, StoredBlocks} from './stored-blocks.ts';
import {WriterQueue} from './writer-queue.ts';

/** A change of the best chain, told after it is on disk: taken-back blocks newest first, then new ones, then the tip once. */
export type ChainEvent =
  | {readonly type: 'connected' | 'disconnected'; readonly block: Block; readonly place: ChainBlock}
  | {readonly type: 'tip'; readonly place: ChainBlock};

export interface ChainOptions {
  readonly network: Network;
  readonly store: KeyValueStore;
  readonly blocks: StoredBlocks;
  /** Wall clock, seconds. */
  readonly nowSeconds: () => number;
  /** Throws RuleError 'ErrBadPow' or 'ErrPowCannotVerify'. */
  readonly checkProof: (block: Block, context: ProofContext) => Promise<void>;
  /** Throws RuleError 'ErrScriptValidation' or 'ErrTooManySigOps'. */
  readonly checkScripts: (block: Block, spending: readonly SpendingTransaction[]) => Promise<void>;
  /** Asked before blocks are written. Throws StoreError when the disk is too full. */
  readonly checkRoom?: () => Promise<void>;
  readonly log?: Log;
}

/** A block on its way into the best chain. */
interface Connected {
  readonly number: number;
  readonly block: Block;
}

/** A block that somebody waits for, and its number once it is stored. */
interface Waiting {
  readonly block: Block;
  readonly ahead: ProofAhead | undefined;
  readonly resolve: (isTip: boolean) => void;
  readonly reject: (error: unknown) => void;
}

interface Stored extends Waiting {
  readonly number: number;
  readonly changes: readonly StoreChange[];
}

/** Blocks that wait are taken together, since reaching the disk costs as much for many as for one. */
const MAX_GROUP = 100;
/** Blocks that are read when the chain is opened. */
const NEWEST = 6;
/** Undo records removed at once. */
const UNDO_BATCH = 10_000;

/**
 * The chain of blocks: one writer. Blocks are checked, stored and, where they make the best branch, connected; a
 * reorganisation is one atomic change of the store.   chain spec §3.14, §4.1, §4.2
 */
export class Chain extends BlockTree {
  readonly #options: ChainOptions;
  readonly #log: Log;
  readonly #queue: WriterQueue<Waiting>;
  #refusedBlocks = 0;
  readonly #listeners = new Set<(event: ChainEvent) => void>();

  private constructor(options: ChainOptions) {
    super(options.network);
    this.#options = options;
    this.#log = options.log ?? NO_LOG;
    this.#queue = new WriterQueue((group) => this.#acceptGroup(group), MAX_GROUP);
  }

  /** Opens or creates a chain. Throws ChainError, StoreError. */
  static async open(options: ChainOptions): Promise<Chain> {
    const chain = new Chain(options);
    const {store, network} = options;
    const version = await store.get(VERSION_KEY);
    if (version === undefined) {
      await chain.#create();
    } else {
      if (readU32(version, 0) !== LAYOUT_VERSION) throw new ChainError('wrong-layout', {version: readU32(version, 0)});
      if (readU32(version, 4) !== network.magic) throw new ChainError('wrong-network', {wanted: network.name});
    }
    await chain.#load();
    await chain.#readNewest();
    await chain.#catchUp();
    return chain;
  }

  /** Writes the genesis block; its outputs can never be spent and are no coins. */
  async #create(): Promise<void> {
    const {network, store, blocks} = this.#options;
    const genesis = decodeBlock(network.genesis);
    const hash = blockHash(genesis.header);
    const changes = await blocks.append(hash, genesis, 0);
    await blocks.sync();
    const steward = {steward: network.money.initialSteward, against: 0n};
    await store.write(
      [
        {key: VERSION_KEY, value: new Writer().u32(LAYOUT_VERSION).u32(network.magic).finish()},
        {key: headerKey(0, hash), value: encodeHeaderRecord(encodeHeader(genesis.header), STATUS.connected)},
        {key: stewardKey(hash), value: encodeSteward(steward)},
        {key: TIP_KEY, value: hash},
        ...changes,
      ],
      true,
    );
  }

  /** Reads all headers, parents first, and finds the best chain again. */
  async #load(): Promise<void> {
    const {store} = this.#options;
    for await (const [key, value] of store.entries({from: HEADER_PREFIX, to: prefixEnd(HEADER_PREFIX)})) {
      const hash = hashOfHeaderKey(key);
      const header = value.subarray(0, HEADER_BYTES);
      const parent = this.index.count === 0 ? undefined : this.index.find(header.subarray(4, 36));
      if (this.index.count > 0 && parent === undefined) throw new ChainError('chain-damaged', {hash: shownHash(hash)});
      this.index.add(header, hash, parent, value[HEADER_BYTES] as BlockStatus);
    }
    const tip = await store.get(TIP_KEY);
    const number = tip && this.index.find(tip);
    if (number === undefined) throw new ChainError('chain-damaged', {reason: 'the tip is not among the headers'});
    for (let at: number | undefined = number; at !== undefined; at = this.index.parent(at)) this.best.push(at);
    this.best.reverse();
  }

  /** Reads the newest blocks: files that have lost their end are told at once, and not by the next reorganisation. */
  async #readNewest(): Promise<void> {
    for (const number of this.best.slice(-NEWEST)) await this.#options.blocks.bytes(this.index.hash(number));
  }

  /** Connects what was stored and not connected when the program was interrupted. */
  async #catchUp(): Promise<void> {
    const numbers = Array.from({length: this.index.count}, (_, number) => number);
    const stored = numbers.filter((number) => this.index.status(number) === STATUS.stored);
    if (stored.length > 0) this.#log.info('blocks that were not connected are looked at', {blocks: stored.length});
    await this.#activateBest(stored, new Map());
  }

  /** Calls the listener after every change of the best chain; it must not throw. Returns how to stop that. */
  subscribe(listener: (event: ChainEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Runs `work` while no block is being taken: tip and coins stand still until it ends. */
  exclusive<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#queue.run(work);
  }

  /** The steward state after the tip: what governs the next block. */
  async steward(): Promise<StewardState> {
    return this.#stewardAfter(this.tipNumber);
  }

  async #stewardAfter(number: number): Promise<StewardState> {
    const value = await this.#options.store.get(stewardKey(this.index.hash(number)));
    if (value === undefined) throw new ChainError('chain-damaged', {reason: 'a steward state is missing'});
    return decodeSteward(value);
  }

  /** The coins of outpoints that are unspent at the tip, in order. */
  async coins(outpoints: readonly Outpoint[]): Promise<(Coin | undefined)[]> {
    const values = await this.#options.store.getMany(outpoints.map(({txid, index}) => coinKey(txid, index)));
    return values.map((value) => value && decodeCoin(value));
  }

  /** A stored block by its hash; undefined when it is not there, or its proof not any more. */
  async block(hash: Uint8Array): Promise<Block | undefined> {
    const bytes = await this.blockBytes(hash);
    return bytes && decodeBlock(bytes);
  }

  /** Wire encoding of a stored block. */
  blockBytes(hash: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#options.blocks.bytes(hash);
  }

  /** Header and transactions of a stored block: there when the proof may have been dropped. */
  async blockBody(hash: Uint8Array): Promise<BlockBody | undefined> {
    const bytes = await this.#options.blocks.body(hash);
    return bytes && decodeBlockBody(bytes);
  }

  /** The coins that a connected block spent, other than those it created, in order; undefined where they have been dropped. */
  async spentBy(hash: Uint8Array): Promise<PlacedCoin[] | undefined> {
    const value = await this.#options.store.get(undoKey(hash));
    return value && decodeUndo(value);
  }

  /**
   * Drops blocks or, alone, proofs that lie more than `keep` blocks below the tip; whole files at a time. Headers, coins and
   * steward states stay. With the blocks goes what undoing them needs. needed: asked when it comes to it; what lies there or above
   * stays in any case.   chain spec §4.1
   */
  prune(part: BlockPart, keep: number, needed: () => number = () => Number.POSITIVE_INFINITY): Promise<void> {
    return this.exclusive(async () => {
      const {store, blocks} = this.#options;
      const below = Math.min(this.height - keep, needed());
      if (below <= 0) return;
      const {files, changes} = await blocks.prunable(part, below);
      if (files === 0) return;
      // Undo data goes once it is certain that the blocks do; what an interruption leaves of it goes the next time.
      await store.write(changes, true);
      if (part === 'bodies') await this.#dropUndo(below);
      await blocks.prune(part, files);
      this.#log.info('old files dropped', {part, files, below});
    });
  }

  async #dropUndo(below: number): Promise<void> {
    const {store} = this.#options;
    const value = await store.get(PRUNED_KEY);
    for (let height = value === undefined ? 0 : readU32(value, 0); height < below; ) {
      const end = Math.min(below, height + UNDO_BATCH);
      const changes: StoreChange[] = [];
      for (; height < end; height++)
        changes.push({key: undoKey(this.index.hash(this.best[height]!)), value: undefined});
      await store.write([...changes, {key: PRUNED_KEY, value: new Writer().u32(end).finish()}]);
    }
  }

  /** True when neither blocks nor undo data have been dropped. */
  get isWhole(): boolean {
    return this.#options.blocks.isWhole('bodies');
  }

  async #storedBlock(number: number): Promise<Block> {
    const block = await this.block(this.index.hash(number));
    if (block === undefined) throw new ChainError('chain-damaged', {reason: 'a block is missing'});
    return block;
  }

  /**
   * Takes a block from anywhere; resolves with true when it is in the best chain, false when it stands on another branch.
   * Blocks are taken in the order of the calls. Throws RuleError.
   */
  accept(block: Block, ahead?: ProofAhead): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const refuse = (error: unknown): void => {
        if (error instanceof RuleError && error.code !== 'ErrDuplicateBlock') this.#refusedBlocks++;
        reject(error);
      };
      this.#queue.push({block, ahead, resolve, reject: refuse});
    });
  }

  /** How many blocks have broken a rule since the chain was opened. */
  get refusedBlocks(): number {
    return this.#refusedBlocks;
  }

  /** Starts the proof check of a block whose turn is still to come; ancestorHash: of the branch below it. */
  verifyAhead(block: Block, context: ProofContext): ProofAhead {
    return ProofAhead.start(this.#options.checkProof, block, context);
  }

  /** Holds a block on the tip to every rule but the proof of work, and changes nothing. Throws RuleError. */
  tryBlock(block: Block): Promise<void> {
    return this.exclusive(async () => {
      const checked = checkBlock(this.network, block);
      if (!equalBytes(block.header.previous, this.tip.hash)) throw new RuleError('ErrPreviousBlockUnknown');
      this.#checkPlace(checked, this.tipNumber);
      const view = new ChainView(this.#options.store);
      await this.#connect(view, this.tipNumber, checked, await this.steward());
    });
  }

  /** Checks and stores blocks, then makes the best of them the tip. Never throws: everyone who waits is told. */
  async #acceptGroup(group: readonly Waiting[]): Promise<void> {
    const stored: Stored[] = [];
    const breather = new Breather();
    try {
      await this.#options.checkRoom?.();
      for (const waiting of group) {
        try {
          stored.push(await this.#admit(waiting));
        } catch (error) {
          waiting.reject(error);
        }
        await breather.pause();
      }
      await this.#recordStored(stored);
      const blocks = new Map(stored.map(({number, block}) => [number, block]));
      const refusals = await this.#activateBest([...blocks.keys()], blocks);
      for (const {number, resolve, reject} of stored) {
        const refusal = refusals.get(number);
        if (refusal === undefined) resolve(this.isBest(number));
        else reject(refusal);
      }
    } catch (error) {
      for (const {reject} of group) reject(error);
    }
  }

  /** Everything that a block is asked before its coins; writes it and enters it in the tree. Throws RuleError. */
  async #admit(waiting: Waiting): Promise<Stored> {
    const {block, ahead} = waiting;
    const hash = blockHash(block.header);
    const known = this.index.find(hash);
    if (known !== undefined && this.index.status(known) !== STATUS.header) throw new RuleError('ErrDuplicateBlock');
    const checked = checkBlock(this.network, block);
    const parent = this.index.find(block.header.previous);
    // A parent that could not be written counts as one that never came: the index must hold whole branches only.
    if (parent === undefined || this.index.status(parent) === STATUS.header) {
      throw new RuleError('ErrPreviousBlockUnknown', {parent: shownHash(block.header.previous)});
    }
    if (this.index.isFailed(parent)) throw new RuleError('ErrInvalidAncestorBlock');
    this.#checkPlace(checked, parent);
    const context = this.#proofContext(parent);
    if (ahead?.isFor(block, context)) await ahead.result;
    else await this.#options.checkProof(block, context);
    const changes = await this.#options.blocks.append(hash, block, context.height);
    const number = known ?? this.index.add(encodeHeader(block.header), hash, parent, STATUS.stored);
    this.index.setStatus(number, STATUS.stored);
    return {...waiting, number, changes};
  }

  /** The index must never name a block that a power failure can take away: first the files, then the index. */
  async #recordStored(stored: readonly Stored[]): Promise<void> {
    if (stored.length === 0) return;
    const {store, blocks} = this.#options;
    try {
      await blocks.sync();
      await store.write(stored.flatMap(({number, changes}) => [...changes, this.#statusChange(number, STATUS.stored)]));
    } catch (error) {
      for (const {number} of stored) this.index.setStatus(number, STATUS.header);
      throw error;
    }
  }

  /** The rules that need the headers before the block.   chain spec §3.1, §3.2, §3.11 */
  #checkPlace({block, declaredHeight}: CheckedBlock, parent: number): void {
    const height = this.index.height(parent) + 1;
    if (declaredHeight !== height) throw new RuleError('ErrBadCoinbaseHeight', {declaredHeight, height});
    const checkpoint = this.#reachedCheckpoint;
    if (checkpoint !== undefined) {
      checkSinceCheckpoint(this.network, this.index.header(this.best[checkpoint]!), block.header);
    }
    const medianTime = this.index.medianTime(parent);
    const {ancestorAt} = this.index;
    checkHeader({network: this.network, previous: this.index.point(parent), medianTime, ancestorAt}, block.header);
    this.#checkFork(parent, height);
    checkNotTooNew(this.network, block.header, this.#options.nowSeconds());
    if (!block.transactions.every((transaction) => isFinal(transaction, height, medianTime))) {
      throw new RuleError('ErrUnfinalizedTx');
    }
    checkWitnessCommitment(block.transactions);
  }

  /** Height of the last checkpoint that the best chain has reached. */
  get #reachedCheckpoint(): number | undefined {
    return this.network.checkpoints.findLast(({height}) => height <= this.height)?.height;
  }

  /** A branch may not leave the best chain below the last checkpoint that it has reached. */
  #checkFork(parent: number, height: number): void {
    const reached = this.#reachedCheckpoint;
    if (reached === undefined || height > reached) return;
    if (this.best[height - 1] !== parent || height <= this.height) throw new RuleError('ErrForkTooOld', {height});
  }

  #proofContext(parent: number): ProofContext {
    const height = this.index.height(parent) + 1;
    return {
      height,
      ancestorHash: (at) => (at >= 0 && at < height ? this.index.hash(this.ancestor(parent, at)).slice() : undefined),
    };
  }

  /**
   * Makes the block with the most work the tip if it beats it; where its branch turns out invalid, the next best. Gives the
   * refusals of those that are invalid. `blocks`: those that are in memory.
   */
  async #activateBest(numbers: number[], blocks: ReadonlyMap<number, Block>): Promise<Map<number, RuleError>> {
    const refusals = new Map<number, RuleError>();
    const candidates = new Set(numbers);
    for (;;) {
      let best: number | undefined;
      for (const number of candidates) {
        if (this.index.work(number) > this.index.work(best ?? this.tipNumber)) best = number;
      }
      if (best === undefined) return refusals;
      const refusal = await this.#activate(best, blocks);
      candidates.delete(best);
      if (refusal === undefined) continue;
      refusals.set(best, refusal);
      for (const number of candidates) {
        if (!this.index.isFailed(number)) continue;
        refusals.set(number, refusal);
        candidates.delete(number);
      }
    }
  }

  /**
   * Makes `target` the tip if its whole branch is valid; if not, the best valid part of it that beats the tip. Gives why the
   * branch is refused.
   */
  async #activate(target: number, blocks: ReadonlyMap<number, Block>): Promise<RuleError | undefined> {
    const fork = this.index.fork(this.tipNumber, target);
    const branch: number[] = [];
    for (let at = target; at !== fork; at = this.index.parent(at)!) branch.unshift(at);
    const view = new ChainView(this.#options.store);
    const disconnected = await this.#disconnectTo(view, fork);
    const changes: StoreChange[] = [];
    const connected: Connected[] = [];
    let steward = await this.#stewardAfter(fork);
    const breather = new Breather();
    for (const number of branch) {
      await breather.pause();
      const block = blocks.get(number) ?? (await this.#storedBlock(number));
      try {
        const parent = this.index.parent(number)!;
        const result = await this.#connect(view, parent, checkBlock(this.network, block), steward);
        steward = result.steward.state;
        changes.push(...this.#connectedChanges(number, result));
      } catch (error) {
        if (!(error instanceof RuleError)) throw error;
        await this.#fail(number, error);
        const last = connected.at(-1);
        // The part below the bad block may still be better than the tip.
        if (last !== undefined && this.index.work(last.number) > this.index.work(this.tipNumber)) {
          const below = await this.#activate(
            last.number,
            new Map(connected.map((entry) => [entry.number, entry.block])),
          );
          assert(below === undefined, 'what was valid a moment ago is valid');
        }
        return error;
      }
      connected.push({number, block});
    }
    const tip = this.index.hash(target).slice();
    await this.#options.store.write([...view.changes(), ...changes, {key: TIP_KEY, value: tip}], true);
    this.#moveTip(disconnected, connected);
    return undefined;
  }

  /** Takes the blocks above `fork` back in the view; newest first. */
  async #disconnectTo(view: ChainView, fork: number): Promise<Connected[]> {
    const disconnected: Connected[] = [];
    const breather = new Breather();
    for (let at = this.tipNumber; at !== fork; at = this.index.parent(at)!) {
      const block = await this.#storedBlock(at);
      const undo = await this.spentBy(this.index.hash(at));
      if (undo === undefined) throw new ChainError('chain-damaged', {reason: 'undo data is missing'});
      await view.disconnect(block, this.index.height(at), undo);
      disconnected.push({number: at, block});
      await breather.pause();
    }
    return disconnected;
  }

  /** Connects one block in the view, on top of its parent. Throws RuleError. */
  async #connect(view: ChainView, parent: number, checked: CheckedBlock, steward: StewardState): Promise<BlockChanges> {
    const {checkScripts} = this.#options;
    const {block} = checked;
    const height = this.index.height(parent) + 1;
    await view.load(block.transactions.slice(1).flatMap(({inputs}) => inputs));
    let tallies: Awaited<ReturnType<ChainView['allTallies']>> | undefined;
    let asked = false;
    const context: BlockContext = {
      network: this.network,
      height,
      medianTime: this.index.medianTime(parent),
      steward,
      coinAt: view.coinAt,
      medianTimeAt: (at) => this.index.medianTime(this.ancestor(parent, at)),
      allTallies: () => {
        asked = true;
        return tallies ?? [];
      },
    };
    let changes = connectBlock(context, checked);
    if (asked) {
      // An election: rare enough to read all sums and go through the block once more.
      tallies = await view.allTallies();
      changes = connectBlock(context, checked);
    }
    await checkScripts(block, changes.spending);
    const {tied} = changes.steward;
    // The reference decides it at random, so nodes may part here.
    if (tied.length > 0)
      this.#log.warn('steward election is a tie', {height, candidates: tied.map((script) => encodeHex(script))});
    await view.connect(changes);
    return changes;
  }

  #connectedChanges(number: number, {spent, steward}: BlockChanges): StoreChange[] {
    const hash = this.index.hash(number).slice();
    return [
      {key: undoKey(hash), value: encodeUndo(spent)},
      {key: stewardKey(hash), value: encodeSteward(steward.state)},
      this.#statusChange(number, STATUS.connected),
    ];
  }

  #statusChange(number: number, status: (typeof STATUS)[keyof typeof STATUS]): StoreChange {
    const key = headerKey(this.index.height(number), this.index.hash(number));
    return {key, value: encodeHeaderRecord(this.index.headerBytes(number), status)};
  }

  /** Marks a block and its known descendants as invalid, unless the refusal says nothing final about it. */
  async #fail(number: number, error: RuleError): Promise<void> {
    if (error.isPassing) return;
    const failed = new Set([number]);
    for (let at = number + 1; at < this.index.count; at++) {
      const parent = this.index.parent(at);
      if (parent !== undefined && failed.has(parent)) failed.add(at);
    }
    for (const at of failed) this.index.setStatus(at, STATUS.failed);
    await this.#options.store.write([...failed].map((at) => this.#statusChange(at, STATUS.failed)));
  }

  #moveTip(disconnected: readonly Connected[], connected: readonly Connected[]): void {
    this.best.length -= disconnected.length;
    for (const {number} of connected) {
      this.best.push(number);
      this.index.setStatus(number, STATUS.connected);
    }
    const place = (number: number): ChainBlock => ({
      hash: this.index.hash(number).slice(),
      height: this.index.height(number),
    });
    for (const {number, block} of disconnected) this.#tell({type: 'disconnected', block, place: place(number)});
    for (const {number, block} of connected) this.#tell({type: 'connected', block, place: place(number)});
    this.#tell({type: 'tip', place: this.tip});
  }

  #tell(event: ChainEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        // What is on disk has happened, whatever a listener makes of it.
        this.#log.error('a listener of the chain failed', {event: event.type, error});
      }
    }
  }

  /** Waits for the blocks at work, then refuses further ones. Store and files are closed by who opened them. */
  close(): Promise<void> {
    return this.#queue.close();
  }
}

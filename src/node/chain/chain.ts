import {encodeHex, readU32, Writer} from '../../core/bytes/index.ts';
import {
  type BlockChanges,
  type BlockContext,
  type CheckedBlock,
  checkBlock,
  checkHeader,
  checkNotTooNew,
  checkWitnessCommitment,
  connectBlock,
  isFinal,
  RuleError,
  type SpendingTransaction,
  type StewardState,
} from '../../core/consensus/index.ts';
import type {Network} from '../../core/params/index.ts';
import {
  type Block,
  blockHash,
  decodeBlock,
  encodeBlock,
  encodeHeader,
  HEADER_BYTES,
} from '../../core/primitives/index.ts';
import {type KeyValueStore, prefixEnd, type StoreChange} from '../../service/stores/key-value-store.ts';
import type {RecordFiles} from '../../service/stores/record-files.ts';
import {ChainView} from './chain-view.ts';
import {ChainError} from './errors.ts';
import {HeaderIndex} from './header-index.ts';
import {
  blockKey,
  decodeHeaderRecord,
  decodePlace,
  decodeSteward,
  decodeUndo,
  encodeHeaderRecord,
  encodePlace,
  encodeSteward,
  encodeUndo,
  HEADER_PREFIX,
  type HeaderRecord,
  headerKey,
  LAYOUT_VERSION,
  STATUS,
  stewardKey,
  TIP_KEY,
  undoKey,
  VERSION_KEY,
} from './layout.ts';

/** A block of the best chain. Hash in internal byte order. */
export interface ChainBlock {
  readonly hash: Uint8Array;
  readonly height: number;
}

/** What a proof check is told of the branch that a block stands on. */
export interface ProofContext {
  readonly height: number;
  /** Hash of the block's ancestor at a height, undefined above its own. */
  readonly ancestorHash: (height: number) => Uint8Array | undefined;
}

export interface ChainOptions {
  readonly network: Network;
  readonly store: KeyValueStore;
  readonly files: RecordFiles;
  /** Wall clock, seconds. */
  readonly nowSeconds: () => number;
  /** Throws RuleError 'ErrBadPow' or 'ErrPowCannotVerify'. */
  readonly checkProof: (block: Block, context: ProofContext) => Promise<void>;
  /** Throws RuleError 'ErrScriptValidation' or 'ErrTooManySigOps'. */
  readonly checkScripts: (block: Block, spending: readonly SpendingTransaction[]) => Promise<void>;
  readonly onConnected?: (block: Block, place: ChainBlock) => void;
  readonly onDisconnected?: (block: Block, place: ChainBlock) => void;
  /** An election that the reference would decide at random. */
  readonly onTie?: (place: ChainBlock, candidates: readonly Uint8Array[]) => void;
}

/** A block on its way into the best chain. */
interface Connected {
  readonly number: number;
  readonly block: Block;
}

/**
 * The chain of blocks: one writer. Blocks are checked, stored and, where they make the best branch, connected; a
 * reorganisation is one atomic change of the store.   chain spec §3.14, §4.1, §4.2
 */
export class Chain {
  readonly #options: ChainOptions;
  readonly #index: HeaderIndex;
  /** Number in the index of each block of the best chain, by height. */
  readonly #best: number[] = [];
  #queue: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(options: ChainOptions) {
    this.#options = options;
    this.#index = new HeaderIndex(options.network.difficulty.medianTimeBlocks);
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
    await chain.#catchUp();
    return chain;
  }

  /** Writes the genesis block; its outputs can never be spent and are no coins. */
  async #create(): Promise<void> {
    const {network, store, files} = this.#options;
    const {header} = decodeBlock(network.genesis);
    const hash = blockHash(header);
    const place = await files.append(network.genesis);
    await files.sync();
    const record = {header: encodeHeader(header), height: 0, status: STATUS.connected};
    const steward = {steward: network.money.initialSteward, against: 0n};
    await store.write(
      [
        {key: VERSION_KEY, value: new Writer().u32(LAYOUT_VERSION).u32(network.magic).finish()},
        {key: headerKey(hash), value: encodeHeaderRecord(record)},
        {key: blockKey(hash), value: encodePlace(place)},
        {key: stewardKey(hash), value: encodeSteward(steward)},
        {key: TIP_KEY, value: hash},
      ],
      true,
    );
  }

  /** Reads all headers, parents first, and finds the best chain again. */
  async #load(): Promise<void> {
    const {store} = this.#options;
    const records: {hash: Uint8Array; record: HeaderRecord}[] = [];
    for await (const [key, value] of store.entries({from: HEADER_PREFIX, to: prefixEnd(HEADER_PREFIX)})) {
      records.push({hash: key.slice(1), record: decodeHeaderRecord(value)});
    }
    records.sort((a, b) => a.record.height - b.record.height);
    for (const {hash, record} of records) {
      const parent = record.height === 0 ? undefined : this.#index.find(record.header.subarray(4, 36));
      if (record.height > 0 && parent === undefined) throw new ChainError('chain-damaged', {hash: shown(hash)});
      this.#index.add(record.header, hash, parent, record.status);
    }
    const tip = await store.get(TIP_KEY);
    const number = tip && this.#index.find(tip);
    if (number === undefined) throw new ChainError('chain-damaged', {reason: 'the tip is not among the headers'});
    for (let at: number | undefined = number; at !== undefined; at = this.#index.parent(at)) this.#best.push(at);
    this.#best.reverse();
  }

  /** Connects what was stored and not connected when the program was interrupted. */
  async #catchUp(): Promise<void> {
    for (let best = this.#bestStored(); best !== undefined; best = this.#bestStored()) {
      try {
        await this.#activate(best, await this.#storedBlock(best));
      } catch (error) {
        // A block that turns out invalid is marked so, and the next best is tried; anything else is not ours to pass over.
        if (!(error instanceof RuleError) || error.isPassing) throw error;
      }
    }
  }

  /** The stored block with the most work above the tip's. */
  #bestStored(): number | undefined {
    let best: number | undefined;
    let most = this.#index.work(this.#tipNumber);
    for (let number = 0; number < this.#index.count; number++) {
      if (this.#index.status(number) !== STATUS.stored || this.#index.work(number) <= most) continue;
      best = number;
      most = this.#index.work(number);
    }
    return best;
  }

  get height(): number {
    return this.#best.length - 1;
  }

  get tip(): ChainBlock {
    return {height: this.height, hash: this.#index.hash(this.#tipNumber).slice()};
  }

  get #tipNumber(): number {
    return this.#best.at(-1)!;
  }

  /** Hash of the block of the best chain at a height. */
  hashAt(height: number): Uint8Array | undefined {
    const number = this.#best[height];
    return number === undefined ? undefined : this.#index.hash(number).slice();
  }

  /** The steward state after the tip: what governs the next block. */
  async steward(): Promise<StewardState> {
    return this.#stewardAfter(this.#tipNumber);
  }

  async #stewardAfter(number: number): Promise<StewardState> {
    const value = await this.#options.store.get(stewardKey(this.#index.hash(number)));
    if (value === undefined) throw new ChainError('chain-damaged', {reason: 'a steward state is missing'});
    return decodeSteward(value);
  }

  /** A stored block by its hash. */
  async block(hash: Uint8Array): Promise<Block | undefined> {
    const {store, files} = this.#options;
    const place = await store.get(blockKey(hash));
    return place && decodeBlock(await files.read(decodePlace(place)));
  }

  async #storedBlock(number: number): Promise<Block> {
    const block = await this.block(this.#index.hash(number));
    if (block === undefined) throw new ChainError('chain-damaged', {reason: 'a block is missing'});
    return block;
  }

  /**
   * Takes a block from anywhere; resolves with true when it has become the tip, false when it stands on another branch.
   * Throws RuleError. Blocks are taken one after another.
   */
  accept(block: Block): Promise<boolean> {
    const work = this.#queue.then(() => this.#accept(block));
    this.#queue = work.catch(() => {});
    return work;
  }

  async #accept(block: Block): Promise<boolean> {
    if (this.#closed) throw new ChainError('closed');
    const hash = blockHash(block.header);
    const known = this.#index.find(hash);
    if (known !== undefined && this.#index.status(known) !== STATUS.header) throw new RuleError('ErrDuplicateBlock');
    const checked = checkBlock(this.#options.network, block);
    const parent = this.#index.find(block.header.previous);
    if (parent === undefined) throw new RuleError('ErrPreviousBlockUnknown', {parent: shown(block.header.previous)});
    if (this.#index.isFailed(parent)) throw new RuleError('ErrInvalidAncestorBlock');
    this.#checkPlace(checked, parent);
    await this.#options.checkProof(block, this.#proofContext(parent));
    const number = await this.#storeBlock(block, hash, parent, known);
    if (this.#index.work(number) <= this.#index.work(this.#tipNumber)) return false;
    await this.#activate(number, block);
    return this.#tipNumber === number;
  }

  /** The rules that need the headers before the block.   chain spec §3.1, §3.2, §3.11 */
  #checkPlace({block, declaredHeight}: CheckedBlock, parent: number): void {
    const {network, nowSeconds} = this.#options;
    const height = this.#index.height(parent) + 1;
    if (declaredHeight !== height) throw new RuleError('ErrBadCoinbaseHeight', {declaredHeight, height});
    const medianTime = this.#index.medianTime(parent);
    const {ancestorAt} = this.#index;
    checkHeader({network, previous: this.#index.point(parent), medianTime, ancestorAt}, block.header);
    this.#checkFork(parent, height);
    checkNotTooNew(network, block.header, nowSeconds());
    if (!block.transactions.every((transaction) => isFinal(transaction, height, medianTime))) {
      throw new RuleError('ErrUnfinalizedTx');
    }
    checkWitnessCommitment(block.transactions);
  }

  /** A branch may not leave the best chain below the last checkpoint that it has reached. */
  #checkFork(parent: number, height: number): void {
    const reached = this.#options.network.checkpoints.findLast((checkpoint) => checkpoint.height <= this.height);
    if (reached === undefined || height > reached.height) return;
    if (this.#best[height - 1] !== parent || height <= this.height) throw new RuleError('ErrForkTooOld', {height});
  }

  #proofContext(parent: number): ProofContext {
    const height = this.#index.height(parent) + 1;
    return {
      height,
      ancestorHash: (at) => (at < height ? this.#index.hash(this.#index.ancestor(parent, at)).slice() : undefined),
    };
  }

  /** Keeps a block that has passed everything but the rules on coins. */
  async #storeBlock(block: Block, hash: Uint8Array, parent: number, known: number | undefined): Promise<number> {
    const {store, files} = this.#options;
    const place = await files.append(encodeBlock(block));
    // The index must never name a block that a power failure can take away.
    await files.sync();
    const header = encodeHeader(block.header);
    const record = {header, height: this.#index.height(parent) + 1, status: STATUS.stored};
    await store.write([
      {key: headerKey(hash), value: encodeHeaderRecord(record)},
      {key: blockKey(hash), value: encodePlace(place)},
    ]);
    if (known === undefined) return this.#index.add(header, hash, parent, STATUS.stored);
    this.#index.setStatus(known, STATUS.stored);
    return known;
  }

  /** Makes `target` the tip if its whole branch is valid; if not, the best valid part of it that beats the tip. */
  async #activate(target: number, last: Block): Promise<void> {
    const fork = this.#index.fork(this.#tipNumber, target);
    const branch: number[] = [];
    for (let at = target; at !== fork; at = this.#index.parent(at)!) branch.unshift(at);
    const view = new ChainView(this.#options.store);
    const disconnected = await this.#disconnectTo(view, fork);
    const changes: StoreChange[] = [];
    const connected: Connected[] = [];
    let steward = await this.#stewardAfter(fork);
    for (const number of branch) {
      const block = number === target ? last : await this.#storedBlock(number);
      try {
        const result = await this.#connect(view, number, block, steward);
        steward = result.steward.state;
        changes.push(...this.#connectedChanges(number, result));
      } catch (error) {
        if (!(error instanceof RuleError)) throw error;
        await this.#fail(number, error);
        if (connected.length > 0) await this.#activateShorter(connected.at(-1)!);
        throw error;
      }
      connected.push({number, block});
    }
    const tip = this.#index.hash(target).slice();
    await this.#options.store.write([...view.changes(), ...changes, {key: TIP_KEY, value: tip}], true);
    this.#moveTip(disconnected, connected);
  }

  /** After a failure further up: the part of the branch below it may still be better than the tip. */
  async #activateShorter({number, block}: Connected): Promise<void> {
    if (this.#index.work(number) > this.#index.work(this.#tipNumber)) await this.#activate(number, block);
  }

  /** Takes the blocks above `fork` back in the view; newest first. */
  async #disconnectTo(view: ChainView, fork: number): Promise<Connected[]> {
    const disconnected: Connected[] = [];
    for (let at = this.#tipNumber; at !== fork; at = this.#index.parent(at)!) {
      const block = await this.#storedBlock(at);
      const undo = await this.#options.store.get(undoKey(this.#index.hash(at)));
      if (undo === undefined) throw new ChainError('chain-damaged', {reason: 'undo data is missing'});
      await view.disconnect(block, this.#index.height(at), decodeUndo(undo));
      disconnected.push({number: at, block});
    }
    return disconnected;
  }

  /** Connects one block in the view. Throws RuleError. */
  async #connect(view: ChainView, number: number, block: Block, steward: StewardState): Promise<BlockChanges> {
    const {network, checkScripts, onTie} = this.#options;
    const parent = this.#index.parent(number)!;
    const height = this.#index.height(number);
    await view.load(block.transactions.slice(1).flatMap(({inputs}) => inputs));
    let tallies: Awaited<ReturnType<ChainView['allTallies']>> | undefined;
    let asked = false;
    const context: BlockContext = {
      network,
      height,
      medianTime: this.#index.medianTime(parent),
      steward,
      coinAt: view.coinAt,
      medianTimeAt: (at) => this.#index.medianTime(this.#index.ancestor(parent, at)),
      allTallies: () => {
        asked = true;
        return tallies ?? [];
      },
    };
    const checked = checkBlock(network, block);
    let changes = connectBlock(context, checked);
    if (asked) {
      // An election: rare enough to read all sums and go through the block once more.
      tallies = await view.allTallies();
      changes = connectBlock(context, checked);
    }
    await checkScripts(block, changes.spending);
    if (changes.steward.tied.length > 0) {
      onTie?.({hash: this.#index.hash(number).slice(), height}, changes.steward.tied);
    }
    await view.connect(changes);
    return changes;
  }

  #connectedChanges(number: number, {spent, steward}: BlockChanges): StoreChange[] {
    const hash = this.#index.hash(number).slice();
    return [
      {key: undoKey(hash), value: encodeUndo(spent)},
      {key: stewardKey(hash), value: encodeSteward(steward.state)},
      this.#statusChange(number, STATUS.connected),
    ];
  }

  #statusChange(number: number, status: (typeof STATUS)[keyof typeof STATUS]): StoreChange {
    const header = this.#index.headerBytes(number);
    const record = {header: header.subarray(0, HEADER_BYTES), height: this.#index.height(number), status};
    return {key: headerKey(this.#index.hash(number)), value: encodeHeaderRecord(record)};
  }

  /** Marks a block and its known descendants as invalid, unless the refusal says nothing final about it. */
  async #fail(number: number, error: RuleError): Promise<void> {
    if (error.isPassing) return;
    const failed = new Set([number]);
    for (let at = number + 1; at < this.#index.count; at++) {
      const parent = this.#index.parent(at);
      if (parent !== undefined && failed.has(parent)) failed.add(at);
    }
    for (const at of failed) this.#index.setStatus(at, STATUS.failed);
    await this.#options.store.write([...failed].map((at) => this.#statusChange(at, STATUS.failed)));
  }

  #moveTip(disconnected: readonly Connected[], connected: readonly Connected[]): void {
    const {onConnected, onDisconnected} = this.#options;
    const place = (number: number): ChainBlock => ({
      hash: this.#index.hash(number).slice(),
      height: this.#index.height(number),
    });
    this.#best.length -= disconnected.length;
    for (const {number} of connected) {
      this.#best.push(number);
      this.#index.setStatus(number, STATUS.connected);
    }
    for (const {number, block} of disconnected) onDisconnected?.(block, place(number));
    for (const {number, block} of connected) onConnected?.(block, place(number));
  }

  /** Waits for the block at work, then refuses further ones. Store and files are closed by who opened them. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue;
  }
}

/** Hashes are shown reversed. */
function shown(hash: Uint8Array): string {
  return encodeHex(hash.slice().reverse());
}

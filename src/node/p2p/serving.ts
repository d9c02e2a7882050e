// Answers to what peers ask of the chain.   chain spec §2.8.4
import {hashKey} from '../../core/bytes/index.ts';
import {dsha256} from '../../core/crypto/index.ts';
import {decodeBlock, encodeBlock, encodeTransaction, filterHash} from '../../core/primitives/index.ts';
import {
  type FilterRequest,
  INVENTORY,
  type InventoryItem,
  type LocatorPayload,
  type Message,
  type Payloads,
  WITNESS_FLAG,
} from '../../core/protocol/p2p/index.ts';
import {Budget, type Rate} from '../../service/limits/budget.ts';
import type {Connection} from './connection.ts';
import type {RelayPool} from './relay/relay-pool.ts';
import type {PeerChain} from './sync/peer-chain.ts';
import {Tasks} from './tasks.ts';

const MAX_HEADERS = 2000;
const MAX_BLOCK_INVENTORY = 500;
const MAX_FILTERS = 1000;
const MAX_FILTER_HEADERS = 2000;
const FILTER_CHECKPOINT_BLOCKS = 1000;
const BASIC_FILTER = 0;
/** Items and questions that may wait for one peer; what comes on top is not answered. */
const MAX_WAITING_ITEMS = 50_000;
/** Of all peers together; a few of each are taken in any case. */
const MAX_ALL_WAITING_ITEMS = 500_000;
const ALWAYS_TAKEN_ITEMS = 1000;
const MAX_WAITING_QUESTIONS = 64;

/** Questions other than getdata cost us far more than the peer; what comes faster waits. */
const QUESTION_RATE: Rate = {perSecond: 10, burst: 50};

/** Compact filters of blocks of the best chain, where they are kept. */
export interface CompactFilters {
  filter(hash: Uint8Array): Promise<Uint8Array | undefined>;
  filterHeader(hash: Uint8Array): Promise<Uint8Array | undefined>;
}

/** Questions that are answered here. */
export type Question = Extract<
  Message,
  {command: 'getheaders' | 'getblocks' | 'getdata' | 'getcfilters' | 'getcfheaders' | 'getcfcheckpt'}
>;

export function isQuestion(message: Message): message is Question {
  return ['getheaders', 'getblocks', 'getdata', 'getcfilters', 'getcfheaders', 'getcfcheckpt'].includes(
    message.command,
  );
}

export interface ServingOptions {
  readonly chain: PeerChain;
  readonly pool: RelayPool | undefined;
  readonly filters: CompactFilters | undefined;
  readonly nowMs: () => number;
  /** Reading the chain failed for a reason of our own. */
  readonly onFailure: (error: unknown) => void;
}

/** What one peer waits for. */
interface Line {
  readonly connection: Connection;
  readonly questions: Question[];
  waitingItems: number;
  busy: boolean;
  readonly budget: Budget;
  /** The last hash of a full answer to getblocks: when it is asked for, the peer is told of the tip. */
  continuation: string | undefined;
}

/**
 * Answers one question after the other, and of a long answer one piece after the other, each when the peer has taken most of
 * what was sent before: a peer that does not read costs one piece of memory.
 */
export class Serving {
  readonly #options: ServingOptions;
  readonly #lines = new Map<number, Line>();
  readonly #tasks = new Tasks();
  #waitingItems = 0;

  constructor(options: ServingOptions) {
    this.#options = options;
  }

  /** Questions and items that wait, of all peers. */
  get waiting(): number {
    return [...this.#lines.values()].reduce((sum, line) => sum + line.questions.length, this.#waitingItems);
  }

  receive(connection: Connection, question: Question): void {
    const line = this.#lines.get(connection.id) ?? this.#newLine(connection);
    const items = question.command === 'getdata' ? question.payload.length : 0;
    if (line.questions.length >= MAX_WAITING_QUESTIONS || line.waitingItems + items > MAX_WAITING_ITEMS) return;
    if (line.waitingItems + items > ALWAYS_TAKEN_ITEMS && this.#waitingItems + items > MAX_ALL_WAITING_ITEMS) return;
    line.questions.push(question);
    this.#wait(line, items);
    this.drained(connection);
  }

  #newLine(connection: Connection): Line {
    const budget = new Budget(QUESTION_RATE, this.#options.nowMs());
    const line = {connection, questions: [], waitingItems: 0, busy: false, budget, continuation: undefined};
    this.#lines.set(connection.id, line);
    return line;
  }

  gone(connection: Connection): void {
    const line = this.#lines.get(connection.id);
    if (line === undefined) return;
    line.questions.length = 0;
    this.#wait(line, -line.waitingItems);
    this.#lines.delete(connection.id);
  }

  /** Counts items; those of a line that is given up were counted back already. */
  #wait(line: Line, change: number): void {
    if (!this.#lines.has(line.connection.id)) return;
    line.waitingItems += change;
    this.#waitingItems += change;
  }

  /** The peer has taken what was sent: goes on where there is more. */
  drained(connection: Connection): void {
    const line = this.#lines.get(connection.id);
    if (line === undefined || line.busy || !connection.isDrained || line.questions.length === 0) return;
    line.busy = true;
    const work = this.#answerAll(line).finally(() => {
      line.busy = false;
    });
    this.#tasks.run(work, this.#options.onFailure);
  }

  /** Waits for what is being read. */
  settled(): Promise<void> {
    return this.#tasks.settled();
  }

  /** Goes on with questions that had to wait for time to pass. */
  tick(): void {
    for (const {connection} of [...this.#lines.values()]) this.drained(connection);
  }

  async #answerAll(line: Line): Promise<void> {
    while (line.connection.isDrained && line.connection.isReady) {
      const [question] = line.questions;
      if (question === undefined) return;
      if (question.command !== 'getdata' && !line.budget.take(1, this.#options.nowMs())) return;
      const rest = await this.#answer(line, question);
      // The line may have been cleared meanwhile.
      if (line.questions[0] !== question) return;
      if (rest === undefined) line.questions.shift();
      else line.questions[0] = rest;
    }
  }

  get #isCurrent(): boolean {
    return this.#options.chain.isCurrent(Math.floor(this.#options.nowMs() / 1000));
  }

  #send<Name extends Message['command']>({connection}: Line, command: Name, payload: Payloads[Name]): void {
    connection.send(this.#options.chain.network.magic, command, payload);
  }

  /** Answers a question, or a piece of it: then gives the rest. */
  async #answer(line: Line, question: Question): Promise<Question | undefined> {
    switch (question.command) {
      case 'getheaders':
        this.#answerHeaders(line, question.payload);
        return undefined;
      case 'getblocks':
        this.#answerBlocks(line, question.payload);
        return undefined;
      case 'getdata':
        return this.#answerData(line, question.payload);
      case 'getcfilters':
        return this.#answerFilters(line, question.payload);
      case 'getcfheaders':
        await this.#answerFilterHeaders(line, question.payload);
        return undefined;
      case 'getcfcheckpt':
        await this.#answerFilterCheckpoints(line, question.payload);
        return undefined;
    }
  }

  #headers({locator, stop}: LocatorPayload, limit: number): Uint8Array[] {
    const {chain} = this.#options;
    if (locator.length > 0) return chain.headersAfter(locator, stop, limit);
    // Without locator one block is meant.
    const entry = chain.find(stop);
    return entry === undefined || entry.state === 'failed' ? [] : [entry.header];
  }

  #answerHeaders(line: Line, payload: LocatorPayload): void {
    const {knownBlocks} = line.connection;
    const [first] = payload.locator;
    if (first !== undefined) knownBlocks.add(hashKey(first));
    if (!this.#isCurrent) return;
    const headers = this.#headers(payload, MAX_HEADERS);
    if (headers.length > 0) knownBlocks.add(hashKey(dsha256(headers.at(-1)!)));
    this.#send(line, 'headers', headers);
  }

  #answerBlocks(line: Line, payload: LocatorPayload): void {
    const items = this.#headers(payload, MAX_BLOCK_INVENTORY).map((header) => ({
      type: INVENTORY.block,
      hash: dsha256(header),
    }));
    if (items.length === 0) return;
    if (items.length === MAX_BLOCK_INVENTORY) line.continuation = hashKey(items.at(-1)!.hash);
    this.#send(line, 'inv', items);
  }

  async #answerData(line: Line, items: readonly InventoryItem[]): Promise<Question | undefined> {
    const missing: InventoryItem[] = [];
    let next = 0;
    while (next < items.length && line.connection.isDrained && line.connection.isReady) {
      const item = items[next++]!;
      this.#wait(line, -1);
      if (!(await this.#sendItem(line, item))) missing.push(item);
    }
    if (missing.length > 0) this.#send(line, 'notfound', missing);
    return next < items.length ? {command: 'getdata', payload: items.slice(next)} : undefined;
  }

  /** False when there is no such thing. */
  async #sendItem(line: Line, {type, hash}: InventoryItem): Promise<boolean> {
    const withWitness = (type & WITNESS_FLAG) !== 0;
    const kind = type & ~WITNESS_FLAG;
    if (kind === INVENTORY.tx) {
      const transaction = this.#options.pool?.get(hash);
      if (transaction === undefined) return false;
      this.#send(line, 'tx', encodeTransaction(transaction, withWitness));
      line.connection.knownTransactions.add(hashKey(hash));
      return true;
    }
    if (kind !== INVENTORY.block) return false;
    const bytes = await this.#options.chain.blockBytes(hash);
    if (bytes === undefined) return false;
    this.#send(line, 'block', withWitness ? bytes : encodeBlock(decodeBlock(bytes), false));
    const key = hashKey(hash);
    line.connection.knownBlocks.add(key);
    line.connection.has(this.#options.chain.find(hash)?.height);
    if (line.continuation === key) {
      line.continuation = undefined;
      this.#send(line, 'inv', [{type: INVENTORY.block, hash: this.#options.chain.tip.hash}]);
    }
    return true;
  }

  /** Heights of the best chain that a question about filters means; undefined when it means none or too many. */
  #range(stop: Uint8Array, from: number, limit: number): {readonly from: number; readonly to: number} | undefined {
    const end = this.#options.chain.find(stop);
    if (end === undefined || !end.isBest || from > end.height || end.height - from >= limit) return undefined;
    return {from, to: end.height};
  }

  #filtersFor(filterType: number): CompactFilters | undefined {
    return filterType === BASIC_FILTER && this.#isCurrent ? this.#options.filters : undefined;
  }

  async #answerFilters(line: Line, request: FilterRequest): Promise<Question | undefined> {
    const {filterType, startHeight, stop} = request;
    const filters = this.#filtersFor(filterType);
    const range = this.#range(stop, startHeight, MAX_FILTERS);
    if (filters === undefined || range === undefined) return undefined;
    for (let height = range.from; height <= range.to; height++) {
      if (!line.connection.isDrained) return {command: 'getcfilters', payload: {...request, startHeight: height}};
      const hash = this.#options.chain.hashAt(height);
      const filter = hash && (await filters.filter(hash));
      if (filter === undefined) return undefined;
      this.#send(line, 'cfilter', {filterType, blockHash: hash!, filter});
    }
    return undefined;
  }

  async #answerFilterHeaders(line: Line, {filterType, startHeight, stop}: FilterRequest): Promise<void> {
    const filters = this.#filtersFor(filterType);
    const range = this.#range(stop, startHeight, MAX_FILTER_HEADERS);
    if (filters === undefined || range === undefined) return;
    const {chain} = this.#options;
    const before = range.from === 0 ? new Uint8Array(32) : await filters.filterHeader(chain.hashAt(range.from - 1)!);
    const hashes: Uint8Array[] = [];
    for (let height = range.from; height <= range.to; height++) {
      const hash = chain.hashAt(height);
      const filter = hash && (await filters.filter(hash));
      if (filter === undefined) return;
      hashes.push(filterHash(filter));
    }
    if (before !== undefined) this.#send(line, 'cfheaders', {filterType, stop, previous: before, hashes});
  }

  async #answerFilterCheckpoints(
    line: Line,
    {filterType, stop}: {filterType: number; stop: Uint8Array},
  ): Promise<void> {
    const filters = this.#filtersFor(filterType);
    const range = this.#range(stop, 0, Number.MAX_SAFE_INTEGER);
    if (filters === undefined || range === undefined) return;
    const headers: Uint8Array[] = [];
    for (let height = FILTER_CHECKPOINT_BLOCKS; height <= range.to; height += FILTER_CHECKPOINT_BLOCKS) {
      const hash = this.#options.chain.hashAt(height);
      const header = hash && (await filters.filterHeader(hash));
      if (header === undefined) return;
      headers.push(header);
    }
    this.#send(line, 'cfcheckpt', {filterType, stop, headers});
  }
}

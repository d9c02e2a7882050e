// Who is paid by the blocks of this node, kept over a restart.   chain spec §4.5
import {AddressError, countSigops, decodeAddress, isUnspendable} from '../../core/consensus/index.ts';
import type {Network} from '../../core/params/index.ts';
import type {Log} from '../../service/logs/log.ts';
import {readWholeFile, writeFileAtomically} from '../../service/stores/atomic-file.ts';
import {StoreError} from '../../service/stores/key-value-store.ts';
import {type PayoutWeight, parseWeight} from './payouts.ts';
import {TemplateError} from './template-errors.ts';

/** What all payouts together may take of a block. */
const MAX_OUTPUT_BYTES = 200_000;
const MAX_SIGOPS = 10_000;
/** Value and length in front of a script. */
const OUTPUT_HEAD_BYTES = 11;
const MAX_FILE_BYTES = 16 * 2 ** 20;

/** Shares by address; a share is any decimal number of at least 0, as text. */
export type PayoutMap = ReadonlyMap<string, string>;

export interface PayoutBookOptions {
  readonly network: Network;
  readonly log: Log;
  /** Where the payouts are kept; only in memory without it. */
  readonly path?: string;
  /** Addresses that share the blocks equally as long as nothing else was set. */
  readonly fallback?: readonly string[];
}

interface Book {
  readonly addresses: PayoutMap;
  readonly weights: readonly PayoutWeight[];
}

function readAddress(address: string, {addresses}: Network): Uint8Array {
  try {
    const script = decodeAddress(address, addresses);
    if (isUnspendable(script)) throw new TemplateError('unspendable-payout', {address});
    return script;
  } catch (error) {
    if (error instanceof AddressError) throw new TemplateError('bad-payout-address', {address, why: error.code}, error);
    throw error;
  }
}

function readWeight(address: string, weight: string): bigint {
  try {
    return parseWeight(weight);
  } catch (error) {
    if (error instanceof RangeError) throw new TemplateError('bad-payout-weight', {address, weight}, error);
    throw error;
  }
}

/** Throws TemplateError unless a block can pay these. */
function readBook(payouts: PayoutMap, network: Network): Book {
  let total = 0n;
  let bytes = 0;
  let sigops = 0;
  const weights: PayoutWeight[] = [];
  for (const [address, weight] of payouts) {
    const script = readAddress(address, network);
    total += readWeight(address, weight);
    bytes += OUTPUT_HEAD_BYTES + script.length;
    sigops += countSigops(script, false);
    if (bytes > MAX_OUTPUT_BYTES || sigops > MAX_SIGOPS) throw new TemplateError('payouts-too-large', {bytes, sigops});
    weights.push({script, weight});
  }
  if (total === 0n) throw new TemplateError('no-payouts');
  return {addresses: new Map(payouts), weights};
}

/**
 * The payouts of this node. Those that were set last outlive it: a pool whose paymaker is down pays as before.
 */
export class PayoutBook {
  readonly #options: PayoutBookOptions;
  readonly #listeners = new Set<() => void>();
  #book: Book | undefined;
  #version = 0;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(options: PayoutBookOptions, book: Book | undefined) {
    this.#options = options;
    this.#book = book;
  }

  /**
   * Reads what was kept; what cannot be read is passed over with a warning, and the fallback counts. Throws TemplateError for a
   * fallback that cannot be paid.
   */
  static async open(options: PayoutBookOptions): Promise<PayoutBook> {
    const {fallback = [], network} = options;
    const own = fallback.length === 0 ? undefined : readBook(new Map(fallback.map((each) => [each, '1'])), network);
    return new PayoutBook(options, (await readKept(options)) ?? own);
  }

  /** Payees and their shares; none before any were set. */
  get weights(): readonly PayoutWeight[] {
    return this.#book?.weights ?? [];
  }

  get addresses(): PayoutMap {
    return this.#book?.addresses ?? new Map();
  }

  /** Grows with every change. */
  get version(): number {
    return this.#version;
  }

  /** The listener hears of every change. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Replaces the payouts once they are on the disk. Throws TemplateError, StoreError; then the old ones stay. */
  set(payouts: PayoutMap): Promise<void> {
    const done = this.#queue.then(() => this.#set(new Map(payouts)));
    this.#queue = done.catch(() => {});
    return done;
  }

  async #set(payouts: PayoutMap): Promise<void> {
    const {network, path} = this.#options;
    const book = readBook(payouts, network);
    if (path !== undefined) {
      const kept: Kept = {network: network.name, payouts: [...book.addresses]};
      await writeFileAtomically(path, new TextEncoder().encode(`${JSON.stringify(kept)}\n`));
    }
    this.#book = book;
    this.#version++;
    for (const listener of this.#listeners) listener();
  }
}

/** What the file holds. */
interface Kept {
  readonly network: string;
  readonly payouts: readonly (readonly [address: string, weight: string])[];
}

function isKept(value: unknown): value is Kept {
  const {network, payouts} = (value ?? {}) as Partial<Kept>;
  const isPair = (pair: unknown): boolean =>
    Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string');
  return typeof network === 'string' && Array.isArray(payouts) && payouts.every(isPair);
}

async function readKept({path, network, log}: PayoutBookOptions): Promise<Book | undefined> {
  if (path === undefined) return undefined;
  try {
    const bytes = await readWholeFile(path, MAX_FILE_BYTES);
    if (bytes === undefined) return undefined;
    const kept: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (!isKept(kept)) throw new StoreError('store-damaged', {path});
    if (kept.network !== network.name) throw new TemplateError('bad-payout-address', {network: kept.network});
    return readBook(new Map(kept.payouts), network);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof StoreError || error instanceof TemplateError)) throw error;
    log.warn('the kept payouts cannot be read; set them again', {path, error});
    return undefined;
  }
}

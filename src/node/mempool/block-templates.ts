import {encodeHex, equalBytes} from '../../core/bytes/index.ts';
import {
  CONSENSUS_SCRIPT_FLAGS,
  MAX_BLOCK_WEIGHT,
  MAX_SIGOP_COST,
  RuleError,
  sigopCost,
  stewardShare,
  subsidy,
  witnessCommitment,
} from '../../core/consensus/index.ts';
import type {PacketCryptProof} from '../../core/packetcrypt/index.ts';
import {
  type BlockHeader,
  coinbaseBranch,
  decodeBlock,
  encodeTransaction,
  HEADER_BYTES,
  hasWitness,
  merkleRoot,
  type Transaction,
  type TxOutput,
  transactionId,
  transactionSize,
} from '../../core/primitives/index.ts';
import type {Log} from '../../service/logs/log.ts';
import {selectTransactions} from './block-selection.ts';
import {createCoinbase, MAX_TEXT_BYTES, WITNESS_RESERVED, witnessCommitmentScript} from './coinbase.ts';
import type {PayoutBook} from './payout-book.ts';
import {dividePayouts, type Payout} from './payouts.ts';
import {isDust} from './policy.ts';
import type {TemplateChain} from './pool-chain.ts';
import {type MempoolEntry, transactionKey} from './pool-graph.ts';
import {TemplateError} from './template-errors.ts';
import {Waiters} from './waiters.ts';

/** What templates ask of the pool. */
export interface TemplatePool {
  /** Grows with every change. */
  readonly version: number;
  entries(): Iterable<MempoolEntry>;
  subscribe(listener: () => void): () => void;
}

export interface BlockTemplatesOptions {
  readonly chain: TemplateChain;
  readonly pool: TemplatePool;
  readonly payouts: PayoutBook;
  /** Wall clock, seconds. */
  readonly nowSeconds: () => number;
  readonly log: Log;
  /** In the coinbase of every block, at most 75 bytes. */
  readonly coinbaseText?: string;
  /** Weight of a block without its proof. */
  readonly maxWeight?: number;
  /** True: templates are handed out without having been held to the rules. */
  readonly skipChecks?: boolean;
}

/** A transaction of a template other than the coinbase. */
export interface TemplateTransaction {
  readonly transaction: Transaction;
  readonly txid: Uint8Array;
  readonly fee: bigint;
  readonly sigopCost: number;
  readonly weight: number;
  /** Places in the block, the coinbase being 0, of the transactions that it spends. */
  readonly depends: readonly number[];
}

/** A block to be mined: all of it but the proof and the commitment, whose place in the coinbase is kept. */
export interface Template {
  /** Changes with everything but the time. */
  readonly id: string;
  readonly height: number;
  /** Nonce 0; the merkle root is that with the placeholder. */
  readonly header: BlockHeader;
  /** The coinbase comes first. */
  readonly transactions: readonly Transaction[];
  readonly coinbaseWithoutWitness: Uint8Array;
  /** Siblings of the coinbase up to the root. */
  readonly merkleBranch: readonly Uint8Array[];
  readonly others: readonly TemplateTransaction[];
  /** Of all transactions, units. */
  readonly fees: bigint;
  /** What the payouts get together: subsidy and fees without the steward's share, units. */
  readonly minerValue: bigint;
  /** Fees are in the largest. */
  readonly payouts: readonly Payout[];
  readonly steward: TxOutput;
  /** Script that commits to the witnesses of `others`; it is in the coinbase where there are any. */
  readonly witnessCommitment: Uint8Array;
  /** Cost of the coinbase's signature operations. */
  readonly coinbaseSigopCost: number;
  /** Weight without the proof. */
  readonly weight: number;
  /** Median time of the tip and a second: the earliest time. */
  readonly minTime: number;
}

const VERSION = 0x20000000;
const DEFAULT_TEXT = '/P2SH/pktd/';
const DEFAULT_WEIGHT = 3_000_000;
/** Room for the proof, and what existing nodes count too much for it.   chain spec §2.5, §4.4 */
const PROOF_BYTES = 16_000 + 4100;
/** Header, and the longest count of transactions that fits. */
const HEAD_BYTES = HEADER_BYTES + 5;
const POOL_CHANGES_SECONDS = 60;
const MAX_ATTEMPTS = 5;

/** A template and what it was made from. */
interface Built {
  readonly template: Template;
  readonly poolVersion: number;
  readonly payoutsVersion: number;
  readonly madeSeconds: number;
}

/**
 * Block templates, built when asked for and kept until the tip or the payouts change, or until the pool has changed and a minute
 * has passed.   chain spec §4.4
 */
export class BlockTemplates {
  readonly #options: BlockTemplatesOptions;
  readonly #text: Uint8Array;
  readonly #proof: PacketCryptProof;
  readonly #waiters = new Waiters();
  readonly #unsubscribe: readonly (() => void)[];
  #cached: Built | undefined;
  #building: Promise<Built> | undefined;
  #count = 0;
  #closed = false;

  constructor(options: BlockTemplatesOptions) {
    this.#options = options;
    this.#text = new TextEncoder().encode(options.coinbaseText ?? DEFAULT_TEXT);
    if (this.#text.length > MAX_TEXT_BYTES) {
      throw new RangeError(`"coinbaseText" expected at most ${MAX_TEXT_BYTES} bytes, got ${this.#text.length}`);
    }
    this.#proof = decodeBlock(options.chain.network.genesis).proof;
    const {chain, payouts, pool} = options;
    this.#unsubscribe = [chain, payouts, pool].map((source) => source.subscribe(() => this.tick()));
  }

  /** The present template with the present time. Throws TemplateError. */
  async template(): Promise<Template> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      if (this.#closed) throw new TemplateError('closed');
      if (this.#cached !== undefined && !this.#isStale(this.#cached)) break;
      this.#building ??= this.#build().finally(() => {
        this.#building = undefined;
      });
      this.#cached = await this.#building;
    }
    return this.#withPresentTime(this.#cached!.template);
  }

  /** The next template whose id is another one. Throws TemplateError, and the reason of the signal when it is aborted. */
  async changed(afterId: string, signal: AbortSignal): Promise<Template> {
    for (;;) {
      signal.throwIfAborted();
      const template = await this.template();
      if (template.id !== afterId) return template;
      // What has changed since would wake nobody.
      if (!this.#isStale(this.#cached!)) await this.#waiters.wait(signal);
    }
  }

  /** Long polls that wait. */
  get waiting(): number {
    return this.#waiters.count;
  }

  /** Tells who waits when the template has become stale; to be called every few seconds, since age alone can do that. */
  tick(): void {
    if (this.#cached === undefined || this.#isStale(this.#cached)) this.#waiters.wake();
  }

  #isStale({template, poolVersion, payoutsVersion, madeSeconds}: Built): boolean {
    const {chain, pool, payouts, nowSeconds} = this.#options;
    if (!equalBytes(template.header.previous, chain.tip.hash) || payoutsVersion !== payouts.version) return true;
    return poolVersion !== pool.version && nowSeconds() - madeSeconds >= POOL_CHANGES_SECONDS;
  }

  #withPresentTime(template: Template): Template {
    const {chain, nowSeconds} = this.#options;
    // The tip may have moved since; then the header must go on as it is.
    if (!equalBytes(template.header.previous, chain.tip.hash)) return template;
    const time = Math.max(nowSeconds(), template.minTime);
    return {...template, header: {...template.header, time, bits: chain.nextBits(time)}};
  }

  async #build(): Promise<Built> {
    const built = await this.#assemble(() => this.#options.pool.entries());
    if (this.#options.skipChecks === true) return built;
    try {
      await this.#check(built.template);
      return built;
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      // The next look at it will find it stale.
      if (!equalBytes(built.template.header.previous, this.#options.chain.tip.hash)) return built;
      this.#options.log.error('a block template breaks a rule; the block is built without transactions', {error});
    }
    const empty = await this.#assemble(() => []);
    try {
      await this.#check(empty.template);
      return empty;
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      throw new TemplateError('template-refused', {height: empty.template.height}, error);
    }
  }

  /** Holds a template to the rules, with a proof as large as any that existing nodes may see in it. */
  #check({header, transactions}: Template): Promise<void> {
    const block = {header, transactions, proofSection: new Uint8Array(PROOF_BYTES), proof: this.#proof};
    return this.#options.chain.tryBlock(block);
  }

  /** Builds a template from the tip and some entries, which stand still meanwhile. */
  #assemble(entries: () => Iterable<MempoolEntry>): Promise<Built> {
    const {chain, pool, payouts, nowSeconds} = this.#options;
    return chain.exclusive(async () => {
      if (payouts.weights.length === 0) throw new TemplateError('no-payouts');
      const {steward} = await chain.steward();
      // From here on nothing is waited for.
      const madeSeconds = nowSeconds();
      const template = this.#create(entries(), steward, madeSeconds);
      return {template, poolVersion: pool.version, payoutsVersion: payouts.version, madeSeconds};
    });
  }

  #create(entries: Iterable<MempoolEntry>, stewardScript: Uint8Array, nowSeconds: number): Template {
    const {chain, payouts} = this.#options;
    const {network, tip, medianTime} = chain;
    const height = tip.height + 1;
    const share = stewardShare(network.money, height);
    const minerPart = subsidy(network.money, height) - share;
    const steward = {value: share, script: stewardScript};
    const divide = (fees: bigint): Payout[] =>
      dividePayouts(payouts.weights, minerPart, fees, (payout) => isDust(payout));
    const parts = {height, text: this.#text, steward};
    // With a commitment to witnesses, whether or not there will be one; fees do not change its size.
    const draft = createCoinbase({...parts, payouts: divide(0n), witnessCommitment: WITNESS_RESERVED});
    const coinbaseSigopCost = sigopCost(draft, [], CONSENSUS_SCRIPT_FLAGS);
    const chosen = this.#select(entries, draft, coinbaseSigopCost, height, medianTime);

    const fees = chosen.reduce((sum, {fee}) => sum + fee, 0n);
    const paid = divide(fees);
    const others = chosen.map((entry) => entry.transaction);
    // The coinbase counts as zeros in the commitment, so the draft does for it.
    const commitment = witnessCommitment([draft, ...others], WITNESS_RESERVED);
    const needed = others.some(hasWitness) ? commitment : undefined;
    const coinbase = createCoinbase({...parts, payouts: paid, witnessCommitment: needed});
    const txids = [transactionId(coinbase), ...chosen.map(({txid}) => txid)];
    const minTime = medianTime + 1;
    const time = Math.max(nowSeconds, minTime);
    return {
      id: `${encodeHex(tip.hash.slice().reverse())}-${++this.#count}`,
      height,
      header: {
        version: VERSION,
        previous: tip.hash,
        merkleRoot: merkleRoot(txids),
        time,
        bits: chain.nextBits(time),
        nonce: 0,
      },
      transactions: [coinbase, ...others],
      coinbaseWithoutWitness: encodeTransaction(coinbase, false),
      merkleBranch: coinbaseBranch(txids),
      others: describe(chosen),
      fees,
      minerValue: minerPart + fees,
      payouts: paid,
      steward,
      witnessCommitment: witnessCommitmentScript(commitment),
      coinbaseSigopCost,
      weight: chosen.reduce((sum, {weight}) => sum + weight, 4 * HEAD_BYTES + transactionSize(coinbase).weight),
      minTime,
    };
  }

  #select(
    entries: Iterable<MempoolEntry>,
    coinbase: Transaction,
    coinbaseSigopCost: number,
    height: number,
    medianTime: number,
  ): MempoolEntry[] {
    const {maxWeight = DEFAULT_WEIGHT} = this.#options;
    // A weight that keeps to its limit keeps the size without witnesses to a quarter of it, which is its own limit.
    const room = Math.min(maxWeight, MAX_BLOCK_WEIGHT - 4 * PROOF_BYTES);
    const weight = room - 4 * HEAD_BYTES - transactionSize(coinbase).weight;
    return selectTransactions(entries, {weight, sigopCost: MAX_SIGOP_COST - coinbaseSigopCost, height, medianTime});
  }

  /** Nobody waits any more, and nothing is built. */
  close(): void {
    this.#closed = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#waiters.wake();
  }
}

function describe(entries: readonly MempoolEntry[]): TemplateTransaction[] {
  const places = new Map(entries.map(({txid}, i) => [transactionKey(txid), i + 1]));
  return entries.map(({transaction, txid, fee, sigopCost: cost, weight, parents}) => ({
    transaction,
    txid,
    fee,
    sigopCost: cost,
    weight,
    depends: Array.from(parents, (parent) => places.get(transactionKey(parent.txid))!).sort((a, b) => a - b),
  }));
}

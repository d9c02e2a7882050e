// What a block does to the unspent outputs and to the steward, and the rules that need both.   chain spec §3.6–§3.12
import {equalBytes} from '../bytes/index.ts';
import type {Network} from '../params/index.ts';
import {isCoinbase, type Transaction, type TxInput} from '../primitives/index.ts';
import type {CheckedBlock} from './check-block.ts';
import {checkOutputs, outpointKey} from './check-transaction.ts';
import {type Coin, type CoinAt, isExpired} from './coins.ts';
import {RuleError} from './errors.ts';
import {isUnlocked, type LockOrigin, sequenceLock} from './lock-times.ts';
import {
  type AllTallies,
  type CandidateKey,
  nextStewardState,
  type StewardState,
  type StewardStep,
  type Tally,
  tallyChanges,
} from './steward.ts';
import {MAX_UNITS, stewardShare, subsidy} from './subsidy.ts';
import {isUnspendable} from './votes.ts';

/** A transaction whose inputs are known: what the script checks need. */
export interface SpendingTransaction {
  readonly transaction: Transaction;
  /** The coins that its inputs spend, in order. */
  readonly coins: readonly Coin[];
}

/** Where a block stands and what it may ask of the chain before it. */
export interface BlockContext {
  readonly network: Network;
  readonly height: number;
  /** Median time of the parent. */
  readonly medianTime: number;
  /** State after the parent, of this branch.   chain spec §3.8 */
  readonly steward: StewardState;
  readonly coinAt: CoinAt;
  /** Median time of the block at a height below this one, on this branch. */
  readonly medianTimeAt: (height: number) => number;
  readonly allTallies: AllTallies;
}

/** A coin with its outpoint. */
export interface PlacedCoin {
  readonly txid: Uint8Array;
  readonly index: number;
  readonly coin: Coin;
}

/** Everything that connecting a block changes. */
export interface BlockChanges {
  /** Outputs created that are still unspent at the end of the block. */
  readonly created: readonly PlacedCoin[];
  /** Outputs spent that existed before the block: what undoing it restores. */
  readonly spent: readonly PlacedCoin[];
  readonly fees: bigint;
  readonly steward: StewardStep;
  /** What the sums of votes over the unspent outputs change by. */
  readonly tallies: ReadonlyMap<CandidateKey, Tally>;
  /** For the script checks, which come last. */
  readonly spending: readonly SpendingTransaction[];
}

/** The coins as they change while the transactions of a block are gone through. */
class BlockView {
  readonly #context: BlockContext;
  readonly #created = new Map<string, PlacedCoin>();
  readonly #spent = new Map<string, PlacedCoin>();
  /** Every coin that the block spends, also those it created itself. */
  readonly allSpent: Coin[] = [];

  constructor(context: BlockContext) {
    this.#context = context;
  }

  get created(): PlacedCoin[] {
    return [...this.#created.values()];
  }

  get spent(): PlacedCoin[] {
    return [...this.#spent.values()];
  }

  spend({txid, index}: TxInput): Coin {
    const key = outpointKey(txid, index);
    const own = this.#created.get(key);
    const coin = own?.coin ?? (this.#spent.has(key) ? undefined : this.#context.coinAt(txid, index));
    if (coin === undefined) throw new RuleError('ErrMissingTxOut', {index});
    if (own === undefined) this.#spent.set(key, {txid, index, coin});
    else this.#created.delete(key);
    this.allSpent.push(coin);
    return coin;
  }

  create(txid: Uint8Array, {outputs}: Transaction, coinbase: boolean): void {
    const {height} = this.#context;
    for (const [index, {value, script}] of outputs.entries()) {
      if (isUnspendable(script)) continue;
      const coin = {value, script, height, isCoinbase: coinbase};
      this.#created.set(outpointKey(txid, index), {txid, index, coin});
    }
  }
}

/** Rules on a coin that is spent, whatever its script says. */
function checkSpend({network: {money}, height}: BlockContext, coin: Coin): void {
  if (coin.isCoinbase && height - coin.height < money.coinbaseMaturity) {
    throw new RuleError('ErrImmatureSpend', {created: coin.height, height});
  }
  if (isExpired(money, coin, height)) throw new RuleError('ErrNetworkStewardOldSpend', {created: coin.height, height});
}

/** Spends the inputs of a transaction; returns its coins and fee. */
function spendInputs(context: BlockContext, view: BlockView, transaction: Transaction): {coins: Coin[]; fee: bigint} {
  const coins = transaction.inputs.map((input) => view.spend(input));
  let total = 0n;
  for (const coin of coins) {
    checkSpend(context, coin);
    total += coin.value;
    if (total > MAX_UNITS) throw new RuleError('ErrOversizeTxOutValue', {sum: total});
  }
  const fee = total - checkOutputs(transaction);
  if (fee < 0n) throw new RuleError('ErrSpendTooHigh', {inputs: total, fee});
  return {coins, fee};
}

function checkLocks(context: BlockContext, transaction: Transaction, coins: readonly Coin[]): void {
  const originOf = (input: number): LockOrigin => {
    const {height} = coins[input]!;
    return {height, medianTime: context.medianTimeAt(Math.max(height - 1, 0))};
  };
  if (!isUnlocked(sequenceLock(transaction, originOf), context.height, context.medianTime)) {
    throw new RuleError('ErrUnfinalizedTx');
  }
}

/** Value and steward output of the coinbase.   chain spec §3.6, §3.8 */
function checkCoinbase({network: {money}, height, steward}: BlockContext, coinbase: Transaction, fees: bigint): void {
  const paid = checkOutputs(coinbase);
  const allowed = subsidy(money, height) + fees;
  if (paid > allowed) throw new RuleError('ErrBadCoinbaseValue', {paid, allowed});
  const share = stewardShare(money, height);
  const pays = coinbase.outputs.some(({value, script}) => value === share && equalBytes(script, steward.steward));
  if (!pays) throw new RuleError('ErrBadCoinbaseNetworkSteward', {share});
}

/**
 * Applies a block to the state of its parent, scripts left out: those are checked afterwards, possibly on other threads, with
 * `spending`. Pure: nothing is written. Throws RuleError.
 */
export function connectBlock(context: BlockContext, {block, txids}: CheckedBlock): BlockChanges {
  const view = new BlockView(context);
  const spending: SpendingTransaction[] = [];
  let fees = 0n;
  for (const [number, transaction] of block.transactions.entries()) {
    if (!isCoinbase(transaction)) {
      const {coins, fee} = spendInputs(context, view, transaction);
      checkLocks(context, transaction, coins);
      fees += fee;
      if (fees > MAX_UNITS) throw new RuleError('ErrBadFees', {fees});
      spending.push({transaction, coins});
    }
    view.create(txids[number]!, transaction, number === 0);
  }
  checkCoinbase(context, block.transactions[0]!, fees);
  const {created, spent, allSpent} = view;
  const createdCoins = created.map(({coin}) => coin);
  // In the election an output created and spent in this block only subtracts; in the sums it leaves no trace.
  const counted = tallyChanges(createdCoins, allSpent);
  const steward = nextStewardState(context.network.money, context.height, context.steward, counted, context.allTallies);
  const tallies = tallyChanges(
    createdCoins,
    spent.map(({coin}) => coin),
  );
  return {created, spent, fees, steward, tallies, spending};
}

import {
  type BlockChanges,
  type CandidateKey,
  type Coin,
  isUnspendable,
  outpointKey,
  type PlacedCoin,
  type Tally,
  tallyChanges,
} from '../../core/consensus/index.ts';
import {type Block, type Outpoint, transactionId} from '../../core/primitives/index.ts';
import {type KeyValueStore, prefixEnd, type StoreChange} from '../../service/stores/key-value-store.ts';
import {
  coinKey,
  decodeCoin,
  decodeTally,
  encodeCoin,
  encodeTally,
  TALLY_PREFIX,
  tallyCandidate,
  tallyKey,
} from './layout.ts';

interface Entry {
  readonly place: Outpoint;
  readonly coin: Coin | undefined;
  readonly changed: boolean;
}

/**
 * Coins and votes as they would be after some blocks, over a store that stays as it is until the changes are written. One
 * view serves one reorganisation.
 */
export class ChainView {
  readonly #store: KeyValueStore;
  readonly #coins = new Map<string, Entry>();
  readonly #tallies = new Map<CandidateKey, Tally>();

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  /** Reads what the blocks to come will ask for. */
  async load(outpoints: Iterable<Outpoint>): Promise<void> {
    const wanted = new Map<string, Outpoint>();
    for (const place of outpoints) {
      const key = outpointKey(place.txid, place.index);
      if (!this.#coins.has(key)) wanted.set(key, place);
    }
    const places = [...wanted];
    const values = await this.#store.getMany(places.map(([, {txid, index}]) => coinKey(txid, index)));
    for (const [i, [key, place]] of places.entries()) {
      const value = values[i];
      this.#coins.set(key, {place, coin: value && decodeCoin(value), changed: false});
    }
  }

  /** The coin of an outpoint that was loaded or changed here. */
  readonly coinAt = (txid: Uint8Array, index: number): Coin | undefined =>
    this.#coins.get(outpointKey(txid, index))?.coin;

  #set({txid, index}: Outpoint, coin: Coin | undefined): void {
    this.#coins.set(outpointKey(txid, index), {place: {txid, index}, coin, changed: true});
  }

  /** Votes over all coins, for an election. */
  async allTallies(): Promise<Map<CandidateKey, Tally>> {
    const all = new Map<CandidateKey, Tally>();
    for await (const [key, value] of this.#store.entries({from: TALLY_PREFIX, to: prefixEnd(TALLY_PREFIX)})) {
      all.set(tallyCandidate(key), decodeTally(value));
    }
    for (const [candidate, tally] of this.#tallies) all.set(candidate, tally);
    return all;
  }

  async #addTallies(changes: ReadonlyMap<CandidateKey, Tally>, sign: bigint): Promise<void> {
    for (const [candidate, change] of changes) {
      let old = this.#tallies.get(candidate);
      if (old === undefined) {
        const value = await this.#store.get(tallyKey(candidate));
        old = value === undefined ? {script: change.script, for: 0n, against: 0n} : decodeTally(value);
      }
      this.#tallies.set(candidate, {
        script: old.script.length <= change.script.length ? old.script : change.script,
        for: old.for + sign * change.for,
        against: old.against + sign * change.against,
      });
    }
  }

  async connect({created, spent, tallies}: BlockChanges): Promise<void> {
    for (const place of spent) this.#set(place, undefined);
    for (const place of created) this.#set(place, place.coin);
    await this.#addTallies(tallies, 1n);
  }

  /** Takes a block back. undo: the coins it spent. */
  async disconnect(block: Block, height: number, undo: readonly PlacedCoin[]): Promise<void> {
    const created = createdCoins(block, height);
    await this.load(created);
    // What the block spent of its own outputs is gone already and never was in the sums.
    const remaining = created.filter(({txid, index}) => this.coinAt(txid, index) !== undefined);
    for (const place of remaining) this.#set(place, undefined);
    for (const place of undo) this.#set(place, place.coin);
    const changes = tallyChanges(
      remaining.map(({coin}) => coin),
      undo.map(({coin}) => coin),
    );
    await this.#addTallies(changes, -1n);
  }

  /** Everything that differs from the store. */
  changes(): StoreChange[] {
    const changes: StoreChange[] = [];
    for (const {place, coin, changed} of this.#coins.values()) {
      if (changed) changes.push({key: coinKey(place.txid, place.index), value: coin && encodeCoin(coin)});
    }
    for (const [candidate, tally] of this.#tallies) {
      const empty = tally.for === 0n && tally.against === 0n;
      changes.push({key: tallyKey(candidate), value: empty ? undefined : encodeTally(tally)});
    }
    return changes;
  }
}

/** Outputs of a block that become coins unless the block spends them itself. */
function createdCoins({transactions}: Block, height: number): PlacedCoin[] {
  return transactions.flatMap((transaction, number) => {
    const txid = transactionId(transaction);
    return transaction.outputs.flatMap(({value, script}, index) =>
      isUnspendable(script) ? [] : [{txid, index, coin: {value, script, height, isCoinbase: number === 0}}],
    );
  });
}

import {concatBytes} from '../../src/core/bytes/index.ts';
import {MAX_UNITS, stewardShare, subsidy, witnessCommitment} from '../../src/core/consensus/index.ts';
import {PKTREG} from '../../src/core/params/index.ts';
import {
  type Block,
  blockHash,
  decodeBlock,
  NULL_INDEX,
  SEQUENCE_FINAL,
  type Transaction,
  type TxInput,
  type TxOutput,
  transactionId,
} from '../../src/core/primitives/index.ts';
import {type BlockContent, ProvenMiner, type Tip} from './proven-miner.ts';

/** Announcements of this target serve some heights and are found at once. */
const ANN_BITS = 0x2001ffff;
const MATURITY = PKTREG.money.coinbaseMaturity;
const TRUE_SCRIPT = Uint8Array.of(0x51);
const WITNESS_COINS = 20;
const FEE = 1000n;
const COMMITMENT_HEAD = Uint8Array.of(0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed);
const MEDIAN_BLOCKS = 111;

export const TOO_MUCH: bigint = MAX_UNITS + 1n;

/** An output of the chain that anyone can spend. */
export interface CaseCoin {
  readonly txid: Uint8Array;
  readonly index: number;
  readonly value: bigint;
  /** Of the block it stands in. */
  readonly height: number;
  /** What its script asks for. */
  readonly witness: readonly Uint8Array[];
}

export function inputOf({txid, index, witness}: CaseCoin, more: Partial<TxInput> = {}): TxInput {
  return {txid, index, script: new Uint8Array(0), sequence: SEQUENCE_FINAL, witness, ...more};
}

/** Spends a coin to anyone for a small fee, unless told otherwise. */
export function spend(coin: CaseCoin, more: Partial<Transaction> = {}): Transaction {
  const outputs = [{value: coin.value - FEE, script: TRUE_SCRIPT}];
  return {version: 1, inputs: [inputOf(coin)], outputs, lockTime: 0, ...more};
}

/** The same coinbase with another script. */
export function scripted(coinbase: Transaction, script: Uint8Array): Transaction {
  return {...coinbase, inputs: [{...coinbase.inputs[0]!, script}]};
}

/** The same coinbase with its first outputs in place of others. */
export function paying(coinbase: Transaction, outputs: readonly TxOutput[]): Transaction {
  return {...coinbase, outputs: [...outputs, ...coinbase.outputs.slice(outputs.length)]};
}

/** Adds the commitment to the witnesses of `others`; `spoil` changes it. */
export function committing(
  others: readonly Transaction[],
  reserved: Uint8Array = new Uint8Array(32),
  spoil = 0,
): (coinbase: Transaction) => Transaction {
  return (coinbase) => {
    const hash = witnessCommitment([coinbase, ...others], reserved);
    hash[0] = hash[0]! ^ spoil;
    const inputs = [{...coinbase.inputs[0]!, witness: [reserved]}];
    return {
      ...coinbase,
      inputs,
      outputs: [...coinbase.outputs, {value: 0n, script: concatBytes(COMMITMENT_HEAD, hash)}],
    };
  };
}

/** A chain of pktreg with real proofs that grows case by case, and the coins that cases spend. */
export class CaseChain {
  readonly #miner = new ProvenMiner(PKTREG, ANN_BITS);
  readonly #blocks: Block[] = [decodeBlock(PKTREG.genesis)];
  readonly #hashes: Uint8Array[] = [blockHash(this.#blocks[0]!.header)];
  readonly #witnessCoins: CaseCoin[] = [];
  /** Heights whose coinbases are spent. */
  #spent = 0;
  /** A block that is refused for good, at the height of the block that took its place. */
  failed: Block | undefined;

  /** Makes blocks until there are coins to spend; gives them. */
  begin(): Block[] {
    while (this.height <= MATURITY) this.add(this.mine());
    const coin = this.coin();
    const value = (coin.value - FEE) / BigInt(WITNESS_COINS);
    // The first steward of pktreg is the witness script hash of OP_1.
    const script = PKTREG.money.initialSteward;
    const fan = spend(coin, {outputs: Array.from({length: WITNESS_COINS}, () => ({value, script}))});
    this.add(this.mine({others: [fan]}));
    const txid = transactionId(fan);
    for (let index = 0; index < WITNESS_COINS; index++) {
      this.#witnessCoins.push({txid, index, value, height: this.height, witness: [TRUE_SCRIPT]});
    }
    return this.#blocks.slice(1);
  }

  get height(): number {
    return this.#blocks.length - 1;
  }

  get last(): Block {
    return this.#blocks.at(-1)!;
  }

  /** Height of the block to come. */
  get next(): number {
    return this.height + 1;
  }

  get #tip(): Tip {
    return {height: this.height, header: this.last.header, hashAt: (height) => this.#hashes[height]!};
  }

  /** What the next block pays its miner without fees, and the steward. */
  get rewards(): {readonly miner: bigint; readonly steward: bigint} {
    const steward = stewardShare(PKTREG.money, this.next);
    return {miner: subsidy(PKTREG.money, this.next) - steward, steward};
  }

  /** Median time of the tip.   chain spec §3.5 */
  get medianTime(): number {
    const times = this.#blocks.slice(-MEDIAN_BLOCKS).map(({header}) => header.time);
    return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
  }

  /** A block on the tip, with its proof. */
  mine(content: BlockContent = {}): Block {
    return this.#miner.mine(this.#tip, content);
  }

  /** A block on the tip that proves nothing. */
  draft(content: BlockContent = {}): Block {
    return this.#miner.draft(this.#tip, content);
  }

  /** The same on a block beside the tip. */
  draftOn(parent: Block, height: number): Block {
    const tip = {height, header: parent.header, hashAt: () => blockHash(parent.header)};
    return this.#miner.draft(tip);
  }

  add(block: Block): void {
    this.#blocks.push(block);
    this.#hashes.push(blockHash(block.header));
  }

  /** The miner's output of a block. */
  coinAt(height: number): CaseCoin {
    const coinbase = this.#blocks[height]!.transactions[0]!;
    return {txid: transactionId(coinbase), index: 0, value: coinbase.outputs[0]!.value, height, witness: []};
  }

  /** A mature output that has not been given yet; its script asks for nothing. */
  coin(): CaseCoin {
    return this.coinAt(++this.#spent);
  }

  /** An output that asks for a witness. */
  witnessCoin(): CaseCoin {
    return this.#witnessCoins.pop()!;
  }
}

export const NULL_INPUT: TxInput = {
  txid: new Uint8Array(32),
  index: NULL_INDEX,
  script: Uint8Array.of(1, 1),
  sequence: SEQUENCE_FINAL,
  witness: [],
};

import {stewardShare, subsidy, witnessCommitment} from '../../src/core/consensus/index.ts';
import type {Network} from '../../src/core/params/index.ts';
import {
  type Block,
  blockHash,
  decodeBlock,
  hasWitness,
  merkleRoot,
  type Transaction,
  transactionId,
} from '../../src/core/primitives/index.ts';

const ANYONE = Uint8Array.of(0x51);
const RESERVED = new Uint8Array(32);

export interface EasyMiner {
  readonly network: Network;
  /** Goes into the coinbase, so that branches differ. */
  readonly tag: number;
  /** Instead of the first steward of the network. */
  readonly steward?: Uint8Array;
}

export function genesisOf(network: Network): Block {
  return decodeBlock(network.genesis);
}

/** A block on top of another, with a coinbase that anyone can spend, whatever else is given, and no true proof. */
export function mineOn(
  {network, tag, steward}: EasyMiner,
  parent: Block,
  height: number,
  more: readonly Transaction[] = [],
): Block {
  const genesis = genesisOf(network);
  const share = stewardShare(network.money, height);
  const coinbase: Transaction = {
    version: 1,
    inputs: [
      {
        txid: new Uint8Array(32),
        index: 0xffffffff,
        script: Uint8Array.of(4, height & 255, (height >> 8) & 255, height >> 16, 0, 1, tag),
        sequence: 0xffffffff,
        witness: [],
      },
    ],
    outputs: [
      {value: subsidy(network.money, height) - share, script: ANYONE},
      {value: share, script: steward ?? network.money.initialSteward},
    ],
    lockTime: 0,
  };
  const transactions = more.some(hasWitness) ? [committed(coinbase, more), ...more] : [coinbase, ...more];
  const header = {
    version: 0x20000000,
    previous: blockHash(parent.header),
    merkleRoot: merkleRoot(transactions.map(transactionId)),
    time: genesis.header.time + 60 * height,
    bits: parent.header.bits,
    nonce: tag,
  };
  return {header, proofSection: genesis.proofSection, proof: genesis.proof, transactions};
}

/** The coinbase with a commitment to the witnesses of the other transactions. */
function committed(coinbase: Transaction, more: readonly Transaction[]): Transaction {
  const hash = witnessCommitment([coinbase, ...more], RESERVED);
  const script = Uint8Array.from([0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed, ...hash]);
  const inputs = coinbase.inputs.map((input) => ({...input, witness: [RESERVED]}));
  return {...coinbase, inputs, outputs: [...coinbase.outputs, {value: 0n, script}]};
}

/** `count` blocks on top of `parent`, which has `height`. */
export function branch(miner: EasyMiner, parent: Block, height: number, count: number): Block[] {
  const blocks: Block[] = [];
  for (let i = 1; i <= count; i++) blocks.push(mineOn(miner, blocks.at(-1) ?? parent, height + i));
  return blocks;
}

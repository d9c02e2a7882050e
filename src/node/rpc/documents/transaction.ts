// Transactions as answers show them.   chain spec §4.6.2
import {encodeHex} from '../../../core/bytes/index.ts';
import type {Network} from '../../../core/params/index.ts';
import {
  encodeTransaction,
  isCoinbase,
  type Transaction,
  type TxInput,
  type TxOutput,
  transactionId,
  transactionSize,
  witnessId,
} from '../../../core/primitives/index.ts';
import {shownHash} from '../../chain/layout.ts';
import {toPkt} from '../json.ts';
import {addressOf, disassemble, voteDocument} from './script.ts';

/** The output that an input spends, where it is known. */
export interface SpentOutput {
  readonly value: bigint;
  readonly script: Uint8Array;
}

/** Gives the output that an input spends. */
export type SpentAt = (input: TxInput) => SpentOutput | undefined;

/** Where a transaction is mined. */
export interface MinedPlace {
  readonly blockHash: Uint8Array;
  readonly confirmations: number;
  readonly time: number;
}

function inputDocument(network: Network, input: TxInput, spentAt: SpentAt): object {
  const {txid, index, script, witness, sequence} = input;
  const spent = spentAt(input);
  return {
    txid: shownHash(txid),
    vout: index,
    scriptSig: {asm: disassemble(script), hex: encodeHex(script)},
    ...(witness.length > 0 && {txinwitness: witness.map((item) => encodeHex(item))}),
    ...(spent && {
      prevOut: {
        address: addressOf(network, spent.script),
        value: toPkt(spent.value),
        svalue: spent.value.toString(),
      },
    }),
    sequence,
  };
}

export function inputDocuments(network: Network, transaction: Transaction, spentAt: SpentAt): object[] {
  return transaction.inputs.map((input) => {
    if (!isCoinbase(transaction)) return inputDocument(network, input, spentAt);
    const {script, sequence} = input;
    return {coinbase: encodeHex(script), sequence};
  });
}

function outputDocument(network: Network, {value, script}: TxOutput, n: number): object {
  const vote = voteDocument(network, script);
  return {
    value: toPkt(value),
    svalue: value.toString(),
    n,
    address: addressOf(network, script),
    ...(vote && {vote}),
  };
}

export function outputDocuments(network: Network, {outputs}: Transaction): object[] {
  return outputs.map((output, n) => outputDocument(network, output, n));
}

/** The genesis block of pkt has no time, and shows none. */
export function placeMembers({blockHash, confirmations, time}: MinedPlace): object {
  return {blockhash: shownHash(blockHash), confirmations, ...(time !== 0 && {time, blocktime: time})};
}

/** The whole object of getrawtransaction and of blocks. */
export function transactionDocument(
  network: Network,
  transaction: Transaction,
  spentAt: SpentAt,
  place: MinedPlace | undefined,
): object {
  const {size, vsize} = transactionSize(transaction);
  return {
    hex: encodeHex(encodeTransaction(transaction)),
    txid: shownHash(transactionId(transaction)),
    hash: shownHash(witnessId(transaction)),
    size,
    vsize,
    version: transaction.version,
    locktime: transaction.lockTime,
    vin: inputDocuments(network, transaction, spentAt),
    vout: outputDocuments(network, transaction),
    ...(place && placeMembers(place)),
  };
}

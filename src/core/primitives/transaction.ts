// Transactions, with and without witness.   chain spec §2.6, BIP 144
//
//   version i32 | [marker 0, flag 1] | inputs | outputs | [witness per input] | lockTime u32
//   input: previous txid 32, index u32, script, sequence u32      output: value i64, script      script: varint length, bytes
import {Reader, Writer} from '../bytes/index.ts';
import {dsha256} from '../crypto/index.ts';
import {decoding} from './decoding.ts';
import {WireError} from './errors.ts';

/** One output of one transaction. `txid` in internal byte order. */
export interface Outpoint {
  readonly txid: Uint8Array;
  readonly index: number;
}

export interface TxInput extends Outpoint {
  readonly script: Uint8Array;
  readonly sequence: number;
  /** Stack items, bottom first; empty without witness. */
  readonly witness: readonly Uint8Array[];
}

export interface TxOutput {
  /** Units, as the signed 64-bit number on the wire; consensus refuses negative ones. */
  readonly value: bigint;
  readonly script: Uint8Array;
}

export interface Transaction {
  /** Signed 32-bit. */
  readonly version: number;
  readonly inputs: readonly TxInput[];
  readonly outputs: readonly TxOutput[];
  readonly lockTime: number;
}

export const NULL_INDEX = 0xffffffff;
export const SEQUENCE_FINAL = 0xffffffff;
/** "EPTF": existing nodes read a transaction of this version as a partial one, so it must not occur.   chain spec §2.6 */
export const PARTIAL_VERSION = 0x46545045;

// The smallest encodings bound counts by what is left of the data, before anything is allocated.
const MIN_INPUT_BYTES = 41;
const MIN_OUTPUT_BYTES = 9;

function readScript(reader: Reader): Uint8Array {
  return reader.bytes(reader.varintUpTo(reader.remaining));
}

function readList<Item>(reader: Reader, minBytes: number, read: () => Item): Item[] {
  const count = reader.varintUpTo(Math.floor(reader.remaining / minBytes));
  const items: Item[] = [];
  for (let i = 0; i < count; i++) items.push(read());
  return items;
}

function readInput(reader: Reader): TxInput {
  const txid = reader.bytes(32);
  const index = reader.u32();
  const script = readScript(reader);
  return {txid, index, script, sequence: reader.u32(), witness: []};
}

function readOutput(reader: Reader): TxOutput {
  const value = BigInt.asIntN(64, reader.u64());
  return {value, script: readScript(reader)};
}

/** Reads one transaction; see decodeTransaction. */
export function readTransaction(reader: Reader): Transaction {
  const version = reader.u32() | 0;
  if (version === PARTIAL_VERSION) throw new WireError('partial-transaction', {version});
  let inputs = readList(reader, MIN_INPUT_BYTES, () => readInput(reader));
  let witnessed = false;
  if (inputs.length === 0) {
    // A count of zero is the marker of the witness form: a transaction without inputs cannot be encoded.
    const flag = reader.u8();
    if (flag !== 1) throw new WireError('bad-witness-flag', {flag});
    witnessed = true;
    inputs = readList(reader, MIN_INPUT_BYTES, () => readInput(reader));
  }
  const outputs = readList(reader, MIN_OUTPUT_BYTES, () => readOutput(reader));
  if (witnessed) {
    inputs = inputs.map((input) => ({...input, witness: readList(reader, 1, () => readScript(reader))}));
    if (inputs.every(({witness}) => witness.length === 0)) throw new WireError('witness-empty');
  }
  return {version, inputs, outputs, lockTime: reader.u32()};
}

/** Decodes a whole transaction. Throws WireError. */
export function decodeTransaction(bytes: Uint8Array): Transaction {
  return decoding(() => {
    const reader = new Reader(bytes);
    const transaction = readTransaction(reader);
    reader.end();
    return transaction;
  });
}

export function hasWitness(transaction: Transaction): boolean {
  return transaction.inputs.some(({witness}) => witness.length > 0);
}

function writeScript(writer: Writer, script: Uint8Array): void {
  writer.varint(script.length).bytes(script);
}

/** Writes a transaction; `witness` false leaves the witnesses out even where there are some. */
export function writeTransaction(writer: Writer, transaction: Transaction, witness = true): void {
  const {version, inputs, outputs, lockTime} = transaction;
  const witnessed = witness && hasWitness(transaction);
  writer.u32(version >>> 0);
  if (witnessed) writer.u8(0).u8(1);
  writer.varint(inputs.length);
  for (const {txid, index, script, sequence} of inputs) {
    writer.bytes(txid).u32(index);
    writeScript(writer, script);
    writer.u32(sequence);
  }
  writer.varint(outputs.length);
  for (const {value, script} of outputs) {
    writer.u64(BigInt.asUintN(64, value));
    writeScript(writer, script);
  }
  if (witnessed) {
    for (const input of inputs) {
      writer.varint(input.witness.length);
      for (const item of input.witness) writeScript(writer, item);
    }
  }
  writer.u32(lockTime);
}

export function encodeTransaction(transaction: Transaction, witness = true): Uint8Array {
  const writer = new Writer();
  writeTransaction(writer, transaction, witness);
  return writer.finish();
}

/** Ids that were asked for, kept as long as their transactions. */
const IDS = new WeakMap<Transaction, Uint8Array>();

/** Transaction id (32 bytes, internal order): without witnesses. The same array each time, not to be changed. */
export function transactionId(transaction: Transaction): Uint8Array {
  let id = IDS.get(transaction);
  if (id === undefined) {
    id = dsha256(encodeTransaction(transaction, false));
    IDS.set(transaction, id);
  }
  return id;
}

/** Witness id: over everything; equals the id of a transaction without witnesses. */
export function witnessId(transaction: Transaction): Uint8Array {
  return dsha256(encodeTransaction(transaction));
}

/** One input with the null outpoint.   chain spec §3.6 */
export function isCoinbase({inputs}: Transaction): boolean {
  const [input] = inputs;
  return inputs.length === 1 && input!.index === NULL_INDEX && input!.txid.every((byte) => byte === 0);
}

// What signatures in transactions sign.   chain spec §3.12; BIP 143
import {concatBytes, encodeVarint, Writer} from '../../bytes/index.ts';
import {type HashStream, sha256, startSha256} from '../../crypto/index.ts';
import {checkInteger} from '../../errors.ts';
import type {Transaction, TxInput, TxOutput} from '../../primitives/index.ts';
import {OP} from './opcodes.ts';
import {readOp, type ScriptOp, withoutOps} from './parse.ts';

export const SIGHASH_ALL = 1;
export const SIGHASH_NONE = 2;
export const SIGHASH_SINGLE = 3;
export const SIGHASH_ANYONECANPAY = 0x80;
const SIGHASH_MASK = 0x1f;
/** Number of a stream that hashes all inputs and outputs; of the others the type itself says what they hash. */
const EVERYTHING = 0;

const ZERO_HASH = new Uint8Array(32);
/** What is signed by mistake when SIGHASH_SINGLE finds no output of the input's number. */
const ONE_HASH = Uint8Array.of(1, ...new Uint8Array(31));
const BLANK_OUTPUT: TxOutput = {value: -1n, script: new Uint8Array(0)};
const BLANK_INPUT_BYTES = 41;
const OUTPOINT_BYTES = 36;

function writeOutpoint(writer: Writer, {txid, index}: TxInput): void {
  writer.bytes(txid).u32(index);
}

function writeBytes(writer: Writer, bytes: Uint8Array): void {
  writer.varint(bytes.length).bytes(bytes);
}

function writeOutput(writer: Writer, {value, script}: TxOutput): void {
  writeBytes(writer.u64(BigInt.asUintN(64, value)), script);
}

/** A script without OP_CODESEPARATOR, as far as it can be read. */
function withoutSeparators(script: Uint8Array): Uint8Array {
  if (!script.includes(OP.CODESEPARATOR)) return script;
  const found: ScriptOp[] = [];
  for (let at = 0; at < script.length; ) {
    const op = readOp(script, at);
    if (op === undefined) break;
    if (op.opcode === OP.CODESEPARATOR) found.push(op);
    at = op.end;
  }
  return withoutOps(script, found);
}

/**
 * Signature hashes of one transaction. What signatures share is hashed once: for witness programs a few hundred bytes are left for
 * each, otherwise the whole transaction for each script and each of the six sets of inputs and outputs that types can choose.
 */
export class SignatureHashes {
  readonly transaction: Transaction;
  readonly #start: () => HashStream;
  #blankInputs: Uint8Array | undefined;
  #outputs: Uint8Array | undefined;
  #outpointsHash: Uint8Array | undefined;
  #sequencesHash: Uint8Array | undefined;
  #outputsHash: Uint8Array | undefined;
  /** Streams up to the type, of the input that was asked for last, by script and by what is hashed. */
  #streamsOf = -1;
  readonly #streams: Map<Uint8Array, Map<number, HashStream>> = new Map();

  /** start: SHA-256; a faster one may be handed in */
  constructor(transaction: Transaction, start: () => HashStream = startSha256) {
    this.transaction = transaction;
    this.#start = start;
  }

  /**
   * Hash for a script that is no witness program.
   *
   * input     number of the input
   * script    what is executed, from the last OP_CODESEPARATOR on and without the signature; the same array for the same script
   * hashType  u32, of which the last byte of a signature gives the lowest 8 bits
   */
  legacy(input: number, script: Uint8Array, hashType: number): Uint8Array {
    const {inputs, outputs} = this.transaction;
    checkInteger('input', input, 0, inputs.length - 1);
    if ((hashType & SIGHASH_MASK) === SIGHASH_SINGLE && input >= outputs.length) return ONE_HASH;
    const type = new Writer(4).u32(hashType >>> 0).finish();
    return sha256(this.#streamFor(input, script, hashType).copy().update(type).digest());
  }

  #streamFor(input: number, script: Uint8Array, hashType: number): HashStream {
    if (this.#streamsOf !== input) this.#streams.clear();
    this.#streamsOf = input;
    const base = hashType & SIGHASH_MASK;
    const kind =
      (hashType & SIGHASH_ANYONECANPAY) | (base === SIGHASH_NONE || base === SIGHASH_SINGLE ? base : EVERYTHING);
    let streams = this.#streams.get(script);
    if (streams === undefined) {
      streams = new Map();
      this.#streams.set(script, streams);
    }
    let stream = streams.get(kind);
    if (stream === undefined) {
      const {version, lockTime} = this.transaction;
      stream = this.#start().update(new Writer(4).u32(version >>> 0).finish());
      for (const part of this.#inputsFor(input, withoutSeparators(script), kind)) stream.update(part);
      stream.update(this.#outputsFor(input, kind & SIGHASH_MASK)).update(new Writer(4).u32(lockTime).finish());
      streams.set(kind, stream);
    }
    return stream;
  }

  #hash(message: Uint8Array): Uint8Array {
    return sha256(this.#start().update(message).digest());
  }

  /** The inputs as signed: the own one with the script, the others, if they are signed at all, without theirs. */
  #inputsFor(input: number, code: Uint8Array, hashType: number): Uint8Array[] {
    const {inputs} = this.transaction;
    const own = inputs[input]!;
    const script = concatBytes(encodeVarint(code.length), code);
    if ((hashType & SIGHASH_ANYONECANPAY) !== 0) {
      const writer = new Writer().varint(1);
      writeOutpoint(writer, own);
      return [writer.bytes(script).u32(own.sequence).finish()];
    }
    let blank = this.#allBlank();
    const base = hashType & SIGHASH_MASK;
    if (base === SIGHASH_NONE || base === SIGHASH_SINGLE) blank = withoutSequences(blank, input);
    const at = BLANK_INPUT_BYTES * input + OUTPOINT_BYTES;
    return [encodeVarint(inputs.length), blank.subarray(0, at), script, blank.subarray(at + 1)];
  }

  /** All inputs with empty scripts, 41 bytes each. */
  #allBlank(): Uint8Array {
    if (this.#blankInputs === undefined) {
      const writer = new Writer();
      for (const input of this.transaction.inputs) {
        writeOutpoint(writer, input);
        writer.u8(0).u32(input.sequence);
      }
      this.#blankInputs = writer.finish();
    }
    return this.#blankInputs;
  }

  #outputsFor(input: number, base: number): Uint8Array {
    if (base === SIGHASH_NONE) return Uint8Array.of(0);
    const {outputs} = this.transaction;
    if (base === SIGHASH_SINGLE) {
      const writer = new Writer().varint(input + 1);
      for (let i = 0; i < input; i++) writeOutput(writer, BLANK_OUTPUT);
      writeOutput(writer, outputs[input]!);
      return writer.finish();
    }
    this.#outputs ??= concatBytes(encodeVarint(outputs.length), this.#allOutputs());
    return this.#outputs;
  }

  #allOutputs(): Uint8Array {
    const writer = new Writer();
    for (const output of this.transaction.outputs) writeOutput(writer, output);
    return writer.finish();
  }

  /**
   * Hash for a witness program of version 0.   BIP 143
   *
   * amount  units of the coin that is spent
   */
  witness(input: number, script: Uint8Array, amount: bigint, hashType: number): Uint8Array {
    const {inputs, version, lockTime} = this.transaction;
    checkInteger('input', input, 0, inputs.length - 1);
    const own = inputs[input]!;
    const base = hashType & SIGHASH_MASK;
    const alone = (hashType & SIGHASH_ANYONECANPAY) !== 0;
    const sequences = !alone && base !== SIGHASH_NONE && base !== SIGHASH_SINGLE;
    const writer = new Writer();
    writer.u32(version >>> 0);
    writer.bytes(alone ? ZERO_HASH : this.#hashOfOutpoints());
    writer.bytes(sequences ? this.#hashOfSequences() : ZERO_HASH);
    writeOutpoint(writer, own);
    writeBytes(writer, script);
    writer.u64(BigInt.asUintN(64, amount)).u32(own.sequence);
    writer.bytes(this.#witnessOutputs(input, hashType));
    return this.#hash(
      writer
        .u32(lockTime)
        .u32(hashType >>> 0)
        .finish(),
    );
  }

  #hashOfOutpoints(): Uint8Array {
    if (this.#outpointsHash === undefined) {
      const writer = new Writer();
      for (const input of this.transaction.inputs) writeOutpoint(writer, input);
      this.#outpointsHash = this.#hash(writer.finish());
    }
    return this.#outpointsHash;
  }

  #hashOfSequences(): Uint8Array {
    if (this.#sequencesHash === undefined) {
      const writer = new Writer();
      for (const {sequence} of this.transaction.inputs) writer.u32(sequence);
      this.#sequencesHash = this.#hash(writer.finish());
    }
    return this.#sequencesHash;
  }

  /**
   * BIP 143 leaves the outputs out for types 2 and 3 only; the network's nodes do so for every type with the second bit set, of
   * which the others are undefined but allowed in blocks.
   */
  #witnessOutputs(input: number, hashType: number): Uint8Array {
    if ((hashType & SIGHASH_NONE) === 0) {
      this.#outputsHash ??= this.#hash(this.#allOutputs());
      return this.#outputsHash;
    }
    const output = this.transaction.outputs[input];
    if ((hashType & SIGHASH_MASK) !== SIGHASH_SINGLE || output === undefined) return ZERO_HASH;
    const writer = new Writer();
    writeOutput(writer, output);
    return this.#hash(writer.finish());
  }
}

/** Blank inputs with sequence 0, except for the own one. */
function withoutSequences(blank: Uint8Array, input: number): Uint8Array {
  const copy = blank.slice();
  for (let at = 0, i = 0; at < copy.length; at += BLANK_INPUT_BYTES, i++) {
    if (i !== input) copy.fill(0, at + OUTPOINT_BYTES + 1, at + BLANK_INPUT_BYTES);
  }
  return copy;
}

// Blocks.   chain spec §2.2, §2.4, §2.5
//
//   header 80 | proof section | transaction count varint | transactions
import {copyBytes, Reader, varintSize, Writer} from '../bytes/index.ts';
import {type PacketCryptProof, ProofWireError, readProof} from '../packetcrypt/index.ts';
import {decoding} from './decoding.ts';
import {WireError} from './errors.ts';
import {type BlockHeader, encodeHeader, HEADER_BYTES, readHeader} from './header.ts';
import {readTransaction, type Transaction, writeTransaction} from './transaction.ts';
import {transactionSize} from './transaction-size.ts';

/** Fewer bytes hold no transaction that has an input and an output. */
const MIN_TRANSACTION_BYTES = 60;

export interface Block {
  readonly header: BlockHeader;
  /** The proof section as it stands in the message. */
  readonly proofSection: Uint8Array;
  readonly proof: PacketCryptProof;
  readonly transactions: readonly Transaction[];
}

/** Sizes that consensus limits, in bytes.   chain spec §2.5 */
export interface BlockSize {
  /** With proof and witnesses. */
  readonly total: number;
  /** With proof, without witnesses. */
  readonly stripped: number;
  readonly weight: number;
}

/** Runs the reading of a proof section; what it refuses concerns the message, never the block's hash. */
function readSection(bytes: Uint8Array, offset: number): {proof: PacketCryptProof; length: number} {
  const reader = new Reader(bytes.subarray(offset));
  try {
    return {proof: readProof(reader), length: reader.offset};
  } catch (error) {
    if (error instanceof ProofWireError) throw new WireError('bad-proof-section', {code: error.code}, error);
    throw error;
  }
}

/**
 * Decodes a block message, submission or file record. Throws WireError; time and memory are bounded by the data.
 * The proof section must be canonical except for the order of its records.   chain spec §2.4
 */
export function decodeBlock(bytes: Uint8Array): Block {
  return decoding(() => {
    const header = readHeader(new Reader(bytes));
    const {proof, length} = readSection(bytes, HEADER_BYTES);
    const proofSection = copyBytes(bytes, HEADER_BYTES, HEADER_BYTES + length);
    const transactions = readTransactions(new Reader(bytes.subarray(HEADER_BYTES + length)));
    return {header, proofSection, proof, transactions};
  });
}

/** A block without its proof section. */
export interface BlockBody {
  readonly header: BlockHeader;
  readonly transactions: readonly Transaction[];
}

function readTransactions(reader: Reader): Transaction[] {
  const count = reader.varintUpTo(Math.floor(reader.remaining / MIN_TRANSACTION_BYTES));
  const transactions: Transaction[] = [];
  for (let i = 0; i < count; i++) transactions.push(readTransaction(reader));
  reader.end();
  return transactions;
}

/** Decodes header and transactions as they stand around the proof section. Throws WireError. */
export function decodeBlockBody(bytes: Uint8Array): BlockBody {
  return decoding(() => {
    const reader = new Reader(bytes);
    return {header: readHeader(reader), transactions: readTransactions(reader)};
  });
}

/** Encodes header and transactions alone. */
export function encodeBlockBody({header, transactions}: BlockBody): Uint8Array {
  const writer = new Writer(undefined, HEADER_BYTES + transactions.length * 256);
  writer.bytes(encodeHeader(header)).varint(transactions.length);
  for (const transaction of transactions) writeTransaction(writer, transaction);
  return writer.finish();
}

/** Encodes a block, by default with witnesses; type 2 inventories ask for it without.   chain spec §2.3 */
export function encodeBlock(block: Omit<Block, 'proof'>, witness = true): Uint8Array {
  const {proofSection, transactions} = block;
  const writer = new Writer(undefined, HEADER_BYTES + proofSection.length + transactions.length * 256);
  writer.bytes(encodeHeader(block.header)).bytes(block.proofSection).varint(block.transactions.length);
  for (const transaction of block.transactions) writeTransaction(writer, transaction, witness);
  return writer.finish();
}

export function blockSize({proofSection, transactions}: Omit<Block, 'proof'>): BlockSize {
  const frame = HEADER_BYTES + proofSection.length + varintSize(transactions.length);
  let total = frame;
  let stripped = frame;
  for (const transaction of transactions) {
    const size = transactionSize(transaction);
    total += size.size;
    stripped += size.stripped;
  }
  return {total, stripped, weight: 3 * stripped + total};
}

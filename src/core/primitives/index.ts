// Owns: the encodings of the chain: transactions, headers, blocks, merkle roots, compact filters. Does not own: whether what is encoded is
// allowed (consensus), what the proof section means (packetcrypt).
// Main steps: decodeBlock reads header, proof section and transactions; a refusal is a WireError about the message.
export {
  type Block,
  type BlockBody,
  type BlockSize,
  blockSize,
  decodeBlock,
  decodeBlockBody,
  encodeBlock,
  encodeBlockBody,
} from './block.ts';
export {
  encodeFilter,
  filterHash,
  filterHeader,
  filterScripts,
  MAX_FILTER_BYTES,
  matchesFilter,
} from './compact-filter.ts';
export {WIRE_ERRORS, WireError, type WireErrorCode} from './errors.ts';
export {type BlockHeader, blockHash, decodeHeader, encodeHeader, HEADER_BYTES, readHeader} from './header.ts';
export {coinbaseBranch, merkleRoot, rootFromBranch} from './merkle.ts';
export {
  decodeTransaction,
  encodeTransaction,
  hasWitness,
  isCoinbase,
  NULL_INDEX,
  type Outpoint,
  PARTIAL_VERSION,
  readTransaction,
  SEQUENCE_FINAL,
  type Transaction,
  type TxInput,
  type TxOutput,
  transactionId,
  witnessId,
  writeTransaction,
} from './transaction.ts';
export {type TransactionSize, transactionSize} from './transaction-size.ts';

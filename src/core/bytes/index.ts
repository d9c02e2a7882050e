// Owns: bytes and numbers in bytes: hex, little-endian integers, CompactSize, bounded reading and writing, compact
// targets. Does not own: any structure of the network, hashing.
// Main steps of a decoder: new Reader(data) → u32(), varintUpTo(limit), view(length) … → end(); a refusal is a
// BytesError, which the decoders of the structures above turn into their own code or let pass.
export {concatBytes, copyBytes, equalBytes, hashKey, isZero, latin1, xorInto} from './arrays.ts';
export {bigToCompact, COMPACT_SIGN, compactToBig} from './compact.ts';
export {BYTES_ERRORS, BytesError, type BytesErrorCode} from './errors.ts';
export {decodeHex, encodeHex} from './hex.ts';
export {
  readU16,
  readU24,
  readU32,
  readU64,
  readUint,
  readWords,
  writeU16,
  writeU24,
  writeU32,
  writeU64,
  writeWords,
} from './little-endian.ts';
export {Reader} from './reader.ts';
export {encodeVarint, varintSize} from './varint.ts';
export {Writer} from './writer.ts';

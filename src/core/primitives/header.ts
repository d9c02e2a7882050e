// Block headers.   chain spec §2.1
//
//   version i32 | previous 32 | merkleRoot 32 | time u32 | bits u32 | nonce u32
import {Reader, Writer} from '../bytes/index.ts';
import {dsha256} from '../crypto/index.ts';
import {checkBytes} from '../errors.ts';
import {decoding} from './decoding.ts';

export const HEADER_BYTES = 80;

/** Hashes are 32 bytes in internal order. */
export interface BlockHeader {
  readonly version: number;
  readonly previous: Uint8Array;
  readonly merkleRoot: Uint8Array;
  /** Seconds since 1970. */
  readonly time: number;
  /** Compact target. */
  readonly bits: number;
  readonly nonce: number;
}

export function readHeader(reader: Reader): BlockHeader {
  return {
    version: reader.u32() | 0,
    previous: reader.bytes(32),
    merkleRoot: reader.bytes(32),
    time: reader.u32(),
    bits: reader.u32(),
    nonce: reader.u32(),
  };
}

/** Decodes exactly 80 bytes. Throws WireError. */
export function decodeHeader(bytes: Uint8Array): BlockHeader {
  return decoding(() => {
    const reader = new Reader(bytes);
    const header = readHeader(reader);
    reader.end();
    return header;
  });
}

export function encodeHeader({version, previous, merkleRoot, time, bits, nonce}: BlockHeader): Uint8Array {
  checkBytes('previous', previous, 32);
  checkBytes('merkleRoot', merkleRoot, 32);
  const writer = new Writer(HEADER_BYTES);
  return writer
    .u32(version >>> 0)
    .bytes(previous)
    .bytes(merkleRoot)
    .u32(time)
    .u32(bits)
    .u32(nonce)
    .finish();
}

/** Block hash (32 bytes, internal order). It is only a name: it satisfies no target and does not cover the proof. */
export function blockHash(header: BlockHeader): Uint8Array {
  return dsha256(encodeHeader(header));
}

// Addresses that every kernel works at, counted from BASE, an import of the instance: threads that share a memory have a base
// each, and a memory of one's own has base 0. What the caller places (tables, sets, results) is passed as a pointer.
//
//   0x0400  poly1305 trailer 16
//   0x0440  one-time keys 4 × 32
//   0x0500  key stream of a last, partial chunk 256
//   0x0600  BLAKE2b chaining values, two messages interleaved 128
//   0x0700  BLAKE2b message, two messages interleaved 256
//   0x1000  four CryptoCycle states 4 × 2112
//   0x4000  template of the state that every nonce starts from 2048
//   0x4800  template of the state that every item of a table starts from 2048
//   0x5000  RandHash buffers: four pairs of 1024 bytes, each with 2048 bytes of zero slack 8 × 3072
//   0xb800  field elements and wide integers of the curve step 1536
//   0xbe00  end

// @ts-ignore: decorator
@external("env", "base")
export declare const BASE: usize;

export const TRAILER: usize = 0x0400;
export const ONE_TIME_KEYS: usize = 0x0440;
export const KEY_STREAM: usize = 0x0500;
export const BLAKE_STATE: usize = 0x0600;
export const BLAKE_MESSAGE: usize = 0x0700;
export const STATES: usize = 0x1000;
export const STATE_STRIDE: usize = 2112;
export const TEMPLATE: usize = 0x4000;
export const ITEM_TEMPLATE: usize = 0x4800;
export const HALVES: usize = 0x5000;
export const HALF_STRIDE: usize = 3072;
export const CURVE: usize = 0xb800;

// CryptoCycle: the state of one hash and its steps.   spec §3
//
//   0..11 nonce | 12..15 data | 16..31 key, first half, then tag | 32..47 key, second half
//   48..2047 additional data, message, remainder
//
// All functions change the 2048-byte state in place.
import {copyBytes, readU32, readU64, writeU32, writeU64} from '../bytes/index.ts';
import {compress32, expand, keyStream, poly1305, x25519, x25519Base, xorKeyStream} from '../crypto/index.ts';
import {checkBigUint, checkBytes} from '../errors.ts';

export const STATE_BYTES = 2048;
export const ITEM_BYTES = 1024;

const DATA_OFFSET = 12;
const TAG_OFFSET = 16;
const ITEM_OFFSET = 32;
/** Where the additional data begins. */
const TEXT_OFFSET = 48;
/** Additional data and message together, in 16-byte units. */
const MAX_TEXT_UNITS = 125;

// Fields of the data word.   spec §3, second table
const DECRYPT_BIT = 1 << 12;
const TRUNCATED_BIT = 1 << 16;
const LENGTH_SHIFT = 17;
const LENGTH_MASK = 0x7f << LENGTH_SHIFT;
const FAILED_BIT = 1 << 24;
/** `version` and `F`: a cycle runs only when all are 0. */
const REFUSING_BITS = 0xff000000;

/** The data word takes the first four key bytes, made acceptable: version and F zero, at least 32 units.   spec §3.1 */
export function makeFuzzable(state: Uint8Array): void {
  const data = readU32(state, TAG_OFFSET) & ~REFUSING_BITS;
  writeU32(state, DATA_OFFSET, data | (32 << LENGTH_SHIFT));
}

/** One cycle: encrypts or decrypts the message as the data word says and writes the tag.   spec §3.2 */
export function crypt(state: Uint8Array): void {
  checkBytes('state', state, STATE_BYTES);
  let data = readU32(state, DATA_OFFSET);
  if ((data & REFUSING_BITS) !== 0) {
    writeU32(state, DATA_OFFSET, data | FAILED_BIT);
    return;
  }
  const nonce = copyBytes(state, 0, 12);
  const key = copyBytes(state, TAG_OFFSET, TAG_OFFSET + 32);
  const oneTimeKey = keyStream(key, nonce, 0, 32);

  const additionalUnits = (data >>> 13) & 7;
  const wantedUnits = (data & LENGTH_MASK) >>> LENGTH_SHIFT;
  const units = Math.min(wantedUnits, MAX_TEXT_UNITS - additionalUnits);
  data &= ~(TRUNCATED_BIT | LENGTH_MASK);
  data |= (units << LENGTH_SHIFT) | (units === wantedUnits ? 0 : TRUNCATED_BIT);
  writeU32(state, DATA_OFFSET, data);

  const additionalBytes = 16 * additionalUnits;
  const messageBytes = 16 * units;
  const text = state.subarray(TEXT_OFFSET, TEXT_OFFSET + additionalBytes + messageBytes);
  const message = text.subarray(additionalBytes);
  const additionalZeros = data & 15;
  const trailingZeros = (data >>> 8) & 15;
  const trailer = new Uint8Array(16);
  writeU64(trailer, 0, BigInt(additionalBytes - additionalZeros)); // wraps below zero
  writeU64(trailer, 8, BigInt(messageBytes - trailingZeros));

  let tag: Uint8Array;
  if ((data & DECRYPT_BIT) === 0) {
    xorKeyStream(key, nonce, 1, message);
    message.fill(0, Math.max(0, messageBytes - trailingZeros));
    tag = poly1305(oneTimeKey, text, trailer);
  } else {
    tag = poly1305(oneTimeKey, text, trailer);
    xorKeyStream(key, nonce, 1, message);
  }
  state.set(tag, TAG_OFFSET);
}

/** A new state of a 32-byte seed and a nonce below 2^64.   spec §3.3 */
export function initState(seed: Uint8Array, nonce: number | bigint): Uint8Array {
  const number = typeof nonce === 'number' && Number.isSafeInteger(nonce) ? BigInt(nonce) : nonce;
  checkBigUint('nonce', number, 64);
  const state = expand(seed, 0, STATE_BYTES);
  writeU64(state, 0, number);
  makeFuzzable(state);
  return state;
}

/** Number of the item the next update takes, before the modulo by the number of items.   spec §3.3 */
export function itemNumber(state: Uint8Array): bigint {
  return readU64(state, TAG_OFFSET);
}

/** Takes in a 1024-byte item and runs a cycle.   spec §3.3 */
export function update(state: Uint8Array, item: Uint8Array): void {
  checkBytes('item', item, ITEM_BYTES);
  state.set(item, ITEM_OFFSET);
  makeFuzzable(state);
  crypt(state);
}

/** Bytes 64..95 become the X25519 result of the scalars at 0..31 and 32..63.   spec §3.5 */
export function smul(state: Uint8Array): void {
  checkBytes('state', state, STATE_BYTES);
  state.set(x25519(state.subarray(0, 32), x25519Base(state.subarray(32, 64))), 64);
}

/** Bytes 0..31 become the hash of the state: the work hash.   spec §3.3 */
export function finalize(state: Uint8Array): void {
  checkBytes('state', state, STATE_BYTES);
  state.set(compress32(state), 0);
}

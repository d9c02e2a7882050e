// How signatures and public keys are written in scripts.
import {copyBytes, decodeHex} from '../../bytes/index.ts';

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const NUMBER_BYTES = 32;
/** Order of the group and half of it, big endian. */
const ORDER = decodeHex('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141');
const HALF_ORDER = decodeHex('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0');

/** One integer of a strict signature: not negative, no superfluous zero in front. */
function isStrictInteger(bytes: Uint8Array, at: number, length: number): boolean {
  if (length === 0 || bytes[at - 2] !== INTEGER) return false;
  if ((bytes[at]! & 0x80) !== 0) return false;
  return !(length > 1 && bytes[at] === 0 && (bytes[at + 1]! & 0x80) === 0);
}

/**
 * True for a strictly encoded signature with its hash type behind it.   BIP 66
 *   30 length | 02 length R | 02 length S | hash type
 */
export function isStrictSignature(signature: Uint8Array): boolean {
  const {length} = signature;
  if (length < 9 || length > 73) return false;
  if (signature[0] !== SEQUENCE || signature[1] !== length - 3) return false;
  const lengthR = signature[3]!;
  if (5 + lengthR >= length) return false;
  const lengthS = signature[5 + lengthR]!;
  if (lengthR + lengthS + 7 !== length) return false;
  return isStrictInteger(signature, 4, lengthR) && isStrictInteger(signature, 6 + lengthR, lengthS);
}

/** Length at `at`, short or long form, and where it ends; `undefined` when it exceeds the data. */
function laxLength(bytes: Uint8Array, at: number): {length: number; next: number} | undefined {
  if (at >= bytes.length) return undefined;
  const first = bytes[at]!;
  let next = at + 1;
  if ((first & 0x80) === 0) return {length: first, next};
  let count = first & 0x7f;
  if (count > bytes.length - next) return undefined;
  while (count > 0 && bytes[next] === 0) {
    next++;
    count--;
  }
  if (count >= 4) return undefined;
  let length = 0;
  for (; count > 0; count--) length = length * 256 + bytes[next++]!;
  return {length, next};
}

/** An integer at `at`: its bytes without leading zeros. */
function laxInteger(bytes: Uint8Array, at: number): {value: Uint8Array; next: number} | undefined {
  if (bytes[at] !== INTEGER) return undefined;
  const found = laxLength(bytes, at + 1);
  if (found === undefined || found.length > bytes.length - found.next) return undefined;
  let from = found.next;
  const next = from + found.length;
  while (from < next && bytes[from] === 0) from++;
  return {value: bytes.subarray(from, next), next};
}

function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! < b[i]!;
  return false;
}

/**
 * R and S of a signature without hash type, 32 bytes each, big endian, however it is encoded: before BIP 66 lengths in long form,
 * superfluous zeros and bytes behind were let pass. `undefined` when no number can be read, or one is 0 or not below the order of
 * the group, which no key signs with.
 */
export function decodeSignature(der: Uint8Array): Uint8Array | undefined {
  if (der[0] !== SEQUENCE) return undefined;
  const sequence = laxSequence(der);
  const r = sequence === undefined ? undefined : laxInteger(der, sequence);
  const s = r === undefined ? undefined : laxInteger(der, r.next);
  if (r === undefined || s === undefined) return undefined;
  const both = new Uint8Array(2 * NUMBER_BYTES);
  for (const [i, {value}] of [r, s].entries()) {
    if (value.length === 0 || value.length > NUMBER_BYTES) return undefined;
    both.set(value, NUMBER_BYTES * (i + 1) - value.length);
    if (!isBelow(both.subarray(NUMBER_BYTES * i, NUMBER_BYTES * (i + 1)), ORDER)) return undefined;
  }
  return both;
}

/** Where the content of the sequence begins; its stated length does not matter. */
function laxSequence(der: Uint8Array): number | undefined {
  if (der.length < 2) return undefined;
  const first = der[1]!;
  if ((first & 0x80) === 0) return 2;
  const next = 2 + (first & 0x7f);
  return next > der.length ? undefined : next;
}

/** True when S is at most half the order, for a signature of decodeSignature. */
export function isLowS(signature: Uint8Array): boolean {
  return !isBelow(HALF_ORDER, signature.subarray(NUMBER_BYTES));
}

export function isCompressedKey(key: Uint8Array): boolean {
  return key.length === 33 && (key[0] === 2 || key[0] === 3);
}

/** True for the two usual forms of public keys. */
export function isUsualKey(key: Uint8Array): boolean {
  return isCompressedKey(key) || (key.length === 65 && key[0] === 4);
}

/**
 * A public key in one of its two usual forms: 33 bytes beginning with 2 or 3, 65 beginning with 4. The network also takes 65 bytes
 * that begin with 6 or 7, which repeat whether y is even, and with 5, which means nothing. `undefined` for anything else.
 */
export function decodeKey(key: Uint8Array): Uint8Array | undefined {
  if (isUsualKey(key)) return key;
  if (key.length !== 65 || key[0]! < 5 || key[0]! > 7) return undefined;
  if (key[0] !== 5 && (key[0]! & 1) !== (key[64]! & 1)) return undefined;
  const usual = copyBytes(key);
  usual[0] = 4;
  return usual;
}

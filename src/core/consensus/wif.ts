// Private keys as text.   chain spec §1.6
import {createBase58check} from '@scure/base';
import {concatBytes} from '../bytes/index.ts';
import {sha256} from '../crypto/index.ts';
import {checkBytes} from '../errors.ts';
import type {AddressParams} from '../params/index.ts';

/** Says that the key is used with a compressed public key. */
const COMPRESSED = 1;
const base58check = createBase58check(sha256);

/** The wallet import format of a private key of 32 bytes, big endian, whose public key is compressed. */
export function encodeWif(key: Uint8Array, {wif}: AddressParams): string {
  checkBytes('key', key, 32);
  return base58check.encode(concatBytes(Uint8Array.of(wif), key, Uint8Array.of(COMPRESSED)));
}

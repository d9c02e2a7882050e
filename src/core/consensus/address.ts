// Addresses: output scripts as text.   chain spec §1.6
//
//   P2PKH, P2SH     base58check of version byte and hash
//   P2WPKH, P2WSH   bech32 (BIP 173), version 0
//   any other       "script:" and base64 of the whole script
import {base64, bech32, createBase58check} from '@scure/base';
import {concatBytes, decodeHex} from '../bytes/index.ts';
import {hash160, isSecp256k1Key, sha256} from '../crypto/index.ts';
import {checkBytes} from '../errors.ts';
import type {AddressParams} from '../params/index.ts';
import {AddressError} from './address-errors.ts';
import {OP} from './script/opcodes.ts';
import {classifyScript, type ScriptClass} from './script/script-class.ts';

const SCRIPT_PREFIX = 'script:';
/** Texts that begin with one of these and 1 are bech32, whatever follows; that of the own network is added. */
const BECH32_PREFIXES: ReadonlySet<string> = new Set(['pkt', 'tpk', 'pktr', 'bc', 'tb', 'bcrt', 'sb']);
/** 25 bytes have at most 35 digits. Base 58 costs the square of the length, so longer texts are refused unread. */
const MAX_BASE58_LENGTH = 35;
const HASH_BYTES = 20;
const base58check = createBase58check(sha256);

/** A script as read from an address; `isOwn` false for a bech32 address of another network. */
interface DecodedAddress {
  readonly script: Uint8Array;
  readonly isOwn: boolean;
}

function payToKeyHash(hash: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(OP.DUP, OP.HASH160, HASH_BYTES), hash, Uint8Array.of(OP.EQUALVERIFY, OP.CHECKSIG));
}

function decodeScript(text: string): Uint8Array {
  try {
    return base64.decode(text);
  } catch {
    throw new AddressError('bad-base64');
  }
}

function decodeBech32(text: string): Uint8Array {
  if (text !== text.toLowerCase() && text !== text.toUpperCase()) throw new AddressError('mixed-case');
  const words = bech32.decodeUnsafe(text)?.words;
  if (words === undefined) throw new AddressError('bad-bech32');
  const [version, ...rest] = words;
  const program = bech32.fromWordsUnsafe(rest);
  if (version !== 0 || !program || (program.length !== 20 && program.length !== 32)) {
    throw new AddressError('bad-witness-program', {version});
  }
  return concatBytes(Uint8Array.of(0, program.length), program);
}

function decodePublicKey(text: string): Uint8Array {
  const key = decodeHex(text);
  if (!isSecp256k1Key(key)) throw new AddressError('bad-public-key');
  return concatBytes(Uint8Array.of(key.length), key, Uint8Array.of(OP.CHECKSIG));
}

function decodeBase58(text: string, {p2pkh, p2sh}: AddressParams): Uint8Array {
  if (text.length > MAX_BASE58_LENGTH || !/^[1-9A-HJ-NP-Za-km-z]+$/.test(text))
    throw new AddressError('unknown-format');
  let bytes: Uint8Array;
  try {
    bytes = base58check.decode(text);
  } catch {
    throw new AddressError('bad-checksum');
  }
  if (bytes.length !== 1 + HASH_BYTES) throw new AddressError('unknown-format', {bytes: bytes.length});
  const hash = bytes.subarray(1);
  if (bytes[0] === p2pkh) return payToKeyHash(hash);
  if (bytes[0] === p2sh) return concatBytes(Uint8Array.of(OP.HASH160, HASH_BYTES), hash, Uint8Array.of(OP.EQUAL));
  throw new AddressError('unknown-version', {version: bytes[0]});
}

/**
 * Reads an address the way existing nodes do: bech32 addresses of every known network pass, so the caller must look at
 * `isOwn`. Also reads public keys of 66 or 130 hexadecimal digits, whose script is pay-to-public-key.
 *
 * throws  AddressError; all its codes but 'other-network'
 */
export function decodeAnyAddress(text: string, params: AddressParams): DecodedAddress {
  if (typeof text !== 'string') throw new TypeError(`"text" expected string, got ${typeof text}`);
  if (text.startsWith(SCRIPT_PREFIX)) return {script: decodeScript(text.slice(SCRIPT_PREFIX.length)), isOwn: true};
  const prefix = text.slice(0, Math.max(0, text.lastIndexOf('1'))).toLowerCase();
  const isOwn = prefix === params.bech32Prefix;
  if (isOwn || BECH32_PREFIXES.has(prefix)) return {script: decodeBech32(text), isOwn};
  if (/^(?:[0-9a-fA-F]{66}|[0-9a-fA-F]{130})$/.test(text)) return {script: decodePublicKey(text), isOwn: true};
  return {script: decodeBase58(text, params), isOwn: true};
}

/** The output script of an address of this network. Throws AddressError. */
export function decodeAddress(text: string, params: AddressParams): Uint8Array {
  const {script, isOwn} = decodeAnyAddress(text, params);
  if (!isOwn) throw new AddressError('other-network', {expected: params.bech32Prefix});
  return script;
}

function encodeBase58(version: number, hash: Uint8Array): string {
  return base58check.encode(concatBytes(Uint8Array.of(version), hash));
}

/** The one key that a script pays to, if it is one of the curve. */
function onlyKey(found: ScriptClass): Uint8Array | undefined {
  const keys = found.name === 'pubkey' ? [found.data] : found.name === 'multisig' ? found.keys : [];
  return keys.length === 1 && isSecp256k1Key(keys[0]!) ? keys[0] : undefined;
}

/**
 * The address of an output script. Votes do not show; a public key and a multisig of one key show as the P2PKH address of the
 * key. What has no shorter form shows whole, vote included.
 */
export function encodeAddress(script: Uint8Array, params: AddressParams): string {
  checkBytes('script', script);
  const found = classifyScript(script);
  switch (found.name) {
    case 'pubkeyhash':
      return encodeBase58(params.p2pkh, found.data);
    case 'scripthash':
      return encodeBase58(params.p2sh, found.data);
    case 'witness_v0_keyhash':
    case 'witness_v0_scripthash':
      return bech32.encode(params.bech32Prefix, [0, ...bech32.toWords(found.data)]);
    default: {
      const key = onlyKey(found);
      return key === undefined ? SCRIPT_PREFIX + base64.encode(script) : encodeBase58(params.p2pkh, hash160(key));
    }
  }
}

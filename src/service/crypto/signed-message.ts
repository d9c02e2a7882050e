// Messages signed with the key of an address.   chain spec §5.3
//
//   signature: base64 of  header 1 | r 32 | s 32 ;  header: 27 + number of the key that fits (0–3), + 4 for a compressed key
import {secp256k1} from '@noble/curves/secp256k1.js';
import {Writer} from '../../core/bytes/index.ts';
import {OP} from '../../core/consensus/index.ts';
import {dsha256, hash160} from '../../core/crypto/index.ts';

const MAGIC = new TextEncoder().encode('Bitcoin Signed Message:\n');
const SIGNATURE_BYTES = 65;
const FIRST_HEADER = 27;
const COMPRESSED = 4;

function messageHash(message: string): Uint8Array {
  const text = new TextEncoder().encode(message);
  return dsha256(new Writer().varint(MAGIC.length).bytes(MAGIC).varint(text.length).bytes(text).finish());
}

/** True when a key signed the message whose address `isSigner` knows: it is asked for the output scripts of the key. */
export function verifyMessage(message: string, signature: string, isSigner: (script: Uint8Array) => boolean): boolean {
  const bytes = Buffer.from(signature, 'base64');
  const header = bytes[0]! - FIRST_HEADER;
  if (bytes.length !== SIGNATURE_BYTES || header < 0 || header >= 2 * COMPRESSED) return false;
  const isCompressed = header >= COMPRESSED;
  let key: Uint8Array;
  try {
    const recovered = Uint8Array.from([header % COMPRESSED, ...bytes.subarray(1)]);
    key = secp256k1.Signature.fromBytes(recovered, 'recovered')
      .recoverPublicKey(messageHash(message))
      .toBytes(isCompressed);
  } catch {
    return false;
  }
  const hash = hash160(key);
  if (isSigner(Uint8Array.from([OP.DUP, OP.HASH160, hash.length, ...hash, OP.EQUALVERIFY, OP.CHECKSIG]))) return true;
  return isCompressed && isSigner(Uint8Array.from([OP.OP_0, hash.length, ...hash]));
}

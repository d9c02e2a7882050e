import {writeU32} from '../../core/bytes/index.ts';
import {sha256} from '../../core/crypto/index.ts';

/** Seed of the key that announcements on the parent of a height are signed with.   pool spec §3.8 */
export function signingSeed(privateSeed: string, height: number): Uint8Array {
  const text = new TextEncoder().encode(privateSeed);
  const bytes = new Uint8Array(text.length + 4);
  bytes.set(text);
  writeU32(bytes, text.length, height);
  return sha256(bytes);
}

import {poly1305 as noblePoly1305} from '@noble/ciphers/_poly1305.js';

/** 16-byte Poly1305 tag (RFC 8439) of `parts` one after another under a 32-byte one-time key. */
export function poly1305(oneTimeKey: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = noblePoly1305.create(oneTimeKey);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

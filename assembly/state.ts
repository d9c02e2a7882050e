// Steps of a CryptoCycle other than the cycle itself.   spec §3
import { keyStream } from "./generated/crypto-cycle";
import { BASE, TRAILER } from "./layout";

const LABEL_0: u32 = 0x455f4350; // "PC_E"
const LABEL_1: u32 = 0x444e5058; // "XPND"

/** expand(seed, num, 256·chunks).   spec §1.2 */
export function expand(seed: usize, num: u32, out: usize, chunks: u32): void {
  const nonce = BASE + TRAILER;
  store<u32>(nonce, num);
  store<u32>(nonce, LABEL_0, 4);
  store<u32>(nonce, LABEL_1, 8);
  keyStream(seed, nonce, 0, out, chunks);
}

// spec §3.1
// @ts-ignore: decorator
@inline export function makeFuzzable(state: usize): void {
  store<u32>(state, (load<u32>(state, 16) & 0x00ffffff) | 0x00400000, 12);
}

// bytes: a positive multiple of 64
// @ts-ignore: decorator
@inline export function copy(to: usize, from: usize, bytes: usize): void {
  const stop = to + bytes;
  do {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
    v128.store(to, v128.load(from, 32), 32);
    v128.store(to, v128.load(from, 48), 48);
    to += 64;
    from += 64;
  } while (to < stop);
}

/** spec §1.3 with target = exponent << 24 | mantissa, exponent 3..32 */
export function meets(hash: usize, exponent: u32, mantissa: u32): bool {
  for (let i: usize = exponent; i < 32; i++) if (load<u8>(hash + i)) return false;
  const at = hash + exponent - 3;
  return (<u32>load<u16>(at) | (<u32>load<u8>(at, 2) << 16)) < mantissa;
}

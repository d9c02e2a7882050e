// SipHash-2-4: a keyed hash of 64 bits (Aumasson, Bernstein).
import {readU32} from '../bytes/index.ts';
import {checkBytes} from '../errors.ts';

/** v0..v3 as halves, low first. One call at a time uses them, and none waits in between. */
const state = new Int32Array(8);

/** v[a] += v[b]; `a`, `b` are indices of low halves. */
function add(a: number, b: number): void {
  const low = (state[a]! >>> 0) + (state[b]! >>> 0);
  state[a] = low;
  state[a + 1] = state[a + 1]! + state[b + 1]! + (low > 0xffffffff ? 1 : 0);
}

/** v[a] = rotl(v[a], bits) ^ v[b], 0 < bits < 32. */
function rotateXor(a: number, bits: number, b: number): void {
  const low = state[a]!;
  const high = state[a + 1]!;
  state[a] = ((low << bits) | (high >>> (32 - bits))) ^ state[b]!;
  state[a + 1] = ((high << bits) | (low >>> (32 - bits))) ^ state[b + 1]!;
}

/** v[a] = rotl(v[a], 32) */
function swap(a: number): void {
  const low = state[a]!;
  state[a] = state[a + 1]!;
  state[a + 1] = low;
}

function round(): void {
  add(0, 2);
  rotateXor(2, 13, 0);
  swap(0);
  add(4, 6);
  rotateXor(6, 16, 4);
  add(0, 6);
  rotateXor(6, 21, 0);
  add(4, 2);
  rotateXor(2, 17, 4);
  swap(4);
}

function start(key: Uint8Array): void {
  // "somepseudorandomlygeneratedbytes"
  state.set([0x70736575, 0x736f6d65, 0x6e646f6d, 0x646f7261, 0x6e657261, 0x6c796765, 0x79746573, 0x74656462]);
  for (let i = 0; i < 8; i++) state[i] = state[i]! ^ readU32(key, 4 * (i % 4));
}

function word(low: number, high: number): void {
  state[6] = state[6]! ^ low;
  state[7] = state[7]! ^ high;
  round();
  round();
  state[0] = state[0]! ^ low;
  state[1] = state[1]! ^ high;
}

/** SipHash-2-4 of a message under a key of 16 bytes, as an unsigned number. */
export function sipHash(key: Uint8Array, message: Uint8Array): bigint {
  checkBytes('key', key, 16);
  checkBytes('message', message);
  start(key);
  const whole = message.length & ~7;
  for (let at = 0; at < whole; at += 8) word(readU32(message, at), readU32(message, at + 4));
  let low = 0;
  let high = message.length << 24;
  for (let i = message.length - 1; i >= whole; i--) {
    const shift = 8 * (i & 3);
    if (i - whole < 4) low |= message[i]! << shift;
    else high |= message[i]! << shift;
  }
  word(low, high);
  state[4] = state[4]! ^ 0xff;
  for (let i = 0; i < 4; i++) round();
  const half = (i: number): bigint => BigInt((state[i]! ^ state[i + 2]! ^ state[i + 4]! ^ state[i + 6]!) >>> 0);
  return (half(1) << 32n) | half(0);
}

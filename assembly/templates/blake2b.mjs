// Writes out BLAKE2b of two messages at a time: lane j of every vector belongs to message j.
import {blake2bRounds, indent, range} from './lines.mjs';

const IV = [
  '0x6a09e667f3bcc908',
  '0xbb67ae8584caa73b',
  '0x3c6ef372fe94f82b',
  '0xa54ff53a5f1d36f1',
  '0x510e527fade682d1',
  '0x9b05688c2b3e6c1f',
  '0x1f83d9abfb41bd6b',
  '0x5be0cd19137e2179',
];

export function source() {
  return `// Written out by assembly/templates/blake2b.mjs.
import { BASE, BLAKE_MESSAGE, BLAKE_STATE } from "../layout";

/**
 * BLAKE2b, no key, of two messages of equal length.   spec §1.2
 *   a, b        the messages, readable and zero up to the next multiple of 128 bytes; may be the same
 *   length      bytes of each message, at least 1
 *   digestSize  32 or 64: part of the hash's parameters, compress32 or compress64
 *   outA, outB  digestSize bytes each
 */
export function blake2bPair(a: usize, b: usize, length: u32, digestSize: u32, outA: usize, outB: usize): void {
  const chain = BASE + BLAKE_STATE, message = BASE + BLAKE_MESSAGE;
  v128.store(chain, i64x2.splat(${IV[0]} ^ 0x01010000 ^ <u64>digestSize));
${indent(
  range(1, 8).map((i) => `v128.store(chain, i64x2.splat(${IV[i]}), ${16 * i});`),
  2,
)}
  let done: u32 = 0;
  while (true) {
    const last = length - done <= 128;
    done = last ? length : done + 128;
${indent(
  range(0, 8).map(
    (i) =>
      `{ const p = v128.load(a, ${16 * i}), q = v128.load(b, ${16 * i}); v128.store(message, v128.shuffle<i64>(p, q, 0, 2), ${32 * i}); v128.store(message, v128.shuffle<i64>(p, q, 1, 3), ${32 * i + 16}); }`,
  ),
  4,
)}
${indent(
  range(0, 8).map((i) => `let v${i} = v128.load(chain, ${16 * i});`),
  4,
)}
${indent(
  range(0, 4).map((i) => `let v${8 + i} = i64x2.splat(${IV[i]});`),
  4,
)}
    let v12 = i64x2.splat(${IV[4]} ^ <u64>done);
    let v13 = i64x2.splat(${IV[5]});
    let v14 = i64x2.splat(last ? ~${IV[6]} : ${IV[6]});
    let v15 = i64x2.splat(${IV[7]});
${indent(blake2bRounds('message'), 4)}
${indent(
  range(0, 8).map(
    (i) => `v128.store(chain, v128.xor(v128.load(chain, ${16 * i}), v128.xor(v${i}, v${8 + i})), ${16 * i});`,
  ),
  4,
)}
    if (last) break;
    a += 128;
    b += 128;
  }
  for (let i: usize = 0; i < digestSize; i += 8) {
    store<u64>(outA + i, load<u64>(chain + 2 * i));
    store<u64>(outB + i, load<u64>(chain + 2 * i, 8));
  }
}
`;
}

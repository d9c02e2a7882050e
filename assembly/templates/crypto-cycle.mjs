// Writes out the CryptoCycle kernel: ChaCha20 four blocks at a time with the Poly1305 of the same state in between.
import {CHACHA_CONSTANTS, doubleRound, indent, polyBlock, range, transposeGroup} from './lines.mjs';

const stateLocals = range(0, 16)
  .map((i) => `x${i}: v128`)
  .join(', ');

const setUp = [
  ...CHACHA_CONSTANTS.map((c, i) => `x${i} = i32x4.splat(${c});`),
  ...range(0, 8).map((i) => `x${4 + i} = v128.load_splat<u32>(key, ${4 * i});`),
  'x12 = i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3));',
  ...range(0, 3).map((i) => `x${13 + i} = v128.load_splat<u32>(nonce, ${4 * i});`),
];

const addInput = [
  ...CHACHA_CONSTANTS.map((c, i) => `x${i} = i32x4.add(x${i}, i32x4.splat(${c}));`),
  ...range(0, 8).map((i) => `x${4 + i} = i32x4.add(x${4 + i}, v128.load_splat<u32>(key, ${4 * i}));`),
  'x12 = i32x4.add(x12, i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3)));',
  ...range(0, 3).map((i) => `x${13 + i} = i32x4.add(x${13 + i}, v128.load_splat<u32>(nonce, ${4 * i}));`),
];

const xorGroup = (g) => [
  '{',
  ...transposeGroup(g),
  ...range(0, 4).map((b) => {
    const at = 64 * b + 16 * g;
    return `v128.store(at, v128.xor(v128.load(at, ${at}), t${b}), ${at});`;
  }),
  '}',
];

const storeGroup = (g) => [
  '{',
  ...transposeGroup(g),
  ...range(0, 4).map((b) => `v128.store(keyStreamTail, t${b}, ${64 * b + 16 * g});`),
  '}',
];

const loadPoly = [
  'const c0 = load<u32>(oneTimeKey) & 0x0fffffff;',
  ...range(1, 4).map((i) => `const c${i} = load<u32>(oneTimeKey, ${4 * i}) & 0x0ffffffc;`),
  ...range(0, 4).map((i) => `const r${i}: u64 = c${i};`),
  'const q0: u64 = (c0 >> 2) * 5, rLow: u64 = c0 & 3;',
  ...range(1, 4).map((i) => `const q${i}: u64 = c${i} + (c${i} >> 2);`),
  'let h0: u64 = 0, h1: u64 = 0, h2: u64 = 0, h3: u64 = 0, h4: u64 = 0;',
];

/**
 * Stream over [at, stop) with whatever Poly1305 blocks lie in [poly, ready) hidden in the rounds. One block a double
 * round is nearly free; two cost more than they save (registers), so the rest is done outside.
 */
const chunkLoop = (decrypting) => [
  'while (at < stop) {',
  ...(decrypting
    ? [
        '  const need = min(at + 256, stop);',
        '  while (poly + 160 < need) {',
        ...polyBlock('poly').map((l) => `    ${l}`),
        '    poly += 16;',
        '  }',
      ]
    : []),
  ...setUp.map((l) => `  ${l}`),
  '  let plain: i32 = 10;',
  '  if (poly < ready) {',
  '    let fused: i32 = <i32>min<usize>(10, (ready - poly) >> 4);',
  '    plain -= fused;',
  '    do {',
  ...doubleRound().map((l) => `      ${l}`),
  ...polyBlock('poly').map((l) => `      ${l}`),
  '      poly += 16;',
  '    } while (--fused);',
  '  }',
  '  while (plain) {',
  ...doubleRound().map((l) => `    ${l}`),
  '    plain--;',
  '  }',
  ...addInput.map((l) => `  ${l}`),
  '  if (stop - at >= 256) {',
  ...range(0, 4)
    .flatMap((g) => xorGroup(g))
    .map((l) => `    ${l}`),
  '  } else {',
  ...range(0, 4)
    .flatMap((g) => storeGroup(g))
    .map((l) => `    ${l}`),
  '    xorTail(at, stop);',
  '  }',
  '  at += 256;',
  '  counter += 4;',
  ...(decrypting ? [] : ['  ready = min(at, end);']),
  '}',
];

const finishPoly = [
  'while (poly < end) {',
  ...polyBlock('poly').map((l) => `  ${l}`),
  '  poly += 16;',
  '}',
  '{',
  'store<u64>(trailer, <u64>aLength - <u64>(data & 15));',
  'store<u64>(trailer, <u64>mLength - <u64>((data >> 8) & 15), 8);',
  ...polyBlock('trailer'),
  '}',
  '// Full carry, then subtract the modulus if h ≥ 2^130 − 5, then add the second half of the key.',
  'h1 += h0 >> 32; h0 &= 0xffffffff; h2 += h1 >> 32; h1 &= 0xffffffff; h3 += h2 >> 32; h2 &= 0xffffffff; h4 += h3 >> 32; h3 &= 0xffffffff;',
  'h0 += (h4 >> 2) * 5; h4 &= 3;',
  'h1 += h0 >> 32; h0 &= 0xffffffff; h2 += h1 >> 32; h1 &= 0xffffffff; h3 += h2 >> 32; h2 &= 0xffffffff; h4 += h3 >> 32; h3 &= 0xffffffff;',
  'let over: u64 = h0 + 5; over = h1 + (over >> 32); over = h2 + (over >> 32); over = h3 + (over >> 32); over = h4 + (over >> 32);',
  'h0 += (over >> 2) * 5;',
  'let sum: u64 = h0 + load<u32>(oneTimeKey, 16);',
  'store<u32>(state, <u32>sum, 16);',
  'sum = h1 + load<u32>(oneTimeKey, 20) + (sum >> 32);',
  'store<u32>(state, <u32>sum, 20);',
  'sum = h2 + load<u32>(oneTimeKey, 24) + (sum >> 32);',
  'store<u32>(state, <u32>sum, 24);',
  'sum = h3 + load<u32>(oneTimeKey, 28) + (sum >> 32);',
  'store<u32>(state, <u32>sum, 28);',
];

export function source() {
  return `// Written out by assembly/templates/crypto-cycle.mjs.
import { BASE, KEY_STREAM, ONE_TIME_KEYS, STATE_STRIDE, TRAILER } from "../layout";

/** XORs the bytes [at, stop), fewer than 256 and a multiple of 16, with the key stream left in KEY_STREAM. */
function xorTail(at: usize, stop: usize): void {
  for (let from = BASE + KEY_STREAM; at < stop; at += 16, from += 16) {
    v128.store(at, v128.xor(v128.load(at), v128.load(from)));
  }
}

/** Poly1305 one-time keys of four consecutive states: ChaCha20 block 0, lane = state. */
export function oneTimeKeys(states: usize): void {
  const keys = BASE + ONE_TIME_KEYS;
  const s0 = states, s1 = states + STATE_STRIDE, s2 = states + 2 * STATE_STRIDE, s3 = states + 3 * STATE_STRIDE;
  let ${stateLocals};
${indent(
  CHACHA_CONSTANTS.map((c, i) => `x${i} = i32x4.splat(${c});`),
  2,
)}
${indent(
  range(0, 11).map((i) => {
    const target = i < 8 ? 4 + i : 13 + i - 8;
    const at = i < 8 ? 16 + 4 * i : 4 * (i - 8);
    return `x${target} = v128.load_lane<u32>(s3, v128.load_lane<u32>(s2, v128.load_lane<u32>(s1, v128.load_zero<u32>(s0, ${at}), 1, ${at}), 2, ${at}), 3, ${at});`;
  }),
  2,
)}
  x12 = i32x4.splat(0);
  const k4 = x4, k5 = x5, k6 = x6, k7 = x7;
  for (let i = 0; i < 10; i++) {
${indent(doubleRound(), 4)}
  }
${indent(
  CHACHA_CONSTANTS.map((c, i) => `x${i} = i32x4.add(x${i}, i32x4.splat(${c}));`),
  2,
)}
${indent(
  range(4, 8).map((i) => `x${i} = i32x4.add(x${i}, k${i});`),
  2,
)}
${[0, 1].map((g) => `  {\n${indent([...transposeGroup(g), ...range(0, 4).map((b) => `v128.store(keys, t${b}, ${32 * b + 16 * g});`)], 4)}\n  }`).join('\n')}
}

/**
 * Key stream of 4·chunks blocks from block \`counter\` on.
 *   key 32 bytes   nonce 12 bytes   out 256·chunks bytes
 */
export function keyStream(key: usize, nonce: usize, counter: u32, out: usize, chunks: u32): void {
  let ${stateLocals};
  for (let at = out; chunks > 0; chunks--, at += 256, counter += 4) {
${indent(setUp, 4)}
    for (let i = 0; i < 10; i++) {
${indent(doubleRound(), 6)}
    }
${indent(addInput, 4)}
${indent(
  range(0, 4).flatMap((g) => [
    '{',
    ...transposeGroup(g),
    ...range(0, 4).map((b) => `v128.store(at, t${b}, ${64 * b + 16 * g});`),
    '}',
  ]),
  4,
)}
  }
}

/**
 * One cycle of one state whose data word has been made fuzzable.   spec §3.2
 *   oneTimeKey  32 bytes, from oneTimeKeys
 *   from, to    offsets that bound the bytes worth decrypting: later steps read none outside. Encryption ignores them.
 */
export function cryptState(state: usize, oneTimeKey: usize, from: usize, to: usize): void {
  let data = load<u32>(state, 12);
  const additional = (data >> 13) & 7;
  const wanted = (data >> 17) & 127;
  const length = min<u32>(wanted, 125 - additional);
  const decrypting = (data >> 12) & 1;
  data = (data & 0xff00ffff) | (length << 17) | (length != wanted ? 0x10000 : 0);
  store<u32>(state, data, 12);
  const aLength = additional << 4, mLength = length << 4;
  const key = state + 16, nonce = state;
  const keyStreamTail = BASE + KEY_STREAM, trailer = BASE + TRAILER;
  const message = state + 48 + aLength, end = message + mLength;
  let poly = state + 48;
  let ready = message;
  let at = message, stop = end;
  let counter: u32 = 1;
${indent(loadPoly, 2)}
  let ${stateLocals};
  if (decrypting) {
    // The tag covers the ciphertext: each block is authenticated before the stream reaches it.
    const first = state + from;
    if (end <= first) {
      stop = at;
    } else if (first > at) {
      const skipped = (first - at) >> 6;
      at += skipped << 6;
      counter += <u32>skipped;
    }
    stop = min(stop, state + to);
    ready = end;
${indent(chunkLoop(true), 4)}
  } else {
${indent(chunkLoop(false), 4)}
    const zeroed = (data >> 8) & 15;
    for (let i: u32 = 1; i <= zeroed; i++) store<u8>(end - i, 0);
  }
${indent(finishPoly, 2)}
}
`;
}

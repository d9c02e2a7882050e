import {deepEqual} from 'node:assert/strict';
import {test} from 'node:test';
import {compress32, compress64, dsha256, expand} from '../../../src/core/crypto/index.ts';
import {AnnouncementKernel} from '../../../src/core/packetcrypt/announcement/announcement-kernel.ts';
import {
  DIGEST_A,
  DIGEST_B,
  MINER_PAGES,
  TABLE,
} from '../../../src/core/packetcrypt/announcement/announcement-memory.ts';
import {THREAD_STATES, THREAD_WORK} from '../../../src/core/packetcrypt/block/block-memory.ts';
import {openBlockKernel} from '../packetcrypt/block-kernel-support.ts';
import {hashVectors} from './hash-suite.ts';

type Pair = (a: number, b: number, length: number, digestSize: number, outA: number, outB: number) => void;

interface Hasher {
  readonly bytes: Uint8Array;
  readonly pair: Pair;
  /** Two inputs of up to 8 KiB and two digests. */
  readonly inputs: readonly [number, number];
  readonly digests: readonly [number, number];
}

const announce = new AnnouncementKernel(MINER_PAGES);
const block = openBlockKernel();
const hashers: Readonly<Record<string, Hasher>> = {
  'announcement kernel': {
    bytes: announce.bytes,
    pair: announce.exports.blake2bPair,
    inputs: [TABLE, TABLE + 8192],
    digests: [DIGEST_A, DIGEST_B],
  },
  'block kernel': {
    bytes: block.bytes,
    pair: block.exports.blake2bPair,
    inputs: [block.base + THREAD_STATES, block.base + THREAD_STATES + 8192],
    digests: [block.base + THREAD_WORK, block.base + THREAD_WORK + 64],
  },
};

/** Hashes of two messages of one length. */
function hashBoth({bytes, pair, inputs, digests}: Hasher, a: Uint8Array, b: Uint8Array, size: 32 | 64): Uint8Array[] {
  for (const [k, message] of [a, b].entries()) {
    const at = inputs[k]!;
    bytes.fill(0, at, at + 8192);
    bytes.set(message, at);
  }
  pair(inputs[0], inputs[1], a.length, size, digests[0], digests[1]);
  return digests.map((at) => bytes.slice(at, at + size));
}

/** The vector's message in one lane, another one of the same length in the other. */
function inLane(hasher: Hasher, lane: 0 | 1, size: 32 | 64): (message: Uint8Array) => Uint8Array {
  const plainly = size === 32 ? compress32 : compress64;
  return (message) => {
    // The kernel takes messages of at least one byte.
    if (message.length === 0) return plainly(message);
    const other = message.map((byte) => byte ^ 0x5a);
    const digests = lane === 0 ? hashBoth(hasher, message, other, size) : hashBoth(hasher, other, message, size);
    deepEqual(digests[1 - lane], plainly(other));
    return digests[lane]!;
  };
}

function expandWithKernel(seed: Uint8Array, num: number, length: number): Uint8Array {
  announce.bytes.set(seed, DIGEST_A);
  announce.exports.expand(DIGEST_A, num, TABLE, Math.ceil(length / 256));
  return announce.copyOut(TABLE, length);
}

for (const [name, hasher] of Object.entries(hashers)) {
  for (const lane of [0, 1] as const) {
    hashVectors(`${name}, lane ${lane}`, {
      expand: expandWithKernel,
      compress32: inLane(hasher, lane, 32),
      compress64: inLane(hasher, lane, 64),
      // Not a matter of kernels.
      dsha256,
    });
  }
}

test('one message in both lanes', () => {
  for (const hasher of Object.values(hashers)) {
    const message = expand(new Uint8Array(32), 9, 2048);
    const {bytes, pair, inputs, digests} = hasher;
    bytes.set(message, inputs[0]);
    pair(inputs[0], inputs[0], 2048, 32, digests[0], digests[0]);
    deepEqual(bytes.slice(digests[0], digests[0] + 32), compress32(message));
  }
});

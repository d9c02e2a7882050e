import {deepEqual, equal} from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {test} from 'node:test';
import fc from 'fast-check';
import {concatBytes, readU32, writeU32} from '../../../src/core/bytes/index.ts';
import {compress32} from '../../../src/core/crypto/index.ts';
import {
  blockWork,
  checkContentProofs,
  difficultyOf,
  OLD_DIFFICULTY,
  oldDegrade,
  proofWork,
  UNUSABLE_TARGET,
} from '../../../src/core/packetcrypt/index.ts';
import {checkProperty} from '../../support/property.ts';
import {refuses} from '../../support/refusal.ts';

test('old effective target: not divided by 1024, by the count once', () => {
  // bw = 4096, aw = 2: 4096³ / 2 / 33 = 1041204192 hashes
  equal(OLD_DIFFICULTY.effectiveTarget(0x1f0fffff, 0x207fffff, 33n), 0x1d042000);
  equal(OLD_DIFFICULTY.effectiveTarget(0x207fffff, 0x207fffff, 1n), 0x203fffff);
  equal(OLD_DIFFICULTY.effectiveTarget(0x207fffff, 0x207fffff, 0n), 0);
  equal(OLD_DIFFICULTY.effectiveTarget(0x20800000, 0x207fffff, 1n), 0);
  equal(difficultyOf(0n), OLD_DIFFICULTY);
  equal(difficultyOf(1n), OLD_DIFFICULTY);
  equal(difficultyOf(2n) === OLD_DIFFICULTY, false);
});

test('old ageing: the work is divided by the age beyond 3', () => {
  equal(oldDegrade(0x1f0fffff, 2), UNUSABLE_TARGET);
  equal(oldDegrade(0x20000fff, 3), 0x1f0fff00);
  equal(oldDegrade(0x1f0fffff, 4), 0x1f0fffff);
  // work 4096, halved: 2048 hashes
  equal(oldDegrade(0x1f0fffff, 5), 0x1f1fffff);
  equal(oldDegrade(0x1f0fffff, 3 + 2048), 0x207fffff);
  equal(oldDegrade(0x1f0fffff, 3 + 4096), UNUSABLE_TARGET);
  equal(oldDegrade(0x1f0fffff, 0xffffffff), UNUSABLE_TARGET);
  equal(oldDegrade(0x20800001, 5), UNUSABLE_TARGET);
  equal(oldDegrade(0xff7fffff, 3), 0xff7fffff);
  equal(OLD_DIFFICULTY.degradedTarget(0x1f0fffff, 2, 7), 0x1f0fffff);
  equal(OLD_DIFFICULTY.degradedTarget(0x1f0fffff, 10, 5), 0x1f1fffff);
  equal(OLD_DIFFICULTY.minAnnDiffOk(0x20ffffff), true);
  equal(OLD_DIFFICULTY.minAnnDiffOk(0x21000000), false);
  equal(OLD_DIFFICULTY.minAnnDiffOk(0), false);
});

/** The tree over a content: layers of 32-byte hashes, a last one without partner moves up as it is. */
function contentLayers(content: Uint8Array): Uint8Array[][] {
  let layer: Uint8Array[] = [];
  for (let offset = 0; offset < content.length; offset += 32) {
    const block = new Uint8Array(32);
    block.set(content.subarray(offset, offset + 32));
    layer.push(block);
  }
  const layers = [layer];
  while (layer.length > 1) {
    const parents: Uint8Array[] = [];
    for (let i = 0; i < layer.length; i += 2) {
      parents.push(i + 1 < layer.length ? compress32(concatBytes(layer[i]!, layer[i + 1]!)) : layer[i]!);
    }
    layers.push(parents);
    layer = parents;
  }
  return layers;
}

/** Block and siblings of one proof. */
function proveContent(layers: Uint8Array[][], block: number): Uint8Array {
  const parts = [layers[0]![block]!];
  for (const [level, layer] of layers.slice(0, -1).entries()) {
    const sibling = layer[(block >> level) ^ 1];
    if (sibling !== undefined) parts.push(sibling);
  }
  return concatBytes(...parts);
}

function announcementOf(content: Uint8Array): Uint8Array {
  const ann = new Uint8Array(1024);
  writeU32(ann, 20, content.length);
  ann.set(contentLayers(content).at(-1)?.[0] ?? new Uint8Array(32), 24);
  return ann;
}

function contentOfLength(length: number): Uint8Array {
  const content = new Uint8Array(length);
  for (let offset = 0; offset < length; offset += 32) {
    content.set(
      createHash('sha256')
        .update(`${length} ${offset}`)
        .digest()
        .subarray(0, length - offset),
      offset,
    );
  }
  return content;
}

const lengths = fc.array(
  fc.oneof(
    fc.nat(40),
    fc.nat(2000),
    fc.integer({min: 1, max: 64}).map((n) => 32 * n),
  ),
  {
    minLength: 4,
    maxLength: 4,
  },
);

test('content proofs of every length and block verify, altered and cut ones do not', () => {
  checkProperty(
    fc.property(lengths, fc.nat(0xffffffff), fc.nat(), (sizes, nonce2, pick) => {
      const header = new Uint8Array(80).fill(9);
      const contents = sizes.map(contentOfLength);
      const anns = contents.map(announcementOf);
      const proofIndex = (readU32(compress32(header), 0) ^ nonce2) >>> 0;
      const blocks = contents.map((content) =>
        content.length > 32 ? proofIndex % Math.ceil(content.length / 32) : -1,
      );
      const proofs = blocks.map((block, k) =>
        block < 0 ? new Uint8Array(0) : proveContent(contentLayers(contents[k]!), block),
      );
      const record = concatBytes(...proofs);
      deepEqual(
        checkContentProofs(header, nonce2, anns, record),
        blocks.map((block, k) => (block < 0 ? undefined : contentLayers(contents[k]!)[0]![block])),
      );
      refuses(
        () => checkContentProofs(header, nonce2, anns, concatBytes(record, new Uint8Array(1))),
        'ANN_CONTENT_INVALID',
      );
      if (record.length === 0) {
        checkContentProofs(header, nonce2, anns, undefined);
        return;
      }
      refuses(() => checkContentProofs(header, nonce2, anns, undefined), 'ANN_CONTENT_INVALID');
      refuses(
        () => checkContentProofs(header, nonce2, anns, record.subarray(0, pick % record.length)),
        'ANN_CONTENT_INVALID',
      );
      const altered = record.slice();
      altered[pick % record.length]! ^= 1;
      refuses(() => checkContentProofs(header, nonce2, anns, altered), 'ANN_CONTENT_INVALID');
    }),
    200,
  );
});

test('a huge content length costs no more than its depth', () => {
  const ann = new Uint8Array(1024);
  writeU32(ann, 20, 0xffffffff);
  const anns = [ann, ann, ann, ann];
  refuses(() => checkContentProofs(new Uint8Array(80), 0, anns, new Uint8Array(131072)), 'ANN_CONTENT_INVALID');
  refuses(() => checkContentProofs(new Uint8Array(80), 0, anns, undefined), 'ANN_CONTENT_INVALID');
});

test('a proved content block enters the block hash', () => {
  const header = new Uint8Array(80);
  const ann = new Uint8Array(1024);
  const anns = [ann, ann, ann, ann];
  const plain = proofWork(header, 1, anns);
  deepEqual(
    plain,
    blockWork(header, 1, 1, () => ann),
  );
  const block = new Uint8Array(32).fill(1);
  const withContent = proofWork(header, 1, anns, [undefined, block, undefined, undefined]);
  deepEqual(withContent.itemNumbers.slice(0, 2), plain.itemNumbers.slice(0, 2));
  equal(Buffer.compare(withContent.workHash, plain.workHash) === 0, false);
});

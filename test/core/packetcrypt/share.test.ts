import {deepEqual, equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {decodeHex, Reader, readU32} from '../../../src/core/bytes/index.ts';
import {compress32} from '../../../src/core/crypto/index.ts';
import {decodeShare, encodeShare, readProof, type Share, shareHandler} from '../../../src/core/packetcrypt/index.ts';
import {checkProperty} from '../../support/property.ts';
import {acceptsOrRefuses, refuses} from '../../support/refusal.ts';
import {readVectors} from '../../support/vectors.ts';

const {blocks} = readVectors<{blocks: {name: string; wire: string; commit: string}[]}>('block');

function shareOf({wire, commit}: {wire: string; commit: string}): Share {
  const bytes = decodeHex(wire);
  const {version, nonce2, announcements, treeProof} = readProof(new Reader(bytes.subarray(80)));
  const signatures = [undefined, undefined, undefined, undefined];
  const proof = {version, nonce2, announcements, treeProof, signatures, contentProofs: undefined};
  return {commitment: decodeHex(commit), header: bytes.slice(0, 80), proof};
}

test('shares of the block vectors: the bytes of the block without signatures and end record, there and back', () => {
  for (const block of blocks) {
    const share = shareOf(block);
    const upload = encodeShare(share);
    equal(upload.coinbase_commit, block.commit);
    equal(block.wire.startsWith(upload.header_and_proof), true);
    equal(upload.header_and_proof.endsWith('040102'), true);
    deepEqual(decodeShare(JSON.parse(JSON.stringify(upload))), share);
  }
});

test('what is not a share is refused with a code', () => {
  const upload = encodeShare(shareOf(blocks[0]!));
  for (const wrong of [
    undefined,
    null,
    7,
    'share',
    [],
    {},
    {coinbase_commit: upload.coinbase_commit},
    {...upload, coinbase_commit: upload.coinbase_commit.slice(2)},
    {...upload, coinbase_commit: 7},
    {...upload, coinbase_commit: upload.coinbase_commit.replace('0', 'x')},
    {...upload, header_and_proof: `${upload.header_and_proof}0`},
    {...upload, header_and_proof: '00'.repeat(200000)},
  ]) {
    refuses(() => decodeShare(wrong), 'share-shape');
  }
  const signed = blocks.find(({name}) => name === 'signed-31')!;
  const records = new Reader(decodeHex(signed.wire).subarray(80));
  readProof(records);
  const closed = signed.wire.slice(0, 2 * (80 + records.offset));
  refuses(() => decodeShare({...upload, header_and_proof: closed}), 'end-length');
  refuses(() => decodeShare({...upload, header_and_proof: closed.slice(0, -4)}), 'share-shape');
  refuses(() => decodeShare({...upload, header_and_proof: upload.header_and_proof.slice(0, 100)}), 'truncated');
  refuses(() => decodeShare({...upload, header_and_proof: upload.header_and_proof.slice(0, 160)}), 'proof-missing');
});

test('every truncation of a share is refused, but for the version record alone', () => {
  const upload = encodeShare(shareOf(blocks[0]!));
  const bytes = upload.header_and_proof.length / 2;
  for (let length = 0; length < bytes; length++) {
    const cut = {...upload, header_and_proof: upload.header_and_proof.slice(0, 2 * length)};
    equal(
      acceptsOrRefuses(() => decodeShare(cut)),
      length === bytes - 3,
    );
  }
});

test('random objects: a code, never anything else', () => {
  checkProperty(
    fc.property(fc.anything(), fc.anything(), fc.string(), (a, b, text) => {
      acceptsOrRefuses(() => decodeShare(a));
      acceptsOrRefuses(() => decodeShare({coinbase_commit: a, header_and_proof: b}));
      acceptsOrRefuses(() => decodeShare({coinbase_commit: '00'.repeat(48), header_and_proof: text}));
    }),
    1000,
  );
});

test('the handler of a share', () => {
  const {header} = shareOf(blocks[0]!);
  const first = readU32(compress32(header), 0);
  equal(shareHandler(header, 0, 7), first % 7);
  equal(shareHandler(header, 0xffffffff, 7), ((first ^ 0xffffffff) >>> 0) % 7);
  throws(() => shareHandler(header, 0, 0), RangeError);
  throws(() => shareHandler(header.subarray(1), 0, 1), RangeError);
  throws(() => encodeShare({...shareOf(blocks[0]!), header: new Uint8Array(79)}), RangeError);
});

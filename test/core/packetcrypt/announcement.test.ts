import {deepEqual, equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {decodeHex, encodeHex} from '../../../src/core/bytes/index.ts';
import {
  annCrypt,
  annHash,
  annHash0,
  annHash1,
  annSigningKey,
  annVersion,
  annWorkBits,
  checkAnnouncementSize,
  decodeAnnouncementHeader,
  encodeAnnouncementHeader,
  v1Seed,
} from '../../../src/core/packetcrypt/index.ts';
import {checkProperty} from '../../support/property.ts';
import {refuses} from '../../support/refusal.ts';
import {readVectors} from '../../support/vectors.ts';

const {cases} = readVectors<{cases: {name: string; ann: string; annHash?: string}[]}>('announce');
const work = readVectors<{cases: Record<string, string>[]}>('annwork').cases;

test(`annHash: ${cases.length} announcements`, () => {
  for (const {name, ann, annHash: expected} of cases) {
    if (expected !== undefined) equal(encodeHex(annHash(decodeHex(ann))), expected, name);
  }
});

test(`annHash0, annHash1, v1Seed: ${work.length} jobs, whatever the soft nonce`, () => {
  for (const job of work) {
    const header = Buffer.from(job['header']!, 'hex');
    header[1] = 0x77;
    const root = decodeHex(job['merkleRoot']!);
    const hash0 = annHash0(header, decodeHex(job['parentBlockHash']!));
    equal(encodeHex(hash0), job['annHash0']);
    equal(encodeHex(annHash1(header, root)), job['annHash1']);
    equal(encodeHex(v1Seed(root, hash0)), job['v1Seed']);
    equal(header[1], 0x77);
  }
});

test('the header of the main-network announcement', () => {
  const header = decodeAnnouncementHeader(decodeHex(cases[0]!.ann));
  deepEqual(
    {...header, contentHash: encodeHex(header.contentHash), signingKey: encodeHex(header.signingKey)},
    {
      version: 1,
      softNonce: 0x0006cd,
      hardNonce: 0x2178af0b,
      workBits: 0x20020000,
      parentBlockHeight: 497731,
      contentType: 0,
      contentLength: 0,
      contentHash: '00'.repeat(32),
      signingKey: '8a48028ff7d392a5dad2ecf812793d3d1f052053fe6947da093ab56ab2c7731f',
    },
  );
  equal(annVersion(decodeHex(cases[0]!.ann)), 1);
  equal(annWorkBits(decodeHex(cases[0]!.ann)), 0x20020000);
  equal(encodeHex(annSigningKey(decodeHex(cases[0]!.ann))!), encodeHex(header.signingKey));
  equal(annSigningKey(decodeHex(cases[1]!.ann)), undefined);
});

test('headers go there and back', () => {
  const u32 = fc.nat(0xffffffff);
  const bytes32 = fc.uint8Array({minLength: 32, maxLength: 32});
  const header = fc.record(
    {
      version: fc.nat(255),
      softNonce: fc.nat(0xffffff),
      hardNonce: u32,
      workBits: u32,
      parentBlockHeight: u32,
      contentType: u32,
      contentLength: u32,
      contentHash: bytes32,
      signingKey: bytes32,
    },
    {noNullPrototype: true},
  );
  checkProperty(
    fc.property(header, (fields) => {
      const bytes = encodeAnnouncementHeader(fields);
      equal(bytes.length, 88);
      deepEqual(decodeAnnouncementHeader(bytes), fields);
    }),
  );
  checkProperty(
    fc.property(fc.uint8Array({minLength: 88, maxLength: 88}), (bytes) => {
      deepEqual(encodeAnnouncementHeader(decodeAnnouncementHeader(bytes)), bytes);
    }),
  );
});

test('annCrypt covers branch and prefix, leaves header and root, and undoes itself', () => {
  const ann = new Uint8Array(1024);
  const state = new Uint8Array(2048).map((_, i) => (i % 251) + 1);
  annCrypt(ann, state);
  deepEqual(ann.subarray(0, 88), new Uint8Array(88));
  deepEqual(ann.subarray(88, 920), state.subarray(0, 832));
  deepEqual(ann.subarray(920, 984), new Uint8Array(64));
  deepEqual(ann.subarray(984), state.subarray(832, 872));
  annCrypt(ann, state);
  deepEqual(ann, new Uint8Array(1024));
});

test('every other length is refused with a code', () => {
  for (let length = 0; length < 1100; length++) {
    const bytes = new Uint8Array(length);
    if (length !== 1024) refuses(() => checkAnnouncementSize(bytes), 'INVAL');
    if (length < 88) refuses(() => decodeAnnouncementHeader(bytes), 'INVAL');
  }
});

test('misuse is a TypeError or RangeError', () => {
  const header = decodeAnnouncementHeader(new Uint8Array(88));
  throws(() => encodeAnnouncementHeader({...header, version: 256}), RangeError);
  throws(() => encodeAnnouncementHeader({...header, softNonce: 0x1000000}), RangeError);
  throws(() => encodeAnnouncementHeader({...header, workBits: -1}), RangeError);
  throws(() => encodeAnnouncementHeader({...header, contentHash: new Uint8Array(31)}), RangeError);
  throws(() => decodeAnnouncementHeader('00' as unknown as Uint8Array), TypeError);
  throws(() => annHash(new Uint8Array(1023)), RangeError);
  throws(() => annHash0(new Uint8Array(88), new Uint8Array(31)), RangeError);
  throws(() => annHash1(new Uint8Array(88), new Uint8Array(63)), RangeError);
  throws(() => annCrypt(new Uint8Array(1024), new Uint8Array(64)), RangeError);
});

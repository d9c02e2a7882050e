import {deepEqual, equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {decodeHex, encodeHex} from '../../../src/core/bytes/index.ts';
import {
  AnnError,
  annHash0,
  annHash1,
  announcementVerdict,
  checkAnnouncement,
  makeOldItem,
} from '../../../src/core/packetcrypt/index.ts';
import {checkProperty} from '../../support/property.ts';
import {refuses} from '../../support/refusal.ts';
import {announcementCases, announcementVectors} from './announcement-suite.ts';

announcementVectors('plain', announcementVerdict);

const find = (wanted: string) => {
  const vector = announcementCases.find(({name}) => name === wanted)!;
  return {ann: decodeHex(vector.ann), parent: decodeHex(vector.parentBlockHash)};
};
const valid = find('custom-v1-0');

test('checkAnnouncement returns the work hash or throws the verdict', () => {
  for (const {ann, parentBlockHash, expect, workHash, validator} of announcementCases) {
    if (validator !== undefined) continue;
    const check = () => checkAnnouncement(decodeHex(ann), decodeHex(parentBlockHash));
    if (expect === 'OK') equal(encodeHex(check()), workHash);
    else throws(check, (error) => error instanceof AnnError && error.code === expect);
  }
});

test('the parts of version 0 announcements', () => {
  for (const vector of announcementCases) {
    if (vector.validator !== 'v0') continue;
    const ann = decodeHex(vector.ann);
    const hash0 = annHash0(ann, decodeHex(vector.parentBlockHash));
    equal(encodeHex(hash0), vector.annHash0);
    equal(encodeHex(annHash1(ann, ann.subarray(920, 984))), vector.annHash1);
    equal(encodeHex(makeOldItem(0, hash0.subarray(0, 32))), vector.item0);
  }
});

test('altered announcements of version 0 are refused', () => {
  const {ann, parent} = find('v0-pktd-0');
  const altered = (offset: number): string => {
    const copy = ann.slice();
    copy[offset] = copy[offset]! ^ 1;
    return announcementVerdict(copy, parent, {profile: 'node'}).verdict;
  };
  equal(altered(984), 'INVAL_ITEM4');
  equal(altered(1023), 'INVAL_ITEM4');
  equal(altered(88), 'INVAL');
  equal(altered(919), 'INVAL');
  equal(altered(4), 'INVAL_ITEM4');
  equal(altered(920), 'INVAL_ITEM4');
});

test('work bits that version 0 does not meet', () => {
  // The bits enter the hashes, so a changed value fails earlier; a mantissa of 0 has no soft nonce limit here.
  const {ann, parent} = find('v0-pktd-0');
  const copy = ann.slice();
  copy.fill(0, 8, 12);
  equal(announcementVerdict(copy, parent, {profile: 'node'}).verdict, 'INVAL_ITEM4');
});

test('the rules of context: parent height and proof version', () => {
  const {ann, parent} = valid;
  const height = new DataView(ann.buffer).getUint32(12, true);
  equal(announcementVerdict(ann, parent, {firstVersion1Parent: height}).verdict, 'OK');
  equal(announcementVerdict(ann, parent, {firstVersion1Parent: height + 1}).verdict, 'ANN_VERSION_NOT_ALLOWED');
  equal(announcementVerdict(ann, parent, {proofVersion: 1}).verdict, 'OK');
  const old = find('v0-pktd-0');
  equal(announcementVerdict(old.ann, old.parent, {proofVersion: 2n}).verdict, 'ANN_VERSION_MISMATCH');
});

test('every other length is INVAL', () => {
  for (const length of [0, 1, 87, 88, 1023, 1025, 2048]) {
    const bytes = new Uint8Array(length);
    bytes.set(valid.ann.subarray(0, length));
    deepEqual(announcementVerdict(bytes, valid.parent), {verdict: 'INVAL'});
    refuses(() => checkAnnouncement(bytes, valid.parent), 'INVAL');
  }
});

test('any changed bit is refused with a code; nothing given is changed', () => {
  const before = encodeHex(valid.ann);
  checkProperty(
    fc.property(fc.nat(8191), fc.constantFrom('strict' as const, 'node' as const), (bit, profile) => {
      const copy = Buffer.from(valid.ann);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      const given = encodeHex(copy);
      const {verdict} = announcementVerdict(copy, valid.parent, {profile});
      equal(['INVAL', 'INVAL_ITEM4', 'SOFT_NONCE_HIGH', 'BAD_PROGRAM'].includes(verdict), true, verdict);
      equal(encodeHex(copy), given);
    }),
    60,
  );
  equal(encodeHex(valid.ann), before);
});

test('random bytes get a verdict', () => {
  const random = fc.uint8Array({minLength: 1024, maxLength: 1024});
  checkProperty(
    fc.property(random, fc.nat(255), fc.constantFrom('strict' as const, 'node' as const), (ann, version, profile) => {
      ann[0] = version & 1;
      equal(announcementVerdict(ann, valid.parent, {profile}).verdict === 'OK', false);
    }),
    60,
  );
});

test('misuse is a TypeError or RangeError', () => {
  throws(() => announcementVerdict('00' as unknown as Uint8Array, valid.parent), TypeError);
  throws(() => announcementVerdict(valid.ann, new Uint8Array(31)), RangeError);
  throws(() => announcementVerdict(valid.ann, valid.parent, {profile: 'lenient' as 'node'}), TypeError);
  throws(() => makeOldItem(8192, new Uint8Array(32)), RangeError);
});

import {equal} from 'node:assert/strict';
import {test} from 'node:test';
import {decodeHex, encodeHex} from '../../../src/core/bytes/index.ts';
import {type AnnouncementJudge, annSoftNonce, annWorkBits, softNonceMax} from '../../../src/core/packetcrypt/index.ts';
import {readVectors} from '../../support/vectors.ts';

export interface AnnouncementCase {
  name: string;
  /** 'v0': made for the rules of version 0. */
  validator?: string;
  parentBlockHash: string;
  ann: string;
  annHash?: string;
  workHash?: string;
  annHash0?: string;
  annHash1?: string;
  item0?: string;
  expect: string;
  packetcrypt_rs: string;
  pktd: string;
}

export const announcementCases: AnnouncementCase[] = readVectors<{cases: AnnouncementCase[]}>('announce').cases;

/** Words of the recorded verdicts that we write otherwise. The crash on a zero mantissa must be a refusal. */
const NODE_WORDS: Readonly<Record<string, string>> = {INVAL_MERKLE: 'INVAL', PANIC: 'INVAL'};

/**
 * Every case of announce.json through one implementation: in the strict profile without context, and in the node
 * profile with the rules of the main network.
 */
export function announcementVectors(name: string, judge: AnnouncementJudge): void {
  const current = announcementCases.filter(({validator}) => validator === undefined);
  const old = announcementCases.filter(({validator}) => validator === 'v0');

  test(`announcements, strict profile, ${name}: ${current.length} vectors`, () => {
    for (const vector of current) {
      const {verdict, workHash} = judge(decodeHex(vector.ann), decodeHex(vector.parentBlockHash));
      equal(verdict, vector.expect, vector.name);
      equal(workHash === undefined, vector.expect !== 'OK', vector.name);
      if (workHash !== undefined) equal(encodeHex(workHash), vector.workHash, vector.name);
    }
  });

  test(`announcements, node profile in proof version 2, ${name}: ${current.length} vectors`, () => {
    const context = {profile: 'node', proofVersion: 2n, firstVersion1Parent: 103869} as const;
    for (const vector of current) {
      const {verdict} = judge(decodeHex(vector.ann), decodeHex(vector.parentBlockHash), context);
      equal(verdict, NODE_WORDS[vector.pktd] ?? vector.pktd, vector.name);
    }
  });

  test(`announcements of version 0, ${name}: ${old.length} vectors`, () => {
    equal(old.length, 3);
    for (const vector of old) {
      const [ann, parent] = [decodeHex(vector.ann), decodeHex(vector.parentBlockHash)];
      const {verdict, workHash} = judge(ann, parent, {profile: 'node', proofVersion: 1});
      equal(verdict, 'OK', vector.name);
      equal(encodeHex(workHash!), vector.workHash);
      equal(judge(ann, parent, {profile: 'node', proofVersion: 2}).verdict, 'ANN_VERSION_MISMATCH');
      const high = annSoftNonce(ann) > softNonceMax(annWorkBits(ann))!;
      equal(judge(ann, parent).verdict, high ? 'SOFT_NONCE_HIGH' : 'INVAL_ITEM4');
    }
  });
}

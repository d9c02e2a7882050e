import {deepEqual, equal, throws} from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {test} from 'node:test';
import {concatBytes, copyBytes, decodeHex} from '../../../src/core/bytes/index.ts';
import {AnnouncementChecker} from '../../../src/core/packetcrypt/announcement/announcement-checker.ts';
import {AnnouncementKernel} from '../../../src/core/packetcrypt/announcement/announcement-kernel.ts';
import {CHECKER_PAGES} from '../../../src/core/packetcrypt/announcement/announcement-memory.ts';
import {type AnnouncementJudge, announcementVerdict} from '../../../src/core/packetcrypt/index.ts';
import {compiledDuring} from '../../support/compiled-modules.ts';
import {announcementCases, announcementVectors} from './announcement-suite.ts';
import {blockCheckVectors, blockWireVectors} from './block-suite.ts';

/** Enough of one job to be compiled. */
const GROUP = 70;

const kernel = new AnnouncementKernel(CHECKER_PAGES);
const single = new AnnouncementChecker(kernel);
const judgeSingle: AnnouncementJudge = (ann, parentHash, context) => single.validate(ann, parentHash, context)[0]!;

/** The same announcement many times: every copy must get the same verdict. A new checker has nothing compiled. */
const judgeGroup: AnnouncementJudge = (ann, parentHash, context) => {
  const checker = new AnnouncementChecker(kernel);
  const verdicts = checker.validate(concatBytes(...new Array<Uint8Array>(GROUP).fill(ann)), parentHash, context);
  equal(verdicts.length, GROUP);
  for (const verdict of verdicts) deepEqual(verdict, verdicts[0]);
  return verdicts[0]!;
};

announcementVectors('kernel, one by one', judgeSingle);
announcementVectors('kernel, in groups', judgeGroup);
blockCheckVectors('kernel', judgeSingle);
blockWireVectors('kernel', judgeSingle);

const valid = announcementCases.filter(({expect, validator}) => expect === 'OK' && validator === undefined);
const [first, second] = valid.map(({ann, parentBlockHash}) => ({
  ann: decodeHex(ann),
  parent: decodeHex(parentBlockHash),
}));

/** A copy with a byte changed. */
function altered(ann: Uint8Array, offset: number): Uint8Array {
  const copy = copyBytes(ann);
  copy[offset]! ^= 1;
  return copy;
}

test('both programs of a job with many good announcements are compiled, once', () => {
  const checker = new AnnouncementChecker(kernel);
  const {ann, parent} = first!;
  const group = concatBytes(...new Array<Uint8Array>(GROUP).fill(ann));
  equal(
    compiledDuring(() => checker.validate(group.subarray(0, 1024 * 10), parent)),
    0,
  );
  equal(
    compiledDuring(() => checker.validate(group, parent)),
    2,
  );
  equal(
    compiledDuring(() => checker.validate(group, parent)),
    0,
  );
  // Ones that come one by one count together.
  const {ann: other, parent: otherParent} = second!;
  let compiled = 0;
  for (let i = 0; i < GROUP; i++) compiled += compiledDuring(() => checker.validate(other, otherParent));
  equal(compiled, 2);
});

test('a job of bad announcements is not compiled', () => {
  const checker = new AnnouncementChecker(kernel);
  const {ann, parent} = first!;
  const bad = altered(ann, 100);
  const compiled = compiledDuring(() => {
    const verdicts = checker.validate(concatBytes(...new Array<Uint8Array>(300).fill(bad)), parent);
    for (const {verdict} of verdicts) equal(verdict, 'INVAL');
  });
  equal(compiled, 0);
});

test('groups that mix good and bad announcements of several jobs: every verdict is the plain one', () => {
  const checker = new AnnouncementChecker(kernel);
  // Of the same job: a branch byte, the prefix, the soft nonce. Of another: header, root. Alone: version, work bits.
  const variants = (ann: Uint8Array): Uint8Array[] => [
    ...[88, 500, 919, 984, 1023, 1, 2].map((offset) => altered(ann, offset)),
    ...[4, 16, 56, 920, 983, 8, 0].map((offset) => altered(ann, offset)),
  ];
  const entries: {ann: Uint8Array; parent: Uint8Array}[] = [];
  for (let i = 0; i < 40; i++) entries.push(first!, second!);
  for (const {ann, parent} of [first!, second!])
    for (const variant of variants(ann)) entries.push({ann: variant, parent});
  for (let i = 0; i < 40; i++) entries.push(second!, first!);
  entries.push(
    {ann: first!.ann, parent: second!.parent},
    {ann: new Uint8Array(randomBytes(1024)), parent: first!.parent},
  );

  const known = new Map<string, string>();
  const expected = entries.map(({ann, parent}) => {
    const key = Buffer.concat([ann, parent]).toString('latin1');
    const verdict = known.get(key) ?? announcementVerdict(ann, parent).verdict;
    known.set(key, verdict);
    return verdict;
  });
  equal(new Set(expected).size >= 3, true);
  const anns = concatBytes(...entries.map(({ann}) => ann));
  const parents = concatBytes(...entries.map(({parent}) => parent));
  // Twice: with the jobs interpreted at first, and with what is compiled by then.
  for (let round = 0; round < 2; round++) {
    deepEqual(
      checker.validate(anns, parents).map(({verdict}) => verdict),
      expected,
    );
  }
});

test('a Buffer is read like any other array and stays as it is', () => {
  const {ann, parent} = first!;
  const anns = Buffer.concat([ann, ann]);
  const before = anns.toString('hex');
  for (const {verdict} of single.validate(anns, Buffer.from(parent))) equal(verdict, 'OK');
  equal(anns.toString('hex'), before);
});

test('more announcements of a job than one batch holds', () => {
  const {ann, parent} = first!;
  const anns = concatBytes(...Array.from({length: 600}, (_, i) => (i % 7 === 3 ? altered(ann, 90) : ann)));
  const verdicts = new AnnouncementChecker(kernel).validate(anns, parent);
  for (const [i, {verdict}] of verdicts.entries()) equal(verdict, i % 7 === 3 ? 'INVAL' : 'OK');
});

test('what is compiled and remembered stays bounded: many jobs, and the first again', () => {
  const checker = new AnnouncementChecker(kernel);
  const jobs = valid.slice(0, 20).map(({ann, parentBlockHash}) => ({
    anns: concatBytes(...new Array<Uint8Array>(GROUP).fill(decodeHex(ann))),
    parent: decodeHex(parentBlockHash),
  }));
  for (const {anns, parent} of [...jobs, jobs[0]!]) {
    for (const {verdict} of checker.validate(anns, parent)) equal(verdict, 'OK');
  }
});

test('misuse is a TypeError or RangeError', () => {
  throws(() => single.validate(new Uint8Array(1023), new Uint8Array(32)), RangeError);
  throws(() => single.validate(new Uint8Array(1024), new Uint8Array(31)), RangeError);
  throws(() => single.validate(new Uint8Array(2048), new Uint8Array(96)), RangeError);
  throws(() => single.validate('00' as unknown as Uint8Array, new Uint8Array(32)), TypeError);
  throws(() => single.validate(new Uint8Array(1024), new Uint8Array(32), {profile: 'lax' as 'node'}), TypeError);
  deepEqual(single.validate(new Uint8Array(0), new Uint8Array(32)), []);
});

import {deepEqual, equal, rejects, throws} from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {test} from 'node:test';
import {concatBytes, decodeHex} from '../../../src/core/bytes/index.ts';
import {AnnouncementValidator, EngineError, type ThreadCrash} from '../../../src/core/engines/index.ts';
import {announcementCases} from '../packetcrypt/announcement-suite.ts';
import {FragileThreads, now} from './support.ts';

const cases = announcementCases.filter(({validator}) => validator === undefined);
const anns = concatBytes(...cases.map(({ann}) => decodeHex(ann)));
const parents = concatBytes(...cases.map(({parentBlockHash}) => decodeHex(parentBlockHash)));
const expected = cases.map(({expect}) => expect);

function openValidator(options: {threads?: number; maxWaiting?: number} = {}) {
  const crashes: ThreadCrash[] = [];
  const threads = new FragileThreads();
  const open = (): AnnouncementValidator =>
    new AnnouncementValidator({
      threads: 2,
      spawn: threads.spawn,
      now,
      onCrash: (crash) => crashes.push(crash),
      ...options,
    });
  return {open, crashes, threads};
}

function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof EngineError && error.code === code;
}

test('verdicts come in the order of the announcements, whatever thread judged them', async () => {
  const validator = openValidator().open();
  try {
    const valid = cases.findIndex(({expect}) => expect === 'OK');
    const many = new Array<Uint8Array>(2500).fill(anns.slice(1024 * valid, 1024 * (valid + 1)));
    const manyParents = new Array<Uint8Array>(2500).fill(parents.slice(32 * valid, 32 * (valid + 1)));
    const [mixed, large, none, node] = await Promise.all([
      validator.validate(anns, parents),
      validator.validate(concatBytes(anns, ...many, anns), concatBytes(parents, ...manyParents, parents)),
      validator.validate(new Uint8Array(0), new Uint8Array(32)),
      validator.validate(many[0]!, manyParents[0]!, {profile: 'node', firstVersion1Parent: 0x7fffffff}),
    ]);
    deepEqual(
      mixed.map(({verdict}) => verdict),
      expected,
    );
    deepEqual(
      large.map(({verdict}) => verdict),
      [...expected, ...many.map(() => 'OK'), ...expected],
    );
    deepEqual(none, []);
    equal(node[0]!.verdict, 'ANN_VERSION_NOT_ALLOWED');
    equal(validator.waiting, 0);
  } finally {
    await validator.close();
  }
});

test('what is given may change afterwards', async () => {
  const validator = openValidator().open();
  try {
    const [given, hashes] = [anns.slice(), parents.slice()];
    const verdicts = validator.validate(given, hashes);
    given.fill(0);
    hashes.fill(0);
    deepEqual(
      (await verdicts).map(({verdict}) => verdict),
      expected,
    );
  } finally {
    await validator.close();
  }
});

test('more than may wait is refused at once, and taken later', async () => {
  const validator = openValidator({maxWaiting: cases.length}).open();
  try {
    const first = validator.validate(anns, parents);
    equal(validator.waiting, cases.length);
    throws(() => validator.validate(new Uint8Array(1024), new Uint8Array(32)), isCode('overloaded'));
    await first;
    equal(validator.waiting, 0);
    equal((await validator.validate(new Uint8Array(1024), new Uint8Array(32))).length, 1);
  } finally {
    await validator.close();
  }
});

test('a task whose thread crashes is given to another', async () => {
  const {open, crashes, threads} = openValidator({threads: 1});
  threads.poisoned = 1;
  const validator = open();
  try {
    const verdicts = await validator.validate(anns, parents);
    deepEqual(
      verdicts.map(({verdict}) => verdict),
      expected,
    );
    deepEqual(
      crashes.map(({thread, replaced}) => [thread, replaced]),
      [[0, true]],
    );
    equal(validator.waiting, 0);
  } finally {
    await validator.close();
  }
});

test('a task that crashes two threads is failed, and the next is judged', async () => {
  const {open, threads} = openValidator({threads: 1});
  threads.poisoned = 2;
  const validator = open();
  try {
    await rejects(validator.validate(anns.slice(0, 1024), parents.slice(0, 32)), Error);
    equal(validator.waiting, 0);
    const verdicts = await validator.validate(anns, parents);
    deepEqual(
      verdicts.map(({verdict}) => verdict),
      expected,
    );
  } finally {
    await validator.close();
  }
});

test('when all threads are lost, what waits is failed', async () => {
  const {open, threads} = openValidator({threads: 1});
  threads.poisoned = 1000;
  const validator = open();
  try {
    const outcomes = await Promise.allSettled(
      Array.from({length: 40}, () => validator.validate(new Uint8Array(randomBytes(1024)), parents.slice(0, 32))),
    );
    for (const {status} of outcomes) equal(status, 'rejected');
    equal(validator.waiting, 0);
    throws(() => validator.validate(anns, parents), isCode('threads-lost'));
  } finally {
    await validator.close();
  }
});

test('close fails what waits; a closed validator refuses', async () => {
  const validator = openValidator().open();
  const pending = validator.validate(anns, parents);
  const closed = validator.close();
  await rejects(pending, isCode('closed'));
  await closed;
  throws(() => validator.validate(anns, parents), isCode('closed'));
});

test('misuse is a TypeError or RangeError', async () => {
  const validator = openValidator().open();
  try {
    throws(() => validator.validate(anns.subarray(1), parents), RangeError);
    throws(() => validator.validate(anns, parents.subarray(32)), RangeError);
    throws(() => validator.validate('' as unknown as Uint8Array, parents), TypeError);
    throws(() => validator.validate(anns, parents, {profile: 'lax' as 'node'}), TypeError);
  } finally {
    await validator.close();
  }
});

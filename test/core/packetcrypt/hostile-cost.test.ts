// What hostile announcements cost, in calls of the kernel: never more than a constant for each.   spec §7
import {deepEqual, equal, ok} from 'node:assert/strict';
import {test} from 'node:test';
import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import {concatBytes, decodeHex, writeU32} from '../../../src/core/bytes/index.ts';
import {AnnouncementChecker, jobKey} from '../../../src/core/packetcrypt/announcement/announcement-checker.ts';
import {IMAGE_1, IMAGE_2} from '../../../src/core/packetcrypt/announcement/announcement-memory.ts';
import {AnnouncementSet} from '../../../src/core/packetcrypt/block/announcement-set.ts';
import {AnnouncementStore} from '../../../src/core/packetcrypt/block/announcement-store.ts';
import {MAX_OPERATIONS} from '../../../src/core/packetcrypt/rand-hash/instructions.ts';
import {runProgram} from '../../../src/core/packetcrypt/rand-hash/rand-hash.ts';
import {checkProgram} from '../../../src/core/packetcrypt/rand-hash/rand-hash-check.ts';
import {compileProgram} from '../../../src/core/packetcrypt/rand-hash/rand-hash-compiler.ts';
import {Random} from '../../fuzz/random.ts';
import {compiledDuring} from '../../support/compiled-modules.ts';
import {refuses} from '../../support/refusal.ts';
import {announcementCases} from './announcement-suite.ts';
import {decodeWithKernel, runDecoded} from './kernel-program.ts';
import {observeKernel} from './observed-kernel.ts';

const valid = announcementCases.filter(({expect, validator}) => expect === 'OK' && validator === undefined);
const anns = valid.map(({ann, parentBlockHash}) => ({ann: decodeHex(ann), parent: decodeHex(parentBlockHash)}));
const {ann: good, parent} = anns[0]!;

const random = new Random(2024);

function garbage(edit: (ann: Uint8Array) => void = () => undefined): Uint8Array {
  const ann = random.bytes(1024);
  ann.set([1, 0, 0, 0]);
  writeU32(ann, 8, 0x20000fff);
  edit(ann);
  return ann;
}

function altered(ann: Uint8Array, edit: (copy: Uint8Array) => void): Uint8Array {
  const copy = ann.slice();
  edit(copy);
  return copy;
}

/** One announcement of each kind of hostile input, by number. */
const KINDS: Readonly<Record<string, (i: number) => Uint8Array>> = {
  'each of its own job': () => garbage(),
  'garbage of one job': (i) => altered(good, (ann) => ann.fill(i + 1, 88, 920)),
  'one job, other soft nonces': (i) => altered(good, (ann) => writeU32(ann, 0, 1 + 256 * i)),
  'copies of a good one': () => good,
  'swapped branches': (i) => altered(good, (ann) => ann.copyWithin(88, 88 + 64 * (1 + (i % 12)), 920)),
  'soft nonce high': () => garbage((ann) => ann.fill(0xff, 1, 4)),
  'mantissa 0': () => garbage((ann) => writeU32(ann, 8, 0x20000000)),
  'version 0': () => garbage((ann) => ann.fill(0, 0, 1)),
  'version 255': () => garbage((ann) => ann.fill(255, 0, 1)),
};

interface Cost {
  readonly programs: number;
  readonly runs: number;
  readonly hashes: number;
  readonly compiled: number;
}

function costOf(kind: (i: number) => Uint8Array, count: number, piece: number): Cost {
  const {kernel, counts} = observeKernel();
  const checker = new AnnouncementChecker(kernel);
  const all = Array.from({length: count}, (_, i) => kind(i));
  const compiled = compiledDuring(() => {
    for (let at = 0; at < count; at += piece) {
      checker.validate(concatBytes(...all.slice(at, at + piece)), parent);
    }
  });
  return {
    programs: counts.generateProgram,
    runs: counts.interpretProgram,
    hashes: counts.updateBatch + counts.proveItems + counts.blake2bPair,
    compiled,
  };
}

for (const [name, kind] of Object.entries(KINDS)) {
  test(`the cost of every announcement is bounded: ${name}`, () => {
    for (const piece of [1, 7, 200]) {
      for (const count of [50, 400]) {
        const {programs, runs, hashes, compiled} = costOf(kind, count, piece);
        ok(programs <= 2 * count, `${programs} programs for ${count}`);
        ok(runs <= 5 * count, `${runs} runs for ${count}`);
        ok(hashes <= 8 * count, `${hashes} hashes for ${count}`);
        ok(compiled <= count / 32, `${compiled} modules for ${count}`);
      }
    }
  });
}

test('what the first tests refuse costs no program at all', () => {
  for (const name of ['soft nonce high', 'mantissa 0', 'version 0']) {
    deepEqual(costOf(KINDS[name]!, 100, 10), {programs: 0, runs: 0, hashes: 0, compiled: 0}, name);
  }
});

test('jobs that displace each other are not compiled again and again', () => {
  const {kernel} = observeKernel();
  const checker = new AnnouncementChecker(kernel);
  const jobs = [...new Map(anns.map((entry) => [jobKey(entry.ann, entry.parent), entry])).values()];
  ok(jobs.length > 20, 'more jobs than a checker keeps compiled');
  const bulk = jobs.map(({ann}) => concatBytes(...new Array<Uint8Array>(300).fill(ann)));
  const first = compiledDuring(() => {
    for (const [i, {parent: hash}] of jobs.entries()) checker.validate(bulk[i]!, hash);
  });
  equal(first, 2 * jobs.length);
  const later = compiledDuring(() => {
    for (let round = 0; round < 20; round++) for (const {ann, parent: hash} of jobs) checker.validate(ann, hash);
  });
  equal(later, 0, '20 announcements of a job do not pay for compiling it again');
});

test('a program that fails for one item fails only the announcements that need it', () => {
  // No known seed gives such a program, so the interpreter is replaced by one that refuses a window of memory.
  const variants = [good, ...Array.from({length: 20}, (_, i) => altered(good, (ann) => ann.set([1, i + 1, 0, 0])))];
  const plain = new AnnouncementChecker(observeKernel().kernel).validate(concatBytes(...variants), parent);
  equal(plain[0]!.verdict, 'OK');
  for (const image of [IMAGE_1, IMAGE_2]) {
    for (let refused = 0; refused < 1792; refused += 64) {
      const failing = () =>
        observeKernel(({interpretProgram}) => ({
          interpretProgram: (decoded, memory, first, second) => {
            const window = (memory - image) / 4;
            return window >= refused && window < refused + 64 ? -3 : interpretProgram(decoded, memory, first, second);
          },
        })).kernel;
      const together = new AnnouncementChecker(failing()).validate(concatBytes(...variants), parent);
      const alone = variants.map((ann) => new AnnouncementChecker(failing()).validate(ann, parent)[0]!);
      deepEqual(together, alone);
      for (const [i, {verdict}] of alone.entries()) if (verdict !== 'BAD_PROGRAM') deepEqual(alone[i], plain[i]);
    }
  }
});

test('a set of as many classes as announcements: found at once, and more than it can number are refused', () => {
  const capacity = 66_000;
  const set = new AnnouncementSet(new AnnouncementStore(capacity, 1), 0);
  const piece = new Uint8Array(1024 * 1000);
  const total = {added: 0, refused: 0, duplicates: 0};
  for (let round = 0; round < capacity / 1000; round++) {
    for (let i = 0; i < 1000; i++) writeU32(piece, 1024 * i + 12, 1000 * round + i);
    const {added, refused, duplicates} = set.add(piece);
    total.added += added;
    total.refused += refused;
    total.duplicates += duplicates;
  }
  deepEqual(total, {added: 65_535, refused: 465, duplicates: 0});
  equal(set.classes.length, 65_535);
  equal(
    set.drop(({parentBlockHeight}) => parentBlockHeight < 1000),
    1000,
  );
  writeU32(piece, 12, 1_000_000);
  deepEqual(set.add(piece.subarray(0, 1024)), {added: 1, refused: 0, duplicates: 0});
  equal(set.classes.length, 64_536);
  equal(set.prepare(0, ({parentBlockHeight}) => parentBlockHeight === 1_000_000)?.count, 1);
});

test('memory stays bounded under a hundred thousand jobs', () => {
  // The kernel is replaced by one that does nothing, so that only the checker's own books are filled.
  const {kernel} = observeKernel(() => ({
    generateProgram: () => -1,
    blake2bPair: () => undefined,
    expand: () => undefined,
  }));
  const checker = new AnnouncementChecker(kernel);
  const piece = concatBytes(...Array.from({length: 1000}, () => garbage()));
  const rounds = 100;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const measure = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  let before = 0;
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 1000; i++) writeU32(piece, 1024 * i + 4, 1000 * round + i);
    for (const {verdict} of checker.validate(piece, parent)) equal(verdict, 'BAD_PROGRAM');
    if (round === 9) before = measure();
  }
  ok(measure() - before < 16 * 2 ** 20, `${measure() - before} bytes more after ${rounds * 1000} jobs`);
});

test('programs at the operation limit: interpreters and compiler stop where the specification says', () => {
  // LOOP n { MEMORY ×2, LOOP m { MEMORY, IN… END } END }: every operation counted, LOOPs and ENDs too.
  const loop = (count: number): number => ((count << 20) | 66) >>> 0;
  const [memory, input, end] = [65, 64, 70];
  const nested = (outer: number, inner: number, inputs: number): Uint32Array =>
    Uint32Array.from([loop(outer), memory, memory, loop(inner), ...new Array<number>(inputs).fill(input), end, end]);
  const operations = (outer: number, inner: number, inputs: number): number =>
    1 + outer * (2 + 1 + inner * (inputs + 1) + 1);
  const cases: [number, number, number][] = [];
  for (const inputs of [1, 50, 99]) {
    for (let outer = 1; outer < 2047 && cases.length < 400; outer += 17) {
      const inner = Math.floor(((MAX_OPERATIONS - 1) / outer - 4) / (inputs + 1));
      for (const count of [inner, inner + 1]) if (count >= 1 && count < 2048) cases.push([outer, count, inputs]);
    }
  }
  const [window, state] = [new Uint32Array(256), new Uint32Array(512)];
  let tooLong = 0;
  for (const [outer, inner, inputs] of cases) {
    const program = nested(outer, inner, inputs);
    checkProgram(program);
    decodeWithKernel(program);
    const fits = operations(outer, inner, inputs) <= MAX_OPERATIONS;
    equal(compileProgram(program) !== undefined, fits);
    if (fits) {
      runProgram(program, window, state, 2);
      runDecoded(window, state, 2);
    } else {
      tooLong++;
      refuses(() => runProgram(program, window, state, 2), 'TOO_LONG');
      refuses(() => runDecoded(window, state, 2), 'TOO_LONG');
    }
  }
  ok(tooLong > 20 && cases.length - tooLong > 20);
});

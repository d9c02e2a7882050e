import {decodeHex, readU24, writeU24, writeU32} from '../../src/core/bytes/index.ts';
import {annWorkBits, softNonceMax} from '../../src/core/packetcrypt/index.ts';
import {readVectors} from '../support/vectors.ts';
import {mutateInPlace} from './mutate.ts';
import {Random} from './random.ts';

/** Kinds of hostile announcements, one after another in equal parts. */
export const HOSTILE_KINDS = [
  'random behind a good header, each of its own job',
  'good ones altered',
  'good ones with parts exchanged, which pass the early tests',
  'one job at a time, copies of a good one and garbage, so that it looks worth compiling',
] as const;

interface Hostile {
  readonly anns: Uint8Array;
  /** 32 bytes for each. */
  readonly parents: Uint8Array;
  /** Number of the kind of each. */
  readonly kinds: Uint8Array;
}

interface Case {
  readonly expect: string;
  readonly validator?: string;
  readonly ann: string;
  readonly parentBlockHash: string;
}

/** Announcements in a row that belong to one job, in the last kind: just enough to be compiled. */
const JOB_RUN = 64;

/** `count` hostile announcements in a random order of pieces. */
export function makeHostile(seed: number, count: number): Hostile {
  const random = new Random(seed);
  const good = readVectors<{cases: Case[]}>('announce')
    .cases.filter(({expect, validator}) => expect === 'OK' && validator === undefined)
    .map(({ann, parentBlockHash}) => ({ann: decodeHex(ann), parent: decodeHex(parentBlockHash)}));

  const makers: readonly ((i: number) => {ann: Uint8Array; parent: Uint8Array})[] = [
    () => {
      const ann = random.bytes(1024);
      ann.set(random.pick(good).ann.subarray(0, 88));
      writeU32(ann, 4, random.word());
      return {ann, parent: random.bytes(32)};
    },
    () => {
      const {ann, parent} = random.pick(good);
      return {ann: mutateInPlace(ann, random), parent};
    },
    () => {
      const [{ann, parent}, other] = [random.pick(good), random.pick(good)];
      const copy = ann.slice();
      const kind = random.below(4);
      if (kind === 0) copy.set(other.ann.subarray(88, 920), 88);
      else if (kind === 1) copy.copyWithin(88, 88 + 64 * (1 + random.below(11)), 920);
      else if (kind === 2) copy[88 + random.below(832)]! ^= 1 << random.below(8);
      else writeU24(copy, 1, random.below(softNonceMax(annWorkBits(copy))! + 1));
      return {ann: copy, parent};
    },
    (i) => {
      const {ann, parent} = good[Math.floor(i / JOB_RUN) % good.length]!;
      const copy = ann.slice();
      const place = i % JOB_RUN;
      if (place >= 16) {
        writeU24(copy, 1, (readU24(copy, 1) + place) % (softNonceMax(annWorkBits(copy))! + 1));
        copy.set(random.bytes(832), 88);
      }
      return {ann: copy, parent};
    },
  ];
  const anns = new Uint8Array(1024 * count);
  const parents = new Uint8Array(32 * count);
  const kinds = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const kind = Math.floor(i / JOB_RUN) % makers.length;
    const {ann, parent} = makers[kind]!(Math.floor(i / JOB_RUN / makers.length) * JOB_RUN + (i % JOB_RUN));
    anns.set(ann, 1024 * i);
    parents.set(parent, 32 * i);
    kinds[i] = kind;
  }
  return {anns, parents, kinds};
}

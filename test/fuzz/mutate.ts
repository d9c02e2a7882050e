import type {Random} from './random.ts';

/** What may happen to bytes on their way; each gives an array of its own. */
const MUTATIONS: readonly ((bytes: Uint8Array, random: Random) => Uint8Array)[] = [
  (bytes, random) => bytes.slice(0, random.below(bytes.length + 1)),
  (bytes, random) => joined(bytes, random.bytes(1 + random.below(random.toss(16) ? 5000 : 40))),
  (bytes, random) => {
    const copy = bytes.slice();
    for (let n = random.below(8); n >= 0; n--) copy[random.below(copy.length)]! ^= 1 << random.below(8);
    return copy;
  },
  (bytes, random) => {
    const copy = bytes.slice();
    const at = random.below(copy.length);
    const word = random.edgeWord();
    for (let i = 0; i < 4 && at + i < copy.length; i++) copy[at + i] = word >>> (8 * i);
    return copy;
  },
  (bytes, random) => {
    const from = random.below(bytes.length);
    return joined(bytes.slice(0, from), bytes.slice(from + 1 + random.below(40)));
  },
  (bytes, random) => {
    const from = random.below(bytes.length);
    const to = Math.min(bytes.length, from + 1 + random.below(40));
    return joined(bytes.slice(0, to), bytes.slice(from));
  },
  (bytes, random) => {
    const from = random.below(bytes.length);
    const copy = bytes.slice();
    copy.fill(random.pick([0, 0xff, random.below(256)]), from, from + 1 + random.below(64));
    return copy;
  },
  (bytes, random) => random.bytes(random.below(Math.min(2 * bytes.length, 600) + 1)),
];

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

/** A truncated, extended, altered, cut or random version of the bytes, or sometimes a plain copy. Never the same array. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  let changed: Uint8Array = bytes.slice();
  for (let n = random.toss(12) ? 0 : 1 + random.below(2); n > 0; n--) {
    changed = changed.length === 0 ? random.bytes(random.below(8)) : random.pick(MUTATIONS)(changed, random);
  }
  return changed;
}

/** As mutateBytes, but of the same length: for structures whose length is fixed. */
export function mutateInPlace(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = bytes.slice();
  const mutated = mutateBytes(bytes, random);
  changed.set(mutated.subarray(0, changed.length));
  return changed;
}

// What is done with announcements before they are mined with: cheap checks of all, and a full one of some.   pool spec §6.1
import {randomInt} from 'node:crypto';
import {concatBytes} from '../../../core/bytes/index.ts';
import {EngineError} from '../../../core/engines/index.ts';
import {
  ANN_BYTES,
  annParentBlockHeight,
  annSoftNonce,
  annVersion,
  annWorkBits,
  MAX_TARGET,
  softNonceMax,
} from '../../../core/packetcrypt/index.ts';

/** Judges announcements in full, by the 32 bytes of the parent of each; `AnnouncementValidator` does. */
export interface AnnJudge {
  validate(anns: Uint8Array, parentHashes: Uint8Array): Promise<readonly {readonly verdict: string}[]>;
}

export interface AnnIntakeOptions {
  readonly judge: AnnJudge;
  /** Hash of a parent, internal order; undefined for one that is not known. */
  readonly parentHash: (height: number) => Uint8Array | undefined;
  /** True for announcements that are, or will be, worth something. */
  readonly isUsable: (parentHeight: number, workBits: number) => boolean;
  /** Of the block being made. */
  readonly height: () => number;
  /** Uses them at once: their memory is not its own. */
  readonly onAnns: (anns: Uint8Array) => void;
}

/** Sums since the start. */
export interface IntakeCounts {
  received: number;
  /** Handed on. */
  taken: number;
  /** Too old, or worth nothing. */
  useless: number;
  /** Refused because they, or others that came with them, are not what they claim. */
  bad: number;
  /** Fully verified. */
  sampled: number;
}

const SAMPLE = 2;
/** Of a source that has lied before. */
const SUSPICIOUS_SAMPLE = 32;
const VERSION = 1;
const LEAST_EXPONENT = 3;

/** What is wrong with an announcement at a glance; undefined for nothing. */
export function structuralFault(ann: Uint8Array, height: number): string | undefined {
  const workBits = annWorkBits(ann);
  if (annVersion(ann) !== VERSION) return 'version';
  if (annParentBlockHeight(ann) >= height) return 'parent height';
  if (workBits > MAX_TARGET || workBits >>> 24 < LEAST_EXPONENT || (workBits & 0x7fffff) === 0) return 'work bits';
  if (annSoftNonce(ann) > (softNonceMax(workBits) ?? 0)) return 'soft nonce';
  return undefined;
}

export class AnnIntake {
  readonly options: AnnIntakeOptions;
  readonly counts: IntakeCounts = {received: 0, taken: 0, useless: 0, bad: 0, sampled: 0};

  constructor(options: AnnIntakeOptions) {
    this.options = options;
  }

  /**
   * Takes what came together from one source. Gives what is wrong where the source lies: then nothing of it is used.
   *
   * parentHeight  that all of them claim, where the source says so      isSuspicious  the source has lied before
   */
  async take(anns: Uint8Array, parentHeight?: number, isSuspicious = false): Promise<string | undefined> {
    const {isUsable, height, onAnns} = this.options;
    const count = Math.floor(anns.length / ANN_BYTES);
    this.counts.received += count;
    const usable: number[] = [];
    const now = height();
    for (let i = 0; i < count; i++) {
      const ann = annAt(anns, i);
      const fault = structuralFault(ann, now);
      const parent = annParentBlockHeight(ann);
      if (fault !== undefined || (parentHeight !== undefined && parent !== parentHeight)) {
        this.counts.bad += count;
        return fault ?? 'parent height';
      }
      if (isUsable(parent, annWorkBits(ann))) usable.push(i);
    }
    this.counts.useless += count - usable.length;
    const fault = await this.#sample(anns, usable, isSuspicious ? SUSPICIOUS_SAMPLE : SAMPLE);
    if (fault !== undefined) {
      this.counts.bad += usable.length;
      return fault;
    }
    this.counts.taken += usable.length;
    onAnns(usable.length === count ? anns.subarray(0, ANN_BYTES * count) : pick(anns, usable));
    return undefined;
  }

  /** The verdict on the first bad one of some; undefined where all are good, or nothing can be said. */
  async #sample(anns: Uint8Array, usable: readonly number[], wanted: number): Promise<string | undefined> {
    const {judge, parentHash} = this.options;
    const chosen = new Set<number>();
    for (let i = 0; i < wanted && usable.length > 0; i++) chosen.add(usable[randomInt(usable.length)]!);
    const parents = new Map([...chosen].map((place) => [place, parentHash(annParentBlockHeight(annAt(anns, place)))]));
    const known = [...chosen].filter((place) => parents.get(place) !== undefined);
    if (known.length === 0) return undefined;
    try {
      const judged = await judge.validate(pick(anns, known), concatBytes(...known.map((place) => parents.get(place)!)));
      this.counts.sampled += judged.length;
      return judged.find(({verdict}) => verdict !== 'OK')?.verdict;
    } catch (error) {
      // Without threads that judge, announcements are taken as they are; the handler of blocks still verifies.
      if (!(error instanceof EngineError)) throw error;
    }
    return undefined;
  }
}

function annAt(anns: Uint8Array, place: number): Uint8Array {
  return anns.subarray(ANN_BYTES * place, ANN_BYTES * (place + 1));
}

function pick(anns: Uint8Array, places: readonly number[]): Uint8Array {
  const picked = new Uint8Array(ANN_BYTES * places.length);
  for (const [k, place] of places.entries()) picked.set(annAt(anns, place), ANN_BYTES * k);
  return picked;
}

import {decodeHex, equalBytes, readU64} from '../../../core/bytes/index.ts';
import {AddressError, decodeAddress} from '../../../core/consensus/index.ts';
import {type AnnouncementValidator, EngineError} from '../../../core/engines/index.ts';
import {
  ANN_BYTES,
  AnnouncementHashes,
  annParentBlockHeight,
  annSigningKey,
  annVersion,
  annWorkBits,
} from '../../../core/packetcrypt/index.ts';
import type {Network} from '../../../core/params/index.ts';
import {
  type AnnouncementsEvent,
  announcementHandler,
  announcementHandlerByNonce,
  batchIdOf,
  hasNoContent,
  isReservedPrefix,
} from '../../../core/protocol/pool/index.ts';
import type {Log} from '../../../service/logs/log.ts';
import type {EventLog} from '../../../service/pool/event-log.ts';
import type {PoolState} from '../../../service/pool/pool-follower.ts';
import type {AnnFiles} from './ann-files.ts';
import {SubmitError} from './errors.ts';
import {QueueDelay} from './queue-delay.ts';
import type {SeenStore} from './seen-store.ts';

/** Parents whose announcements are taken: the tip and five below it. */
export const TRACKED_PARENTS = 6;
export const MAX_POST_ANNS = 1024;
/** Who waits longer for an answer gives up, or sends again what is being judged. */
const MAX_DELAY_MS = 1500;
const SVER_BY_NONCE = 2;
const MAX_PAYTO = 100;
const HASH_BYTES = 32;

export interface AnnHandlerOptions {
  readonly network: Network;
  /** As it stands in the pool's list, with /submit. */
  readonly publicUrl: string;
  readonly validator: AnnouncementValidator;
  readonly seen: SeenStore;
  readonly events: EventLog;
  readonly files: AnnFiles;
  /** Where accepted announcements go beside the files: the sprayer. */
  readonly onAccepted?: (anns: Uint8Array) => void;
  /** Wall clock, milliseconds. */
  readonly nowMs: () => number;
  /** A clock that only goes forward, milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

/** What stands around the announcements of a post. */
export interface SubmitHeaders {
  readonly worknum: string | undefined;
  readonly payto: string | undefined;
  readonly sver: string | undefined;
}

export interface Submitted {
  readonly result: AnnouncementsEvent;
  /** Announcements whose work was not what they claim: no honest miner makes them. */
  readonly forged: number;
  readonly warn: readonly string[];
}

/** Announcements since the start, and posts. */
export interface AnnCounts {
  accepted: number;
  dup: number;
  inval: number;
  overloaded: number;
  posts: number;
}

/** Where this handler stood in a list of the pool. */
interface Routing {
  readonly number: number;
  readonly count: number;
}

interface Slot {
  readonly height: number;
  /** Shown order. */
  readonly hash: string;
  /** Internal order. */
  readonly parentHash: Uint8Array;
  readonly sigKey: Uint8Array | undefined;
}

/** Sums of one post. */
interface Judged {
  readonly good: readonly number[];
  readonly prefixes: readonly bigint[];
  /** Of the whole post. */
  id: string;
  inval: number;
  forged: number;
  /** Why the first bad one is bad. */
  reason: string | undefined;
}

/**
 * Takes announcements of miners: each is judged by itself, none is taken twice, also over a restart, and what a miner is told
 * is on disk before.   pool spec §4
 */
export class AnnHandler {
  readonly #options: AnnHandlerOptions;
  readonly #hashes = new AnnouncementHashes(MAX_POST_ANNS);
  readonly #slots = new Map<number, Slot>();
  readonly #delay: QueueDelay;
  #routings: Routing[] = [];
  #annTargets: number[] = [];
  #versions: readonly number[] = [1];
  #state: PoolState | undefined;
  readonly #counts: AnnCounts = {accepted: 0, dup: 0, inval: 0, overloaded: 0, posts: 0};

  constructor(options: AnnHandlerOptions) {
    this.#options = options;
    this.#delay = new QueueDelay({maxMs: MAX_DELAY_MS, now: options.now});
  }

  /** How long a post that came now would wait for its verdicts, milliseconds. */
  get delayMs(): number {
    return this.#delay.ms;
  }

  /** Sums since the start. */
  get counts(): Readonly<AnnCounts> {
    return this.#counts;
  }

  /** The pool's number of this handler; undefined while the pool does not list it. */
  get number(): number | undefined {
    return this.#routings[0]?.number;
  }

  get isReady(): boolean {
    return this.#routings.length > 0 && this.#slots.size > 0;
  }

  /** Takes what the pool says. Of a changed list of handlers or target the one before stays good for the present block. */
  follow(state: PoolState): void {
    const {submitAnnUrls, annTarget, annVersions} = state.config;
    const isNewBlock = state.config.tipHash !== this.#state?.config.tipHash;
    const number = submitAnnUrls.indexOf(this.#options.publicUrl);
    const routing = number < 0 ? [] : [{number, count: submitAnnUrls.length}];
    const before = this.#routings[0];
    this.#routings = isNewBlock || before === undefined ? routing : [...routing, before];
    this.#annTargets = isNewBlock ? [annTarget] : [...new Set([annTarget, ...this.#annTargets])];
    this.#versions = annVersions.length === 0 ? [1] : annVersions;
    this.#state = state;
    this.#slots.clear();
    const tip = state.config.currentHeight - 1;
    for (const [height, {header, sigKey}] of state.blocks) {
      if (height > tip || height <= tip - TRACKED_PARENTS) continue;
      const parentHash = decodeHex(header.hash).reverse();
      this.#slots.set(height, {
        height,
        hash: header.hash,
        parentHash,
        sigKey: sigKey === null ? undefined : decodeHex(sigKey),
      });
    }
    if (isNewBlock) {
      this.#options.seen.forgetBelow(tip - TRACKED_PARENTS).catch((error: unknown) => {
        this.#options.log.warn('old lists of announcements stay', {error});
      });
    }
  }

  /** Judges a post and writes down what is taken. Throws SubmitError, StoreError. */
  async submit(body: Uint8Array, headers: SubmitHeaders): Promise<Submitted> {
    this.#counts.posts++;
    const {payTo, sver, height} = readHeaders(headers);
    if (!this.isReady) throw new SubmitError('not-ready');
    if (body.length % ANN_BYTES !== 0) throw new SubmitError('bad-size');
    if (body.length > MAX_POST_ANNS * ANN_BYTES) throw new SubmitError('too-large');
    const slot = this.#slots.get(height);
    if (slot === undefined) {
      const tip = this.#state!.config.currentHeight - 1;
      throw new SubmitError('wrong-height', `block number out of range, expect ${tip} got ${height}`);
    }
    const warn = this.#warnings(payTo);
    if (!this.#delay.hasRoom(body.length / ANN_BYTES)) throw this.#overloaded(body);
    const judged = await this.#judge(body, slot, sver);
    const seen = await this.#options.seen.of(slot.height, slot.hash);
    // A reorganisation while they were judged has made them worthless.
    if (this.#slots.get(height)?.hash !== slot.hash) throw new SubmitError('wrong-height');
    const isNew = seen.add(judged.prefixes);
    const accepted = judged.good.filter((_, i) => isNew[i]);
    const event = this.#event(body, payTo, judged, accepted);
    if (judged.good.length === 0 && judged.reason !== undefined)
      throw new SubmitError('all-refused', judged.reason, 400, judged.forged);
    if (accepted.length > 0) {
      const fresh = judged.prefixes.filter((_, i) => isNew[i]);
      try {
        await seen.save(fresh);
        if (warn.length === 0) await this.#options.events.append(event);
      } catch (error) {
        seen.revoke(fresh);
        throw error;
      }
      this.#handOut(body, accepted, slot.height);
    }
    this.#counts.accepted += event.accepted;
    this.#counts.dup += event.dup;
    this.#counts.inval += event.inval;
    return {result: event, warn, forged: judged.forged};
  }

  /** A misspelt address cannot be paid; the miner hears of it at once. */
  #warnings(payTo: string): string[] {
    try {
      decodeAddress(payTo, this.#options.network.addresses);
      return [];
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      return [`nobody is paid for this: ${payTo} is no address of ${this.#options.network.name} (${error.code})`];
    }
  }

  /** What is wrong with an announcement before its work is looked at. */
  #refusal(ann: Uint8Array, prefix: bigint, slot: Slot, sver: number): string | undefined {
    const key = annSigningKey(ann);
    if (key !== undefined && slot.sigKey === undefined) return 'unexpected signed ann';
    if (key !== undefined && !equalBytes(key, slot.sigKey!)) return 'wrong signing key';
    const parent = annParentBlockHeight(ann);
    if (parent !== slot.height) return `wrong parent block height, want ${slot.height} got ${parent}`;
    if (this.#annTargets.every((target) => annWorkBits(ann) > target)) return 'not enough work';
    if (isReservedPrefix(prefix)) return 'zero or fff hash';
    if (!this.#routings.some((routing) => isRouted(ann, prefix, sver, routing))) return 'submit elsewhere';
    return this.#versions.includes(annVersion(ann)) ? undefined : 'unsupported ann version';
  }

  async #judge(body: Uint8Array, slot: Slot, sver: number): Promise<Judged> {
    const judged: Judged & {good: number[]; prefixes: bigint[]} = {
      good: [],
      prefixes: [],
      id: '',
      inval: 0,
      forged: 0,
      reason: undefined,
    };
    const {each, whole} = this.#hashes.hash(body);
    judged.id = batchIdOf(whole);
    const plausible: number[] = [];
    const prefixes: bigint[] = [];
    for (let i = 0; i < body.length / ANN_BYTES; i++) {
      const ann = annAt(body, i);
      const prefix = readU64(each, HASH_BYTES * i);
      const reason = this.#refusal(ann, prefix, slot, sver);
      if (reason === undefined) {
        plausible.push(i);
        prefixes.push(prefix);
        continue;
      }
      judged.inval++;
      judged.reason ??= reason;
    }
    const verdicts = await this.#validate(pick(body, plausible), slot);
    for (const [k, verdict] of verdicts.entries()) {
      if (verdict === 'OK') {
        judged.good.push(plausible[k]!);
        judged.prefixes.push(prefixes[k]!);
      } else {
        judged.inval++;
        judged.forged++;
        judged.reason ??= `check_ann() -> ${verdict}`;
      }
    }
    return judged;
  }

  async #validate(anns: Uint8Array, {parentHash}: Slot): Promise<string[]> {
    if (anns.length === 0) return [];
    const leave = this.#delay.enter(anns.length / ANN_BYTES);
    try {
      return (await this.#options.validator.validate(anns, parentHash)).map(({verdict}) => verdict);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (error.code !== 'overloaded') throw new SubmitError('disconnected', undefined, 503);
      throw this.#overloaded(anns);
    } finally {
      leave();
    }
  }

  #overloaded(anns: Uint8Array): SubmitError {
    this.#counts.overloaded += anns.length / ANN_BYTES;
    return new SubmitError('overloaded', undefined, 503);
  }

  #event(body: Uint8Array, payTo: string, judged: Judged, accepted: readonly number[]): AnnouncementsEvent {
    const posted = Array.from({length: body.length / ANN_BYTES}, (_, i) => annAt(body, i));
    const taken = accepted.map((i) => posted[i]!);
    return {
      type: 'anns',
      accepted: accepted.length,
      dup: judged.good.length - accepted.length,
      inval: judged.inval,
      badHash: 0,
      runt: 0,
      internalErr: 0,
      payTo,
      unsigned: posted.filter((ann) => annSigningKey(ann) === undefined).length,
      totalLen: 0,
      target: taken.reduce((easiest, ann) => Math.max(easiest, annWorkBits(ann)), 0) || this.#annTargets[0]!,
      time: this.#options.nowMs(),
      eventId: judged.id,
    };
  }

  #handOut(body: Uint8Array, accepted: readonly number[], height: number): void {
    const anns = pick(body, accepted);
    this.#options.files.add(height, anns);
    this.#options.onAccepted?.(anns);
  }
}

function annAt(body: Uint8Array, place: number): Uint8Array {
  return body.subarray(ANN_BYTES * place, ANN_BYTES * (place + 1));
}

function isRouted(ann: Uint8Array, prefix: bigint, sver: number, {number, count}: Routing): boolean {
  if (sver < SVER_BY_NONCE) return hasNoContent(ann) && announcementHandler(prefix, count) === number;
  return !hasNoContent(ann) && announcementHandlerByNonce(ann, count) === number;
}

function pick(body: Uint8Array, places: readonly number[]): Uint8Array {
  const anns = new Uint8Array(ANN_BYTES * places.length);
  for (const [k, place] of places.entries()) {
    anns.set(annAt(body, place), ANN_BYTES * k);
  }
  return anns;
}

function readNumber(name: string, text: string | undefined): number {
  if (text === undefined || !/^\d{1,10}$/.test(text)) {
    throw new SubmitError('bad-header', `missing or wrong header ${name}: a decimal number is expected`);
  }
  return Number(text);
}

function readHeaders({worknum, payto, sver}: SubmitHeaders): {payTo: string; sver: number; height: number} {
  const height = readNumber('x-pc-worknum', worknum) - 1;
  if (payto === undefined) throw new SubmitError('bad-header', 'missing header x-pc-payto');
  if (payto.length > MAX_PAYTO) throw new SubmitError('bad-payto', 'payto too long');
  if (!/^[a-zA-Z0-9]+$/.test(payto)) throw new SubmitError('bad-payto', `invalid payto ${payto}`);
  return {payTo: payto, sver: readNumber('x-pc-sver', sver), height};
}

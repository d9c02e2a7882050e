// Lines of an uploaded log.   pool spec §9.2
import {AddressError, decodeAddress} from '../../../core/consensus/index.ts';
import type {Network} from '../../../core/params/index.ts';
import {isTarget} from '../../../core/protocol/pool/index.ts';

export type EventKind = 'anns' | 'share' | 'block';

/** What counts of one event. Fields that its kind does not have are 0, empty or undefined. */
export interface ReadEvent {
  readonly kind: EventKind;
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Whom it pays; empty where that is no address that the node can pay. */
  readonly payTo: string;
  /** Compact. */
  readonly target: number;
  /** Announcements taken, and those of them that are paid; 1 for a share. */
  readonly accepted: number;
  readonly payable: number;
  readonly encryptions: number;
  /** Shown order: of a won block, or of the block. */
  readonly hash: string | undefined;
  readonly height: number;
  readonly difficulty: number;
}

export interface ReadUpload {
  readonly events: readonly ReadEvent[];
  /** Lines that are no events. */
  readonly bad: number;
  /** Events whose address cannot be paid. */
  readonly unpayable: number;
  /** `time` of the last line that has one. */
  readonly lastTime: number | undefined;
}

export interface EventRules {
  readonly network: Network;
  /** True where announcements that are not signed are paid too. */
  readonly paysUnsigned: boolean;
}

const DEFAULT_TARGET = 0x20000fff;
const MAX_ANN_TARGET = 0x207fffff;
const MAX_ADDRESS = 100;
const MAX_ID = 64;
const MAX_LINE = 10_000;
const MAX_COUNT = 0xffffffff;
const MAX_ENCRYPTIONS = 2 ** 62;
const TWO_256 = 2 ** 256;
/** One announcement per 16 KiB of content is not paid. */
const CONTENT_SHIFT = 14;

type Fields = Readonly<Record<string, unknown>>;

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= MAX_COUNT
    ? value
    : undefined;
}

function textHash(value: unknown): string | undefined {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) ? value : undefined;
}

function targetOf(value: unknown): number | undefined {
  return value === undefined || value === null ? DEFAULT_TARGET : count(value);
}

function payableAnns(
  accepted: number,
  unsigned: number,
  totalLen: number,
  target: number,
  paysUnsigned: boolean,
): number {
  if (target > MAX_ANN_TARGET || !isTarget(target)) return 0;
  const paid = paysUnsigned ? accepted : Math.max(0, accepted - unsigned);
  return Math.max(0, paid - Math.floor(totalLen / 2 ** CONTENT_SHIFT));
}

function wholeWork(target: number): number {
  return Math.floor(TWO_256 / ((target & 0xffffff) * 2 ** (8 * ((target >>> 24) - 3)) + 1));
}

/** Reads uploads; remembers which addresses can be paid. */
export class EventReader {
  readonly #rules: EventRules;
  readonly #payable = new Map<string, boolean>();

  constructor(rules: EventRules) {
    this.#rules = rules;
  }

  #canPay(address: string): boolean {
    let known = this.#payable.get(address);
    if (known !== undefined) return known;
    try {
      decodeAddress(address, this.#rules.network.addresses);
      known = true;
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      known = false;
    }
    if (this.#payable.size >= MAX_REMEMBERED) this.#payable.clear();
    this.#payable.set(address, known);
    return known;
  }

  #payTo(value: unknown): string | undefined {
    if (typeof value !== 'string') return undefined;
    return value.length <= MAX_ADDRESS && this.#canPay(value) ? value : '';
  }

  #anns(fields: Fields, base: Pick<ReadEvent, 'id' | 'time'>): ReadEvent | undefined {
    const payTo = this.#payTo(fields['payTo']);
    const target = targetOf(fields['target']);
    const [accepted, unsigned, totalLen] = ['accepted', 'unsigned', 'totalLen'].map((key) => count(fields[key]));
    if (payTo === undefined || target === undefined) return undefined;
    if (accepted === undefined || unsigned === undefined || totalLen === undefined) return undefined;
    const payable = payableAnns(accepted, unsigned, totalLen, target, this.#rules.paysUnsigned);
    const encryptions = isTarget(target) ? Math.min(MAX_ENCRYPTIONS, wholeWork(target) * accepted) : 0;
    return makeEvent('anns', base, payTo, target, accepted, payable, encryptions);
  }

  #share(fields: Fields, base: Pick<ReadEvent, 'id' | 'time'>): ReadEvent | undefined {
    const payTo = this.#payTo(fields['payTo']);
    const target = targetOf(fields['target']);
    if (payTo === undefined || target === undefined || !isTarget(target)) return undefined;
    const given = fields['encryptions'];
    const encryptions = typeof given === 'number' && given > 0 ? Math.min(MAX_ENCRYPTIONS, Math.floor(given)) : 0;
    return makeEvent('share', base, payTo, target, 0, 1, encryptions, textHash(fields['headerHash']));
  }

  #block(fields: Fields, base: Pick<ReadEvent, 'id' | 'time'>): ReadEvent | undefined {
    const {height, difficulty} = fields as {height?: unknown; difficulty?: unknown};
    const known = count(height);
    if (known === undefined || typeof difficulty !== 'number' || !(difficulty > 0)) return undefined;
    if (!Number.isFinite(difficulty)) return undefined;
    return makeEvent('block', base, '', 0, 0, 0, 0, textHash(fields['hash']), known, difficulty);
  }

  #event(fields: Fields): ReadEvent | undefined {
    const {type, time, eventId} = fields as {type?: unknown; time?: unknown; eventId?: unknown};
    if (typeof eventId !== 'string' || !isId(eventId)) return undefined;
    if (typeof type !== 'string' || !isTime(time)) return undefined;
    const base = {id: eventId, time: Math.floor(time)};
    // Existing handlers are told apart by this field alone.
    if (type === 'anns' || fields['accepted']) return this.#anns(fields, base);
    if (type === 'share') return this.#share(fields, base);
    return type === 'block' ? this.#block(fields, base) : undefined;
  }

  /** Never throws: what is no event is counted. */
  read(body: Uint8Array): ReadUpload {
    const events: ReadEvent[] = [];
    let bad = 0;
    let lastTime: number | undefined;
    for (const line of new TextDecoder().decode(body).split('\n')) {
      if (line.trim() === '') continue;
      const fields = line.length > MAX_LINE ? undefined : parseFields(line);
      if (fields !== undefined && isTime(fields['time'])) lastTime = Math.floor(fields['time']);
      const event = fields === undefined ? undefined : this.#event(fields);
      if (event === undefined) bad++;
      else events.push(event);
    }
    const unpayable = events.filter(({kind, payTo}) => kind !== 'block' && payTo === '').length;
    return {events, bad, unpayable, lastTime};
  }
}

const MAX_REMEMBERED = 100_000;

/** All events have one shape, field after field: millions of them pass here, and copies of objects by `...` cost more than all else. */
function makeEvent(
  kind: EventKind,
  {id, time}: Pick<ReadEvent, 'id' | 'time'>,
  payTo: string,
  target: number,
  accepted: number,
  payable: number,
  encryptions: number,
  hash: string | undefined = undefined,
  height = 0,
  difficulty = 0,
): ReadEvent {
  return {kind, id, time, payTo, target, accepted, payable, encryptions, hash, height, difficulty};
}

/** Control characters and halves of characters are not the same in every database. */
function isId(text: string): boolean {
  return text.length > 0 && text.length <= MAX_ID && !/[\p{Cc}\p{Cs}]/u.test(text);
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

function parseFields(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

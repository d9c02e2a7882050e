// JSON documents of a pool.   pool spec §2.2, §2.3, §2.4, §9.2
import {PoolError} from './errors.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The master's config.json. */
export interface PoolConfig {
  /** Shown order; the parent of the block being made. */
  readonly tipHash: string;
  /** Of the block being made. */
  readonly currentHeight: number;
  readonly masterUrl: string;
  readonly submitAnnUrls: readonly string[];
  readonly downloadAnnUrls: readonly string[];
  readonly submitBlockUrls: readonly string[];
  readonly paymakerUrl: string;
  readonly version: number;
  readonly softVersion: number;
  readonly annVersions: readonly number[];
  readonly mineOldAnns: number;
  /** Compact; the easiest announcement that is taken. */
  readonly annTarget: number;
  /** Where blkinfo documents are, if not at the pool. */
  readonly blkinfoUrl?: string;
}

/** What is known of a block of the chain for ever. */
export interface BlockInfo {
  readonly header: {
    readonly hash: string;
    readonly height: number;
    readonly version: number;
    readonly versionHex: string;
    readonly merkleroot: string;
    readonly time: number;
    readonly nonce: number;
    readonly bits: string;
    readonly difficulty: number;
    readonly previousblockhash: string;
  };
  /** Key with which announcements on this block must be signed. */
  readonly sigKey: string | null;
}

/** The answer to announcements, and the event that pays them. */
export interface AnnouncementsEvent {
  readonly type: 'anns';
  readonly accepted: number;
  readonly dup: number;
  readonly inval: number;
  readonly badHash: number;
  readonly runt: number;
  readonly internalErr: number;
  readonly payTo: string;
  readonly unsigned: number;
  readonly totalLen: number;
  readonly target: number;
  readonly time: number;
  readonly eventId: string;
}

/** The answer to a share, and the event that pays it. */
export interface ShareEvent {
  readonly type: 'share';
  readonly payTo: string;
  readonly block: boolean;
  readonly time: number;
  readonly eventId: string;
  readonly headerHash?: string;
  readonly target: number;
  /** Decimal, since JSON numbers are too small. */
  readonly annCount: string;
  readonly annMinWork: number;
  readonly encryptions: number;
}

/** A block has joined the chain. */
export interface BlockEvent {
  readonly type: 'block';
  readonly hash: string;
  readonly height: number;
  readonly difficulty: number;
  readonly time: number;
  readonly eventId: string;
}

export type PoolEvent = AnnouncementsEvent | ShareEvent | BlockEvent;

/** Around every answer to a POST. */
export interface PoolEnvelope<Result> {
  readonly result: Result;
  readonly error: readonly string[];
  readonly warn: readonly string[];
}

function fieldsOf(value: unknown, where: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new PoolError('bad-document', {where});
  return value as Fields;
}

/** Reads fields of one object; what is wrong is told with its name. */
class FieldReader {
  readonly #fields: Fields;
  readonly #where: string;

  constructor(value: unknown, where: string) {
    this.#fields = fieldsOf(value, where);
    this.#where = where;
  }

  #bad(field: string): PoolError {
    return new PoolError('bad-document', {where: this.#where, field});
  }

  value(field: string): unknown {
    return this.#fields[field];
  }

  text(field: string, pattern = /^.{0,2000}$/s): string {
    const value = this.#fields[field];
    if (typeof value !== 'string' || !pattern.test(value)) throw this.#bad(field);
    return value;
  }

  integer(field: string, min = 0, max = 0xffffffff): number {
    const value = this.#fields[field];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) throw this.#bad(field);
    return value;
  }

  number(field: string): number {
    const value = this.#fields[field];
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.#bad(field);
    return value;
  }

  flag(field: string): boolean {
    const value = this.#fields[field];
    if (typeof value !== 'boolean') throw this.#bad(field);
    return value;
  }

  texts(field: string): string[] {
    const value = this.#fields[field];
    if (!Array.isArray(value) || value.length > MAX_LIST || !value.every((entry) => typeof entry === 'string')) {
      throw this.#bad(field);
    }
    return value as string[];
  }

  integers(field: string): number[] {
    const value = this.#fields[field];
    if (!Array.isArray(value) || value.length > MAX_LIST || !value.every((entry) => Number.isSafeInteger(entry))) {
      throw this.#bad(field);
    }
    return value as number[];
  }
}

const MAX_LIST = 1000;
const HASH_HEX = /^[0-9a-f]{64}$/;
const WORD_HEX = /^[0-9a-f]{8}$/;
const ID_HEX = /^[0-9a-f]{32}$/;

/** Reads config.json as parsed. Throws PoolError 'bad-document'. */
export function readPoolConfig(value: unknown): PoolConfig {
  const fields = new FieldReader(value, 'config.json');
  const blkinfoUrl = fields.value('blkinfoUrl') === undefined ? undefined : fields.text('blkinfoUrl');
  return {
    tipHash: fields.text('tipHash', HASH_HEX),
    currentHeight: fields.integer('currentHeight', 0, 0x7fffffff),
    masterUrl: fields.text('masterUrl'),
    submitAnnUrls: fields.texts('submitAnnUrls'),
    downloadAnnUrls: fields.texts('downloadAnnUrls'),
    submitBlockUrls: fields.texts('submitBlockUrls'),
    paymakerUrl: fields.text('paymakerUrl'),
    version: fields.integer('version'),
    softVersion: fields.integer('softVersion'),
    annVersions: fields.integers('annVersions'),
    mineOldAnns: fields.integer('mineOldAnns'),
    annTarget: fields.integer('annTarget'),
    ...(blkinfoUrl !== undefined && {blkinfoUrl}),
  };
}

/** Reads a blkinfo document as parsed. Throws PoolError 'bad-document'. */
export function readBlockInfo(value: unknown): BlockInfo {
  const outer = new FieldReader(value, 'blkinfo');
  const header = new FieldReader(outer.value('header'), 'blkinfo header');
  const sigKey = outer.value('sigKey');
  return {
    header: {
      hash: header.text('hash', HASH_HEX),
      height: header.integer('height', 0, 0x7fffffff),
      version: header.integer('version'),
      versionHex: header.text('versionHex', WORD_HEX),
      merkleroot: header.text('merkleroot', HASH_HEX),
      time: header.integer('time'),
      nonce: header.integer('nonce'),
      bits: header.text('bits', WORD_HEX),
      difficulty: header.number('difficulty'),
      previousblockhash: header.text('previousblockhash', HASH_HEX),
    },
    sigKey: sigKey === null ? null : outer.text('sigKey', HASH_HEX),
  };
}

/** Reads the result of an upload of announcements. Throws PoolError 'bad-document'. */
export function readAnnouncementsResult(value: unknown): AnnouncementsEvent {
  const fields = new FieldReader(value, 'announcements result');
  if (fields.value('type') !== 'anns') throw new PoolError('bad-document', {field: 'type'});
  return {
    type: 'anns',
    accepted: fields.integer('accepted'),
    // Existing handlers underflow here.
    dup: fields.integer('dup'),
    inval: fields.integer('inval'),
    badHash: fields.integer('badHash'),
    runt: fields.integer('runt'),
    internalErr: fields.integer('internalErr'),
    payTo: fields.text('payTo'),
    unsigned: fields.integer('unsigned'),
    totalLen: fields.integer('totalLen'),
    target: fields.integer('target'),
    time: fields.integer('time', 0, Number.MAX_SAFE_INTEGER),
    eventId: fields.text('eventId', ID_HEX),
  };
}

/** What a block miner reads of the answer to a share. */
export type ShareResult = Pick<ShareEvent, 'type' | 'payTo' | 'block' | 'time' | 'eventId' | 'target' | 'headerHash'>;

/** Reads the result of an upload of a share. Throws PoolError 'bad-document'. */
export function readShareResult(value: unknown): ShareResult {
  const fields = new FieldReader(value, 'share result');
  if (fields.value('type') !== 'share') throw new PoolError('bad-document', {field: 'type'});
  const headerHash = fields.value('headerHash');
  return {
    type: 'share',
    payTo: fields.text('payTo'),
    block: fields.flag('block'),
    time: fields.integer('time', 0, Number.MAX_SAFE_INTEGER),
    eventId: fields.text('eventId', ID_HEX),
    target: fields.integer('target'),
    ...(typeof headerHash === 'string' && {headerHash: fields.text('headerHash', HASH_HEX)}),
  };
}

/** Reads an envelope as parsed; `result` is left as it is. Throws PoolError 'bad-document'. */
export function readEnvelope(value: unknown): PoolEnvelope<unknown> {
  const fields = new FieldReader(value, 'answer');
  return {result: fields.value('result'), error: fields.texts('error'), warn: fields.texts('warn')};
}

/** Tab-indented, as existing masters write their documents. */
export function encodeDocument(document: PoolConfig | BlockInfo): string {
  return JSON.stringify(document, null, '\t');
}

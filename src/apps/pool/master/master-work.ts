// What the master hands out, as a function of the node's template and the settings alone, so that two masters say the same.
// pool spec §3.1–§3.3, §7
import {BytesError, decodeHex, readU32} from '../../../core/bytes/index.ts';
import {HEADER_BYTES} from '../../../core/packetcrypt/index.ts';
import {
  type BlockInfo,
  encodeTemplateFile,
  encodeWork,
  type PoolConfig,
  PoolError,
  shareTarget,
} from '../../../core/protocol/pool/index.ts';
import {signingSeed} from '../../../service/pool/signing-seed.ts';

const BITS_OFFSET = 72;
const PREVIOUS_OFFSET = 4;

/** What getrawblocktemplate gives. */
export interface RawTemplate {
  readonly height: number;
  readonly header: string;
  readonly coinbase_no_witness: string;
  readonly merklebranch: readonly string[];
  readonly transactions: readonly string[];
}

export interface MasterSettings {
  readonly masterUrl: string;
  readonly submitAnnUrls: readonly string[];
  readonly downloadAnnUrls: readonly string[];
  readonly submitBlockUrls: readonly string[];
  readonly paymakerUrl: string;
  readonly annVersions: readonly number[];
  readonly mineOldAnns: number;
  /** Compact. */
  readonly annTarget: number;
  /** How much easier than a block's the target of shares is; or that target itself. */
  readonly shareWorkDivisor: number | undefined;
  readonly shareTarget: number | undefined;
  /** Of the keys that announcements must be signed with; null: they are not signed. */
  readonly privateSeed: string | null;
}

/** Public key of a seed of 32 bytes. */
export type PublicKeyOf = (seed: Uint8Array) => Uint8Array;

/** Everything for one height. */
export interface MasterWork {
  readonly height: number;
  /** Shown order. */
  readonly tipHash: string;
  readonly work: Uint8Array;
  readonly template: Uint8Array;
  readonly config: PoolConfig;
}

function hexOf(text: unknown): Uint8Array {
  if (typeof text !== 'string') throw new PoolError('bad-document', {where: 'getrawblocktemplate'});
  try {
    return decodeHex(text);
  } catch (error) {
    if (!(error instanceof BytesError)) throw error;
    throw new PoolError('bad-document', {where: 'getrawblocktemplate'}, error);
  }
}

/** Reads what a node gave. Throws PoolError 'bad-document'. */
export function readTemplate(value: unknown): RawTemplate {
  const {height, header, coinbase_no_witness, merklebranch, transactions} = (value ?? {}) as Partial<RawTemplate>;
  const isTexts = (list: unknown): boolean => Array.isArray(list) && list.every((entry) => typeof entry === 'string');
  if (!Number.isSafeInteger(height) || typeof header !== 'string' || header.length !== 2 * HEADER_BYTES) {
    throw new PoolError('bad-document', {where: 'getrawblocktemplate', field: 'header'});
  }
  if (typeof coinbase_no_witness !== 'string' || !isTexts(merklebranch) || !isTexts(transactions)) {
    throw new PoolError('bad-document', {where: 'getrawblocktemplate', field: 'coinbase_no_witness'});
  }
  return value as RawTemplate;
}

/** Key that announcements on the parent of a height must be signed with; zeros where they are not signed. */
export function signingKey({privateSeed}: MasterSettings, height: number, publicKeyOf: PublicKeyOf): Uint8Array {
  return privateSeed === null ? new Uint8Array(32) : publicKeyOf(signingSeed(privateSeed, height));
}

/** Shown hash of the block that a template stands on. */
export function tipOf(template: RawTemplate): string {
  return Buffer.from(
    hexOf(template.header)
      .slice(PREVIOUS_OFFSET, PREVIOUS_OFFSET + 32)
      .reverse(),
  ).toString('hex');
}

/** Throws PoolError 'bad-document' for a template that is none. */
export function makeWork(template: RawTemplate, settings: MasterSettings, publicKeyOf: PublicKeyOf): MasterWork {
  const {height} = template;
  const header = hexOf(template.header);
  const coinbase = hexOf(template.coinbase_no_witness);
  const branch = template.merklebranch.map(hexOf);
  const target = settings.shareTarget ?? shareTarget(readU32(header, BITS_OFFSET), settings.shareWorkDivisor);
  const work = encodeWork({
    header,
    signingKey: signingKey(settings, height, publicKeyOf),
    shareTarget: target,
    annTarget: settings.annTarget,
    height,
    coinbase,
    branch,
  });
  const file = encodeTemplateFile({height, header, coinbase, branch, transactions: template.transactions.map(hexOf)});
  const tipHash = tipOf(template);
  return {height, tipHash, work, template: file, config: configOf(settings, tipHash, height)};
}

function configOf(settings: MasterSettings, tipHash: string, currentHeight: number): PoolConfig {
  const {masterUrl, submitAnnUrls, downloadAnnUrls, submitBlockUrls, paymakerUrl} = settings;
  return {
    tipHash,
    currentHeight,
    masterUrl,
    submitAnnUrls,
    downloadAnnUrls,
    submitBlockUrls,
    paymakerUrl,
    version: 3,
    softVersion: 1,
    annVersions: settings.annVersions,
    mineOldAnns: settings.mineOldAnns,
    annTarget: settings.annTarget,
  };
}

/** A work file for a height whose own was never made: existing block handlers ask for it and would wait for ever. pool spec §2.2.2 */
export function makeOldWork({header}: BlockInfo): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes.set(hexOf(header.hash).reverse(), PREVIOUS_OFFSET);
  return encodeWork({
    header: bytes,
    signingKey: new Uint8Array(32),
    shareTarget: 0,
    annTarget: 0,
    height: header.height + 1,
    coinbase: new Uint8Array(0),
    branch: [],
  });
}

/** The document of a block from the node's verbose header: what never changes about it. Throws PoolError. */
export function blockInfoOf(verbose: unknown, sigKey: string | null): BlockInfo {
  const {confirmations: _c, nextblockhash: _n, ...header} = (verbose ?? {}) as Record<string, unknown>;
  const bits = header['bits'];
  if (typeof bits !== 'string') throw new PoolError('bad-document', {where: 'getblockheader'});
  // Nodes leave out leading zeros, which existing clients need.
  return {header: {...header, bits: bits.padStart(8, '0')}, sigKey} as unknown as BlockInfo;
}

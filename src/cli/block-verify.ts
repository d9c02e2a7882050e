import {readFile, stat} from 'node:fs/promises';
import type {Command} from 'commander';
import {concatBytes, copyBytes, encodeHex, Reader, Writer} from '../core/bytes/index.ts';
import {AnnouncementChecker} from '../core/packetcrypt/announcement/announcement-checker.ts';
import {AnnouncementKernel} from '../core/packetcrypt/announcement/announcement-kernel.ts';
import {CHECKER_PAGES} from '../core/packetcrypt/announcement/announcement-memory.ts';
import {
  type AnnouncementJudge,
  BlockError,
  checkBlockProof,
  checkNodeProof,
  checkSignatures,
  HEADER_BYTES,
  isCurrentVersion,
  OUTCOME_VALUES,
  type PacketCryptProof,
  PKT_PROOF_RULES,
  type Profile,
  type ProofResult,
  type ProofRules,
  ProofWireError,
  readProof,
  splitHeaderAndProof,
} from '../core/packetcrypt/index.ts';
import {type BlockEntry, readBlockDocument} from './block-document.ts';
import {EXIT_INTERRUPTED, EXIT_INVALID} from './exit-codes.ts';
import {type CommandContext, flag, makeCommand, type OptionValues, oneOf, optionOr} from './options.ts';
import {formatNumber} from './terminal.ts';
import {fileError, UsageError} from './usage-error.ts';

const MAX_FILE_MIB = 256;
/** Proof versions stand at any height here: the files are samples, not a chain. */
const ANY_HEIGHT: ProofRules = {...PKT_PROOF_RULES, firstVersion2Height: 0, lastVersion1Height: 0xffffffff};

const OPTIONS = {
  json: flag('--json', 'print one JSON object per block'),
  profile: optionOr(
    '--profile <name>',
    'strict: what every program accepts; node: exactly what nodes accept',
    oneOf('strict', 'node'),
    'strict' as Profile,
  ),
};

export function blockVerifyCommand(context: CommandContext): Command {
  const text = {
    name: 'verify',
    summary: 'Verify block proofs and shares in a JSON file.',
    argument: {syntax: '<file>', help: 'a block, an array of blocks, or an object with "blocks"'},
    notes: `A block is {"wire","commit","blockHeight","parentHashes","shareTarget","name"}: header and proof records in hex (what
follows them is ignored), the 48 bytes of the coinbase commitment, the four hashes of the announcements' parents in internal
byte order (without them announcements are not validated), and for shares the compact target; the last three are optional.
Beside "blocks" an object may have "mutations" and "wireMutations", alterations of its blocks as in test/vectors/block.json.
Verdicts: ok, share (only the share target is met) or the code of the specification; "value" is its number in the existing
programs. The heights at which proof versions are allowed are not applied; strict refuses versions below 2.
Exit code 0 only if all are ok or share, 1 if some are not.`,
  };
  return makeCommand(text, OPTIONS, context, verify);
}

/** The announcement check on the kernel. */
function kernelJudge(): AnnouncementJudge {
  const checker = new AnnouncementChecker(new AnnouncementKernel(CHECKER_PAGES));
  return (ann, parentHash, context) => checker.validate(ann, parentHash, context)[0]!;
}

interface Judged {
  readonly verdict: string;
  /** Number of the verdict in the existing programs, null where they have none. */
  readonly value: number | null;
  readonly announcement?: number;
  readonly workHash?: string;
}

/** Header and proof of an entry after its patch. */
interface Parts {
  readonly header: Uint8Array;
  readonly proof: PacketCryptProof;
  readonly commitment: Uint8Array;
  readonly parentHashes: readonly Uint8Array[] | undefined;
}

function partsOf(entry: BlockEntry, profile: Profile): Parts {
  const reader = new Reader(entry.wire.subarray(HEADER_BYTES));
  const proof = readProof(reader, profile);
  const header = entry.wire.subarray(0, HEADER_BYTES);
  const {patch} = entry;
  const commitment = copyBytes(entry.commitment);
  const parents = entry.parentHashes === undefined ? undefined : copyBytes(entry.parentHashes);
  const four = parents && [0, 32, 64, 96].map((at) => parents.subarray(at, at + 32));
  if (patch === undefined) return {header, proof, commitment, parentHashes: four};
  const nonce2 = new Writer().u32(proof.nonce2).finish();
  const whole = concatBytes(header, new Uint8Array(4), nonce2, ...proof.announcements, proof.treeProof);
  const hap = new Uint8Array(Math.max(0, whole.length + patch.lengthDelta));
  hap.set(whole.subarray(0, hap.length));
  if (patch.field !== undefined) {
    const {name, offset, bytes} = patch.field;
    const target = name === 'hap' ? hap : name === 'commit' ? commitment : parents;
    if (target === undefined || offset + bytes.length > target.length) {
      throw new UsageError(`${entry.list}[${entry.index}].patch reaches beyond what it alters`);
    }
    target.set(bytes, offset);
  }
  const split = splitHeaderAndProof(hap);
  return {header: split.header, proof: {...proof, ...split.proof}, commitment, parentHashes: four};
}

function check(entry: BlockEntry, profile: Profile, judge: AnnouncementJudge): ProofResult {
  const {header, proof, commitment, parentHashes} = partsOf(entry, profile);
  const {blockHeight, shareTarget} = entry;
  if (profile === 'node') {
    const parents = parentHashes ?? [undefined, undefined, undefined, undefined];
    const input = {header, proof, commitment, blockHeight, shareTarget, parentHashes: parents};
    return checkNodeProof(input, ANY_HEIGHT, judge);
  }
  const result = checkBlockProof({header, proof, commitment, blockHeight, shareTarget, parentHashes}, {judge});
  checkSignatures(proof);
  // Nodes judge older versions by older rules and allow no content proofs; nothing of the kind is accepted by both.
  if (!isCurrentVersion(proof.version)) throw new BlockError('PROOF_VERSION_NOT_ALLOWED', {version: proof.version});
  if (proof.contentProofs !== undefined) throw new BlockError('ANN_CONTENT_INVALID', {reason: 'not allowed'});
  return result;
}

function judgeEntry(entry: BlockEntry, profile: Profile, judge: AnnouncementJudge): Judged {
  try {
    const {outcome, workHash} = check(entry, profile, judge);
    const verdict = outcome === 'OK' ? 'ok' : 'share';
    return {verdict, value: OUTCOME_VALUES[outcome], workHash: encodeHex(workHash)};
  } catch (error) {
    if (error instanceof ProofWireError) return {verdict: error.code, value: null};
    if (!(error instanceof BlockError)) throw error;
    const {code, value = null, announcement} = error;
    return announcement === undefined ? {verdict: code, value} : {verdict: code, value, announcement};
  }
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    const {size} = await stat(path);
    if (size > MAX_FILE_MIB * 2 ** 20) throw new UsageError(`${path} is larger than ${MAX_FILE_MIB} MiB; split it`);
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw error instanceof UsageError ? error : fileError('read', path, error);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${path} is not JSON: ${(error as Error).message.split('\n')[0]}`);
  }
}

async function verify(
  {json, profile}: OptionValues<typeof OPTIONS>,
  file: string,
  {terminal, interrupted}: CommandContext,
): Promise<number> {
  const entries = readBlockDocument(await readJson(file), file);
  const judge = kernelJudge();
  let good = 0;
  for (const entry of entries) {
    // Lets Ctrl-C be heard.
    await new Promise((resolve) => setImmediate(resolve));
    if (interrupted.aborted) return EXIT_INTERRUPTED;
    const judged = judgeEntry(entry, profile, judge);
    const {list, index, name} = entry;
    if (judged.verdict === 'ok' || judged.verdict === 'share') good++;
    if (json) {
      await terminal.print(JSON.stringify({list, index, name, ...judged}));
    } else {
      const value = judged.value === null ? '' : `, value 0x${judged.value.toString(16)}`;
      const which = judged.announcement === undefined ? '' : `, announcement ${judged.announcement}`;
      await terminal.print(`${list}[${index}] ${name}: ${judged.verdict}${which}${value}`);
    }
  }
  terminal.note(`${formatNumber(entries.length)} judged, ${formatNumber(good)} good`);
  return good === entries.length ? 0 : EXIT_INVALID;
}

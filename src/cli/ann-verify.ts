import type {Command} from 'commander';
import {encodeHex} from '../core/bytes/index.ts';
import {AnnouncementValidator} from '../core/engines/index.ts';
import {
  ANN_BYTES,
  type AnnouncementContext,
  type AnnouncementVerdict,
  annHash,
  PKT_PROOF_RULES,
} from '../core/packetcrypt/index.ts';
import {spawnNodeThread} from '../service/threads/node-threads.ts';
import {EXIT_INTERRUPTED, EXIT_INVALID} from './exit-codes.ts';
import {
  type CommandContext,
  flag,
  hash32,
  makeCommand,
  type OptionValues,
  oneOf,
  optionOr,
  required,
  wholeNumber,
} from './options.ts';
import {readPieces} from './record-file.ts';
import {formatNumber, type Terminal} from './terminal.ts';
import {MAX_CLI_THREADS, standardThreads} from './threads.ts';

/** A piece of the file that is judged at once, and how many are at work: 4096 announcements, three times. */
const PIECE_BYTES = 4 * 1024 * 1024;
const PIECES = 3;

const OPTIONS = {
  parent: required('--parent <hash>', 'hash of their parent block: 64 hex digits, internal byte order', hash32),
  reverse: flag('--reverse', 'the hash is given in the byte order of explorers'),
  json: flag('--json', 'print one JSON object per announcement, in file order'),
  profile: optionOr(
    '--profile <name>',
    'strict: what every program accepts; node: what nodes accept in proofs of version 2',
    oneOf('strict', 'node'),
    'strict',
  ),
  threads: optionOr('--threads <n>', 'threads', wholeNumber(1, MAX_CLI_THREADS), standardThreads(), 'all cores'),
};

export function annVerifyCommand(context: CommandContext): Command {
  const text = {
    name: 'verify',
    summary: 'Verify a file of announcements.',
    argument: {syntax: '<file>', help: 'announcements of 1024 bytes, one after another, all of the same parent block'},
    notes: `With --json each line is {"index","verdict","hash"}: verdict is "ok" or the code of the specification, hash the
identity of the announcement in memory order; valid ones have "workHash" too. A file that ends in a part of an announcement
gets a last line with verdict INVAL, hash null and the "length" of that part.
Exit code 0 only if all announcements are valid, 1 if some are not.`,
  };
  return makeCommand(text, OPTIONS, context, verify);
}

interface Piece {
  readonly anns: Uint8Array;
  /** Bytes behind the last whole announcement; only the last piece has any. */
  readonly rest: number;
  readonly verdicts: Promise<AnnouncementVerdict[]>;
}

/** Counts verdicts and writes them down. */
class Report {
  readonly #terminal: Terminal;
  readonly #json: boolean;
  readonly counts: Map<string, number> = new Map();
  index = 0;

  constructor(terminal: Terminal, json: boolean) {
    this.#terminal = terminal;
    this.#json = json;
  }

  async add({anns, rest, verdicts}: Piece): Promise<void> {
    for (const [k, {verdict, workHash}] of (await verdicts).entries()) {
      const word = verdict === 'OK' ? 'ok' : verdict;
      const hash = (): string => encodeHex(annHash(anns.subarray(k * ANN_BYTES, (k + 1) * ANN_BYTES)));
      const work = workHash === undefined ? {} : {workHash: encodeHex(workHash)};
      if (this.#json) await this.#line(word, {hash: hash(), ...work});
      else if (word !== 'ok') await this.#terminal.print(`announcement ${this.index}: ${word}, hash ${hash()}`);
      this.#count(word);
    }
    if (rest === 0) return;
    if (this.#json) await this.#line('INVAL', {hash: null, length: rest});
    else await this.#terminal.print(`announcement ${this.index}: INVAL, only ${rest} of 1024 bytes`);
    this.#count('INVAL');
  }

  #line(verdict: string, fields: object): Promise<void> {
    return this.#terminal.print(JSON.stringify({index: this.index, verdict, ...fields}));
  }

  #count(word: string): void {
    this.index++;
    this.counts.set(word, (this.counts.get(word) ?? 0) + 1);
  }
}

async function verify(
  values: OptionValues<typeof OPTIONS>,
  file: string,
  {terminal, interrupted}: CommandContext,
): Promise<number> {
  const parentHash = values.reverse ? values.parent.toReversed() : values.parent;
  const context: AnnouncementContext =
    values.profile === 'strict'
      ? {profile: 'strict'}
      : {profile: 'node', proofVersion: 2, firstVersion1Parent: PKT_PROOF_RULES.firstVersion1Parent};
  const validator = new AnnouncementValidator({
    threads: values.threads,
    spawn: spawnNodeThread,
    now: () => performance.now(),
    onCrash: ({thread, error}) => terminal.note(`thread ${thread} died: ${error.message}`),
  });
  const begun = performance.now();
  const report = new Report(terminal, values.json);
  const describe = (): string => {
    const each = [...report.counts].map(([word, count]) => `${formatNumber(count)} ${word}`);
    return `${formatNumber(report.index)} announcements: ${each.join(', ') || 'none'}`;
  };
  const stopWatching = terminal.watch(describe);
  interrupted.addEventListener('abort', () => void validator.close());
  try {
    const pieces: Piece[] = [];
    for await (const bytes of readPieces(file, PIECE_BYTES)) {
      const rest = bytes.length % ANN_BYTES;
      const anns = bytes.subarray(0, bytes.length - rest);
      const verdicts = validator.validate(anns, parentHash, context);
      // A failure is thrown when the piece is reported; until then it is not unhandled.
      verdicts.catch(() => {});
      pieces.push({anns, rest, verdicts});
      if (pieces.length === PIECES) await report.add(pieces.shift()!);
    }
    for (const piece of pieces) await report.add(piece);
  } catch (error) {
    if (interrupted.aborted) return EXIT_INTERRUPTED;
    throw error;
  } finally {
    stopWatching();
    await validator.close();
  }
  terminal.note(`${describe()} (${((performance.now() - begun) / 1000).toFixed(1)} s)`);
  return report.index === (report.counts.get('ok') ?? 0) ? 0 : EXIT_INVALID;
}

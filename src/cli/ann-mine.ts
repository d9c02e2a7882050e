import type {Command} from 'commander';
import {AnnouncementMiner} from '../core/engines/index.ts';
import type {AnnouncementWork} from '../core/packetcrypt/announcement/announcement-search.ts';
import {ANN_BYTES} from '../core/packetcrypt/index.ts';
import {spawnNodeThread} from '../service/threads/node-threads.ts';
import {aborted} from './aborted.ts';
import {EXIT_INTERRUPTED} from './exit-codes.ts';
import {
  anyText,
  type CommandContext,
  flag,
  hash32,
  makeCommand,
  type OptionValues,
  option,
  optionOr,
  required,
  seconds,
  wholeNumber,
  workBits,
} from './options.ts';
import {RecordFile} from './record-file.ts';
import {formatBits, formatNumber} from './terminal.ts';
import {MAX_CLI_THREADS, randomU32, standardThreads} from './threads.ts';

const U32 = wholeNumber(0, 0xffffffff);
const ZERO_32 = new Uint8Array(32);

const OPTIONS = {
  parent: required('--parent <hash>', 'hash of the parent block: 64 hex digits, internal byte order', hash32),
  reverse: flag('--reverse', 'the hash is given in the byte order of explorers'),
  height: required('--height <n>', 'height of the parent block', wholeNumber(0, 0x7fffffff)),
  bits: required('--bits <hex>', 'work of an announcement as compact target, like 207fffff', workBits),
  count: option('--count <n>', 'end after this many announcements', wholeNumber(1, Number.MAX_SAFE_INTEGER)),
  seconds: option('--seconds <s>', 'end after this time', seconds),
  threads: optionOr('--threads <n>', 'mining threads', wholeNumber(1, MAX_CLI_THREADS), standardThreads(), 'all cores'),
  out: optionOr('--out <file>', 'file to append to, 1024 bytes an announcement', anyText, 'announcements.bin'),
  contentType: optionOr('--content-type <n>', 'content type of the announcements', U32, 0),
  contentLength: optionOr('--content-length <n>', 'content length', U32, 0),
  contentHash: optionOr('--content-hash <hex>', '32 bytes: content or its hash', hash32, ZERO_32, 'zero'),
  signingKey: optionOr('--signing-key <hex>', 'public key, 32 bytes', hash32, ZERO_32, 'zero, which means unsigned'),
};

export function annMineCommand(context: CommandContext): Command {
  const text = {
    name: 'mine',
    summary: 'Mine announcements offline, into a file.',
    notes: 'Without --count and --seconds it goes on until Ctrl-C. The file always holds whole announcements.',
  };
  return makeCommand(text, OPTIONS, context, mine);
}

function workOf(values: OptionValues<typeof OPTIONS>): AnnouncementWork {
  return {
    parentHash: values.reverse ? values.parent.toReversed() : values.parent,
    parentBlockHeight: values.height,
    workBits: values.bits,
    contentType: values.contentType,
    contentLength: values.contentLength,
    contentHash: values.contentHash,
    signingKey: values.signingKey,
  };
}

async function mine(
  values: OptionValues<typeof OPTIONS>,
  _argument: string,
  {terminal, interrupted}: CommandContext,
): Promise<number> {
  const wanted = values.count ?? Number.POSITIVE_INFINITY;
  const file = await RecordFile.open(values.out);
  let taken = 0;
  let failure: unknown;
  const ended = new AbortController();
  const fail = (error: unknown): void => {
    failure ??= error;
    ended.abort();
  };
  const miner = new AnnouncementMiner({
    threads: values.threads,
    spawn: spawnNodeThread,
    now: () => performance.now(),
    firstHardNonce: randomU32(),
    onFound: async (anns) => {
      const part = anns.subarray(0, Math.min(anns.length, (wanted - taken) * ANN_BYTES));
      taken += part.length / ANN_BYTES;
      if (taken >= wanted) ended.abort();
      if (part.length > 0) await file.append(part).catch(fail);
    },
    onCrash: ({thread, error, replaced}) => {
      terminal.note(`thread ${thread} died: ${error.message}`);
      if (!replaced) fail(error);
    },
  });
  const begun = performance.now();
  const elapsed = (): number => (performance.now() - begun) / 1000;
  const describe = (): string => {
    const rate = taken / elapsed();
    return (
      `${formatNumber(taken)} announcements, ${formatNumber(rate)}/s, ` +
      `${formatNumber(miner.stats.hashes / elapsed())} hashes/s, ${formatNumber((rate * 8 * ANN_BYTES) / 1e6)} Mbit/s`
    );
  };
  const stopWatching = terminal.watch(describe);
  try {
    miner.start(workOf(values));
    const {seconds: limit} = values;
    const timer = limit === undefined ? undefined : setTimeout(() => ended.abort(), Math.ceil(limit * 1000));
    await aborted(AbortSignal.any([interrupted, ended.signal]));
    clearTimeout(timer);
    await miner.stop();
  } finally {
    stopWatching();
    await miner.close();
    await file.close();
  }
  if (failure !== undefined) throw failure;
  terminal.note(
    `${describe()}, at ${formatBits(values.bits)} in ${elapsed().toFixed(1)} s; ` +
      `${values.out} now holds ${formatNumber(file.count)}`,
  );
  return interrupted.aborted ? EXIT_INTERRUPTED : 0;
}

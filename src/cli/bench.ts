import type {Command} from 'commander';
import {BENCH_TOPICS, type BenchReport, type BenchTopic, runBench} from './bench/index.ts';
import type {BenchRow} from './bench/row.ts';
import {
  type CommandContext,
  flag,
  makeCommand,
  type OptionValues,
  option,
  optionOr,
  seconds,
  wholeNumber,
  workBits,
} from './options.ts';
import {formatNumber} from './terminal.ts';
import {MAX_CLI_THREADS, standardThreads} from './threads.ts';
import {UsageError} from './usage-error.ts';

const OPTIONS = {
  bits: option('--bits <hex>', 'work bits of the announcement rows; by default 2001ffff and 207fffff', workBits),
  threads: optionOr(
    '--threads <n>',
    'threads of the last miner row',
    wholeNumber(1, MAX_CLI_THREADS),
    standardThreads(),
    'all cores',
  ),
  seconds: optionOr('--seconds <s>', 'how long each row is measured, at least', seconds, 2),
  group: option(
    '--group <n>',
    'announcements per job of the verify row; by default 1, 256 and 1024',
    wholeNumber(1, 1024),
  ),
  json: flag('--json', 'print one JSON object with all rows'),
};

export function benchCommand(context: CommandContext): Command {
  const text = {
    name: 'bench',
    summary: 'Measure announcement mining, tables, block mining and verification on this machine.',
    argument: {syntax: '[topic]', help: `${BENCH_TOPICS.join(', ')}; all by default`},
    notes: `Rates are per CPU second and per wall second. The last column divides the former by the yardstick, the MB per CPU second
of OpenSSL's BLAKE2b-512 measured before and after each row, so that it can be compared between machines. Every row is warmed up
and averages over the stated number of random jobs, at least 16.`,
  };
  return makeCommand(text, OPTIONS, context, bench);
}

function topicOf(argument: string | undefined): BenchTopic {
  const wanted = argument ?? 'all';
  const topic = BENCH_TOPICS.find((name) => name === wanted);
  if (topic === undefined) throw new UsageError(`no topic ${wanted}; give one of ${BENCH_TOPICS.join(', ')}.`);
  return topic;
}

const COLUMNS = [
  'row',
  'bits',
  'threads',
  'group',
  'per CPU s',
  'per wall s',
  'unit',
  'jobs',
  'MiB',
  'per yardstick MB',
];

function cells(row: BenchRow): string[] {
  return [
    row.name,
    row.bits ?? '',
    String(row.threads),
    row.group === null ? '' : String(row.group),
    formatNumber(row.perCpuSecond),
    formatNumber(row.perWallSecond),
    row.unit,
    String(row.jobs),
    formatNumber(row.rssMiB),
    (row.perCpuSecond / row.yardstickMBps).toPrecision(3),
  ];
}

/** Columns as wide as their widest cell; words left, numbers right. */
function table(report: BenchReport): string {
  const rows = [COLUMNS, ...report.rows.map(cells)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const isWord = (column: number): boolean => ['row', 'bits', 'unit'].includes(COLUMNS[column]!);
  const line = (row: string[]): string =>
    row
      .map((cell, i) => (isWord(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}

async function bench(
  {bits, threads, seconds: duration, group, json}: OptionValues<typeof OPTIONS>,
  argument: string,
  {terminal}: CommandContext,
): Promise<number> {
  const topic = topicOf(argument);
  // The rows keep this thread busy; Ctrl-C must not wait for them.
  process.removeAllListeners('SIGINT').removeAllListeners('SIGTERM');
  const report = await runBench(
    {
      topic,
      threads,
      seconds: duration,
      ...(bits === undefined ? {} : {bits}),
      ...(group === undefined ? {} : {group}),
    },
    (row) =>
      terminal.note(
        `${row.name}${row.group === null ? '' : ` ${row.group}`}: ${formatNumber(row.perCpuSecond)} ${row.unit} per CPU second`,
      ),
  );
  await terminal.print(json ? JSON.stringify(report) : table(report));
  return 0;
}

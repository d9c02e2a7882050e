// The offline main job: a small chain of its own, every block from its announcements to its verified proof.
import type {Command} from 'commander';
import {runDemo} from './demo/run.ts';
import {type CommandContext, makeCommand, optionOr, wholeNumber, workBits} from './options.ts';
import {formatBits} from './terminal.ts';
import {MAX_CLI_THREADS, standardThreads} from './threads.ts';

const STANDARD_BITS = 0x2001ffff;

const OPTIONS = {
  untilBlock: optionOr('--until-block <n>', 'end after this many blocks', wholeNumber(1, 1_000_000), 1),
  announcements: optionOr('--announcements <n>', 'announcements to mine per block', wholeNumber(1, 1_000_000), 20_000),
  blockHashes: optionOr(
    '--block-hashes <n>',
    'hashes a block takes on average',
    wholeNumber(1, 1_000_000_000),
    800_000,
  ),
  bits: optionOr('--bits <hex>', 'work of an announcement', workBits, STANDARD_BITS, formatBits(STANDARD_BITS)),
  threads: optionOr('--threads <n>', 'threads', wholeNumber(1, MAX_CLI_THREADS), standardThreads(), 'all cores'),
};

export function demoCommand(context: CommandContext): Command {
  const text = {
    name: 'demo',
    summary: 'Mine announcements, check them, mine a block over them and verify its proof, all offline.',
    notes: `This is what npm start runs. Parent blocks are made up; everything else is real. The difficulty of the block is set by
--block-hashes, so that it takes some seconds. The last line on stdout is a JSON summary.
Exit code 0 when every block was mined and verified, 130 after Ctrl-C.`,
  };
  return makeCommand(text, OPTIONS, context, (values) => runDemo(values, context));
}

// The main job: a whole PKT network on one machine.
import {homedir} from 'node:os';
import {join, resolve} from 'node:path';
import type {Command} from 'commander';
import {LOG_OPTIONS} from './log-options.ts';
import {anyText, type CommandContext, flag, makeCommand, option, optionOr, wholeNumber} from './options.ts';
import {MAX_CLI_THREADS, standardThreads} from './threads.ts';

const OPTIONS = {
  dataDir: option('--data-dir <dir>', 'where everything is stored; by default ~/.pktstack/up', anyText),
  reset: flag('--reset', 'begin a new chain and forget the old one; keys stay'),
  untilBlock: option('--until-block <n>', 'stop at this height, with a JSON summary', wholeNumber(1, 100_000_000)),
  threads: optionOr(
    '--threads <n>',
    'mining threads, half of them for announcements',
    wholeNumber(1, MAX_CLI_THREADS),
    standardThreads(),
    'all cores',
  ),
  ...LOG_OPTIONS,
};

export function upCommand(context: CommandContext): Command {
  const text = {
    name: 'up',
    summary: 'Run a private PKT network on this machine: node, pool, both miners and a page.',
    settings: 'PKT_UP',
    notes: `This is what npm start runs. Everything listens on the loopback interface alone. The key that is paid is made at the first
start and lies in keys/miner.json of the data directory. When all is up, a line "ready" with the addresses as JSON goes to stdout; a
part that ends by itself is started again; Ctrl-C stops all in order. Output of the parts is in logs/ of the data directory.`,
  };
  return makeCommand(text, OPTIONS, context, async ({dataDir, ...values}) => {
    const {runNetwork} = await import('./up/run.ts');
    return runNetwork({...values, dataDir: resolve(dataDir ?? join(homedir(), '.pktstack', 'up'))}, context);
  });
}

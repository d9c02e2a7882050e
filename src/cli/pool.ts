import {readFile} from 'node:fs/promises';
import type {Command} from 'commander';
import type {PoolSettings} from '../apps/pool/pool-config.ts';
import type {PoolProgram, ProgramOptions} from '../apps/pool/programs.ts';
import {CodedError} from '../core/errors.ts';
import {spawnNodeThread} from '../service/threads/node-threads.ts';
import {aborted} from './aborted.ts';
import {EXIT_INVALID} from './exit-codes.ts';
import {LOG_OPTIONS} from './log-options.ts';
import {
  anyText,
  type CommandContext,
  type CommandText,
  flag,
  makeCommand,
  makeGroup,
  type OptionValues,
  optionOr,
} from './options.ts';
import {fileError, UsageError} from './usage-error.ts';
import {packageVersion} from './version.ts';

const COMMON = {
  config: optionOr('-C, --config <file>', 'configuration of the pool, TOML', anyText, 'pool.toml'),
  ...LOG_OPTIONS,
};
const MASTER = {
  ...COMMON,
  standby: flag('--standby', 'hand out the files of the other masters as long as they answer'),
};

/** `pkt pool`: the programs that a pool is made of. */
export function poolCommand(context: CommandContext): Command {
  const handler = (name: string, summary: string): CommandText => ({
    name,
    summary,
    argument: {syntax: '<name>', help: 'section of the configuration'},
  });
  return makeGroup('pool', 'Run the programs of a mining pool.', [
    makeCommand({name: 'master', summary: 'Hand out work to everyone.'}, MASTER, context, (values, _none, own) =>
      run(values, own, async (options) => (await programs()).openMasterProgram(options, values.standby)),
    ),
    makeCommand(handler('annhandler', 'Take announcements.'), COMMON, context, (values, name, own) =>
      run(values, own, async (options) => {
        checkName(name, options.settings.ann_handler);
        return (await programs()).openAnnHandlerProgram(options, name);
      }),
    ),
    makeCommand(handler('blkhandler', 'Take shares and submit blocks.'), COMMON, context, (values, name, own) =>
      run(values, own, async (options) => {
        checkName(name, options.settings.blk_handler);
        return (await programs()).openBlockHandlerProgram(options, name);
      }),
    ),
    makeCommand(
      {name: 'paymaker', summary: 'Credit everyone and tell the node who is paid.'},
      COMMON,
      context,
      (values, _none, own) =>
        run(values, own, async (options) => {
          if (options.settings.paymaker === undefined)
            throw new UsageError('the configuration has no section "paymaker".');
          return (await programs()).openPaymakerProgram(options);
        }),
    ),
  ]);
}

/** Loaded when they are wanted: all of it takes a second. */
function programs(): Promise<typeof import('../apps/pool/programs.ts')> {
  return import('../apps/pool/programs.ts');
}

function checkName(name: string, sections: object): void {
  if (Object.hasOwn(sections, name)) return;
  throw new UsageError(
    `the configuration has no handler "${name}"; it has ${Object.keys(sections).join(', ') || 'none'}.`,
  );
}

async function readSettings(path: string): Promise<PoolSettings> {
  const {PoolConfigError, readPoolSettings} = await import('../apps/pool/pool-config.ts');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw fileError('read', path, error);
  }
  try {
    return readPoolSettings(text);
  } catch (error) {
    if (error instanceof PoolConfigError) throw new UsageError(`${path}: ${error.message}`, {cause: error});
    throw error;
  }
}

async function run(
  values: OptionValues<typeof COMMON>,
  {terminal, interrupted}: CommandContext,
  open: (options: ProgramOptions) => Promise<PoolProgram>,
): Promise<number> {
  const settings = await readSettings(values.config);
  const {createLog} = await import('../service/logs/pino-log.ts');
  const log = createLog({level: values.logLevel, format: values.logFormat, out: process.stderr});
  const ended = new AbortController();
  let failed = false;
  let program: PoolProgram;
  try {
    program = await open({
      settings,
      log,
      version: packageVersion(),
      spawn: spawnNodeThread,
      nowMs: Date.now,
      onFailure: (error) => {
        log.error('the program cannot go on', {error});
        failed = true;
        ended.abort();
      },
    });
  } catch (error) {
    if (error instanceof CodedError) throw new UsageError(error.message, {cause: error});
    const {syscall, address, port, code} = error as NodeJS.ErrnoException & {address?: string; port?: number};
    if (syscall === 'listen') throw new UsageError(`cannot listen on ${address}:${port}: ${code}`, {cause: error});
    throw error;
  }
  await terminal.print(`ready ${JSON.stringify({address: program.address})}`);
  await aborted(AbortSignal.any([interrupted, ended.signal]));
  log.info('stopping');
  await program.close();
  return failed ? EXIT_INVALID : 0;
}

import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import type {Command} from 'commander';
import type {PoolSettings} from '../apps/pool/pool-config.ts';
import type {PoolProgram, ProgramOptions} from '../apps/pool/programs.ts';
import {CodedError} from '../core/errors.ts';
import {PartError} from '../service/processes/errors.ts';
import {PartGroup} from '../service/processes/part-group.ts';
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
import {fileError, partFailure, UsageError} from './usage-error.ts';
import {packageVersion} from './version.ts';

const COMMON = {
  config: optionOr('-C, --config <file>', 'configuration of the pool, TOML', anyText, 'pool.toml'),
  ...LOG_OPTIONS,
};
const MASTER = {
  ...COMMON,
  standby: flag('--standby', 'hand out the files of the other masters as long as they answer'),
};

const ALL = {
  name: 'all',
  summary: 'Run everything that the configuration has, each as a process of its own that is kept running.',
  notes: 'Output of the processes is in logs/ of root_workdir. Ctrl-C stops all in order.',
};
const MAIN = fileURLToPath(new URL('main.js', import.meta.url));

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
    makeCommand(ALL, COMMON, context, runAll),
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

/** All programs of the configuration. A mistake in it is told before anything is started. */
async function runAll(
  {config, logLevel, logFormat}: OptionValues<typeof COMMON>,
  _none: string,
  {terminal, interrupted}: CommandContext,
): Promise<number> {
  const settings = await readSettings(config);
  if (settings.paymaker !== undefined) await checkPaymaker(settings);
  const {createLog} = await import('../service/logs/pino-log.ts');
  const log = createLog({level: logLevel, format: logFormat, out: process.stderr});
  const ended = new AbortController();
  let failure: unknown;
  const group = new PartGroup({
    main: MAIN,
    logDir: join(settings.root_workdir, 'logs'),
    log,
    onFailure: (error) => {
      failure = error;
      ended.abort();
    },
  });
  const parts = [
    ['master'],
    ...(settings.paymaker === undefined ? [] : [['paymaker']]),
    ...Object.keys(settings.ann_handler).map((name) => ['annhandler', name]),
    ...Object.keys(settings.blk_handler).map((name) => ['blkhandler', name]),
  ];
  const start = async ([program, ...name]: readonly string[]): Promise<readonly [string, unknown]> => {
    const part = [program, ...name].join('-');
    const args = ['--config', config, '--log-level', logLevel, '--log-format', logFormat];
    return [part, await group.start(part, ['pool', program!, ...name, ...args])];
  };
  const stop = AbortSignal.any([interrupted, ended.signal]);
  try {
    const started = await Promise.race([Promise.all(parts.map(start)), aborted(stop)]);
    if (started !== undefined) await terminal.print(`ready ${JSON.stringify(Object.fromEntries(started))}`);
    await aborted(stop);
    log.info('stopping');
  } catch (error) {
    failure ??= error;
  }
  await group.stopAll();
  if (failure instanceof PartError) throw partFailure(failure);
  if (failure !== undefined) throw failure;
  return 0;
}

async function checkPaymaker(settings: PoolSettings): Promise<void> {
  try {
    (await programs()).paymakerSettings(settings);
  } catch (error) {
    if (error instanceof CodedError) throw new UsageError(error.message, {cause: error});
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
    const {syscall, address, port, code, path} = error as NodeJS.ErrnoException & {address?: string; port?: number};
    if (code !== undefined && path !== undefined) throw fileError('use', path, error);
    if (syscall === 'listen') throw new UsageError(`cannot listen on ${address}:${port}: ${code}`, {cause: error});
    throw error;
  }
  await terminal.print(`ready ${JSON.stringify({address: program.address, status: program.status})}`);
  await aborted(AbortSignal.any([interrupted, ended.signal]));
  log.info('stopping');
  await program.close();
  return failed ? EXIT_INVALID : 0;
}

// Owns: what `pkt` as a whole does: the list of commands, exit codes, how mistakes and interrupts end it.
// Does not own: the commands, one file each.
import {Command, CommanderError} from 'commander';
import {EXIT_BUG, EXIT_INTERRUPTED, EXIT_USAGE} from './exit-codes.ts';
import {type CommandContext, makeGroup} from './options.ts';
import {Terminal} from './terminal.ts';
import {UsageError} from './usage-error.ts';
import {packageVersion} from './version.ts';

/** What `pkt` can do, in the order of its help. Each is loaded when it is wanted: most starts want one. */
const COMMANDS: Readonly<Record<string, (context: CommandContext) => Promise<Command>>> = {
  up: async (context) => (await import('./up.ts')).upCommand(context),
  ann: async (context) => (await import('./ann.ts')).annCommand(context),
  blk: async (context) => (await import('./blk.ts')).blkCommand(context),
  sprayer: async (context) => (await import('./sprayer.ts')).sprayerCommand(context),
  pool: async (context) => (await import('./pool.ts')).poolCommand(context),
  block: async (context) =>
    makeGroup('block', 'Verify block proofs.', [(await import('./block-verify.ts')).blockVerifyCommand(context)]),
  node: async (context) => (await import('./node.ts')).nodeCommand(context),
  rpc: async (context) => (await import('./rpc.ts')).rpcCommand(context),
  sim: async (context) => (await import('./sim.ts')).simCommand(context),
  bench: async (context) => (await import('./bench.ts')).benchCommand(context),
};

/** `pkt` with what its first argument needs: that command, none, or all of them. Nothing runs until it is told to parse arguments. */
export async function createProgram(context: CommandContext, first?: string): Promise<Command> {
  const one = first !== undefined && Object.hasOwn(COMMANDS, first) ? COMMANDS[first]! : undefined;
  const loads = first === '--version' ? [] : one !== undefined ? [one] : Object.values(COMMANDS);
  const program = new Command('pkt')
    .description('The PKT network: full node, PacketCrypt mining and verification.')
    .version(packageVersion(), '--version', 'print the version')
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 1 something checked is not valid, ${EXIT_USAGE} wrong use or unreadable file, ${EXIT_INTERRUPTED} ended by Ctrl-C,
${EXIT_BUG} a bug of this program.`,
    );
  for (const load of loads) program.addCommand(await load(context));
  configure(program, 'pkt');
  return program;
}

/** Mistakes become one line that says which help to read. */
function configure(command: Command, path: string): void {
  command.exitOverride();
  command.helpOption('-h, --help', 'show this help');
  command.configureHelp({helpWidth: 120});
  command.configureOutput({
    outputError: (text, write) => write(`${oneLine(text)} See: ${path} --help\n`),
  });
  for (const sub of command.commands) configure(sub, `${path} ${sub.name()}`);
}

function oneLine(text: string): string {
  const line = text
    .replace(/^error: /, '')
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ');
  return `pkt: ${line}${/[.)?]$/.test(line) ? '' : '.'}`;
}

/** Runs the program with arguments as after `pkt`; the exit code goes to process.exitCode. */
export async function runProgram(args: readonly string[]): Promise<void> {
  const interrupt = new AbortController();
  const onSignal = (): void => {
    if (interrupt.signal.aborted) process.exit(EXIT_INTERRUPTED);
    interrupt.abort();
  };
  // Undefined without a channel; Node's types do not know that.
  const connected = process.connected as boolean | undefined;
  if (connected !== undefined) {
    // The program that started this one says when to stop, by closing the channel between them or by its end. Ctrl-C in a
    // terminal reaches both and is for that one to answer.
    process.on('disconnect', onSignal).on('SIGINT', () => {});
    process.channel?.unref();
    if (!connected) onSignal();
    process.stderr.on('error', () => {});
  } else {
    process.on('SIGINT', onSignal);
  }
  process.on('SIGTERM', onSignal);
  // A reader like `head` that has seen enough ends the command as Ctrl-C does: it has not said its last word.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT_INTERRUPTED);
    throw error;
  });
  const terminal = new Terminal(process.stdout, process.stderr);
  try {
    const program = await createProgram({terminal, interrupted: interrupt.signal}, args[0]);
    await program.parseAsync(args, {from: 'user'});
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
    } else if (error instanceof UsageError) {
      terminal.note(`pkt: ${error.message}`);
      process.exitCode = EXIT_USAGE;
    } else {
      terminal.note(`pkt: a bug of this program: ${error instanceof Error ? error.stack : String(error)}`);
      process.exitCode = EXIT_BUG;
    }
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal).off('disconnect', onSignal);
  }
}

// Owns: what `pkt` as a whole does: the list of commands, exit codes, how mistakes and interrupts end it.
// Does not own: the commands, one file each.
import {Command, CommanderError} from 'commander';
import {annCommand} from './ann.ts';
import {benchCommand} from './bench.ts';
import {blkCommand} from './blk.ts';
import {blockVerifyCommand} from './block-verify.ts';
import {demoCommand} from './demo.ts';
import {EXIT_BUG, EXIT_INTERRUPTED, EXIT_USAGE} from './exit-codes.ts';
import {nodeCommand} from './node.ts';
import {type CommandContext, makeGroup} from './options.ts';
import {poolCommand} from './pool.ts';
import {rpcCommand} from './rpc.ts';
import {Terminal} from './terminal.ts';
import {UsageError} from './usage-error.ts';
import {packageVersion} from './version.ts';

/** All of `pkt`. Nothing runs until it is told to parse arguments. */
export function createProgram(context: CommandContext): Command {
  const program = new Command('pkt')
    .description('The PKT network: full node, PacketCrypt mining and verification.')
    .version(packageVersion(), '--version', 'print the version')
    .addCommand(demoCommand(context))
    .addCommand(annCommand(context))
    .addCommand(blkCommand(context))
    .addCommand(poolCommand(context))
    .addCommand(makeGroup('block', 'Verify block proofs.', [blockVerifyCommand(context)]))
    .addCommand(nodeCommand(context))
    .addCommand(rpcCommand(context))
    .addCommand(benchCommand(context))
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 1 something checked is not valid, ${EXIT_USAGE} wrong use or unreadable file, ${EXIT_INTERRUPTED} ended by Ctrl-C,
${EXIT_BUG} a bug of this program.`,
    );
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
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  // A reader like `head` that has seen enough ends the command as Ctrl-C does: it has not said its last word.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT_INTERRUPTED);
    throw error;
  });
  const terminal = new Terminal(process.stdout, process.stderr);
  try {
    await createProgram({terminal, interrupted: interrupt.signal}).parseAsync(args, {from: 'user'});
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
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

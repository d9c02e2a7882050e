import type {Command} from 'commander';
import {createProgram} from '../../src/cli/program.ts';
import {Terminal} from '../../src/cli/terminal.ts';

const BEGIN = '<!-- written by scripts/reference.mjs from the option tables -->\n';
const END = '<!-- end of the reference -->\n';

/** All of `pkt`, not run. */
export function openProgram(): Promise<Command> {
  const terminal = new Terminal(process.stdout, process.stderr);
  return createProgram({terminal, interrupted: new AbortController().signal});
}

function describe(command: Command, path: string): string {
  const args = command.registeredArguments.map((argument) => ({
    shown: argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
    text: argument.description,
  }));
  const title = [path, ...args.map(({shown}) => shown)].join(' ');
  const lines = [`### \`${title}\``, '', command.description(), ''];
  for (const {shown, text} of args) lines.push(`\`${shown}\`: ${text}`, '');
  lines.push('| Option | Meaning |', '|---|---|');
  for (const {flags, description, mandatory, defaultValueDescription} of command.options) {
    const standard = defaultValueDescription === undefined ? '' : ` (default: ${defaultValueDescription})`;
    lines.push(`| \`${flags}\` | ${description}${mandatory ? ' (required)' : standard} |`);
  }
  return `${lines.join('\n')}\n`;
}

function describeAll(command: Command, path: string): string[] {
  if (command.commands.length === 0) return [describe(command, path)];
  return command.commands.flatMap((sub) => describeAll(sub, `${path} ${sub.name()}`));
}

/** The README with its reference of commands written anew. */
export async function withReference(readme: string): Promise<string> {
  const [before, rest] = readme.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error('the README has no place for the reference');
  return `${before}${BEGIN}\n${describeAll(await openProgram(), 'pkt').join('\n')}\n${END}${after}`;
}

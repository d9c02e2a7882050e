// What holds for every document: links lead somewhere, and commands are ones that the program has.
import {equal, ok} from 'node:assert/strict';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {test} from 'node:test';
import type {Command} from 'commander';
import {tableRows} from '../support/document-tables.ts';
import {openProgram} from '../support/reference.ts';

const documents = [
  'README.md',
  ...readdirSync('docs').flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
];

/** As the headings of a document are linked to. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, title]) => title!);
  return new Set(
    headings.map((title) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

test('links between documents lead to files and headings that there are', () => {
  let checked = 0;
  for (const document of documents) {
    const text = readFileSync(document, 'utf8');
    for (const [, file, anchor] of text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
      const target = file === '' ? document : join(dirname(document), file!);
      ok(existsSync(target), `${document}: ${target}`);
      if (anchor === undefined) continue;
      ok(anchorsOf(readFileSync(target, 'utf8')).has(anchor), `${document}: ${target}#${anchor}`);
      checked++;
    }
  }
  ok(checked > 5);
});

/** The command of a line like `pkt pool all -C x`, and the words behind it. */
function commandOf(program: Command, line: string): {command: Command; rest: readonly string[]} {
  let command = program;
  const words = line.split(/\s+/).slice(1);
  while (words.length > 0) {
    const next = command.commands.find((each) => each.name() === words[0]);
    if (next === undefined) break;
    command = next;
    words.shift();
  }
  return {command, rest: words};
}

test('the commands of the documents are ones that the program has, with options that it knows', async () => {
  const program = await openProgram();
  let checked = 0;
  for (const document of documents) {
    const text = readFileSync(document, 'utf8');
    const blocks = [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].filter(([, kind]) =>
      ['', 'sh', 'text'].includes(kind!),
    );
    const lines = blocks.flatMap(([, , block]) => block!.split('\n')).filter((line) => /^(\$ )?pkt [a-z]/.test(line));
    for (const line of lines) {
      const {command, rest} = commandOf(program, line.replace('$ ', '').replace(/\s+#.*$/, ''));
      ok(command.parent, `${document}: ${line}`);
      for (const word of rest.filter((each) => /^--?[a-zA-Z]/.test(each))) {
        const known = command.options.some(({long, short}) => [long, short].includes(word)) || word === '--help';
        equal(known, true, `${document}: ${line}: ${word}`);
      }
      checked++;
    }
  }
  ok(checked >= 15, `${checked} commands`);
});

function optionsBelow(command: Command): string[] {
  return [...command.options.map(({long}) => long!), ...command.commands.flatMap(optionsBelow)];
}

test('options that the guides name are ones that some command has', async () => {
  const known = new Set([...optionsBelow(await openProgram()), '--help']);
  for (const document of documents.filter((name) => !/README|architecture/.test(name))) {
    const text = readFileSync(document, 'utf8');
    for (const [, name] of text.matchAll(/`(--[a-z][a-z0-9-]*)/g)) ok(known.has(name!), `${document}: ${name}`);
  }
});

test('the messages that docs/faq.md explains are ones the programs write', () => {
  const sources = readdirSync('src', {recursive: true, encoding: 'utf8'})
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join('src', name), 'utf8'))
    .join('\n');
  const said = tableRows(readFileSync('docs/faq.md', 'utf8'), '| It says |').map(([message]) => message!);
  const codes = said.flatMap((message) => message.match(/^[a-z]+(-[a-z]+)+$|other-network/g) ?? []);
  ok(codes.length >= 4);
  for (const code of codes) ok(sources.includes(`'${code}': {`), code);
  ok(sources.includes(said[0]!.replace('pkt: ', '')));
});

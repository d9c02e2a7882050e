import {deepEqual, equal, ok} from 'node:assert/strict';
import {existsSync, readFileSync} from 'node:fs';
import {test} from 'node:test';
import {parse} from 'smol-toml';
import {CHAIN_ERRORS} from '../../src/node/chain/errors.ts';
import {TEMPLATE_ERRORS} from '../../src/node/mempool/template-errors.ts';
import {STORE_ERRORS} from '../../src/service/stores/key-value-store.ts';
import {openProgram} from '../support/reference.ts';
import {runCli} from '../support/run-cli.ts';

const text = readFileSync('docs/node.md', 'utf8');
const EXAMPLE = 'docs/examples/node.toml';

async function optionNames(): Promise<string[]> {
  const node = (await openProgram()).commands.find((command) => command.name() === 'node')!;
  return node.options.map(({long}) => long!).filter((name) => name !== '--help');
}

test('docs/node.md names every option of the node, and none besides', async () => {
  const table = text.slice(text.indexOf('| Theme |'), text.indexOf('A file to begin with'));
  const named = [...table.matchAll(/`(--[a-z0-9-]+)`/g)].map(([, name]) => name!);
  const options = await optionNames();
  deepEqual(named.toSorted(), options.toSorted());
  const known = new Set([...options, '--help']);
  for (const [name] of text.matchAll(/--[a-z][a-z0-9-]+/g)) ok(known.has(name), name);
});

test('the configuration file in docs/node.md is the example, and a node takes it', async () => {
  const example = readFileSync(EXAMPLE, 'utf8');
  ok(text.includes(`\`\`\`toml\n${example}\`\`\``));
  const {code, stdout, stderr} = await runCli(['node', '--config', EXAMPLE, '--check-config']);
  deepEqual([code, stderr], [0, '']);
  const shown = JSON.parse(stdout) as Record<string, unknown>;
  equal(shown['dataDir'], '/var/lib/pktstack/pkt');
  deepEqual(shown['indexes'], ['transactions', 'addresses', 'filters']);
  deepEqual(shown['prune'], {part: 'proofs', keep: 10_000});
  // Lines that are commented out have names of options, too.
  const all = parse(example.replaceAll(/^# (?=[a-z-]+ = )/gm, ''));
  const names = await optionNames();
  for (const name of Object.keys(all)) ok(names.includes(`--${name}`), name);
});

test('the messages that docs/node.md explains are ones the program has', () => {
  const part = text.slice(text.indexOf('## Troubleshooting'));
  const codes = [...part.matchAll(/^\| `([a-z]+-[a-z-]+)`/gm)].map(([, code]) => code!);
  ok(codes.length >= 7);
  const known = {...STORE_ERRORS, ...CHAIN_ERRORS, ...TEMPLATE_ERRORS};
  for (const code of codes) ok(code in known, code);
  for (const code of Object.keys(STORE_ERRORS)) ok(codes.includes(code), `${code} is explained`);
});

test('what docs/node.md links to exists', () => {
  for (const [, target] of text.matchAll(/\]\(([^)#]+)/g)) ok(existsSync(`docs/${target}`), target);
});

import {deepEqual, equal, throws} from 'node:assert/strict';
import {chmodSync, writeFileSync} from 'node:fs';
import {type TestContext, test} from 'node:test';
import {Command} from 'commander';
import {flag, makeCommand, oneOf, optionOr, repeated, wholeNumber} from '../../src/cli/options.ts';
import {environmentName, readSettings} from '../../src/cli/settings.ts';
import {Terminal} from '../../src/cli/terminal.ts';
import {UsageError} from '../../src/cli/usage-error.ts';
import {withFolder} from '../support/run-cli.ts';

const TABLE = {
  level: optionOr('--level <word>', 'a word', oneOf('low', 'high'), 'low'),
  maxPeers: optionOr('--max-peers <n>', 'a number', wholeNumber(0, 100), 10),
  connect: repeated('--connect <name>', 'a list', (text) => text),
  pruned: flag('--pruned', 'a switch'),
};

interface Places {
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly file?: string;
}

/** The values that count, given in these places. */
async function settle({args = [], environment = {}, file}: Places): Promise<Record<string, unknown>> {
  const terminal = new Terminal(process.stdout, process.stderr);
  const context = {terminal, interrupted: new AbortController().signal};
  const command: Command = makeCommand({name: 'x', summary: ''}, TABLE, context, () => Promise.resolve(0));
  command.exitOverride().parseOptions([...args]);
  let values: Record<string, unknown> = {};
  await withFolder((path) => {
    if (file !== undefined) writeFileSync(path('x.toml'), file);
    values = readSettings(TABLE, command, {
      environment,
      prefix: 'X',
      file: file === undefined ? undefined : path('x.toml'),
    });
    return Promise.resolve();
  });
  return values;
}

async function refusal(places: Places): Promise<string> {
  try {
    await settle(places);
  } catch (error) {
    if (error instanceof UsageError) return error.message.replace(/\/\S*\/x\.toml/, 'FILE');
    throw error;
  }
  return 'nothing was refused';
}

test('single values: command line before environment before file before what is standard', async () => {
  const args = ['--max-peers', '1'];
  const environment = {X_MAX_PEERS: '2'};
  const file = 'max-peers = 3';
  equal((await settle({args, environment, file}))['maxPeers'], 1);
  equal((await settle({environment, file}))['maxPeers'], 2);
  equal((await settle({file}))['maxPeers'], 3);
  equal((await settle({}))['maxPeers'], 10);
  equal((await settle({environment: {X_MAX_PEERS: ''}, file}))['maxPeers'], 3, 'an empty variable says nothing');
  equal((await settle({file: 'max-peers = "3"'}))['maxPeers'], 3, 'a number may stand as text');
});

test('lists: the strongest place gives the whole list', async () => {
  const args = ['--connect', 'a', '--connect', 'b'];
  const environment = {X_CONNECT: 'c, d'};
  const file = 'connect = ["e", "f"]';
  deepEqual((await settle({args, environment, file}))['connect'], ['a', 'b']);
  deepEqual((await settle({environment, file}))['connect'], ['c', 'd']);
  deepEqual((await settle({file}))['connect'], ['e', 'f']);
  deepEqual((await settle({file: 'connect = "e"'}))['connect'], ['e'], 'a list of one needs no brackets');
  deepEqual((await settle({file: 'connect = []'}))['connect'], []);
  deepEqual((await settle({}))['connect'], []);
});

test('switches: on by being named on the command line, true or false elsewhere', async () => {
  const environment = {X_PRUNED: 'false'};
  equal((await settle({args: ['--pruned'], environment, file: 'pruned = false'}))['pruned'], true);
  equal((await settle({environment, file: 'pruned = true'}))['pruned'], false);
  equal((await settle({environment: {X_PRUNED: '1'}, file: 'pruned = false'}))['pruned'], true);
  equal((await settle({file: 'pruned = true'}))['pruned'], true);
  equal((await settle({}))['pruned'], undefined, 'nobody has said anything');
});

test('what is wrong is told with its place and its name', async () => {
  const cases: readonly (readonly [Places, string])[] = [
    [{file: 'levle = "low"'}, 'FILE: unknown key "levle"; known are level, max-peers, connect, pruned.'],
    [{file: '[node]\nlevel = "low"'}, 'FILE: unknown key "node"; known are level, max-peers, connect, pruned.'],
    [{file: 'config = "other.toml"'}, 'FILE: config: a configuration file cannot name another.'],
    [{file: 'level = "middle"'}, 'FILE: level: Give low or high.'],
    [{file: 'level = true'}, 'FILE: level: Give low or high.'],
    [{file: 'max-peers = 101'}, 'FILE: max-peers: Give a whole number from 0 to 100.'],
    [{file: 'max-peers = 1.5'}, 'FILE: max-peers: Give a whole number from 0 to 100.'],
    [{file: 'max-peers = [1]'}, 'FILE: max-peers: give one value, not a list.'],
    [{file: 'max-peers = 2020-01-01'}, 'FILE: max-peers: give a text, a number, true or false.'],
    [{file: 'connect = [["a"]]'}, 'FILE: connect: give a text, a number, true or false.'],
    [{file: 'pruned = "perhaps"'}, 'FILE: pruned: give true or false.'],
    [{file: 'level = "low"\nmax-peers = '}, 'FILE, line 2: Invalid TOML document: invalid value.'],
    [{file: `level = "${'x'.repeat(2 ** 20)}"`}, 'FILE: a configuration file has at most 1 MiB.'],
    [{environment: {X_LEVEL: 'middle'}}, 'environment variable X_LEVEL: Give low or high.'],
    [{environment: {X_MAX_PEERS: '-1'}}, 'environment variable X_MAX_PEERS: Give a whole number from 0 to 100.'],
    [{environment: {X_PRUNED: 'perhaps'}}, 'environment variable X_PRUNED: give true or false.'],
  ];
  for (const [places, expected] of cases) equal(await refusal(places), expected);
});

test('a file that cannot be read is named with the reason', (t: TestContext) => {
  const command = new Command();
  const read = (file: string): unknown => readSettings(TABLE, command, {environment: {}, prefix: 'X', file});
  throws(() => read('no-such-file'), new UsageError('cannot read no-such-file: there is no such file or folder'));
  throws(() => read('test'), new UsageError('cannot read test: it is a folder, a file is wanted'));
  // The administrator may read everything.
  if (process.getuid?.() === 0) return t.diagnostic('permissions do not hold for the administrator');
  return withFolder((path) => {
    writeFileSync(path('secret'), '');
    chmodSync(path('secret'), 0);
    throws(() => read(path('secret')), new UsageError(`cannot read ${path('secret')}: permission denied`));
    return Promise.resolve();
  });
});

test('the name of an environment variable follows from the option', () => {
  equal(environmentName('PKT_NODE', TABLE.maxPeers), 'PKT_NODE_MAX_PEERS');
});

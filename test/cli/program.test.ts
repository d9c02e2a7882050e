import {deepEqual, equal, match} from 'node:assert/strict';
import {readFileSync, writeFileSync} from 'node:fs';
import {test} from 'node:test';
import type {Command} from 'commander';
import {openProgram} from '../support/reference.ts';
import {runCli, withFolder} from '../support/run-cli.ts';

const PARENT = '11'.repeat(32);

/** Arguments that lead to a command, for all commands. */
function allCommands(command: Command, path: readonly string[] = []): string[][] {
  return [[...path], ...command.commands.flatMap((sub) => allCommands(sub, [...path, sub.name()]))];
}

test('every command has help', async () => {
  const paths = allCommands(await openProgram());
  equal(paths.length >= 6, true);
  for (const path of paths) {
    const {code, stdout, stderr} = await runCli([...path, '--help']);
    deepEqual([code, stderr], [0, '']);
    match(stdout, new RegExp(`^Usage: pkt${path.map((name) => ` ${name}`).join('')} `));
  }
});

test('--version is the version of the package', async () => {
  const {version} = JSON.parse(readFileSync('package.json', 'utf8')) as {version: string};
  deepEqual(await runCli(['--version']), {code: 0, stdout: `${version}\n`, stderr: ''});
});

test('wrong use is one line on stderr that says what to do, and exit code 2', async () => {
  const mine = ['ann', 'mine', '--height', '5'];
  const cases: [string[], RegExp][] = [
    [['anm'], /unknown command 'anm'/],
    [['ann', 'mien', '-p', 'x'], /"mien" is no address of a pool/],
    [['pool', 'mastr'], /unknown command 'mastr'.*See: pkt pool --help/],
    [
      ['ann', 'verify', 'x', '--parent', PARENT, '--parnt', 'y'],
      /unknown option '--parnt'.*See: pkt ann verify --help/,
    ],
    [['ann', 'verify', 'x'], /'--parent <hash>' not specified/],
    [['ann', 'verify', '--parent', PARENT], /missing required argument 'file'/],
    [['ann', 'verify', 'x', 'y', '--parent', PARENT], /too many arguments/],
    [['ann', 'verify', 'x', '--parent', 'abc'], /'abc' is invalid. Give 64 hex digits; this has 3/],
    [['ann', 'verify', 'x', '--parent', PARENT, '--profile', 'lax'], /Give strict or node/],
    [['ann', 'verify', 'no-such-file', '--parent', PARENT], /cannot read no-such-file: there is no such file/],
    [['ann', 'verify', 'test', '--parent', PARENT], /cannot read test: it is a folder/],
    [[...mine, '--parent', PARENT, '--bits', '20800000'], /'20800000' is invalid. Give 8 hex digits like 207fffff/],
    [[...mine, '--parent', PARENT, '--bits', '21000001'], /is invalid/],
    [[...mine, '--parent', PARENT, '--bits', '20000000'], /is invalid/],
    [[...mine, '--parent', PARENT, '--bits', '207fffff', '--threads', '0'], /Give a whole number from 1 to 63/],
    [[...mine, '--parent', PARENT, '--bits', '207fffff', '--count', '1e3'], /Give a whole number/],
    [[...mine, '--parent', PARENT, '--bits', '207fffff', '--seconds', '-1'], /Give a number of seconds/],
    [[...mine, '--parent', PARENT, '--bits', '207fffff', '--out', 'no-such/x'], /cannot write no-such\/x/],
    [['up', '--until-block', 'many'], /Give a whole number/],
    [['block', 'verify', 'no-such-file'], /cannot read no-such-file/],
    [['block', 'verify', 'LICENSE'], /LICENSE is not JSON/],
  ];
  for (const [args, expected] of cases) {
    const {code, stdout, stderr} = await runCli(args);
    deepEqual([code, stdout], [2, ''], args.join(' '));
    match(stderr, expected);
    match(stderr, /^pkt: [^\n]+\n$/);
  }
});

test('a group without command shows its help and fails', async () => {
  for (const args of [[], ['pool'], ['block']]) {
    const {code, stderr} = await runCli(args);
    equal(code, 2);
    match(stderr, /^Usage: pkt/);
  }
});

test('files of blocks in a wrong shape: the message says what is wrong where', async () => {
  const block = {wire: '00', commit: '00'.repeat(48), blockHeight: 7, parentHashes: null};
  const cases: [unknown, RegExp][] = [
    [7, /the file must be an object, it is 7/],
    [{...block, commit: '00'}, /block\.commit must be 96 hex digits, it is "00"/],
    [{...block, wire: 'xy'}, /block\.wire must be a string of an even number of hex digits/],
    [[block, {...block, blockHeight: -1}], /\[1\]\.blockHeight must be/],
    [{blocks: [{...block, parentHashes: ['00']}]}, /blocks\[0\]\.parentHashes must be an array of 4 hashes/],
    [{blocks: [block], mutations: [{base: 1}]}, /mutations\[0\]\.base must be the number of a block/],
    [{blocks: 'all'}, /the file\.blocks must be an array/],
  ];
  await withFolder(async (path) => {
    for (const [content, expected] of cases) {
      writeFileSync(path('blocks.json'), JSON.stringify(content));
      const {code, stderr} = await runCli(['block', 'verify', path('blocks.json')]);
      equal(code, 2);
      match(stderr, expected);
      match(stderr, /^pkt: [^\n]+\n$/);
    }
  });
});

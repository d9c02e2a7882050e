// Imports point one way: each folder may import those that stand before it, and nothing else.
import assert from 'node:assert/strict';
import {readdirSync, readFileSync, statSync} from 'node:fs';
import {dirname, join, normalize, relative, sep} from 'node:path';
import {test} from 'node:test';

const CORE = [
  'core/errors.ts',
  'core/bytes',
  'core/wasm',
  'core/crypto',
  'core/packetcrypt',
  'core/primitives',
  'core/params',
  'core/consensus',
  'core/protocol',
  'core/engines',
];
const NODE = ['node/chain', 'node/mempool', 'node/p2p', 'node/rpc', 'node'];
const APPS = ['miner', 'pool', 'wallet', 'explorer', 'market', 'mesh'].map((name) => `apps/${name}`);

/** What each folder may import besides itself. */
const MAY_IMPORT = new Map<string, readonly string[]>([
  ...CORE.map((folder, i) => [folder, CORE.slice(0, i)] as const),
  ['service', CORE],
  ...NODE.map((folder, i) => [folder, [...CORE, 'service', ...NODE.slice(0, i)]] as const),
  ...APPS.map((folder) => [folder, [...CORE, 'service']] as const),
  ['cli', [...CORE, 'service', ...NODE, ...APPS]],
]);

/** Packages of the registry that the core may use; nothing of Node. */
const CORE_PACKAGES = ['@noble/hashes/', '@noble/ciphers/', '@noble/curves/', '@scure/base'];

function filesBelow(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return filesBelow(path);
    return path.endsWith('.ts') && !path.endsWith('.d.ts') ? [path] : [];
  });
}

/** The longest folder of the table that holds a file of src/. */
function folderOf(file: string): string | undefined {
  const path = file.split(sep).join('/');
  return [...MAY_IMPORT.keys()]
    .filter((folder) => path === folder || path.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length)[0];
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
}

/** Everything wrong with the imports of one file, as sentences. */
function violations(file: string, imports: readonly string[]): string[] {
  const here = folderOf(file);
  if (here === undefined) return [`${file} stands in no folder of the table`];
  return imports.flatMap((name) => {
    if (!name.startsWith('.')) {
      const allowed = !here.startsWith('core/') || CORE_PACKAGES.some((start) => name.startsWith(start));
      return allowed ? [] : [`${file} imports ${name}`];
    }
    const there = folderOf(normalize(join(dirname(file), name)));
    if (there === here || (there !== undefined && MAY_IMPORT.get(here)!.includes(there))) return [];
    return [`${file} imports ${name}`];
  });
}

test('every import of src/ points down the layers', () => {
  const wrong = filesBelow('src').flatMap((path) => violations(relative('src', path), importsOf(path)));
  assert.deepEqual(wrong, []);
});

test('an import that points up, sideways or out of the core is found', () => {
  assert.equal(violations('core/bytes/hex.ts', ['../crypto/hash.ts']).length, 1);
  assert.equal(violations('apps/pool/master.ts', ['../miner/main.ts']).length, 1);
  assert.equal(violations('core/crypto/hash.ts', ['node:crypto']).length, 1);
  assert.equal(violations('strange/file.ts', []).length, 1);
  assert.equal(violations('apps/pool/master.ts', ['../../core/bytes/index.ts', 'node:fs']).length, 0);
});

test('the pages import nothing of src/ but the core', () => {
  const wrong = filesBelow('web').flatMap((path) =>
    importsOf(path)
      .filter((name) => name.startsWith('.'))
      .map((name) =>
        normalize(join(dirname(path), name))
          .split(sep)
          .join('/'),
      )
      .filter((target) => !target.startsWith('web/') && !target.startsWith('src/core/')),
  );
  assert.deepEqual(wrong, []);
});

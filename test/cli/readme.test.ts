import {deepEqual, equal, match} from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import {test} from 'node:test';
import {build} from 'esbuild';
import {withReference} from '../support/reference.ts';
import {rpcReference} from '../support/rpc-reference.ts';

const readme = readFileSync('README.md', 'utf8');

test('the reference in the README is what the option tables say (npm run reference writes it)', async () => {
  equal(readme, await withReference(readme));
});

test('docs/rpc.md is what the methods of the RPC say (npm run reference writes it)', () => {
  equal(readFileSync('docs/rpc.md', 'utf8'), rpcReference());
});

test('every file and folder that the documents link to exists', () => {
  for (const file of ['README.md', 'CONTRIBUTING.md', 'docs/architecture.md']) {
    const text = readFileSync(file, 'utf8');
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) equal(existsSync(target!), true, target);
  }
});

test('every dependency is named with its reason', () => {
  const {dependencies, devDependencies} = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, object>;
  for (const name of Object.keys({...dependencies, ...devDependencies})) {
    equal(readme.includes(`\`${name}\``), true, name);
  }
});

test('the examples in the README are the files in docs/examples; the one for Node runs', () => {
  for (const name of ['node', 'browser']) {
    const text = readFileSync(`docs/examples/${name}.mjs`, 'utf8');
    equal(readme.includes(`\`\`\`js\n${text}\`\`\``), true, name);
  }
  const {stdout, stderr} = spawnSync(process.execPath, ['docs/examples/node.mjs'], {encoding: 'utf8'});
  equal(stderr, '');
  const [, good, all] = stdout.match(/^(\d+) of (\d+) are valid\n$/)!;
  equal(good, all);
  equal(Number(good) > 0, true);
});

test('the example for browsers can be bundled, without anything of Node', async () => {
  const result = await build({
    entryPoints: ['docs/examples/browser.mjs'],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    logLevel: 'silent',
  });
  deepEqual([...result.errors, ...result.warnings], []);
  match(result.outputFiles[0]!.text, /announcements/);
});

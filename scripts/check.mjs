// `npm run check`: everything that can be said about the code without running its tests. `--write` formats and fixes first.
import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {build} from './build.mjs';
import {root, run, say, tool} from './lib.mjs';

const node = process.execPath;
const steps = [
  ['types of the core, without Node', [tool('typescript/bin/tsc'), '-p', 'tsconfig.core.json']],
  ['types of the pages', [tool('typescript/bin/tsc'), '-p', 'tsconfig.web.json']],
  ['lint, format, import cycles', [tool('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '.']],
  ['unused files, exports and dependencies', [tool('knip/bin/knip.js'), '--no-progress']],
  ['layers', ['--test', '--test-reporter=dot', 'dist/test/layers.test.js']],
];

/** Every export of package.json must lead to files that exist. */
function checkExports() {
  const {exports} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const [name, targets] of Object.entries(exports)) {
    for (const target of Object.values(targets)) {
      if (!existsSync(join(root, target)))
        throw new Error(`package.json exports ${name} as ${target}, which does not exist`);
    }
  }
}

try {
  await build();
  if (process.argv.includes('--write')) await run(node, [tool('@biomejs/biome/bin/biome'), 'check', '--write', '.']);
  for (const [name, args] of steps) {
    const begun = Date.now();
    await run(node, args);
    say(`check: ${name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
  }
  checkExports();
  say('check: all good');
} catch (error) {
  say(error.message);
  process.exit(1);
}

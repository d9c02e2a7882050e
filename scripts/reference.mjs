// Writes the reference of commands in README.md from the option tables, and docs/rpc.md from the methods of the RPC:
// `node scripts/reference.mjs`.
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {build} from './build.mjs';
import {root, say} from './lib.mjs';

try {
  await build();
  const {withReference} = await import('../dist/test/support/reference.js');
  const {rpcReference} = await import('../dist/test/support/rpc-reference.js');
  const path = join(root, 'README.md');
  writeFileSync(path, await withReference(readFileSync(path, 'utf8')));
  writeFileSync(join(root, 'docs', 'rpc.md'), rpcReference());
} catch (error) {
  say(error.message);
  process.exit(1);
}

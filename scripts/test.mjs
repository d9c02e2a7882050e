// Builds what is needed and runs the tests: `npm test [-- part-of-path …] [--slow] [--without=part-of-path,…]`. Node 20 takes files, not
// globs.
import {availableParallelism} from 'node:os';
import {relative} from 'node:path';
import {build} from './build.mjs';
import {filesBelow, root, run, say} from './lib.mjs';

try {
  await build();
  const wanted = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));
  const slow = process.argv.includes('--slow');
  const without = process.argv.flatMap((arg) => /^--without=(.+)$/.exec(arg)?.[1].split(',') ?? []);
  const files = filesBelow('dist/test')
    .filter((file) => file.endsWith('.test.js') && file.includes('slow-') === slow)
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .filter((file) => !without.some((part) => file.includes(part)));
  if (files.length === 0) throw new Error('no test file matches');
  await run(process.execPath, [
    '--test',
    // Many tests wait for programs that they have started.
    `--test-concurrency=${availableParallelism() + 1}`,
    // What hangs fails, instead of keeping everything else waiting.
    '--test-timeout=420000',
    `--test-reporter=${new URL('test-reporter.mjs', import.meta.url)}`,
    '--test-reporter-destination=stdout',
    ...files.map((file) => relative(root, file)),
  ]).catch((error) => {
    // The reporter has told of every failure; the list of files says nothing more.
    throw new Error(`the tests have failed (${error.message.replace(/^.* ended with/, 'ended with')})`);
  });
} catch (error) {
  say(error.message);
  process.exit(1);
}

// What `npm test` prints: every failure where it happens and again at the end, the longest files, and how many passed.
import {relative} from 'node:path';
import {root} from './lib.mjs';

const keptOutput = 4000;
const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;
const indented = (text) => String(text).trimEnd().replaceAll('\n', '\n    ');

/** A reporter of node:test. What a file prints is shown only if the file fails as a whole: its last characters. */
export default async function* report(events) {
  const files = new Map();
  const failures = [];
  const totals = {pass: 0, fail: 0, skipped: 0};
  const began = performance.now();
  let said = began;
  const fileOf = (path) => {
    const name = relative(root, path);
    if (!files.has(name))
      files.set(name, {name, tests: 0, milliseconds: 0, output: '', running: new Set(), failed: false});
    return files.get(name);
  };

  for await (const {type, data} of events) {
    if (data?.file === undefined) continue;
    const file = fileOf(data.file);
    if (type === 'test:stdout' || type === 'test:stderr') {
      file.output = (file.output + data.message).slice(-keptOutput);
      continue;
    }
    const isFile = relative(root, data.name ?? '') === file.name;
    if (type === 'test:dequeue' && !isFile) file.running.add(data.name);
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    file.running.delete(data.name);
    if (!isFile && data.details.type !== 'suite') {
      file.tests += 1;
      totals[data.skip !== undefined ? 'skipped' : type.slice('test:'.length)] += 1;
    }
    if (performance.now() - said > 20_000) {
      said = performance.now();
      yield `${totals.pass + totals.fail} tests in ${seconds(said - began)}, now in ${file.name}\n`;
    }
    if (data.nesting === 0 && !isFile) file.milliseconds += data.details.duration_ms;
    // What holds failed tests fails too: nothing new.
    if (type !== 'test:fail' || data.details.error?.failureType === 'subtestsFailed') continue;
    const error = data.details.error;
    let text = `FAIL ${file.name}${isFile ? '' : ` › ${data.name}`} (${seconds(data.details.duration_ms)})\n    ${indented(error?.cause?.stack ?? error?.cause ?? error)}\n`;
    if (isFile) {
      if (file.failed && error?.failureType === 'testCodeFailure') continue;
      totals.fail += 1;
      if (file.running.size > 0) text += `    not ended: ${[...file.running].join(', ')}\n`;
      if (file.output !== '') text += `    its last output:\n    ${indented(file.output)}\n`;
    }
    file.failed = true;
    failures.push(text);
    yield text;
  }

  yield 'the longest files:\n';
  const longest = [...files.values()].sort((a, b) => b.milliseconds - a.milliseconds).slice(0, 12);
  for (const {name, tests, milliseconds} of longest)
    yield `${seconds(milliseconds).padStart(10)}  ${name}, ${tests} tests\n`;
  yield* failures;
  const {pass, fail, skipped} = totals;
  yield `${pass} passed, ${fail} failed, ${skipped} skipped in ${files.size} files, ${seconds(performance.now() - began)}\n`;
}

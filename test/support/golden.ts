import assert from 'node:assert/strict';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

/** Compares text with the accepted one in test/golden; UPDATE_GOLDEN=1 accepts it instead. */
export function checkGolden(name: string, text: string): void {
  const path = join(process.cwd(), 'test', 'golden', name);
  if (process.env['UPDATE_GOLDEN'] === '1') {
    writeFileSync(path, text);
    return;
  }
  assert.ok(existsSync(path), `test/golden/${name} is missing; make it with UPDATE_GOLDEN=1 npm test`);
  assert.equal(text, readFileSync(path, 'utf8'), `differs from test/golden/${name}; UPDATE_GOLDEN=1 accepts it`);
}

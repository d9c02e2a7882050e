import {deepEqual, equal, rejects} from 'node:assert/strict';
import {type FileHandle, mkdtemp, open, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {DurableAppender} from '../../src/service/stores/durable-appender.ts';
import {type KeyValueStore, prefixEnd, StoreError} from '../../src/service/stores/key-value-store.ts';
import {openLevelStore} from '../../src/service/stores/level-store.ts';
import {createMemoryStore} from '../../src/service/stores/memory-store.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

async function folder(): Promise<{path: string; remove: () => Promise<void>}> {
  const path = await mkdtemp(join(tmpdir(), 'pkt-store-'));
  return {path, remove: () => rm(path, {recursive: true, force: true})};
}

/** What every store must do, over an empty one. */
async function exercise(store: KeyValueStore): Promise<void> {
  equal(await store.get(bytes(1)), undefined);
  await store.write([
    {key: bytes(1, 0), value: bytes(10)},
    {key: bytes(1, 255), value: bytes(11)},
    {key: bytes(2), value: bytes(20)},
  ]);
  deepEqual(Array.from((await store.get(bytes(2)))!), [20]);
  const [present, absent] = await store.getMany([bytes(1, 255), bytes(9)]);
  deepEqual(Array.from(present!), [11]);
  equal(absent, undefined);
  const keys = async (reverse: boolean, limit = -1): Promise<number[][]> => {
    const found: number[][] = [];
    const range = {from: bytes(1), to: prefixEnd(bytes(1)), reverse, limit};
    for await (const [key] of store.entries(range)) found.push(Array.from(key));
    return found;
  };
  deepEqual(await keys(false), [
    [1, 0],
    [1, 255],
  ]);
  deepEqual(await keys(true, 1), [[1, 255]]);
  await store.write(
    [
      {key: bytes(1, 0), value: undefined},
      {key: bytes(2), value: bytes(21)},
    ],
    true,
  );
  equal(await store.get(bytes(1, 0)), undefined);
  deepEqual(Array.from((await store.get(bytes(2)))!), [21]);
}

test('a store in memory', async () => {
  const store = createMemoryStore();
  await exercise(store);
  await store.close();
});

test('a store on disk keeps what it has over a restart', async () => {
  const {path, remove} = await folder();
  const store = await openLevelStore(path);
  await exercise(store);
  await store.close();
  const again = await openLevelStore(path);
  deepEqual(Array.from((await again.get(bytes(2)))!), [21]);
  await again.close();
  await remove();
});

const hasCode = (code: string) => (error: unknown) => error instanceof StoreError && error.code === code;

test('a directory in use, and one that is no directory, are refused', async () => {
  const {path, remove} = await folder();
  const store = await openLevelStore(path);
  await rejects(openLevelStore(path), hasCode('store-locked'));
  await store.close();
  const file = join(path, 'plain-file');
  await writeFile(file, 'x');
  await rejects(openLevelStore(file), hasCode('store-unusable'));
  await remove();
});

test('a damaged store says so', async () => {
  const {path, remove} = await folder();
  const store = await openLevelStore(path);
  await exercise(store);
  await store.close();
  for (const content of ['MANIFEST-999999\n', 'nonsense']) {
    await writeFile(join(path, 'CURRENT'), content);
    await rejects(openLevelStore(path), hasCode('store-damaged'));
  }
  await remove();
});

test('an append that fails leaves nothing behind, and the next one may succeed', async (t) => {
  const {path, remove} = await folder();
  const file = join(path, 'log');
  const appender = await DurableAppender.open(file);
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  await appender.append(text('one\n'));
  const handle = await open(file);
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const sync = prototype.datasync;
  let syncs = 0;
  t.mock.method(prototype, 'datasync', async function failing(this: FileHandle) {
    if (++syncs === 1) throw Object.assign(new Error('no space left on device'), {code: 'ENOSPC'});
    return sync.call(this);
  });
  await rejects(appender.append(text('two\n')), hasCode('store-unusable'));
  equal(appender.size, 4);
  await appender.append(text('three\n'));
  equal(await readFile(file, 'utf8'), 'one\nthree\n');
  // Where it cannot even be taken back, nothing more is promised.
  t.mock.method(prototype, 'truncate', () => Promise.reject(new Error('input/output error')));
  syncs = 0;
  await rejects(appender.append(text('four\n')), hasCode('store-unusable'));
  await rejects(appender.append(text('five\n')), hasCode('store-unusable'));
  await appender.close();
  await remove();
});

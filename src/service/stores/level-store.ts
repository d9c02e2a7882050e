import {ClassicLevel, type Iterator} from 'classic-level';
import {type KeyValueStore, type StoreChange, StoreError, type StoreRange} from './key-value-store.ts';

/** Entries read at once, and about how many bytes of them. */
const BATCH = 1000;
const BATCH_BYTES = 2 ** 18;
/** Of the four threads that Node has for such work; others want one, too. */
const READERS = 3;
const LEAST_PART = 64;
const OPTIONS = {keyEncoding: 'view', valueEncoding: 'view'} as const;

export interface LevelStoreOptions {
  /** Bytes for cached blocks of the database, and for its write buffer. */
  readonly cacheBytes?: number;
  readonly writeBufferBytes?: number;
}

/** Turns what the database throws into one of our codes. */
function refused(path: string, error: unknown): StoreError {
  const cause = (error as {cause?: {code?: string; message?: string}}).cause;
  const code = cause?.code ?? (error as {code?: string}).code;
  if (code === 'LEVEL_LOCKED') return new StoreError('store-locked', {path}, error);
  // The database makes what a new directory lacks, so a missing file was there once.
  const missing = cause?.message?.includes('No such file') === true;
  if (code === 'LEVEL_CORRUPTION' || missing) return new StoreError('store-damaged', {path}, error);
  return new StoreError('store-unusable', {path, reason: cause?.message ?? String(error)}, error);
}

/** Entries are fetched many at a time: one by one the way to the database and back costs more than the data. */
async function* readInBatches(
  iterator: Iterator<ClassicLevel<Uint8Array, Uint8Array>, Uint8Array, Uint8Array>,
  guard: <Result>(work: Promise<Result>) => Promise<Result>,
): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
  const next = (): Promise<[Uint8Array, Uint8Array][]> => guard(iterator.nextv(BATCH));
  try {
    for (let batch = await next(); batch.length > 0; batch = await next()) yield* batch;
  } finally {
    await iterator.close();
  }
}

/** Each read takes one thread of the database; many keys are read by several at once. */
async function getInParts(
  level: ClassicLevel<Uint8Array, Uint8Array>,
  keys: readonly Uint8Array[],
): Promise<(Uint8Array | undefined)[]> {
  const parts: Promise<(Uint8Array | undefined)[]>[] = [];
  const size = Math.max(LEAST_PART, Math.ceil(keys.length / READERS));
  for (let at = 0; at < keys.length; at += size) parts.push(level.getMany(keys.slice(at, at + size)));
  return (await Promise.all(parts)).flat();
}

/** Change after change: a batch in one array costs the library, which clones its operations, ten times as much. */
async function writeAll(
  level: ClassicLevel<Uint8Array, Uint8Array>,
  changes: readonly StoreChange[],
  durable: boolean,
): Promise<void> {
  const batch = level.batch();
  for (const {key, value} of changes) {
    if (value === undefined) batch.del(key);
    else batch.put(key, value);
  }
  await batch.write({sync: durable});
}

/** Opens or creates a store in a directory. Throws StoreError. */
export async function openLevelStore(path: string, options: LevelStoreOptions = {}): Promise<KeyValueStore> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(path, {
    ...OPTIONS,
    cacheSize: options.cacheBytes ?? 32 * 2 ** 20,
    writeBufferSize: options.writeBufferBytes ?? 16 * 2 ** 20,
    // Nearly all of it are hashes and keys, which do not shrink; without, reading coins is a fifth to a third faster.
    compression: false,
  });
  try {
    await level.open();
  } catch (error) {
    throw refused(path, error);
  }
  const guard = async <Result>(work: Promise<Result>): Promise<Result> => {
    try {
      return await work;
    } catch (error) {
      throw refused(path, error);
    }
  };
  return {
    get: (key) => guard(level.get(key)),
    getMany: (keys) => guard(getInParts(level, keys)),
    write: (changes, durable = false) => guard(writeAll(level, changes, durable)),
    entries: ({from, to, reverse = false, limit = -1}: StoreRange) =>
      readInBatches(level.iterator({gte: from, lt: to, reverse, limit, highWaterMarkBytes: BATCH_BYTES}), guard),
    close: () => guard(level.close()),
  };
}

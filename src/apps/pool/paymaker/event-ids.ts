// Where an event with some id may stand in the ledger. Ids are random: a database that keeps its own index of them in the order of
// ids writes most of that index anew with each upload. This store, made for such keys, gives a hint instead: the row says whether
// it is true. It follows the ledger, and is made anew from it where it does not fit.
import {rm} from 'node:fs/promises';
import {concatBytes, readU64, writeU64} from '../../../core/bytes/index.ts';
import {type KeyValueStore, StoreError} from '../../../service/stores/key-value-store.ts';
import {openLevelStore} from '../../../service/stores/level-store.ts';

export interface EventPlace {
  readonly id: string;
  readonly sequence: number;
}

const STORE_OPTIONS = {cacheBytes: 64 * 2 ** 20, writeBufferBytes: 32 * 2 ** 20} as const;
const SEQUENCE_BYTES = 8;
/** Before the ids of events. */
const ID = 'i';

const encoder = new TextEncoder();
const LAST_KEY = encoder.encode('last');

function keyOf(id: string): Uint8Array {
  return encoder.encode(`${ID}${id}`);
}

function encodeSequence(sequence: number): Uint8Array {
  const bytes = new Uint8Array(SEQUENCE_BYTES);
  writeU64(bytes, 0, BigInt(sequence));
  return bytes;
}

function decodeSequence(bytes: Uint8Array): number {
  return Number(readU64(bytes, 0));
}

type OpenStore = (path: string) => Promise<KeyValueStore>;

function isDamage(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'store-damaged';
}

export class EventIds {
  readonly #path: string;
  readonly #open: OpenStore;
  /** Undefined after a failure, for such stores refuse everything from then on. */
  #store: KeyValueStore | undefined;
  #last: EventPlace | undefined;

  private constructor(path: string, open: OpenStore) {
    this.#path = path;
    this.#open = open;
  }

  /** Opens or makes the store in a directory; a damaged one is made anew. Throws StoreError. */
  static async open(
    path: string,
    open: OpenStore = (place) => openLevelStore(place, STORE_OPTIONS),
  ): Promise<EventIds> {
    const ids = new EventIds(path, open);
    await ids.#opened();
    return ids;
  }

  /** What is damaged is removed: the ledger has it all. */
  async #opened(): Promise<KeyValueStore> {
    if (this.#store !== undefined) return this.#store;
    try {
      this.#store = await this.#openStore();
    } catch (error) {
      if (!isDamage(error)) throw error;
      await rm(this.#path, {recursive: true, force: true});
      this.#store = await this.#openStore();
    }
    return this.#store;
  }

  async #openStore(): Promise<KeyValueStore> {
    const store = await this.#open(this.#path);
    try {
      const last = await store.get(LAST_KEY);
      this.#last = last && {
        id: new TextDecoder().decode(last.subarray(SEQUENCE_BYTES)),
        sequence: decodeSequence(last),
      };
      return store;
    } catch (error) {
      await store.close().catch(() => {});
      throw error;
    }
  }

  async #with<Result>(work: (store: KeyValueStore) => Promise<Result>): Promise<Result> {
    const store = await this.#opened();
    try {
      return await work(store);
    } catch (error) {
      this.#store = undefined;
      await store.close().catch(() => {});
      if (isDamage(error)) await rm(this.#path, {recursive: true, force: true});
      throw error;
    }
  }

  /** The event up to which it knows the ledger; ask before `find`, because the store may have been made anew. */
  async last(): Promise<EventPlace | undefined> {
    await this.#opened();
    return this.#last;
  }

  /** Where events with these ids may stand; undefined where none does that `last` covers. Throws StoreError, as the others. */
  async find(ids: readonly string[]): Promise<(number | undefined)[]> {
    const values = await this.#with((store) => store.getMany(ids.map(keyOf)));
    return values.map((value) => value && decodeSequence(value));
  }

  /**
   * Takes all events of the ledger behind `last`, in order, up to some other one. It is on disk when this resolves, so that nothing
   * before `last` can be missing.
   */
  async add(places: readonly EventPlace[]): Promise<void> {
    const last = places.at(-1);
    if (last === undefined) return;
    const changes = places.map(({id, sequence}) => ({key: keyOf(id), value: encodeSequence(sequence)}));
    const mark = concatBytes(encodeSequence(last.sequence), encoder.encode(last.id));
    await this.#with((store) => store.write([...changes, {key: LAST_KEY, value: mark}], true));
    this.#last = last;
  }

  /** Of events that are no longer in the ledger. */
  async remove(ids: readonly string[]): Promise<void> {
    await this.#with((store) => store.write(ids.map((id) => ({key: keyOf(id), value: undefined}))));
  }

  /** Forgets all. */
  async clear(): Promise<void> {
    await this.close();
    await rm(this.#path, {recursive: true, force: true});
    await this.#opened();
  }

  async close(): Promise<void> {
    await this.#store?.close();
    this.#store = undefined;
  }
}

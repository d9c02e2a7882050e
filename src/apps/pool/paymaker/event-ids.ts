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

const OPTIONS = {cacheBytes: 64 * 2 ** 20, writeBufferBytes: 32 * 2 ** 20} as const;
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

export class EventIds {
  readonly #path: string;
  #store: KeyValueStore;
  #last: EventPlace | undefined;

  private constructor(path: string, store: KeyValueStore) {
    this.#path = path;
    this.#store = store;
  }

  /** Opens or makes the store in a directory; a damaged one is made anew. Throws StoreError. */
  static async open(path: string): Promise<EventIds> {
    let ids: EventIds;
    try {
      ids = new EventIds(path, await openLevelStore(path, OPTIONS));
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'store-damaged') throw error;
      await rm(path, {recursive: true, force: true});
      ids = new EventIds(path, await openLevelStore(path, OPTIONS));
    }
    const last = await ids.#store.get(LAST_KEY);
    if (last !== undefined) {
      const id = new TextDecoder().decode(last.subarray(SEQUENCE_BYTES));
      ids.#last = {id, sequence: decodeSequence(last)};
    }
    return ids;
  }

  /** The event up to which it knows the ledger. */
  get last(): EventPlace | undefined {
    return this.#last;
  }

  /** Where events with these ids may stand; undefined where none does that `last` covers. */
  async find(ids: readonly string[]): Promise<(number | undefined)[]> {
    const values = await this.#store.getMany(ids.map(keyOf));
    return values.map((value) => value && decodeSequence(value));
  }

  /** Takes all events of the ledger behind `last`, in order, up to some other one. */
  async add(places: readonly EventPlace[]): Promise<void> {
    const last = places.at(-1);
    if (last === undefined) return;
    const changes = places.map(({id, sequence}) => ({key: keyOf(id), value: encodeSequence(sequence)}));
    const mark = concatBytes(encodeSequence(last.sequence), encoder.encode(last.id));
    await this.#store.write([...changes, {key: LAST_KEY, value: mark}]);
    this.#last = last;
  }

  /** Of events that are no longer in the ledger. */
  async remove(ids: readonly string[]): Promise<void> {
    await this.#store.write(ids.map((id) => ({key: keyOf(id), value: undefined})));
  }

  /** Forgets all. */
  async clear(): Promise<void> {
    await this.#store.close();
    await rm(this.#path, {recursive: true, force: true});
    this.#store = await openLevelStore(this.#path, OPTIONS);
    this.#last = undefined;
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

import type {KeyValueStore, StoreRange} from './key-value-store.ts';

/** Keys as strings that sort like their bytes. */
function text(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1');
}

/** A store that forgets everything when it goes: for tests and throwaway networks. Entries are copied in and out. */
export function createMemoryStore(): KeyValueStore {
  const map = new Map<string, Uint8Array>();
  const read = (key: Uint8Array): Uint8Array | undefined => map.get(text(key))?.slice();
  return {
    get: (key) => Promise.resolve(read(key)),
    getMany: (keys) => Promise.resolve(keys.map(read)),
    write: (changes) => {
      for (const {key, value} of changes) {
        if (value === undefined) map.delete(text(key));
        else map.set(text(key), Uint8Array.from(value));
      }
      return Promise.resolve();
    },
    entries: async function* ({from, to, reverse = false, limit = -1}: StoreRange) {
      const [first, end] = [text(from), text(to)];
      const keys = [...map.keys()].filter((key) => key >= first && key < end).sort();
      if (reverse) keys.reverse();
      for (const key of limit < 0 ? keys : keys.slice(0, limit)) {
        const value = map.get(key);
        if (value !== undefined) yield [Uint8Array.from(Buffer.from(key, 'latin1')), value.slice()] as const;
      }
    },
    close: () => Promise.resolve(),
  };
}

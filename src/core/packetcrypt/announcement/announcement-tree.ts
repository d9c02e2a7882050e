// The hash tree over the first table of an announcement.   spec §6 step 3, §7 step 6
import {concatBytes, copyBytes} from '../../bytes/index.ts';
import {compress64} from '../../crypto/index.ts';
import {checkBytes, checkInteger} from '../../errors.ts';
import {ANN_HASH_BYTES, TABLE_DEPTH, TABLE_ITEMS} from './announcement.ts';

/** All layers of the tree, leaf hashes first: 16383 hashes of 64 bytes. */
export class AnnouncementTree {
  readonly #layers: readonly Uint8Array[];

  private constructor(layers: readonly Uint8Array[]) {
    this.#layers = layers;
  }

  /** Builds the tree over 8192 leaf hashes (compress64 of each item), 64 bytes each, one after another. */
  static build(leafHashes: Uint8Array): AnnouncementTree {
    checkBytes('leafHashes', leafHashes, ANN_HASH_BYTES * TABLE_ITEMS);
    const layers = [copyBytes(leafHashes)];
    for (let level = 0; level < TABLE_DEPTH; level++) {
      const children = layers[level]!;
      const parents = new Uint8Array(children.length / 2);
      for (let offset = 0; offset < parents.length; offset += ANN_HASH_BYTES) {
        parents.set(compress64(children.subarray(2 * offset, 2 * (offset + ANN_HASH_BYTES))), offset);
      }
      layers.push(parents);
    }
    return new AnnouncementTree(layers);
  }

  /** One layer, 0 the leaf hashes, 13 the root; a copy. */
  layer(level: number): Uint8Array {
    checkInteger('level', level, 0, TABLE_DEPTH);
    return copyBytes(this.#layers[level]!);
  }

  /** 64 bytes */
  get root(): Uint8Array {
    return this.layer(TABLE_DEPTH);
  }

  /** The 13 siblings on the way from a leaf to the root, leaf level first: 832 bytes. */
  branch(leaf: number): Uint8Array {
    checkInteger('leaf', leaf, 0, TABLE_ITEMS - 1);
    return concatBytes(
      ...Array.from({length: TABLE_DEPTH}, (_, level) => {
        const offset = ANN_HASH_BYTES * ((leaf >> level) ^ 1);
        return this.#layers[level]!.subarray(offset, offset + ANN_HASH_BYTES);
      }),
    );
  }
}

/** The root that an item (1024 bytes) and its branch (832 bytes) lead to. */
export function branchRoot(item: Uint8Array, leaf: number, branch: Uint8Array): Uint8Array {
  let hash = compress64(item);
  for (let level = 0; level < TABLE_DEPTH; level++) {
    const sibling = branch.subarray(ANN_HASH_BYTES * level, ANN_HASH_BYTES * (level + 1));
    hash = compress64(((leaf >> level) & 1) === 1 ? concatBytes(sibling, hash) : concatBytes(hash, sibling));
  }
  return hash;
}

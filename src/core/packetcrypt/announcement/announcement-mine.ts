// Mining announcements, written to be read; the miner uses the kernels.   spec §6
import {concatBytes, writeU24} from '../../bytes/index.ts';
import {compress64} from '../../crypto/index.ts';
import {checkInteger} from '../../errors.ts';
import {softNonceMax} from '../difficulty.ts';
import {meetsTarget} from '../work-check.ts';
import {
  ANN_HASH_BYTES,
  ANN_PREFIX_BYTES,
  type AnnouncementHeader,
  annCrypt,
  annHash0,
  annHash1,
  encodeAnnouncementHeader,
  TABLE_ITEMS,
  v1Seed,
} from './announcement.ts';
import {AnnouncementTree} from './announcement-tree.ts';
import {type AnnouncementWork, annWork} from './announcement-work.ts';
import {makeItem, makeProgram} from './item.ts';

/** A table whose items are made when they are first asked for. `seed` has 64 bytes: program seed and item seed. */
function openTable(seed: Uint8Array): (number: number) => Uint8Array {
  const program = makeProgram(seed.subarray(0, 32));
  const items = new Map<number, Uint8Array>();
  return (number) => {
    let item = items.get(number);
    if (item === undefined) {
      item = makeItem(number, seed.subarray(32, 64), program);
      items.set(number, item);
    }
    return item;
  };
}

/** Everything a header without soft nonce leads to: one hard nonce's worth of announcements. */
export class AnnouncementJob {
  readonly header: AnnouncementHeader;
  /** Largest soft nonce that may be tried. */
  readonly softNonceMax: number;
  readonly tree: AnnouncementTree;
  readonly hash1: Uint8Array;
  readonly #itemAt: (number: number) => Uint8Array;

  private constructor(header: AnnouncementHeader, max: number, tree: AnnouncementTree, parentHash: Uint8Array) {
    const bytes = encodeAnnouncementHeader(header);
    this.header = header;
    this.softNonceMax = max;
    this.tree = tree;
    this.hash1 = annHash1(bytes, tree.root);
    this.#itemAt = openTable(v1Seed(tree.root, annHash0(bytes, parentHash)));
  }

  /**
   * Makes the first table and its tree (steps 1 to 5); takes seconds.
   *
   * header      its soft nonce is ignored
   * parentHash  32 bytes, internal byte order
   * throws      RandHashError: this hard nonce is of no use; RangeError for work bits of mantissa 0
   */
  static create(header: AnnouncementHeader, parentHash: Uint8Array): AnnouncementJob {
    const max = softNonceMax(header.workBits);
    if (max === undefined) throw new RangeError(`"workBits" expected a mantissa above 0, got ${header.workBits}`);
    const hash0 = annHash0(encodeAnnouncementHeader(header), parentHash);
    const program = makeProgram(hash0.subarray(0, 32));
    const leafHashes = new Uint8Array(ANN_HASH_BYTES * TABLE_ITEMS);
    for (let number = 0; number < TABLE_ITEMS; number++) {
      leafHashes.set(compress64(makeItem(number, hash0.subarray(32), program)), ANN_HASH_BYTES * number);
    }
    return new AnnouncementJob(header, max, AnnouncementTree.build(leafHashes), parentHash);
  }

  /** One try of the search (step 6). */
  work(softNonce: number): AnnouncementWork {
    checkInteger('softNonce', softNonce, 0, this.softNonceMax);
    return annWork(this.hash1, softNonce, this.#itemAt);
  }

  /** The announcement of a try: header, branch of the last item, root, zero prefix, encrypted. */
  assemble(softNonce: number, {state, items}: AnnouncementWork): Uint8Array {
    const header = encodeAnnouncementHeader(this.header);
    writeU24(header, 1, softNonce);
    const branch = this.tree.branch(items.at(-1)!);
    const ann = concatBytes(header, branch, this.tree.root, new Uint8Array(ANN_PREFIX_BYTES));
    annCrypt(ann, state);
    return ann;
  }

  /** Tries soft nonces from `first` to `last` and yields the announcements found. */
  *mine(first: number = 0, last: number = this.softNonceMax): Generator<Uint8Array, void, void> {
    for (let softNonce = first; softNonce <= last; softNonce++) {
      const work = this.work(softNonce);
      if (meetsTarget(work.workHash, this.header.workBits)) yield this.assemble(softNonce, work);
    }
  }
}

import {compress32} from '../../crypto/index.ts';
import {checkBytes} from '../../errors.ts';
import {ANN_BYTES} from './announcement.ts';
import {AnnouncementKernel} from './announcement-kernel.ts';
import {FOUND} from './announcement-memory.ts';

const HASH_BYTES = 32;
const PAGE = 65_536;

/** compress32 of many announcements by the kernel: what plain JavaScript takes ten times as long for.   spec §1.2 */
export class AnnouncementHashes {
  readonly #kernel: AnnouncementKernel;
  readonly #maxBytes: number;
  readonly #digests: number;

  /** maxAnns: announcements hashed at once; the memory is a little larger than they are. */
  constructor(maxAnns: number) {
    this.#maxBytes = ANN_BYTES * maxAnns;
    this.#digests = FOUND + this.#maxBytes;
    this.#kernel = new AnnouncementKernel(Math.ceil((this.#digests + HASH_BYTES * (maxAnns + 2)) / PAGE));
  }

  /**
   * anns     a whole number of announcements, at most maxAnns
   * returns  32 bytes for each announcement, and the hash of all of them as one message; both good until the next call
   */
  hash(anns: Uint8Array): {readonly each: Uint8Array; readonly whole: Uint8Array} {
    checkBytes('anns', anns);
    if (anns.length % ANN_BYTES !== 0 || anns.length > this.#maxBytes) {
      throw new RangeError(
        `"anns" expected a multiple of ${ANN_BYTES} up to ${this.#maxBytes} bytes, got ${anns.length}`,
      );
    }
    if (anns.length === 0) return {each: new Uint8Array(0), whole: compress32(anns)};
    const {bytes, exports} = this.#kernel;
    bytes.set(anns, FOUND);
    const count = anns.length / ANN_BYTES;
    for (let i = 0; i < count; i += 2) {
      const a = FOUND + ANN_BYTES * i;
      const out = this.#digests + HASH_BYTES * i;
      // An odd last one goes with itself.
      exports.blake2bPair(a, i + 1 < count ? a + ANN_BYTES : a, ANN_BYTES, HASH_BYTES, out, out + HASH_BYTES);
    }
    const whole = this.#digests + HASH_BYTES * (count + 1);
    exports.blake2bPair(FOUND, FOUND, anns.length, HASH_BYTES, whole, whole);
    return {
      each: bytes.subarray(this.#digests, this.#digests + HASH_BYTES * count),
      whole: bytes.subarray(whole, whole + HASH_BYTES),
    };
  }
}

// What a CryptoCycle costs in our kernels. Poly1305 takes 5.4 ns a block of 16 bytes; four blocks of ChaCha20 take 178 ns with
// ten blocks of Poly1305 hidden in them; decryption streams only what lies behind offset 1056 (spec §3.4). Only ratios count.

/** Mean cost of a whole announcement hash in the same unit, and of its first cycle. */
const MEAN_HASH = 5800;
const MEAN_FIRST_CYCLE = 1150;

/** Cost in ns of a cycle that is not the last and has this data word.   spec §3 */
function cycleCost(data: number): number {
  const additional = (data >>> 13) & 7;
  const length = Math.min((data >>> 17) & 127, 125 - additional);
  const decrypting = ((data >>> 12) & 1) === 1;
  const blocks = additional + length;
  // 63 blocks stand between the end of the header and offset 1056.
  const streamed = decrypting ? Math.max(0, blocks - 63) : length;
  const chunks = Math.ceil(streamed / 16);
  return 178 * chunks + 5.4 * Math.max(0, blocks - 10 * chunks);
}

/** Cost of a hash whose first cycle has this data word, relative to the mean over all jobs. */
export function relativeHashCost(firstData: number): number {
  return (MEAN_HASH - MEAN_FIRST_CYCLE + cycleCost(firstData)) / MEAN_HASH;
}

// A block over a set of announcements, as far as its proof is concerned.   spec §8.4, §8.5
import {concatBytes, encodeVarint, writeU32} from '../../core/bytes/index.ts';
import {dsha256} from '../../core/crypto/index.ts';
import {
  COMMITMENT_BYTES,
  compactForWork,
  encodeCommitment,
  fillPlaceholder,
  placeholderScript,
  workForCompact,
} from '../../core/packetcrypt/index.ts';

/** The smallest coinbase there is: its height, and one output for the commitment. */
function coinbaseTemplate(height: number): Uint8Array {
  const number = new Uint8Array(4);
  writeU32(number, 0, height);
  const inputScript = concatBytes(Uint8Array.of(4), number);
  const output = placeholderScript();
  return concatBytes(
    Uint8Array.of(1, 0, 0, 0),
    Uint8Array.of(1),
    new Uint8Array(32),
    new Uint8Array(4).fill(0xff),
    encodeVarint(inputScript.length),
    inputScript,
    new Uint8Array(4).fill(0xff),
    Uint8Array.of(1),
    new Uint8Array(8),
    encodeVarint(output.length),
    output,
    new Uint8Array(4),
  );
}

export interface BlockDraft {
  readonly header: Uint8Array;
  readonly commitment: Uint8Array;
  /** Script of the coinbase's only output. */
  readonly commitmentScript: Uint8Array;
}

export interface BlockParts {
  readonly height: number;
  readonly previous: Uint8Array;
  readonly bits: number;
  readonly timeSeconds: number;
  readonly annLeastWorkTarget: number;
  readonly root: Uint8Array;
  readonly count: number;
}

/** Coinbase and header of a block that commits to a set. */
export function draftBlock(parts: BlockParts): BlockDraft {
  const {annLeastWorkTarget, root, count} = parts;
  const commitment = encodeCommitment({annLeastWorkTarget, root, numAnns: BigInt(count)});
  const coinbase = fillPlaceholder(coinbaseTemplate(parts.height), commitment);
  const header = new Uint8Array(80);
  writeU32(header, 0, 0x20000000);
  header.set(parts.previous, 4);
  // The coinbase is the only transaction, so its id is the merkle root.
  header.set(dsha256(coinbase), 36);
  writeU32(header, 68, parts.timeSeconds);
  writeU32(header, 72, parts.bits);
  const script = coinbase.subarray(coinbase.length - 4 - COMMITMENT_BYTES - 2, coinbase.length - 4);
  return {header, commitment, commitmentScript: script};
}

/** Header bits at which a block over a set needs about so many hashes: effective work solved for the block's work.   spec §9.3 */
export function bitsForHashes(hashes: number, annLeastWorkTarget: number, count: number): number {
  const annWork = workForCompact(annLeastWorkTarget)!;
  const cube = BigInt(hashes) * 1024n * annWork * BigInt(count) ** 2n;
  return compactForWork(cubeRoot(cube));
}

function cubeRoot(value: bigint): bigint {
  let low = 0n;
  let high = 1n << BigInt(Math.ceil(value.toString(2).length / 3) + 1);
  while (low + 1n < high) {
    const middle = (low + high) / 2n;
    if (middle ** 3n <= value) low = middle;
    else high = middle;
  }
  return low;
}

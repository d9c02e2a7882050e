import {concatBytes} from '../bytes/index.ts';
import {dsha256} from '../crypto/index.ts';

const ZERO = new Uint8Array(32);

/** Bitcoin's merkle root: an odd layer repeats its last hash. 32 zero bytes for no hashes. */
export function merkleRoot(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 0) return ZERO.slice();
  let layer = hashes;
  while (layer.length > 1) {
    const next: Uint8Array[] = [];
    for (let i = 0; i < layer.length; i += 2) next.push(dsha256(concatBytes(layer[i]!, layer[i + 1] ?? layer[i]!)));
    layer = next;
  }
  return layer[0]!;
}

/** Siblings of the first hash, lowest layer first: with them anyone recomputes the root from a changed coinbase. */
export function coinbaseBranch(hashes: readonly Uint8Array[]): Uint8Array[] {
  const branch: Uint8Array[] = [];
  let layer = hashes;
  while (layer.length > 1) {
    branch.push(layer[1]!);
    const next: Uint8Array[] = [layer[0]!];
    for (let i = 2; i < layer.length; i += 2) next.push(dsha256(concatBytes(layer[i]!, layer[i + 1] ?? layer[i]!)));
    layer = next;
  }
  return branch;
}

/** Root from the first hash and its branch. */
export function rootFromBranch(first: Uint8Array, branch: readonly Uint8Array[]): Uint8Array {
  return branch.reduce((hash, sibling) => dsha256(concatBytes(hash, sibling)), first);
}

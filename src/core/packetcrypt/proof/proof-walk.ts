// The nodes of a tree proof: who is computed, who is sent, who is padding.   spec §8.6
import {assert} from '../../errors.ts';

/**
 * computable  an announcement of the proof, or above one: never sent
 * provided    a sibling whose hash is sent
 * padding     above leaf slots behind the last entry: known to everybody
 */
type NodeKind = 'computable' | 'provided' | 'padding';

/** Where a node stands; `level` 0 is a leaf, `slot` its number in that level. */
export interface ProofPlace {
  readonly level: number;
  readonly slot: bigint;
  readonly kind: NodeKind;
  /** True when the proof states end - start of this node. */
  readonly rangeSent: boolean;
}

/** One node of the part of the tree a proof talks about, with what `visit` made of its place. */
export interface ProofNode<Content> {
  readonly place: ProofPlace;
  readonly content: Content;
  /** Both children, for computable nodes above the leaves. */
  readonly children: readonly [ProofNode<Content>, ProofNode<Content>] | undefined;
}

/** Height of the tree over `entries` ≥ 2 leaf entries. */
function treeHeight(entries: bigint): number {
  return (entries - 1n).toString(2).length;
}

/**
 * Builds the proof's part of the tree, depth first, calling `visit` in the order the proof is written in: node, left
 * subtree, right subtree. At most 8 nodes per level, whatever `entries` is.
 *
 * entries  leaf entries: announcements and the zero entry
 * leaves   leaf slots of the selected announcements, each 1..entries-1
 */
export function walkProof<Content>(
  entries: bigint,
  leaves: readonly bigint[],
  visit: (place: ProofPlace) => Content,
): ProofNode<Content> {
  assert(entries >= 2n, 'a tree has the zero entry and at least one announcement');
  const height = treeHeight(entries);
  const walk = (level: number, slot: bigint): ProofNode<Content> => {
    const shift = BigInt(level);
    const computable = leaves.some((leaf) => leaf >> shift === slot);
    const kind = computable ? 'computable' : slot << shift >= entries ? 'padding' : 'provided';
    const right = (slot & 1n) === 1n;
    const rangeSent = kind !== 'padding' && (level === 0 ? right : kind === 'provided');
    const place: ProofPlace = {level, slot, kind, rangeSent};
    const content = visit(place);
    if (!computable || level === 0) return {place, content, children: undefined};
    const left = walk(level - 1, 2n * slot);
    return {place, content, children: [left, walk(level - 1, 2n * slot + 1n)]};
  };
  return walk(height, 0n);
}

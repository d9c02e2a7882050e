// How long chains of unconfirmed transactions may be.   chain spec §4.3
import type {Transaction} from '../../core/primitives/index.ts';
import {PolicyError} from './errors.ts';
import {type PoolEntry, type PoolGraph, withAncestors, withDescendants} from './pool-graph.ts';

/** Each counts the transaction itself. */
const MAX_FAMILY = 25;
const MAX_FAMILY_VSIZE = 101_000;

function checkFamily(what: 'ancestors' | 'descendants', count: number, vsize: number): void {
  if (count > MAX_FAMILY || vsize > MAX_FAMILY_VSIZE) throw new PolicyError('chain-too-long', {of: what, count, vsize});
}

/**
 * Throws PolicyError 'chain-too-long' where a transaction would have too many ancestors, or one of them too many descendants.
 *
 * leaving  entries that make room for it
 */
export function checkLineage(
  graph: PoolGraph,
  transaction: Transaction,
  vsize: number,
  leaving: ReadonlySet<PoolEntry>,
): void {
  const ancestors = withAncestors(graph.parentsOf(transaction));
  let total = vsize;
  for (const ancestor of ancestors) total += ancestor.vsize;
  checkFamily('ancestors', ancestors.size + 1, total);
  for (const ancestor of ancestors) {
    let {count, vsize: family} = ancestor.descendants;
    if (leaving.size > 0) {
      for (const descendant of withDescendants([ancestor])) {
        if (!leaving.has(descendant)) continue;
        count--;
        family -= descendant.vsize;
      }
    }
    checkFamily('descendants', count + 1, family + vsize);
  }
}

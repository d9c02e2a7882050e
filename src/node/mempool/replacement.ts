// Replacing transactions by others that pay more.   BIP 125; chain spec §4.3
import {encodeHex} from '../../core/bytes/index.ts';
import {outpointKey} from '../../core/consensus/index.ts';
import type {Transaction} from '../../core/primitives/index.ts';
import {PolicyError} from './errors.ts';
import {feeAt} from './policy.ts';
import {feeRate, type PoolEntry, type PoolGraph, withAncestors, withDescendants} from './pool-graph.ts';

const MAX_REPLACEABLE_SEQUENCE = 0xfffffffd;
const MAX_EVICTIONS = 100;

/** What would come into the pool. */
export interface Candidate {
  readonly transaction: Transaction;
  readonly fee: bigint;
  readonly vsize: number;
}

/** True when a transaction or one that it depends on in the pool says that it may be replaced. */
function isReplaceable(entry: PoolEntry): boolean {
  for (const {transaction} of withAncestors([entry])) {
    if (transaction.inputs.some(({sequence}) => sequence <= MAX_REPLACEABLE_SEQUENCE)) return true;
  }
  return false;
}

/** Entries that spend what a transaction spends. Throws PolicyError 'conflict' where one may not be replaced. */
export function findConflicts(graph: PoolGraph, {inputs}: Transaction): Set<PoolEntry> {
  const conflicts = new Set<PoolEntry>();
  for (const [input, {txid, index}] of inputs.entries()) {
    const spender = graph.spender(txid, index);
    if (spender === undefined || conflicts.has(spender)) continue;
    if (!isReplaceable(spender)) throw new PolicyError('conflict', {input, spender: shown(spender.txid)});
    conflicts.add(spender);
  }
  return conflicts;
}

function checkInputs(graph: PoolGraph, {inputs}: Transaction, conflicts: ReadonlySet<PoolEntry>): void {
  const spent = new Set<string>();
  for (const {transaction} of conflicts) {
    for (const {txid, index} of transaction.inputs) spent.add(outpointKey(txid, index));
  }
  for (const [input, {txid, index}] of inputs.entries()) {
    if (graph.get(txid) !== undefined && !spent.has(outpointKey(txid, index))) {
      throw new PolicyError('replacement-new-input', {input});
    }
  }
}

/**
 * All that a replacement throws out, the conflicts and their descendants. Throws PolicyError unless it is allowed to.
 *
 * relayFee  units per 1000 virtual bytes, which the replacement pays for itself on top of the fees of what it replaces
 */
export function checkReplacement(
  graph: PoolGraph,
  {transaction, fee, vsize}: Candidate,
  conflicts: ReadonlySet<PoolEntry>,
  relayFee: bigint,
): Set<PoolEntry> {
  const counted = [...conflicts].reduce((sum, {descendants}) => sum + descendants.count, 0);
  if (counted > MAX_EVICTIONS) throw new PolicyError('replacement-evictions', {max: MAX_EVICTIONS, evicts: counted});
  const evicted = withDescendants(conflicts);
  for (const ancestor of withAncestors(graph.parentsOf(transaction))) {
    if (evicted.has(ancestor)) throw new PolicyError('replacement-spends-conflict', {spends: shown(ancestor.txid)});
  }
  for (const conflict of conflicts) {
    // Exact: fees are too large for doubles to tell apart.
    if (fee * BigInt(conflict.vsize) <= conflict.fee * BigInt(vsize)) {
      const needs = feeRate(conflict.fee, conflict.vsize);
      throw new PolicyError('replacement-fee-rate', {needsMoreThan: needs, has: feeRate(fee, vsize)});
    }
  }
  let needed = feeAt(relayFee, vsize);
  for (const entry of evicted) needed += entry.fee;
  if (fee < needed) throw new PolicyError('replacement-fee', {needs: needed, has: fee});
  checkInputs(graph, transaction, conflicts);
  return evicted;
}

/** Ids are shown reversed. */
function shown(txid: Uint8Array): string {
  return encodeHex(txid.slice().reverse());
}

// Which transactions of the pool are mined next: those that pay most, each with what it depends on.   chain spec §4.4
import {isFinal} from '../../core/consensus/index.ts';
import {Heap} from './heap.ts';
import {feeRate, type MempoolEntry, parentsFirst} from './pool-graph.ts';

export interface SelectionLimits {
  readonly weight: number;
  readonly sigopCost: number;
  /** Of the block to be. */
  readonly height: number;
  /** Of its parent. */
  readonly medianTime: number;
}

/** An entry and its ancestors that are not chosen yet. */
interface Candidate {
  readonly entry: MempoolEntry;
  weight: number;
  fees: bigint;
  sigopCost: number;
}

/** Once so little room is left, this many candidates in a row that do not fit end the search. */
const ALMOST_FULL_WEIGHT = 4000;
const MAX_FAILURES = 1000;

class Selection {
  readonly #limits: SelectionLimits;
  readonly #candidates = new Map<MempoolEntry, Candidate>();
  readonly #heap = new Heap<Candidate>((a, b) => feeRate(a.fees, a.weight) > feeRate(b.fees, b.weight));
  readonly #chosen = new Set<MempoolEntry>();
  #weight = 0;
  #sigopCost = 0;

  constructor(entries: Iterable<MempoolEntry>, limits: SelectionLimits) {
    this.#limits = limits;
    for (const entry of entries) {
      const {weight, fees, sigopCost} = entry.ancestors;
      const candidate = {entry, weight, fees, sigopCost};
      this.#candidates.set(entry, candidate);
      this.#heap.add(candidate);
    }
  }

  run(): MempoolEntry[] {
    let failures = 0;
    for (let best = this.#heap.first; best !== undefined; best = this.#heap.first) {
      this.#heap.delete(best);
      const members = this.#fits(best) ? this.#membersOf(best.entry) : undefined;
      if (members !== undefined) {
        for (const entry of members) this.#choose(entry);
        failures = 0;
      } else if (++failures > MAX_FAILURES && this.#limits.weight - this.#weight < ALMOST_FULL_WEIGHT) {
        break;
      }
    }
    return [...this.#chosen];
  }

  #fits({weight, sigopCost}: Candidate): boolean {
    const limits = this.#limits;
    return this.#weight + weight <= limits.weight && this.#sigopCost + sigopCost <= limits.sigopCost;
  }

  /** An entry and those of its ancestors that are not chosen, parents first; undefined when one is not final. */
  #membersOf(entry: MempoolEntry): MempoolEntry[] | undefined {
    const members = new Set([entry]);
    for (const member of members) {
      if (!isFinal(member.transaction, this.#limits.height, this.#limits.medianTime)) return undefined;
      for (const parent of member.parents) if (!this.#chosen.has(parent)) members.add(parent);
    }
    return parentsFirst(members);
  }

  #choose(entry: MempoolEntry): void {
    this.#chosen.add(entry);
    this.#weight += entry.weight;
    this.#sigopCost += entry.sigopCost;
    this.#heap.delete(this.#candidates.get(entry)!);
    const descendants = new Set(entry.children);
    for (const descendant of descendants) {
      const candidate = this.#candidates.get(descendant)!;
      candidate.weight -= entry.weight;
      candidate.fees -= entry.fee;
      candidate.sigopCost -= entry.sigopCost;
      // It may have been passed over before; now that it brings less along it may fit.
      this.#heap.delete(candidate);
      this.#heap.add(candidate);
      for (const child of descendant.children) descendants.add(child);
    }
  }
}

/**
 * Entries for a block, parents first. They are chosen by the fee rate of each together with its ancestors that are not chosen
 * yet; what does not fit is passed over.
 */
export function selectTransactions(entries: Iterable<MempoolEntry>, limits: SelectionLimits): MempoolEntry[] {
  return new Selection(entries, limits).run();
}

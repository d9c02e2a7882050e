// Election of the network steward.   chain spec §3.10.2
import {encodeHex} from '../bytes/index.ts';
import type {MoneyParams} from '../params/index.ts';
import {totalMoney} from './subsidy.ts';
import {findVote} from './votes.ts';

/** State after a block: it governs the next one. */
export interface StewardState {
  /** Script that the coinbase of the next block must pay. */
  readonly steward: Uint8Array;
  /** Units that vote against it. May drift below zero: an output created and spent in one block only subtracts. */
  readonly against: bigint;
}

/** Votes for and against one candidate, in units. */
export interface Tally {
  /** The candidate as it is pushed; of several that differ in zeros at the end only, the shortest. */
  readonly script: Uint8Array;
  readonly for: bigint;
  readonly against: bigint;
}

/** Candidates are compared as 80 bytes, padded with zeros: the hex of that. */
export type CandidateKey = string;

const KEY_DIGITS = 160;

export function candidateKey(script: Uint8Array): CandidateKey {
  return encodeHex(script).padEnd(KEY_DIGITS, '0');
}

function mergeTallies(a: Tally | undefined, b: Tally): Tally {
  if (a === undefined) return b;
  const script = a.script.length <= b.script.length ? a.script : b.script;
  return {script, for: a.for + b.for, against: a.against + b.against};
}

/** What an output adds to the votes. */
export interface VotingOutput {
  readonly value: bigint;
  readonly script: Uint8Array;
}

/** What a block adds to and takes from the sums over the unspent outputs. */
export type TallyChanges = ReadonlyMap<CandidateKey, Tally>;

/** Sums over the unspent outputs before a block, for candidates that any of them names. */
export type AllTallies = () => Iterable<readonly [CandidateKey, Tally]>;

/** Changes that a block makes to the sums: `created` outputs that are still unspent at its end, and all it spends. */
export function tallyChanges(created: Iterable<VotingOutput>, spent: Iterable<VotingOutput>): Map<CandidateKey, Tally> {
  const changes = new Map<CandidateKey, Tally>();
  const add = (script: Uint8Array | undefined, inFavour: bigint, against: bigint): void => {
    if (script === undefined) return;
    const key = candidateKey(script);
    changes.set(key, mergeTallies(changes.get(key), {script, for: inFavour, against}));
  };
  const count = (outputs: Iterable<VotingOutput>, sign: bigint): void => {
    for (const {value, script} of outputs) {
      const vote = findVote(script);
      add(vote?.for, sign * value, 0n);
      add(vote?.against, 0n, sign * value);
    }
  };
  count(created, 1n);
  count(spent, -1n);
  return changes;
}

/** What an election found; `tied` lists further candidates with as many votes, which the reference decides at random. */
export interface StewardStep {
  readonly state: StewardState;
  readonly elected: boolean;
  readonly tied: readonly Uint8Array[];
}

/**
 * State after block `height`, from that of its parent and the changes it makes.
 * allTallies is asked only when there is an election.
 */
export function nextStewardState(
  money: MoneyParams,
  height: number,
  parent: StewardState,
  changes: TallyChanges,
  allTallies: AllTallies,
): StewardStep {
  const against = parent.against + (changes.get(candidateKey(parent.steward))?.against ?? 0n);
  const kept = {state: {steward: parent.steward, against}, elected: false, tied: []};
  if (parent.steward.length > 0 && against <= totalMoney(money, height) / 2n) return kept;
  const sums = new Map<CandidateKey, Tally>(allTallies());
  for (const [key, change] of changes) sums.set(key, mergeTallies(sums.get(key), change));
  let most = 1n;
  for (const tally of sums.values()) if (tally.for > most) most = tally.for;
  // The lowest script wins a tie; keys of one length compare like the bytes they stand for.
  const [winner, ...tied] = [...sums].filter(([, tally]) => tally.for === most).sort(([a], [b]) => (a < b ? -1 : 1));
  if (winner === undefined) return kept;
  const {script, against: againstWinner} = winner[1];
  return {
    state: {steward: script, against: againstWinner},
    elected: true,
    tied: tied.map(([, tally]) => tally.script),
  };
}

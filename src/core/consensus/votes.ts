// Votes in output scripts.   chain spec §3.10.1
//
//   … <for | OP_0> <against | OP_0> OP_VOTE …     for, against: pushes of the candidates' scripts
import {copyBytes} from '../bytes/index.ts';
import {OP} from './script/opcodes.ts';
import {isCanonicalPush, parseScript, type ScriptOp} from './script/parse.ts';

const MAX_CANDIDATE_BYTES = 79;

/** The scripts that an output votes for and against; at least one of them may be missing. */
export interface Vote {
  readonly for: Uint8Array | undefined;
  readonly against: Uint8Array | undefined;
}

/** What an opcode before OP_VOTE names: a candidate, 'none', or 'bad' when it is no item of a vote. */
function item(op: ScriptOp): Uint8Array | 'none' | 'bad' {
  const {opcode, data} = op;
  if (opcode === OP.OP_0) return 'none';
  if (data === undefined || !isCanonicalPush(op) || data.length < 1 || data.length > MAX_CANDIDATE_BYTES) return 'bad';
  return data;
}

/**
 * The vote of an output script: that of the first OP_VOTE which follows two items, executed or not. `undefined` without vote
 * and for scripts that cannot be read.
 */
export function findVote(script: Uint8Array): Vote | undefined {
  const ops = parseScript(script);
  if (ops === undefined) return undefined;
  for (let i = 2; i < ops.length; i++) {
    if (ops[i]!.opcode !== OP.VOTE) continue;
    const against = item(ops[i - 1]!);
    const inFavour = item(ops[i - 2]!);
    if (against === 'bad' || inFavour === 'bad') continue;
    return {
      for: inFavour === 'none' ? undefined : copyBytes(inFavour),
      against: against === 'none' ? undefined : copyBytes(against),
    };
  }
  return undefined;
}

/** Outputs that can never be spent do not enter the coins, and do not vote. */
export function isUnspendable(script: Uint8Array): boolean {
  return script[0] === OP.RETURN || parseScript(script) === undefined;
}

// Votes in output scripts.   chain spec §3.10.1
//
//   … <for | OP_0> <against | OP_0> OP_VOTE …     for, against: pushes of the candidates' scripts
import {copyBytes} from '../bytes/index.ts';

const OP_PUSHDATA1 = 0x4c;
const OP_PUSHDATA2 = 0x4d;
const OP_PUSHDATA4 = 0x4e;
const OP_VOTE = 0x66;
const OP_RETURN = 0x6a;
const MAX_CANDIDATE_BYTES = 79;

/** The scripts that an output votes for and against; at least one of them may be missing. */
export interface Vote {
  readonly for: Uint8Array | undefined;
  readonly against: Uint8Array | undefined;
}

/** One opcode with what it pushes; `canonical` where the push has its shortest form. */
interface Op {
  readonly opcode: number;
  readonly data: Uint8Array | undefined;
  readonly canonical: boolean;
}

/** Opcodes of a script, or undefined when its last push is cut short. */
function readOps(script: Uint8Array): Op[] | undefined {
  const ops: Op[] = [];
  for (let at = 0; at < script.length; ) {
    const opcode = script[at++]!;
    if (opcode > OP_PUSHDATA4 || opcode === 0) {
      ops.push({opcode, data: undefined, canonical: true});
      continue;
    }
    const sizeBytes = opcode < OP_PUSHDATA1 ? 0 : 1 << (opcode - OP_PUSHDATA1);
    if (at + sizeBytes > script.length) return undefined;
    let size = sizeBytes === 0 ? opcode : 0;
    for (let i = sizeBytes - 1; i >= 0; i--) size = size * 256 + script[at + i]!;
    at += sizeBytes;
    if (size > script.length - at) return undefined;
    const data = script.subarray(at, at + size);
    at += size;
    ops.push({opcode, data, canonical: isCanonical(opcode, data)});
  }
  return ops;
}

function isCanonical(opcode: number, data: Uint8Array): boolean {
  if (opcode < OP_PUSHDATA1) return data.length !== 1 || data[0]! > 16;
  if (opcode === OP_PUSHDATA1) return data.length >= OP_PUSHDATA1;
  return opcode === OP_PUSHDATA2 && data.length > 0xff;
}

/** What an opcode before OP_VOTE names: a candidate, 'none', or 'bad' when it is no item of a vote. */
function item({opcode, data, canonical}: Op): Uint8Array | 'none' | 'bad' {
  if (opcode === 0) return 'none';
  if (data === undefined || !canonical || data.length < 1 || data.length > MAX_CANDIDATE_BYTES) return 'bad';
  return data;
}

/**
 * The vote of an output script: that of the first OP_VOTE which follows two items, executed or not. `undefined` without vote
 * and for scripts that cannot be read.
 */
export function findVote(script: Uint8Array): Vote | undefined {
  const ops = readOps(script);
  if (ops === undefined) return undefined;
  for (let i = 2; i < ops.length; i++) {
    if (ops[i]!.opcode !== OP_VOTE) continue;
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
  return script[0] === OP_RETURN || readOps(script) === undefined;
}

// Scripts as answers show them.   chain spec §4.6.2
import {encodeHex} from '../../../core/bytes/index.ts';
import {
  classifyScript,
  encodeAddress,
  findVote,
  OP,
  readOp,
  type ScriptClass,
  withoutVotes,
} from '../../../core/consensus/index.ts';
import {hash160} from '../../../core/crypto/index.ts';
import type {Network} from '../../../core/params/index.ts';

export interface VoteDocument {
  readonly for?: string;
  readonly against?: string;
}

export function addressOf(network: Network, script: Uint8Array): string {
  return encodeAddress(script, network.addresses);
}

export function voteDocument(network: Network, script: Uint8Array): VoteDocument | undefined {
  const vote = findVote(script);
  if (vote === undefined) return undefined;
  return {
    ...(vote.for && {for: addressOf(network, vote.for)}),
    ...(vote.against && {against: addressOf(network, vote.against)}),
  };
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(OP).map(([name, opcode]) => [opcode, name.startsWith('OP_') ? name : `OP_${name}`]),
);

function opName(opcode: number): string {
  if (opcode === OP.OP_0) return '0';
  if (opcode === OP['1NEGATE']) return '-1';
  if (opcode >= OP.OP_1 && opcode <= OP.OP_16) return String(opcode - OP.OP_1 + 1);
  return NAMES.get(opcode) ?? `OP_UNKNOWN${opcode}`;
}

/** A script in words; what cannot be read ends it with "[error]". */
export function disassemble(script: Uint8Array): string {
  const words: string[] = [];
  for (let at = 0; at < script.length; ) {
    const op = readOp(script, at);
    if (op === undefined) {
      words.push('[error]');
      break;
    }
    words.push(op.data !== undefined && op.data.length > 0 ? encodeHex(op.data) : opName(op.opcode));
    at = op.end;
  }
  return words.join(' ');
}

function payees(network: Network, script: Uint8Array, kind: ScriptClass): string[] {
  switch (kind.name) {
    case 'multisig':
      return kind.keys.map((key) => addressOf(network, keyHashScript(key)));
    case 'pubkey':
      return [addressOf(network, keyHashScript(kind.data))];
    case 'nulldata':
    case 'nonstandard':
      return [];
    default:
      return [addressOf(network, withoutVotes(script))];
  }
}

function keyHashScript(key: Uint8Array): Uint8Array {
  return Uint8Array.from([OP.DUP, OP.HASH160, 20, ...hash160(key), OP.EQUALVERIFY, OP.CHECKSIG]);
}

function signaturesNeeded(kind: ScriptClass): number | undefined {
  if (kind.name === 'multisig') return kind.required;
  return kind.name === 'nulldata' || kind.name === 'nonstandard' ? undefined : 1;
}

export function scriptDocument(network: Network, script: Uint8Array): object {
  const kind = classifyScript(script);
  const reqSigs = signaturesNeeded(kind);
  const addresses = payees(network, script, kind);
  const vote = voteDocument(network, script);
  const p2sh = Uint8Array.from([OP.HASH160, 20, ...hash160(script), OP.EQUAL]);
  return {
    asm: disassemble(script),
    ...(reqSigs !== undefined && {reqSigs}),
    type: kind.name,
    ...(addresses.length > 0 && {addresses}),
    ...(kind.name !== 'scripthash' && {p2sh: addressOf(network, p2sh)}),
    ...(vote && {vote}),
  };
}

import {deepEqual, equal, ok} from 'node:assert/strict';
import {concatBytes, decodeHex} from '../../src/core/bytes/index.ts';
import {
  CONSENSUS_SCRIPT_FLAGS,
  countSigops,
  findVote,
  isUnspendable,
  legacySigops,
  OP,
  POLICY_SCRIPT_FLAGS,
  parseScript,
  type ScriptFlags,
  SignatureHashes,
  verifyInput,
} from '../../src/core/consensus/index.ts';
import {hash160, sha256} from '../../src/core/crypto/index.ts';
import {
  decodeBlock,
  decodeHeader,
  decodeTransaction,
  encodeBlock,
  encodeHeader,
  encodeTransaction,
  type Transaction,
} from '../../src/core/primitives/index.ts';
import {decodePool, encodePool} from '../../src/node/mempool/pool-file.ts';
import {readVectors} from '../support/vectors.ts';
import {mutateBytes} from './mutate.ts';
import type {Random} from './random.ts';
import {accepted, type FuzzTarget, outcome, sameBytes} from './target.ts';

const OPCODES: readonly number[] = Object.values(OP);
const NO_FLAGS: ScriptFlags = new Set();

const transactions = readVectors<unknown[][]>('bitcoin/tx_valid')
  .filter(({length}) => length > 1)
  .map((row) => decodeHex(row[1] as string));
const blocks = readVectors<{blocks: {wire: string}[]}>('block').blocks.map(({wire}) => decodeHex(wire));

function push(data: Uint8Array): Uint8Array {
  const {length} = data;
  return concatBytes(length < OP.PUSHDATA1 ? Uint8Array.of(length) : Uint8Array.of(OP.PUSHDATA1, length), data);
}

/** A signature of the right form, or one a little off. */
function signature(random: Random): Uint8Array {
  const number = (): Uint8Array => concatBytes(Uint8Array.of(2, 32, random.below(128)), random.bytes(31));
  const body = concatBytes(number(), number());
  const good = concatBytes(
    Uint8Array.of(0x30, body.length),
    body,
    Uint8Array.of(random.toss(2) ? 1 : random.below(256)),
  );
  return random.toss(4) ? mutateBytes(good, random).subarray(0, 0xff) : good;
}

function key(random: Random): Uint8Array {
  const bytes = random.bytes(random.toss(3) ? 65 : 33);
  bytes[0] = random.toss(6) ? random.below(10) : bytes.length === 33 ? 2 + random.below(2) : 4;
  return bytes;
}

/** A few opcodes of any kind, with numbers, signatures and keys between them. */
function someScript(random: Random): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let n = random.below(14); n > 0; n--) {
    const kind = random.below(12);
    if (kind < 5) parts.push(Uint8Array.of(random.pick(OPCODES)));
    else if (kind < 8) parts.push(Uint8Array.of(OP.OP_1 + random.below(random.toss(3) ? 16 : 3)));
    else if (kind === 8) parts.push(Uint8Array.of(0));
    else if (kind === 9) parts.push(push(signature(random)));
    else if (kind === 10) parts.push(push(key(random)));
    else parts.push(push(random.bytes(random.below(random.toss(5) ? 90 : 6))));
  }
  const script = concatBytes(...parts);
  return random.toss(8) ? mutateBytes(script, random) : script;
}

/** Scripts of a coin and of who spends it, as plain scripts or behind a hash. */
function spending(random: Random): {coin: Uint8Array; script: Uint8Array; witness: Uint8Array[]} {
  const inner = someScript(random);
  const pushes = Array.from({length: random.below(4)}, () => push(random.bytes(random.below(40))));
  const witness = Array.from({length: random.below(4)}, () => random.bytes(random.below(30)));
  const program = concatBytes(Uint8Array.of(OP.OP_0), push(sha256(inner)));
  const behind = (script: Uint8Array): Uint8Array =>
    concatBytes(Uint8Array.of(OP.HASH160), push(hash160(script)), Uint8Array.of(OP.EQUAL));
  switch (random.below(6)) {
    case 0:
      return {coin: behind(inner), script: concatBytes(...pushes, push(inner)), witness: []};
    case 1:
      return {coin: program, script: new Uint8Array(0), witness: [...witness, inner]};
    case 2:
      return {coin: behind(program), script: push(program), witness: random.toss(3) ? [] : [...witness, inner]};
    case 3:
      return {coin: someScript(random), script: new Uint8Array(0), witness};
    default:
      return {coin: inner, script: someScript(random), witness: []};
  }
}

function script(random: Random): void {
  const {coin, script: signatureScript, witness} = spending(random);
  const input = {
    txid: random.bytes(32),
    index: 0,
    script: signatureScript,
    sequence: random.edgeWord(),
    witness,
  };
  const output = {value: random.edgeBig() >> 1n, script: coin};
  const transaction: Transaction = {
    version: random.pick([1, 2, -1]),
    inputs: [input],
    outputs: random.toss(4) ? [] : [output],
    lockTime: random.edgeWord(),
  };
  // Half of the signatures are right, whatever they sign.
  const verifier = {verify: (_: Uint8Array, __: Uint8Array, hash: Uint8Array) => (hash[0]! & 1) === 0};
  const spend = (flags: ScriptFlags): unknown =>
    outcome(() =>
      verifyInput(new SignatureHashes(transaction), 0, {script: coin, value: output.value}, flags, verifier),
    );
  const [policy, consensus, none] = [POLICY_SCRIPT_FLAGS, CONSENSUS_SCRIPT_FLAGS, NO_FLAGS].map(spend);
  if (policy === undefined) equal(consensus, undefined, 'policy accepts nothing that consensus refuses');
  if (consensus === undefined) equal(none, undefined, 'a flag never makes a script acceptable');
  ok(
    countSigops(coin, true) <= countSigops(coin, false) && legacySigops(transaction) <= 21 * coin.length * 2 + 21 * 200,
  );
}

function parsing(random: Random): void {
  const bytes = random.toss(2) ? someScript(random) : random.bytes(random.below(60));
  const ops = parseScript(bytes);
  equal(isUnspendable(bytes), bytes[0] === OP.RETURN || ops === undefined);
  if (ops !== undefined) {
    sameBytes(concatBytes(...ops.map(({start, end}) => bytes.subarray(start, end))), bytes, 'no byte is lost');
  }
  const vote = findVote(bytes);
  if (vote !== undefined) ok(bytes.includes(OP.VOTE) && ops !== undefined);
}

function transaction(random: Random): void {
  const bytes = mutateBytes(random.pick(transactions), random);
  const decoded = accepted(() => decodeTransaction(bytes));
  if (decoded !== undefined) sameBytes(encodeTransaction(decoded), bytes, 'encoding is canonical');
}

function block(random: Random): void {
  const bytes = mutateBytes(random.pick(blocks), random);
  const decoded = accepted(() => decodeBlock(bytes));
  if (decoded !== undefined) sameBytes(encodeBlock(decoded), bytes, 'encoding is canonical');
  const header = accepted(() => decodeHeader(bytes.subarray(0, random.below(100))));
  if (header !== undefined) deepEqual(decodeHeader(encodeHeader(header)), header);
}

/** The file of the pool, with a checksum that fits what has become of it. */
function poolFile(random: Random): void {
  const records = Array.from({length: random.below(4)}, () => ({
    transaction: decodeTransaction(random.pick(transactions)),
    timeMs: random.below(2 ** 31),
    isLocal: random.toss(2),
  }));
  const body = mutateBytes(encodePool(7, records).subarray(0, -32), random);
  const bytes = concatBytes(body, sha256(body));
  const decoded = accepted(() => decodePool(7, bytes));
  if (decoded !== undefined) sameBytes(encodePool(7, decoded), bytes, 'encoding is canonical');
}

export const CHAIN_TARGETS: readonly FuzzTarget[] = [
  {name: 'transaction', cases: 5000, run: transaction},
  {name: 'block', cases: 1000, run: block},
  {name: 'script parsing', cases: 5000, run: parsing},
  {name: 'script', cases: 5000, run: script},
  {name: 'file of the pool', cases: 3000, run: poolFile},
];

// Whether the scripts of an input allow its coin to be spent.   chain spec §3.12; BIP 16, 141
import {equalBytes} from '../../bytes/index.ts';
import {sha256} from '../../crypto/index.ts';
import {ScriptError} from './errors.ts';
import type {ScriptFlags} from './flags.ts';
import {MAX_ITEM_BYTES, MAX_SCRIPT_BYTES, Machine} from './machine.ts';
import {isTrue} from './numbers.ts';
import {OP} from './opcodes.ts';
import {
  isCanonicalPush,
  isPayToScriptHash,
  isPushOnly,
  parseScript,
  type WitnessProgram,
  witnessProgramOf,
} from './parse.ts';
import {PLAIN_VERIFIER, type ScriptKind, SignatureChecks, type SignatureVerifier} from './signature-checks.ts';
import type {SignatureHashes} from './signature-hash.ts';

const KEY_HASH_BYTES = 20;
const SCRIPT_HASH_BYTES = 32;
/** DUP HASH160, push of 20; behind it EQUALVERIFY CHECKSIG. */
const KEY_HASH_HEAD = [OP.DUP, OP.HASH160, KEY_HASH_BYTES];
const KEY_HASH_TAIL = [OP.EQUALVERIFY, OP.CHECKSIG];

/** The coin that an input spends. */
export interface SpentCoin {
  readonly script: Uint8Array;
  /** Units. */
  readonly value: bigint;
}

interface Runner {
  readonly flags: ScriptFlags;
  readonly run: (script: Uint8Array, stack: Uint8Array[], kind: ScriptKind) => void;
}

function checkTop(stack: readonly Uint8Array[]): void {
  const top = stack.at(-1);
  if (top === undefined || !isTrue(top)) throw new ScriptError('EVAL_FALSE');
}

/** The script that a program of version 0 stands for, and the stack it starts from. */
function openProgram(program: Uint8Array, witness: readonly Uint8Array[]): {script: Uint8Array; stack: Uint8Array[]} {
  if (program.length === SCRIPT_HASH_BYTES) {
    const script = witness.at(-1);
    if (script === undefined) throw new ScriptError('WITNESS_PROGRAM_WITNESS_EMPTY');
    if (!equalBytes(sha256(script), program)) throw new ScriptError('WITNESS_PROGRAM_MISMATCH');
    return {script, stack: witness.slice(0, -1)};
  }
  if (program.length === KEY_HASH_BYTES) {
    if (witness.length !== 2) throw new ScriptError('WITNESS_PROGRAM_MISMATCH', {items: witness.length});
    return {script: Uint8Array.from([...KEY_HASH_HEAD, ...program, ...KEY_HASH_TAIL]), stack: [...witness]};
  }
  throw new ScriptError('WITNESS_PROGRAM_WRONG_LENGTH', {length: program.length});
}

function verifyProgram({version, program}: WitnessProgram, witness: readonly Uint8Array[], {flags, run}: Runner): void {
  if (version !== 0) {
    // Anyone may spend it: its meaning is left to the future.
    if (!flags.has('DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM')) return;
    throw new ScriptError('DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM', {version});
  }
  const {script, stack} = openProgram(program, witness);
  if (script.length > MAX_SCRIPT_BYTES) throw new ScriptError('SCRIPT_SIZE', {length: script.length});
  for (const {length} of stack) if (length > MAX_ITEM_BYTES) throw new ScriptError('PUSH_SIZE', {length});
  run(script, stack, 'witness');
  if (stack.length !== 1) throw new ScriptError('EVAL_FALSE', {items: stack.length});
  checkTop(stack);
}

/** True when a script is one push of exactly these bytes, in the form that everyone uses. */
function isPushOf(script: Uint8Array, bytes: Uint8Array): boolean {
  const ops = parseScript(script);
  const [op] = ops ?? [];
  return ops?.length === 1 && isCanonicalPush(op!) && op!.data !== undefined && equalBytes(op!.data, bytes);
}

/**
 * Runs the script whose hash the coin names: the last item pushed by the signature script, over the others.
 * returns what it leaves, one item for a witness program, and whether it was one
 */
function verifyScriptHash(
  signatureScript: Uint8Array,
  pushed: Uint8Array[],
  witness: readonly Uint8Array[],
  runner: Runner,
): {stack: Uint8Array[]; isProgram: boolean} {
  if (!isPushOnly(signatureScript)) throw new ScriptError('SIG_PUSHONLY');
  const script = pushed.pop()!; // its hash was found, so it is there
  runner.run(script, pushed, 'legacy');
  checkTop(pushed);
  // Without a witness the network's nodes do not look for a nested program: what it says as a script decides, which is true. Only
  // the mempool refuses that, since it leaves two values.
  const program = runner.flags.has('WITNESS') && witness.length > 0 ? witnessProgramOf(script) : undefined;
  if (program === undefined) return {stack: pushed, isProgram: false};
  if (!isPushOf(signatureScript, script)) throw new ScriptError('WITNESS_MALLEATED_P2SH');
  verifyProgram(program, witness, runner);
  return {stack: pushed.slice(0, 1), isProgram: true};
}

/**
 * Checks the scripts of one input.
 *
 * hashes  of the transaction, shared by its inputs
 * input   number of the input
 * coin    what it spends
 * throws  ScriptError
 * cost    at most 201 operations for each of three scripts, and 20 signatures an operation; see sigops for what blocks allow
 */
export function verifyInput(
  hashes: SignatureHashes,
  input: number,
  coin: SpentCoin,
  flags: ScriptFlags,
  verifier: SignatureVerifier = PLAIN_VERIFIER,
): void {
  const {script: signatureScript, witness} = hashes.transaction.inputs[input]!;
  const checks = new SignatureChecks(hashes, input, coin.value, flags, verifier);
  const run: Runner['run'] = (script, stack, kind) => new Machine(script, stack, flags, checks, kind).run();
  const runner: Runner = {flags, run};
  if (flags.has('SIGPUSHONLY') && !isPushOnly(signatureScript)) throw new ScriptError('SIG_PUSHONLY');

  let stack: Uint8Array[] = [];
  run(signatureScript, stack, 'legacy');
  const pushed = [...stack];
  run(coin.script, stack, 'legacy');
  checkTop(stack);

  const program = flags.has('WITNESS') ? witnessProgramOf(coin.script) : undefined;
  let usesWitness = program !== undefined;
  if (program !== undefined) {
    if (signatureScript.length > 0) throw new ScriptError('WITNESS_MALLEATED');
    verifyProgram(program, witness, runner);
    stack = stack.slice(0, 1);
  } else if (flags.has('P2SH') && isPayToScriptHash(coin.script)) {
    const result = verifyScriptHash(signatureScript, pushed, witness, runner);
    stack = result.stack;
    usesWitness = result.isProgram;
  }
  if (flags.has('CLEANSTACK') && stack.length !== 1) throw new ScriptError('CLEANSTACK', {items: stack.length});
  if (flags.has('WITNESS') && !usesWitness && witness.length > 0) throw new ScriptError('WITNESS_UNEXPECTED');
}

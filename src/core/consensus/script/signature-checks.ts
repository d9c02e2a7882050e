// OP_CHECKSIG, OP_CHECKMULTISIG and the lock times: everything in a script that depends on the transaction.
import {verifySecp256k1} from '../../crypto/index.ts';
import {SEQUENCE_FINAL} from '../../primitives/index.ts';
import {ScriptError} from './errors.ts';
import type {ScriptFlags} from './flags.ts';
import {isCanonicalPush, readOp, type ScriptOp, withoutOps} from './parse.ts';
import {
  decodeKey,
  decodeSignature,
  isCompressedKey,
  isLowS,
  isStrictSignature,
  isUsualKey,
} from './signature-encoding.ts';
import {SIGHASH_ALL, SIGHASH_ANYONECANPAY, SIGHASH_SINGLE, type SignatureHashes} from './signature-hash.ts';

/** Checks ECDSA signatures over secp256k1; see verifySecp256k1 for what it is given. */
export interface SignatureVerifier {
  verify(signature: Uint8Array, publicKey: Uint8Array, hash: Uint8Array): boolean;
}

/** The plain one; native or WebAssembly versions do the same faster. */
export const PLAIN_VERIFIER: SignatureVerifier = {verify: verifySecp256k1};

/** How a script is run: as such, or as a witness program of version 0. */
export type ScriptKind = 'legacy' | 'witness';

const LOCK_TIME_THRESHOLD = 500_000_000;
const SEQUENCE_DISABLED = 0x80000000;
const SEQUENCE_IS_TIME = 0x00400000;
const SEQUENCE_MASK = 0x0000ffff;

/** What the opcodes of one input ask about its transaction. */
export class SignatureChecks {
  readonly #hashes: SignatureHashes;
  readonly #input: number;
  readonly #amount: bigint;
  readonly #verifier: SignatureVerifier;
  readonly #flags: ScriptFlags;
  /** Hashes already made, by script and hash type: several signatures of a script often share theirs. */
  readonly #known: Map<Uint8Array, Map<number, Uint8Array>> = new Map();

  /** amount: units of the coin that the input spends */
  constructor(
    hashes: SignatureHashes,
    input: number,
    amount: bigint,
    flags: ScriptFlags,
    verifier: SignatureVerifier = PLAIN_VERIFIER,
  ) {
    this.#hashes = hashes;
    this.#input = input;
    this.#amount = amount;
    this.#flags = flags;
    this.#verifier = verifier;
  }

  /** Throws ScriptError 'SIG_DER', 'SIG_HIGH_S', 'SIG_HASHTYPE' for a signature (with hash type) of a form that is not allowed. */
  checkSignatureForm(signature: Uint8Array): void {
    if (signature.length === 0) return;
    const flags = this.#flags;
    if (!flags.has('DERSIG') && !flags.has('LOW_S') && !flags.has('STRICTENC')) return;
    if (!isStrictSignature(signature)) throw new ScriptError('SIG_DER');
    if (flags.has('LOW_S')) {
      const numbers = decodeSignature(signature.subarray(0, signature.length - 1));
      if (numbers !== undefined && !isLowS(numbers)) throw new ScriptError('SIG_HIGH_S');
    }
    const base = signature.at(-1)! & ~SIGHASH_ANYONECANPAY;
    if (flags.has('STRICTENC') && (base < SIGHASH_ALL || base > SIGHASH_SINGLE)) throw new ScriptError('SIG_HASHTYPE');
  }

  /** Throws ScriptError 'PUBKEYTYPE', 'WITNESS_PUBKEYTYPE' for a key of a form that is not allowed. */
  checkKeyForm(key: Uint8Array, kind: ScriptKind): void {
    if (this.#flags.has('STRICTENC') && !isUsualKey(key)) throw new ScriptError('PUBKEYTYPE');
    if (kind === 'witness' && this.#flags.has('WITNESS_PUBKEYTYPE') && !isCompressedKey(key)) {
      throw new ScriptError('WITNESS_PUBKEYTYPE');
    }
  }

  /**
   * A script as it is signed: without the signatures it checks, since none can sign itself. Witness programs are signed as they
   * are. Throws ScriptError 'SIG_FINDANDDELETE' where that is not allowed.
   */
  signedScript(script: Uint8Array, signatures: readonly Uint8Array[], kind: ScriptKind): Uint8Array {
    if (kind === 'witness') return script;
    const contained = signatures.filter((signature) => contains(script, signature));
    if (contained.length === 0) return script;
    const found: ScriptOp[] = [];
    for (let at = 0; at < script.length; ) {
      const op = readOp(script, at);
      if (op === undefined) break;
      if (isCanonicalPush(op) && contained.some((signature) => contains(op.data, signature))) found.push(op);
      at = op.end;
    }
    if (found.length > 0 && this.#flags.has('CONST_SCRIPTCODE')) throw new ScriptError('SIG_FINDANDDELETE');
    return withoutOps(script, found);
  }

  /** True when the signature (with hash type) is one of the key over the transaction. `script` as signedScript returns it. */
  isSigned(signature: Uint8Array, key: Uint8Array, script: Uint8Array, kind: ScriptKind): boolean {
    if (signature.length === 0) return false;
    const usualKey = decodeKey(key);
    const numbers = decodeSignature(signature.subarray(0, signature.length - 1));
    if (usualKey === undefined || numbers === undefined) return false;
    return this.#verifier.verify(numbers, usualKey, this.#hash(script, signature.at(-1)!, kind));
  }

  #hash(script: Uint8Array, hashType: number, kind: ScriptKind): Uint8Array {
    let byType = this.#known.get(script);
    if (byType === undefined) {
      byType = new Map();
      this.#known.set(script, byType);
    }
    let hash = byType.get(hashType);
    if (hash === undefined) {
      hash =
        kind === 'witness'
          ? this.#hashes.witness(this.#input, script, this.#amount, hashType)
          : this.#hashes.legacy(this.#input, script, hashType);
      byType.set(hashType, hash);
    }
    return hash;
  }

  /** Throws ScriptError 'NEGATIVE_LOCKTIME', 'UNSATISFIED_LOCKTIME'.   BIP 65 */
  checkLockTime(lockTime: number): void {
    if (lockTime < 0) throw new ScriptError('NEGATIVE_LOCKTIME');
    const {transaction} = this.#hashes;
    const sameKind = lockTime < LOCK_TIME_THRESHOLD === transaction.lockTime < LOCK_TIME_THRESHOLD;
    const isFinal = transaction.inputs[this.#input]!.sequence === SEQUENCE_FINAL;
    if (!sameKind || lockTime > transaction.lockTime || isFinal) throw new ScriptError('UNSATISFIED_LOCKTIME');
  }

  /**
   * Throws ScriptError 'NEGATIVE_LOCKTIME', 'UNSATISFIED_LOCKTIME'.   BIP 112
   * The network's nodes take the transaction's version as a signed number: a negative one has no relative lock times.
   */
  checkSequence(sequence: number): void {
    if (sequence < 0) throw new ScriptError('NEGATIVE_LOCKTIME');
    const wanted = sequence % 2 ** 32;
    if (wanted >= SEQUENCE_DISABLED) return;
    const {transaction} = this.#hashes;
    const own = transaction.inputs[this.#input]!.sequence;
    const mask = SEQUENCE_IS_TIME | SEQUENCE_MASK;
    const sameKind = (wanted & SEQUENCE_IS_TIME) === (own & SEQUENCE_IS_TIME);
    const isLater = (wanted & mask) > (own & mask);
    if (transaction.version < 2 || own >= SEQUENCE_DISABLED || !sameKind || isLater) {
      throw new ScriptError('UNSATISFIED_LOCKTIME');
    }
  }
}

/**
 * True when a push holds the signature anywhere. Bitcoin Core removes only pushes of nothing but the signature; the nodes of this
 * network remove these too. An empty signature is in none: where one is, nothing that is checked can be true.
 */
function contains(data: Uint8Array | undefined, signature: Uint8Array): boolean {
  if (data === undefined || signature.length === 0 || data.length < signature.length) return false;
  const last = data.length - signature.length;
  for (let start = 0; start <= last; start++) {
    let i = 0;
    while (i < signature.length && data[start + i] === signature[i]) i++;
    if (i === signature.length) return true;
  }
  return false;
}

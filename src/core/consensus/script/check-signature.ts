// The opcodes that check signatures.
import {ScriptError} from './errors.ts';
import type {Machine} from './machine.ts';

const MAX_KEYS = 20;

/** OP_CHECKSIG: takes key and signature from the stack. Throws ScriptError. */
export function checkSignature(machine: Machine): boolean {
  machine.need(2);
  const {checks, kind, flags} = machine;
  const key = machine.peek(0);
  const signature = machine.peek(1);
  const script = checks.signedScript(machine.code, [signature], kind);
  checks.checkSignatureForm(signature);
  checks.checkKeyForm(key, kind);
  const isSigned = checks.isSigned(signature, key, script, kind);
  if (!isSigned && flags.has('NULLFAIL') && signature.length > 0) throw new ScriptError('NULLFAIL');
  machine.stack.length -= 2;
  return isSigned;
}

/** The count on the stack at `depth`, and the items below it, the deepest first. */
function countedItems(
  machine: Machine,
  depth: number,
  max: number,
  tooMany: 'PUBKEY_COUNT' | 'SIG_COUNT',
): Uint8Array[] {
  const count = machine.numberAt(depth);
  if (count < 0 || count > max) throw new ScriptError(tooMany, {count, max});
  if (tooMany === 'PUBKEY_COUNT') machine.count(count);
  machine.need(depth + 1 + count);
  const end = machine.stack.length - depth - 1;
  return machine.stack.slice(end - count, end);
}

/** Every signature must be one of a key, in the order of the keys. Tries from the top of the stack down. */
function areSigned(machine: Machine, signatures: readonly Uint8Array[], keys: readonly Uint8Array[]): boolean {
  const {checks, kind} = machine;
  const script = checks.signedScript(machine.code, signatures, kind);
  let signature = signatures.length - 1;
  let key = keys.length - 1;
  while (signature >= 0 && signature <= key) {
    checks.checkSignatureForm(signatures[signature]!);
    checks.checkKeyForm(keys[key]!, kind);
    if (checks.isSigned(signatures[signature]!, keys[key]!, script, kind)) signature--;
    key--;
  }
  return signature < 0;
}

/**
 * OP_CHECKMULTISIG: takes number of keys, keys, number of signatures, signatures and one item more from the stack.
 * Throws ScriptError.
 */
export function checkMultiSignature(machine: Machine): boolean {
  const {stack, flags} = machine;
  const keys = countedItems(machine, 0, MAX_KEYS, 'PUBKEY_COUNT');
  const signatures = countedItems(machine, keys.length + 1, keys.length, 'SIG_COUNT');
  const isSigned = areSigned(machine, signatures, keys);
  if (!isSigned && flags.has('NULLFAIL') && signatures.some(({length}) => length > 0))
    throw new ScriptError('NULLFAIL');
  const taken = keys.length + signatures.length + 3;
  machine.need(taken);
  if (flags.has('NULLDUMMY') && machine.peek(taken - 1).length > 0) throw new ScriptError('SIG_NULLDUMMY');
  stack.length -= taken;
  return isSigned;
}

// What every opcode does.   chain spec §3.12
import {equalBytes} from '../../bytes/index.ts';
import {dsha256, hash160, ripemd160, sha1, sha256} from '../../crypto/index.ts';
import {checkMultiSignature, checkSignature} from './check-signature.ts';
import {ScriptError, type ScriptErrorCode} from './errors.ts';
import type {Machine} from './machine.ts';
import {isTrue, TRUE} from './numbers.ts';
import {OP} from './opcodes.ts';

const LOCK_TIME_BYTES = 5;

/** Ends the script unless what the opcode before would have pushed is true. */
function verify(isRight: boolean, code: ScriptErrorCode): void {
  if (!isRight) throw new ScriptError(code);
}

/** Opens a branch; in one that is not taken the stack is not looked at. */
function openIf(machine: Machine, negated: boolean): void {
  if (machine.isSkipping) {
    machine.openBranch(false);
    return;
  }
  if (machine.stack.length === 0) throw new ScriptError('UNBALANCED_CONDITIONAL');
  const condition = machine.peek();
  if (machine.kind === 'witness' && machine.flags.has('MINIMALIF')) {
    const minimal = condition.length === 0 || equalBytes(condition, TRUE);
    if (!minimal) throw new ScriptError('MINIMALIF');
  }
  machine.openBranch(machine.popBoolean() !== negated);
}

/** Copies or moves as many items as `depths` names, each counted from the top before anything is pushed. */
function copy(machine: Machine, ...depths: readonly number[]): void {
  machine.need(Math.max(...depths) + 1);
  const items = depths.map((depth) => machine.peek(depth));
  machine.push(...items);
}

function move(machine: Machine, depth: number, times: number): void {
  machine.need(depth + 1);
  for (let i = 0; i < times; i++) machine.push(machine.take(depth));
}

function tuck(machine: Machine): void {
  machine.need(2);
  machine.stack.splice(machine.stack.length - 2, 0, machine.peek());
}

/** OP_PICK and OP_ROLL: the depth stands on the stack. */
function choose(machine: Machine, remove: boolean): void {
  machine.need(2);
  const depth = machine.popNumber();
  if (depth < 0 || depth >= machine.stack.length) throw new ScriptError('INVALID_STACK_OPERATION', {depth});
  machine.push(remove ? machine.take(depth) : machine.peek(depth));
}

function unary(machine: Machine, operation: (a: number) => number): void {
  machine.pushNumber(operation(machine.popNumber()));
}

/** Both numbers are read before either is taken away, the lower one first. */
function takeTwo(machine: Machine): [number, number] {
  machine.need(2);
  const a = machine.numberAt(1);
  const b = machine.numberAt(0);
  machine.stack.length -= 2;
  return [a, b];
}

function binary(machine: Machine, operation: (a: number, b: number) => number): void {
  machine.pushNumber(operation(...takeTwo(machine)));
}

function compare(machine: Machine, operation: (a: number, b: number) => boolean): void {
  machine.pushBoolean(operation(...takeTwo(machine)));
}

function within(machine: Machine): void {
  machine.need(3);
  const [value, min, max] = [machine.numberAt(2), machine.numberAt(1), machine.numberAt(0)];
  machine.stack.length -= 3;
  machine.pushBoolean(min <= value && value < max);
}

function isEqual(machine: Machine): boolean {
  machine.need(2);
  return equalBytes(machine.pop(), machine.pop());
}

function hash(machine: Machine, operation: (bytes: Uint8Array) => Uint8Array): void {
  machine.push(operation(machine.pop()));
}

/** An opcode without meaning. */
function nothing(machine: Machine): void {
  if (machine.flags.has('DISCOURAGE_UPGRADABLE_NOPS')) throw new ScriptError('DISCOURAGE_UPGRADABLE_NOPS');
}

function lockTime(machine: Machine): void {
  if (!machine.flags.has('CHECKLOCKTIMEVERIFY')) nothing(machine);
  else machine.checks.checkLockTime(machine.numberAt(0, LOCK_TIME_BYTES));
}

function sequence(machine: Machine): void {
  if (!machine.flags.has('CHECKSEQUENCEVERIFY')) nothing(machine);
  else machine.checks.checkSequence(machine.numberAt(0, LOCK_TIME_BYTES));
}

function toAltStack(machine: Machine): void {
  machine.altStack.push(machine.pop());
}

function fromAltStack({altStack, stack}: Machine): void {
  const item = altStack.pop();
  if (item === undefined) throw new ScriptError('INVALID_ALTSTACK_OPERATION');
  stack.push(item);
}

function drop(machine: Machine, items: number): void {
  machine.need(items);
  machine.stack.length -= items;
}

function duplicateIfTrue(machine: Machine): void {
  if (isTrue(machine.peek())) copy(machine, 0);
}

function verifyNumbersEqual(machine: Machine): void {
  const [a, b] = takeTwo(machine);
  verify(a === b, 'NUMEQUALVERIFY');
}

function fail(): never {
  throw new ScriptError('OP_RETURN');
}

type Operation = (machine: Machine) => void;

/** What each opcode above the pushes of bytes does; those missing here do not exist. */
const OPERATIONS: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [OP['1NEGATE'], (machine) => machine.pushNumber(-1)],
  ...Array.from({length: 16}, (_, i): [number, Operation] => [OP.OP_1 + i, (machine) => machine.pushNumber(i + 1)]),
  [OP.NOP, () => undefined],
  ...[OP.NOP1, OP.NOP4, OP.NOP5, OP.NOP6, OP.NOP7, OP.NOP8, OP.NOP9, OP.NOP10].map((nop): [number, Operation] => [
    nop,
    nothing,
  ]),
  [OP.CHECKLOCKTIMEVERIFY, lockTime],
  [OP.CHECKSEQUENCEVERIFY, sequence],

  [OP.IF, (machine) => openIf(machine, false)],
  [OP.NOTIF, (machine) => openIf(machine, true)],
  [OP.ELSE, (machine) => machine.turnBranch()],
  [OP.ENDIF, (machine) => machine.closeBranch()],
  [OP.VERIFY, (machine) => verify(machine.popBoolean(), 'VERIFY')],
  [OP.RETURN, fail],
  [OP.VOTE, (machine) => drop(machine, 2)],

  [OP.TOALTSTACK, toAltStack],
  [OP.FROMALTSTACK, fromAltStack],
  [OP['2DROP'], (machine) => drop(machine, 2)],
  [OP['2DUP'], (machine) => copy(machine, 1, 0)],
  [OP['3DUP'], (machine) => copy(machine, 2, 1, 0)],
  [OP['2OVER'], (machine) => copy(machine, 3, 2)],
  [OP['2ROT'], (machine) => move(machine, 5, 2)],
  [OP['2SWAP'], (machine) => move(machine, 3, 2)],
  [OP.IFDUP, duplicateIfTrue],
  [OP.DEPTH, (machine) => machine.pushNumber(machine.stack.length)],
  [OP.DROP, (machine) => drop(machine, 1)],
  [OP.DUP, (machine) => copy(machine, 0)],
  [OP.NIP, (machine) => machine.take(1)],
  [OP.OVER, (machine) => copy(machine, 1)],
  [OP.PICK, (machine) => choose(machine, false)],
  [OP.ROLL, (machine) => choose(machine, true)],
  [OP.ROT, (machine) => move(machine, 2, 1)],
  [OP.SWAP, (machine) => move(machine, 1, 1)],
  [OP.TUCK, tuck],
  [OP.SIZE, (machine) => machine.pushNumber(machine.peek().length)],

  [OP.EQUAL, (machine) => machine.pushBoolean(isEqual(machine))],
  [OP.EQUALVERIFY, (machine) => verify(isEqual(machine), 'EQUALVERIFY')],

  [OP['1ADD'], (machine) => unary(machine, (a) => a + 1)],
  [OP['1SUB'], (machine) => unary(machine, (a) => a - 1)],
  [OP.NEGATE, (machine) => unary(machine, (a) => 0 - a)],
  [OP.ABS, (machine) => unary(machine, Math.abs)],
  [OP.NOT, (machine) => unary(machine, (a) => (a === 0 ? 1 : 0))],
  [OP['0NOTEQUAL'], (machine) => unary(machine, (a) => (a === 0 ? 0 : 1))],
  [OP.ADD, (machine) => binary(machine, (a, b) => a + b)],
  [OP.SUB, (machine) => binary(machine, (a, b) => a - b)],
  [OP.MIN, (machine) => binary(machine, Math.min)],
  [OP.MAX, (machine) => binary(machine, Math.max)],
  [OP.BOOLAND, (machine) => compare(machine, (a, b) => a !== 0 && b !== 0)],
  [OP.BOOLOR, (machine) => compare(machine, (a, b) => a !== 0 || b !== 0)],
  [OP.NUMEQUAL, (machine) => compare(machine, (a, b) => a === b)],
  [OP.NUMEQUALVERIFY, verifyNumbersEqual],
  [OP.NUMNOTEQUAL, (machine) => compare(machine, (a, b) => a !== b)],
  [OP.LESSTHAN, (machine) => compare(machine, (a, b) => a < b)],
  [OP.GREATERTHAN, (machine) => compare(machine, (a, b) => a > b)],
  [OP.LESSTHANOREQUAL, (machine) => compare(machine, (a, b) => a <= b)],
  [OP.GREATERTHANOREQUAL, (machine) => compare(machine, (a, b) => a >= b)],
  [OP.WITHIN, within],

  [OP.RIPEMD160, (machine) => hash(machine, ripemd160)],
  [OP.SHA1, (machine) => hash(machine, sha1)],
  [OP.SHA256, (machine) => hash(machine, sha256)],
  [OP.HASH160, (machine) => hash(machine, hash160)],
  [OP.HASH256, (machine) => hash(machine, dsha256)],
  [OP.CODESEPARATOR, (machine) => machine.separateCode()],
  [OP.CHECKSIG, (machine) => machine.pushBoolean(checkSignature(machine))],
  [OP.CHECKSIGVERIFY, (machine) => verify(checkSignature(machine), 'CHECKSIGVERIFY')],
  [OP.CHECKMULTISIG, (machine) => machine.pushBoolean(checkMultiSignature(machine))],
  [OP.CHECKMULTISIGVERIFY, (machine) => verify(checkMultiSignature(machine), 'CHECKMULTISIGVERIFY')],
]);

/** Executes one opcode that is not a push of bytes. Throws ScriptError. */
export function execute(machine: Machine, opcode: number): void {
  const operation = OPERATIONS.get(opcode);
  if (operation === undefined) throw new ScriptError('BAD_OPCODE', {opcode});
  operation(machine);
}

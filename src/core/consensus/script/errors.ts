// Why a script does not allow its coin to be spent. The codes are those of Bitcoin Core.
import {CodedError, type ErrorTable} from '../../errors.ts';

export type ScriptErrorCode =
  | 'EVAL_FALSE'
  | 'OP_RETURN'
  | 'SCRIPT_SIZE'
  | 'PUSH_SIZE'
  | 'OP_COUNT'
  | 'STACK_SIZE'
  | 'SIG_COUNT'
  | 'PUBKEY_COUNT'
  | 'VERIFY'
  | 'EQUALVERIFY'
  | 'NUMEQUALVERIFY'
  | 'CHECKSIGVERIFY'
  | 'CHECKMULTISIGVERIFY'
  | 'BAD_OPCODE'
  | 'DISABLED_OPCODE'
  | 'INVALID_STACK_OPERATION'
  | 'INVALID_ALTSTACK_OPERATION'
  | 'UNBALANCED_CONDITIONAL'
  | 'SCRIPTNUM'
  | 'NEGATIVE_LOCKTIME'
  | 'UNSATISFIED_LOCKTIME'
  | 'SIG_DER'
  | 'SIG_NULLDUMMY'
  | 'WITNESS_PROGRAM_WRONG_LENGTH'
  | 'WITNESS_PROGRAM_WITNESS_EMPTY'
  | 'WITNESS_PROGRAM_MISMATCH'
  | 'WITNESS_MALLEATED'
  | 'WITNESS_MALLEATED_P2SH'
  | 'WITNESS_UNEXPECTED'
  | 'SIG_HASHTYPE'
  | 'SIG_HIGH_S'
  | 'SIG_PUSHONLY'
  | 'MINIMALDATA'
  | 'MINIMALIF'
  | 'NULLFAIL'
  | 'PUBKEYTYPE'
  | 'CLEANSTACK'
  | 'WITNESS_PUBKEYTYPE'
  | 'DISCOURAGE_UPGRADABLE_NOPS'
  | 'DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM'
  | 'OP_CODESEPARATOR'
  | 'SIG_FINDANDDELETE';

export const SCRIPT_ERRORS: ErrorTable<ScriptErrorCode> = Object.freeze({
  EVAL_FALSE: {text: 'the scripts leave no true value'},
  OP_RETURN: {text: 'OP_RETURN was executed'},
  SCRIPT_SIZE: {text: 'a script is longer than 10,000 bytes'},
  PUSH_SIZE: {text: 'a stack item is longer than 520 bytes'},
  OP_COUNT: {text: 'a script has more than 201 operations'},
  STACK_SIZE: {text: 'the stacks hold more than 1000 items'},
  SIG_COUNT: {text: 'a number of signatures is negative or above the number of keys'},
  PUBKEY_COUNT: {text: 'a number of keys is negative or above 20'},
  VERIFY: {text: 'OP_VERIFY found a false value'},
  EQUALVERIFY: {text: 'OP_EQUALVERIFY found different values'},
  NUMEQUALVERIFY: {text: 'OP_NUMEQUALVERIFY found different numbers'},
  CHECKSIGVERIFY: {text: 'OP_CHECKSIGVERIFY found a wrong signature'},
  CHECKMULTISIGVERIFY: {text: 'OP_CHECKMULTISIGVERIFY found a wrong signature'},
  BAD_OPCODE: {text: 'an opcode does not exist or is cut short'},
  DISABLED_OPCODE: {text: 'an opcode is disabled, executed or not'},
  INVALID_STACK_OPERATION: {text: 'an operation finds too few items on the stack'},
  INVALID_ALTSTACK_OPERATION: {text: 'an operation finds nothing on the other stack'},
  UNBALANCED_CONDITIONAL: {text: 'the branches of a script do not nest'},
  SCRIPTNUM: {text: 'a number is longer than allowed, or not in its shortest form'},
  NEGATIVE_LOCKTIME: {text: 'a lock time is negative'},
  UNSATISFIED_LOCKTIME: {text: 'a lock time has not come yet'},
  SIG_DER: {text: 'a signature is not strictly encoded'},
  SIG_NULLDUMMY: {text: 'the item that OP_CHECKMULTISIG ignores is not empty'},
  WITNESS_PROGRAM_WRONG_LENGTH: {text: 'a witness program of version 0 has not 20 or 32 bytes'},
  WITNESS_PROGRAM_WITNESS_EMPTY: {text: 'a witness program is spent without witness'},
  WITNESS_PROGRAM_MISMATCH: {text: 'the witness does not match its program'},
  WITNESS_MALLEATED: {text: 'a witness program is spent with a signature script'},
  WITNESS_MALLEATED_P2SH: {text: 'a nested witness program is spent with more than itself in the signature script'},
  WITNESS_UNEXPECTED: {text: 'there is a witness, but no witness program'},
  SIG_HASHTYPE: {text: 'the hash type of a signature is not defined'},
  SIG_HIGH_S: {text: 'the second number of a signature is not the lower one of two'},
  SIG_PUSHONLY: {text: 'a signature script does more than push'},
  MINIMALDATA: {text: 'a push is not in its shortest form'},
  MINIMALIF: {text: 'the condition of a branch is neither empty nor 1'},
  NULLFAIL: {text: 'a signature that fails is not empty'},
  PUBKEYTYPE: {text: 'a public key is of an unusual form'},
  CLEANSTACK: {text: 'the scripts leave more than one value'},
  WITNESS_PUBKEYTYPE: {text: 'a public key in a witness program is not compressed'},
  DISCOURAGE_UPGRADABLE_NOPS: {text: 'an opcode without meaning was executed'},
  DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM: {text: 'a witness program has an unknown version'},
  OP_CODESEPARATOR: {text: 'OP_CODESEPARATOR occurs outside a witness program'},
  SIG_FINDANDDELETE: {text: 'a script contains the signature it checks'},
});

/** `details` carry nothing that depends on who checks; the code alone says what is wrong. */
export class ScriptError extends CodedError<ScriptErrorCode> {
  constructor(code: ScriptErrorCode, details: Readonly<Record<string, unknown>> = {}) {
    super(code, SCRIPT_ERRORS[code], details);
  }
}

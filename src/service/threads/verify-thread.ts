// A thread that verifies proofs and scripts of blocks, and the messages it understands.
import {Reader, Writer} from '../../core/bytes/index.ts';
import {
  type Coin,
  checkTransactionScripts,
  RuleError,
  ScriptError,
  type ScriptErrorCode,
  type ScriptFlag,
  type SpendingTransaction,
} from '../../core/consensus/index.ts';
import {useSha256} from '../../core/crypto/index.ts';
import type {ThreadContext} from '../../core/engines/index.ts';
import {AnnouncementChecker} from '../../core/packetcrypt/announcement/announcement-checker.ts';
import {AnnouncementKernel} from '../../core/packetcrypt/announcement/announcement-kernel.ts';
import {CHECKER_PAGES} from '../../core/packetcrypt/announcement/announcement-memory.ts';
import {
  BlockError,
  type BlockErrorCode,
  checkNodeProof,
  type NodeProofInput,
  type ProofResult,
  type ProofRules,
} from '../../core/packetcrypt/index.ts';
import {decodeTransaction, encodeTransaction} from '../../core/primitives/index.ts';
import {NATIVE_SHA256} from '../crypto/native-sha256.ts';
import {loadVerifier} from '../crypto/secp256k1.ts';

export type VerifyJob =
  | {readonly kind: 'proof'; readonly input: NodeProofInput; readonly rules: ProofRules}
  /** spending: see encodeSpending. */
  | {readonly kind: 'scripts'; readonly spending: Uint8Array; readonly flags: readonly ScriptFlag[]};

export interface ToVerifyThread {
  readonly task: number;
  readonly job: VerifyJob;
}

/** A refusal as it crosses between threads. */
export interface VerifyRefusal {
  readonly kind: 'proof' | 'script';
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;
  /** Number of the input whose script fails. */
  readonly input: number | undefined;
}

export interface FromVerifyThread {
  readonly task: number;
  /** Of a proof that is good. */
  readonly result: ProofResult | undefined;
  readonly refusal: VerifyRefusal | undefined;
}

/** count varint | per transaction: length varint, bytes; per input of it: value u64 | script length varint, bytes */
export function encodeSpending(spending: readonly SpendingTransaction[]): Uint8Array {
  const writer = new Writer().varint(spending.length);
  for (const {transaction, coins} of spending) {
    const bytes = encodeTransaction(transaction);
    writer.varint(bytes.length).bytes(bytes);
    for (const {value, script} of coins) writer.u64(value).varint(script.length).bytes(script);
  }
  return writer.finish();
}

/** Heights of the coins play no role for their scripts. */
function decodeSpending(bytes: Uint8Array): SpendingTransaction[] {
  const reader = new Reader(bytes);
  const count = reader.varintUpTo(reader.remaining);
  const spending: SpendingTransaction[] = [];
  for (let i = 0; i < count; i++) {
    const transaction = decodeTransaction(reader.bytes(reader.varintUpTo(reader.remaining)));
    const coins = transaction.inputs.map((): Coin => {
      const value = reader.u64();
      const script = reader.bytes(reader.varintUpTo(reader.remaining));
      return {value, script, height: 0, isCoinbase: false};
    });
    spending.push({transaction, coins});
  }
  return spending;
}

function refusalOf(error: unknown): VerifyRefusal {
  if (error instanceof BlockError) return {kind: 'proof', code: error.code, details: error.details, input: undefined};
  if (error instanceof RuleError && error.cause instanceof ScriptError) {
    const {code, details} = error.cause;
    return {kind: 'script', code, details, input: error.details['input'] as number};
  }
  throw error;
}

/** The error that a refusal stands for. */
export function errorOf({kind, code, details, input}: VerifyRefusal): BlockError | RuleError {
  if (kind === 'proof') return new BlockError(code as BlockErrorCode, details);
  const cause = new ScriptError(code as ScriptErrorCode, details);
  return new RuleError('ErrScriptValidation', {input, script: code}, cause);
}

/** Body of the thread. */
export function runVerifyThread(context: ThreadContext<ToVerifyThread, FromVerifyThread>): void {
  useSha256(NATIVE_SHA256);
  const verifier = loadVerifier();
  let checker: AnnouncementChecker | undefined;
  const run = (job: VerifyJob): ProofResult | undefined => {
    if (job.kind === 'scripts') {
      const flags = new Set(job.flags);
      for (const transaction of decodeSpending(job.spending)) checkTransactionScripts(transaction, verifier, flags);
      return undefined;
    }
    const judge = checker ?? new AnnouncementChecker(new AnnouncementKernel(CHECKER_PAGES));
    checker = judge;
    return checkNodeProof(job.input, job.rules, (ann, parent, rules) => judge.validate(ann, parent, rules)[0]!);
  };
  context.onMessage(({task, job}) => {
    try {
      context.post({task, result: run(job), refusal: undefined});
    } catch (error) {
      context.post({task, result: undefined, refusal: refusalOf(error)});
    }
  });
}

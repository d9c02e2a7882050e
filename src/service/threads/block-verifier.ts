import {
  CONSENSUS_SCRIPT_FLAGS,
  checkTransactionScripts,
  type ScriptFlags,
  type SignatureVerifier,
  type SpendingTransaction,
} from '../../core/consensus/index.ts';
import {EngineError, type SpawnThread, type ThreadCrash, ThreadPool} from '../../core/engines/index.ts';
import type {NodeProofInput, ProofResult, ProofRules} from '../../core/packetcrypt/index.ts';
import {encodeSpending, errorOf, type FromVerifyThread, type ToVerifyThread, type VerifyJob} from './verify-thread.ts';

/** Inputs that go to a thread at once; as few as these are not worth the way there. */
const TASK_INPUTS = 64;
const INLINE_INPUTS = 16;
/** Tasks a thread holds: one at work, one waiting. */
const HELD = 2;
const MAX_WAITING = 65_536;

export interface BlockVerifierOptions {
  readonly threads: number;
  readonly spawn: SpawnThread;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** For the few signatures that are checked on the calling thread. */
  readonly verifier: SignatureVerifier;
  readonly onCrash?: (crash: ThreadCrash) => void;
}

interface Task {
  /** Made when a thread takes it, so that what waits is not held twice. */
  readonly makeJob: () => VerifyJob;
  readonly resolve: (result: ProofResult | undefined) => void;
  readonly reject: (error: Error) => void;
  crashes: number;
}

/**
 * Verifies proofs of work and scripts of blocks on several threads.   chain spec §3.12, §3.13
 *
 * A bounded number of tasks may wait. A task whose thread crashes twice is failed, not tried for ever; that says nothing
 * about the block.
 */
export class BlockVerifier {
  readonly #options: BlockVerifierOptions;
  readonly #pool: ThreadPool<ToVerifyThread, FromVerifyThread>;
  readonly #queue: Task[] = [];
  readonly #held: Map<number, Task>[];
  #task = 0;
  #closed = false;

  constructor(options: BlockVerifierOptions) {
    this.#options = options;
    this.#held = Array.from({length: options.threads}, () => new Map<number, Task>());
    this.#pool = new ThreadPool({
      kind: 'verify',
      threads: options.threads,
      spawn: options.spawn,
      now: options.now,
      onStart: (thread) => this.#feed(thread),
      onMessage: (thread, message) => this.#receive(thread, message),
      onCrash: (crash) => this.#crashed(crash),
    });
    this.#pool.open();
  }

  /** Tasks that wait or are at work. */
  get waiting(): number {
    return this.#queue.length + this.#held.reduce((sum, held) => sum + held.size, 0);
  }

  /** Throws BlockError when the proof is refused, EngineError when it could not be looked at. */
  async checkProof(input: NodeProofInput, rules: ProofRules): Promise<ProofResult> {
    const result = await this.#run(() => ({kind: 'proof', input, rules}));
    return result!;
  }

  /** Throws RuleError 'ErrScriptValidation', EngineError when the scripts could not be looked at. */
  async checkScripts(
    spending: readonly SpendingTransaction[],
    flags: ScriptFlags = CONSENSUS_SCRIPT_FLAGS,
  ): Promise<void> {
    const inputs = spending.reduce((sum, {coins}) => sum + coins.length, 0);
    if (inputs <= INLINE_INPUTS) {
      for (const transaction of spending) checkTransactionScripts(transaction, this.#options.verifier, flags);
      return;
    }
    const list = [...flags];
    const runs = divide(spending).map((part) =>
      this.#run(() => ({kind: 'scripts', spending: encodeSpending(part), flags: list})),
    );
    await Promise.all(runs);
  }

  #run(makeJob: () => VerifyJob): Promise<ProofResult | undefined> {
    if (this.#closed) return Promise.reject(new EngineError('closed'));
    if (this.#pool.alive.length === 0) return Promise.reject(new EngineError('threads-lost'));
    if (this.#queue.length >= MAX_WAITING) return Promise.reject(new EngineError('overloaded'));
    return new Promise((resolve, reject) => {
      this.#queue.push({makeJob, resolve, reject, crashes: 0});
      for (const thread of this.#pool.alive) this.#feed(thread);
    });
  }

  #feed(thread: number): void {
    const held = this.#held[thread]!;
    while (held.size < HELD) {
      const task = this.#queue.shift();
      if (task === undefined) return;
      const number = ++this.#task;
      held.set(number, task);
      this.#pool.post(thread, {task: number, job: task.makeJob()});
    }
  }

  #receive(thread: number, {task: number, result, refusal}: FromVerifyThread): void {
    const task = this.#held[thread]!.get(number);
    if (task === undefined) return;
    this.#held[thread]!.delete(number);
    this.#feed(thread);
    if (refusal === undefined) task.resolve(result);
    else task.reject(errorOf(refusal));
  }

  #crashed(crash: ThreadCrash): void {
    const held = this.#held[crash.thread]!;
    for (const task of held.values()) {
      task.crashes++;
      if (task.crashes < 2 && crash.replaced) this.#queue.unshift(task);
      else task.reject(crash.error);
    }
    held.clear();
    if (!crash.replaced && this.#pool.alive.length === 0) {
      for (const task of this.#queue.splice(0)) task.reject(crash.error);
    }
    this.#options.onCrash?.(crash);
  }

  /** Fails what waits and ends the threads. */
  async close(): Promise<void> {
    this.#closed = true;
    const tasks = [...this.#queue.splice(0), ...this.#held.flatMap((held) => [...held.values()])];
    for (const held of this.#held) held.clear();
    for (const task of tasks) task.reject(new EngineError('closed'));
    await this.#pool.close();
  }
}

/** Transactions in order, in parts of about TASK_INPUTS inputs. */
function divide(spending: readonly SpendingTransaction[]): SpendingTransaction[][] {
  const parts: SpendingTransaction[][] = [];
  let part: SpendingTransaction[] = [];
  let inputs = 0;
  for (const transaction of spending) {
    part.push(transaction);
    inputs += transaction.coins.length;
    if (inputs < TASK_INPUTS) continue;
    parts.push(part);
    part = [];
    inputs = 0;
  }
  if (part.length > 0) parts.push(part);
  return parts;
}

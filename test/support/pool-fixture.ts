import {writeU32} from '../../src/core/bytes/index.ts';
import {type Coin, checkTransactionScripts, PLAIN_VERIFIER} from '../../src/core/consensus/index.ts';
import {sha256} from '../../src/core/crypto/index.ts';
import {CodedError} from '../../src/core/errors.ts';
import type {Transaction, TxInput, TxOutput} from '../../src/core/primitives/index.ts';
import {Mempool, type MempoolOptions} from '../../src/node/mempool/mempool.ts';
import type {MempoolEvent, Origin} from '../../src/node/mempool/mempool-types.ts';
import {type LogFields, NO_LOG} from '../../src/service/logs/log.ts';
import {FakeChain} from './fake-chain.ts';

/** What anyone can spend by showing it. */
const TRUE_SCRIPT: Uint8Array = Uint8Array.of(0x51);
/** A witness script hash of it: standard, and spent without a key. */
export const ANYONE: Uint8Array = Uint8Array.from([0, 32, ...sha256(TRUE_SCRIPT)]);

export const START_MS = 1_700_000_000_000;

export function input(part: Partial<TxInput> & Pick<TxInput, 'txid'>): TxInput {
  return {index: 0, script: new Uint8Array(0), sequence: 0xffffffff, witness: [TRUE_SCRIPT], ...part};
}

export function output(value: bigint, script: Uint8Array = ANYONE): TxOutput {
  return {value, script};
}

export function transaction(inputs: readonly TxInput[], outputs: readonly TxOutput[], lockTime = 0): Transaction {
  return {version: 2, inputs, outputs, lockTime};
}

/** A pool over a fake chain, with a clock that stands still. */
export class PoolFixture {
  readonly chain: FakeChain;
  readonly pool: Mempool;
  readonly events: MempoolEvent[] = [];
  readonly warnings: string[] = [];
  nowMs: number = START_MS;
  scriptChecks = 0;
  #coins = 0;

  constructor(options: Partial<MempoolOptions> & {readonly chain?: FakeChain} = {}) {
    this.chain = options.chain ?? new FakeChain();
    const warn = (message: string, fields?: LogFields): void => {
      this.warnings.push(`${message} ${String(fields?.['error'])}`);
    };
    this.pool = new Mempool({
      checkScripts: async (checked, coins, flags) => {
        this.scriptChecks++;
        await Promise.resolve();
        checkTransactionScripts({transaction: checked, coins}, PLAIN_VERIFIER, flags);
      },
      log: {...NO_LOG, warn, error: warn},
      nowMs: () => this.nowMs,
      random: () => 0.5,
      ...options,
      chain: this.chain,
    });
    this.pool.subscribe((event) => {
      if (event.type !== 'block') this.events.push(event);
    });
  }

  /** A new coin of the chain, as an input that spends it. */
  coin(part: Partial<Coin> = {}, spend: Partial<TxInput> = {}): TxInput {
    const txid = new Uint8Array(32).fill(0xcc);
    writeU32(txid, 0, this.#coins++);
    this.chain.addCoin({txid, index: 0}, {script: ANYONE, ...part});
    return input({txid, ...spend});
  }

  /** Takes a transaction; says what became of it: 'accepted', 'orphan' or a code. */
  async offer(offered: Transaction, origin: Origin = {source: 'peer', peer: 'alice'}): Promise<string> {
    try {
      return (await this.pool.accept(offered, origin)).status;
    } catch (error) {
      if (error instanceof CodedError) return error.code;
      throw error;
    }
  }

  /** What was removed and why, in order. */
  removals(): {readonly txid: Uint8Array; readonly reason: string}[] {
    return this.events.flatMap((event) =>
      event.type === 'removed' ? [{txid: event.entry.txid, reason: event.reason}] : [],
    );
  }
}

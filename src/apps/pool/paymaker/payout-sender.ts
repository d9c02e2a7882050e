// Keeps the node paying the present map.   pool spec §9.8
import type {Log} from '../../../service/logs/log.ts';
import {RpcClientError} from '../../../service/rpc-client.ts';
import {type AuditRecord, auditPart, encodeAudit} from './audit.ts';
import {PaymakerError} from './errors.ts';
import {ONE} from './fixed.ts';
import type {Paymaker} from './paymaker.ts';
import {type PlanInput, planPayouts} from './payout-plan.ts';
import {settleWins} from './settlement.ts';

/** Calls a method of the node that the master takes templates from. Throws RpcClientError. */
export type CallNode = (method: string, params: readonly unknown[]) => Promise<unknown>;

export interface PayoutSenderOptions {
  readonly paymaker: Paymaker;
  readonly callNode: CallNode;
  /** Wall clock, milliseconds. */
  readonly nowMs: () => number;
  readonly log: Log;
}

/**
 * `waiting`: nothing was sent yet. `unused`: no work has ever come. `stale`: there are no recent events, the node pays what it paid.
 */
export type SenderState =
  | 'waiting'
  | 'unused'
  | 'paying'
  | 'stale'
  | 'error-address'
  | 'node-unreachable'
  | 'ledger-unusable';

const TICK_MS = 1000;
/** How often the node is asked whether it still pays the map. */
const CHECK_MS = 10_000;
/** Retries each second, then each minute. */
const QUICK_RETRIES = 20;
const SLOW_RETRY_MS = 60_000;
const UNITS_PER_PKT = 2 ** 30;
/** In place of the reward while the node does not tell one: only proportions count then. */
const UNKNOWN_REWARD: bigint = 10n ** 15n;
/** Proportions of what the node says it pays, which it rounds. */
const TOLERANCE = 1e-6;

type Reported = Readonly<Record<string, number>>;

function sumOf(values: Iterable<number>): number {
  return [...values].reduce((sum, value) => sum + value, 0);
}

/** True when the same addresses get the same parts. */
function sameShares(a: Reported, b: Reported): boolean {
  const [total, other] = [sumOf(Object.values(a)), sumOf(Object.values(b))];
  if (!(total > 0 && other > 0)) return false;
  const addresses = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...addresses].every(
    (address) => Math.abs((a[address] ?? 0) / total - (b[address] ?? 0) / other) <= TOLERANCE,
  );
}

/** True when the node pays this map and nobody else. */
export function paysMap(reported: Reported, map: ReadonlyMap<string, bigint>): boolean {
  return sameShares(reported, Object.fromEntries([...map].map(([address, units]) => [address, Number(units)])));
}

/** Undefined for what does not pass by itself. */
function failedState(error: unknown): SenderState | undefined {
  if (error instanceof RpcClientError) return 'node-unreachable';
  return error instanceof PaymakerError && error.code.startsWith('ledger-') ? 'ledger-unusable' : undefined;
}

export class PayoutSender {
  readonly #options: PayoutSenderOptions;
  readonly #startedMs: number;
  #timer: NodeJS.Timeout | undefined;
  #tick: Promise<void> = Promise.resolve();
  #isBusy = false;
  #state: SenderState = 'waiting';
  #sent: ReadonlyMap<string, bigint> | undefined;
  /** What the node told right after. */
  #confirmed: Reported | undefined;
  #sentMs = Number.NEGATIVE_INFINITY;
  #checkedMs = Number.NEGATIVE_INFINITY;
  #resent = 0;
  #failures = 0;
  #retryMs = Number.NEGATIVE_INFINITY;

  constructor(options: PayoutSenderOptions) {
    this.#options = options;
    this.#startedMs = options.nowMs();
  }

  get state(): SenderState {
    return this.#state;
  }

  /** Times that the node had another map than it was given: it restarted, or somebody else sets payouts. */
  get resent(): number {
    return this.#resent;
  }

  /** Begins; without a cycle nothing is ever sent. */
  start(): void {
    if (this.#options.paymaker.settings.updateCycle === 0) return;
    this.#timer = setInterval(() => this.#run(), TICK_MS);
    this.#run();
  }

  #run(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#tick = this.tick()
      .catch((error: unknown) => this.#options.log.error('payouts cannot be made', {error}))
      .finally(() => {
        this.#isBusy = false;
      });
  }

  #enter(state: SenderState, reason: string): void {
    if (state === this.#state) return;
    const {log} = this.#options;
    if (state === 'paying') log.info('the node pays the map', {reason});
    else if (state === 'unused') log.info('there is nothing to pay yet', {reason});
    else log.error('the node is not paying a fresh map', {state, reason});
    this.#state = state;
  }

  /** Does what is due by the clock: sends, or looks whether the node still has what was sent. */
  async tick(): Promise<void> {
    const {paymaker, nowMs} = this.#options;
    const now = nowMs();
    const isDue = now - this.#sentMs >= 1000 * paymaker.settings.updateCycle;
    if ((!isDue && now - this.#checkedMs < CHECK_MS) || now < this.#retryMs) return;
    try {
      const reported = await this.#askNode();
      this.#checkedMs = now;
      const isOther = this.#paysOther(reported);
      if (isOther) {
        this.#resent++;
        this.#options.log.error('the node pays another map than it was given', {resent: this.#resent});
      }
      if (isDue || isOther) await this.#send(reported, now);
      this.#failures = 0;
    } catch (error) {
      const state = failedState(error);
      if (state === undefined) throw error;
      this.#failures++;
      this.#retryMs = now + (this.#failures <= QUICK_RETRIES ? TICK_MS : SLOW_RETRY_MS);
      this.#enter(state, (error as Error).message);
    }
  }

  /** What the node said right after it was given the map stands for the map, should it count otherwise than we do. */
  #paysOther(reported: Reported | undefined): boolean {
    if (this.#sent === undefined) return false;
    if (reported === undefined) return this.#confirmed !== undefined;
    return !paysMap(reported, this.#sent) && !(this.#confirmed !== undefined && sameShares(reported, this.#confirmed));
  }

  /** Undefined where it has no template to tell of. */
  async #askNode(): Promise<Reported | undefined> {
    try {
      return readReported(await this.#options.callNode('getminingpayouts', []));
    } catch (error) {
      if (error instanceof RpcClientError && error.code === 'rpc-refused') return undefined;
      throw error;
    }
  }

  async #send(reported: Reported | undefined, now: number): Promise<void> {
    const {paymaker, callNode, log, nowMs} = this.#options;
    const {staleAfter, gracePeriod} = paymaker.settings;
    const latest = paymaker.statistics.newestEvent;
    if (now - latest > 1000 * staleAfter) {
      const isOver = now - Math.max(latest, this.#startedMs) > 1000 * (staleAfter + gracePeriod);
      const reason = `no event since ${latest === 0 ? 'ever' : new Date(latest).toISOString()}`;
      if (isOver) await this.#pay(this.#errorRecord(now));
      else this.#sentMs = now;
      this.#enter(isOver ? 'error-address' : latest === 0 ? 'unused' : 'stale', reason);
      return;
    }
    await settleWins({ledger: paymaker.ledger, wins: paymaker.statistics.wins, callNode, nowMs, log});
    await this.#pay(await this.#payoutRecord(reported, now));
    this.#enter('paying', 'there are recent events');
  }

  #errorRecord(timeMs: number): AuditRecord {
    const {settings} = this.#options.paymaker;
    const map = new Map([[settings.errorAddress, ONE]]);
    const plan: PlanInput = {
      fractions: map,
      reward: UNKNOWN_REWARD,
      balances: new Map(),
      minimum: 0n,
      maxOutputs: 1,
      defaultAddress: settings.errorAddress,
    };
    return {kind: 'error', timeMs, settings: mapSettings(settings), shares: undefined, anns: undefined, plan, map};
  }

  async #payoutRecord(reported: Reported | undefined, timeMs: number): Promise<AuditRecord> {
    const {paymaker} = this.#options;
    const {settings} = paymaker;
    const {map, paid} = await paymaker.whoToPay();
    const reward = reported === undefined ? 0n : BigInt(Math.round(sumOf(Object.values(reported)) * UNITS_PER_PKT));
    // Without a reward nobody knows what is little.
    const isKnown = reward > 0n;
    const plan: PlanInput = {
      fractions: map.fractions,
      reward: isKnown ? reward : UNKNOWN_REWARD,
      balances: isKnown ? await paymaker.ledger.balances() : new Map(),
      minimum: isKnown ? BigInt(Math.round(settings.minimumPayout * UNITS_PER_PKT)) : 0n,
      maxOutputs: settings.maxOutputs,
      defaultAddress: settings.defaultAddress,
    };
    return {
      kind: 'payout',
      timeMs,
      settings: mapSettings(settings),
      shares: auditPart(paid.shares),
      anns: auditPart(paid.anns),
      plan,
      map: planPayouts(plan).map,
    };
  }

  /** Written down before it is sent: there is no map of the node that nobody knows of. */
  async #pay(record: AuditRecord): Promise<void> {
    const {paymaker, callNode, log} = this.#options;
    if (record.map.size === 0) throw new PaymakerError('empty-map');
    await paymaker.ledger.transaction((session) => session.addPayout(record.timeMs, encodeAudit(record)));
    const weights = Object.fromEntries([...record.map].map(([address, units]) => [address, Number(units)]));
    await callNode('configureminingpayouts', [weights]);
    this.#sent = record.map;
    this.#sentMs = record.timeMs;
    this.#confirmed = await this.#askNode();
    if (this.#confirmed === undefined || paysMap(this.#confirmed, record.map)) return;
    log.error('the node has taken the map, but tells of another', {addresses: Object.keys(this.#confirmed).length});
  }

  /** Finishes what is under way. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#tick;
  }
}

function mapSettings(settings: Paymaker['settings']): AuditRecord['settings'] {
  const {poolFee, poolFeeAddress, defaultAddress, blockPayoutFraction} = settings;
  return {poolFee, poolFeeAddress, defaultAddress, blockPayoutFraction};
}

function readReported(value: unknown): Reported {
  if (typeof value !== 'object' || value === null) throw new RpcClientError('rpc-not-understood');
  const entries = Object.entries(value).map(([address, coins]): [string, number] => [address, Number(coins)]);
  if (entries.some(([, coins]) => !Number.isFinite(coins))) throw new RpcClientError('rpc-not-understood');
  return Object.fromEntries(entries);
}

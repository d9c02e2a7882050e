// What a won block really paid, set against what it should have paid: the difference waits in the ledger.
import type {Log} from '../../../service/logs/log.ts';
import {RpcClientError} from '../../../service/rpc-client.ts';
import {type AuditRecord, decodeAudit} from './audit.ts';
import type {Ledger} from './ledger.ts';
import {earnedOf} from './payout-plan.ts';
import type {CallNode} from './payout-sender.ts';

/** Blocks on top until a won one counts. */
const CONFIRMATIONS = 20;
/** Maps of the past that are tried; at one in two minutes they are of the last day. */
const MAX_MAPS = 720;
/** Nodes cut off fractions of units, and give the rest to one address. */
const ROUNDING = 10_000n;

interface Win {
  readonly hash: string;
  /** Of the share. */
  readonly time: number;
}

export interface SettleOptions {
  readonly ledger: Ledger;
  readonly wins: readonly Win[];
  readonly callNode: CallNode;
  readonly nowMs: () => number;
  readonly log: Log;
}

interface BlockDocument {
  readonly confirmations?: number;
  readonly rawtx?: readonly {readonly vout: readonly {readonly svalue?: string; readonly address?: string}[]}[];
}

/** Units by address of the outputs of a coinbase. */
function outputsOf({rawtx}: BlockDocument): Map<string, bigint> {
  const outputs = new Map<string, bigint>();
  for (const {svalue, address} of rawtx?.[0]?.vout ?? []) {
    if (address === undefined || svalue === undefined || !/^\d{1,19}$/.test(svalue)) continue;
    outputs.set(address, (outputs.get(address) ?? 0n) + BigInt(svalue));
  }
  return outputs;
}

/** What the outputs pay to addresses of a map, if they pay this map. */
function paidBy(
  map: ReadonlyMap<string, bigint>,
  outputs: ReadonlyMap<string, bigint>,
): Map<string, bigint> | undefined {
  const paid = new Map([...map.keys()].map((address) => [address, outputs.get(address) ?? 0n]));
  const sum = (values: Iterable<bigint>): bigint => [...values].reduce((total, value) => total + value, 0n);
  const [all, planned] = [sum(paid.values()), sum(map.values())];
  // Beside the map a coinbase pays at most the network steward.
  const others = [...outputs].filter(([address, units]) => units > 0n && !map.has(address)).length;
  if (all === 0n || others > 1) return undefined;
  for (const [address, units] of map) {
    const difference = paid.get(address)! - (units * all) / planned;
    if (difference > ROUNDING || difference < -ROUNDING) return undefined;
  }
  return paid;
}

/** Settles won blocks that are deep enough, each once. Throws RpcClientError, PaymakerError. */
export async function settleWins(options: SettleOptions): Promise<void> {
  const {ledger, wins, callNode} = options;
  const settled = await ledger.settlements();
  for (const win of wins) {
    if (settled.has(win.hash)) continue;
    const block = await readBlock(win.hash, callNode);
    if (block === undefined || (block.confirmations ?? 0) < CONFIRMATIONS) continue;
    await settleWin(options, win, outputsOf(block));
  }
}

/** Undefined where the node does not know it. */
async function readBlock(hash: string, callNode: CallNode): Promise<BlockDocument | undefined> {
  try {
    return (await callNode('getblock', [hash, true, true])) as BlockDocument;
  } catch (error) {
    if (error instanceof RpcClientError && error.code === 'rpc-refused') return undefined;
    throw error;
  }
}

async function findMap(
  ledger: Ledger,
  {time}: Win,
  outputs: ReadonlyMap<string, bigint>,
): Promise<{number: number; record: AuditRecord; paid: Map<string, bigint>} | undefined> {
  for (const {number, timeMs, document} of await ledger.payouts(MAX_MAPS)) {
    if (timeMs > time) continue;
    const record = decodeAudit(document);
    const paid = paidBy(record.map, outputs);
    if (paid !== undefined) return {number, record, paid};
  }
  return undefined;
}

async function settleWin(
  {ledger, nowMs, log}: SettleOptions,
  win: Win,
  outputs: ReadonlyMap<string, bigint>,
): Promise<void> {
  const {hash} = win;
  const found = await findMap(ledger, win, outputs);
  if (found === undefined) {
    log.error('a won block pays none of our maps; look at the payouts of the node', {hash});
    await ledger.transaction((session) => session.addSettlement(hash, nowMs(), 'unmatched'));
    return;
  }
  const {number, record, paid} = found;
  await ledger.transaction(async (session) => {
    const balances = await session.balances();
    const changes = new Map<string, bigint>();
    const change = (address: string, units: bigint): unknown =>
      changes.set(address, (changes.get(address) ?? 0n) + units);
    const reward = [...paid.values()].reduce((sum, units) => sum + units, 0n);
    if (record.kind === 'payout') {
      for (const [address, units] of earnedOf(record.plan.fractions, reward)) change(address, units);
      for (const [address, units] of paid) change(address, -units);
    }
    for (const [address, units] of changes) {
      if (units !== 0n) await session.setBalance(address, (balances.get(address) ?? 0n) + units);
    }
    await session.addSettlement(hash, nowMs(), `map ${number}`);
  });
  log.info('a won block is settled', {hash, map: number});
}

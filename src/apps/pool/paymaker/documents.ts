// What the pool shows of its books.   pool spec §2.5

import {type AuditRecord, recomputeAudit} from './audit.ts';
import type {PartPaid} from './books.ts';
import {ONE, toDouble18} from './fixed.ts';
import type {WhoToPay} from './paymaker.ts';
import type {PaymakerSettings} from './settings.ts';
import type {Statistics} from './statistics.ts';

/** As existing paymakers write their documents. */
export function encodeTabbed(document: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(document, null, '\t');
}

/** The document of /whotopay. */
export function whoToPayDocument(
  {map, paid}: WhoToPay,
  statistics: Statistics,
  settings: PaymakerSettings,
  nowMs: number,
): Record<string, unknown> {
  const annMinerStats = statistics.annMiners(paid.anns.paid, paid.anns.oldest);
  const blkMinerStats = statistics.blockMiners(paid.shares.paid);
  const {blocks, wins} = statistics.hours(nowMs);
  const {latest, lastWin} = statistics;
  const warmup = (oldest: number | undefined): number | null => (oldest === undefined ? null : latest - oldest);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const {poolFee, blockPayoutFraction} = settings;
  return {
    error: [],
    warn: map.warnings,
    totalKbps: sum(Object.values(annMinerStats).map(({kbps}) => kbps)),
    blocksPerHour: blocks,
    winsPerHour: wins,
    totalEncryptionsPerSecond: sum(
      [...Object.values(annMinerStats), ...Object.values(blkMinerStats)].map((row) => row.currentEncryptionsPerSecond),
    ),
    blkPayoutWarmupPeriod: warmup(paid.shares.oldest),
    annPayoutWarmupPeriod: warmup(paid.anns.oldest),
    generatedAt: nowMs,
    latestPayout: latest,
    lastWonBlock: lastWin?.hash ?? '',
    lastWonBlockTime: lastWin?.time ?? -1,
    annMinerStats,
    blkMinerStats,
    result: Object.fromEntries(map.shown),
    poolFee,
    blockMiners: (1 - poolFee) * blockPayoutFraction,
    annMiners: (1 - poolFee) * (1 - blockPayoutFraction),
  };
}

function partDocument({paid, credits, size, oldest, unpaid}: PartPaid, address: string): Record<string, unknown> {
  return {
    // A credit of 1 is 4096 blocks' worth of plain work.
    credit: credits === undefined ? null : toDouble18(credits.get(address) ?? 0n),
    windowCredit: credits === undefined ? null : toDouble18(size),
    windowFrom: oldest ?? null,
    windowUnfilled: unpaid,
    fractionBeforeFee: paid.get(address) ?? 0,
  };
}

/** Why an address is paid what it is; undefined for one that nothing is known of. */
export function minerDocument(
  address: string,
  {map, paid}: WhoToPay,
  statistics: Statistics,
  settings: PaymakerSettings,
  balance: bigint,
): Record<string, unknown> | undefined {
  const lastSeen = statistics.lastSeen(address);
  const fraction = map.fractions.get(address);
  if (lastSeen === undefined && fraction === undefined && balance === 0n) return undefined;
  return {
    address,
    lastSeen: lastSeen ?? null,
    fractionOfNextBlock: toDouble18(fraction ?? 0n),
    exactFraction: `${fraction ?? 0n}/${ONE}`,
    poolFee: settings.poolFee,
    minimumPayout: settings.minimumPayout,
    // Of earlier blocks; negative where it holds what belongs to others.
    balanceUnits: String(balance),
    blockShares: partDocument(paid.shares, address),
    announcements: partDocument(paid.anns, address),
  };
}

function sameMap(a: ReadonlyMap<string, bigint>, b: ReadonlyMap<string, bigint>): boolean {
  return a.size === b.size && [...a].every(([address, units]) => b.get(address) === units);
}

/**
 * The document of /payouts/NUMBER: whole numbers as text, for they are long. `recomputes`: the map follows from what the record says
 * it was made of.
 */
export function payoutDocument(number: number, record: AuditRecord): Record<string, unknown> {
  const recomputed = recomputeAudit(record);
  const document = {number, recomputes: sameMap(recomputed, record.map), ...record, recomputed};
  return JSON.parse(
    JSON.stringify(document, (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value instanceof Map ? Object.fromEntries(value) : value,
    ),
  ) as Record<string, unknown>;
}

// Each map that was handed to the node, with all that it was made of: enough to make it again and see that it was right.
import {deflateRawSync, inflateRawSync} from 'node:zlib';
import type {Paid, PartPaid} from './books.ts';
import {type MapSettings, payoutMap} from './payout-map.ts';
import {type PlanInput, planPayouts} from './payout-plan.ts';

/** Everything that decides a map. */
export interface AuditRecord {
  /** `error`: all goes to the error address. */
  readonly kind: 'payout' | 'error';
  readonly timeMs: number;
  readonly settings: MapSettings;
  /** Credits by address; undefined in compatible books, which have no exact ones. */
  readonly shares: AuditPart | undefined;
  readonly anns: AuditPart | undefined;
  readonly plan: PlanInput;
  readonly map: ReadonlyMap<string, bigint>;
}

export type AuditPart = Pick<PartPaid, 'size' | 'left'> & {readonly credits: ReadonlyMap<string, bigint>};

const MAX_DOCUMENT_BYTES = 256 * 2 ** 20;

export function auditPart({credits, size, left}: PartPaid): AuditPart | undefined {
  return credits === undefined ? undefined : {credits, size, left};
}

/** Maps and whole numbers as JSON has them not. */
function replacer(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return {$n: String(value)};
  return value instanceof Map ? {$m: [...value].map(([address, units]) => [address, String(units)])} : value;
}

function reviver(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const {$n: whole, $m: entries} = value as {$n?: string; $m?: [string, string][]};
  if (whole !== undefined) return BigInt(whole);
  return entries === undefined ? value : new Map(entries.map(([address, units]) => [address, BigInt(units)]));
}

/** Text for the ledger. */
export function encodeAudit(record: AuditRecord): string {
  return deflateRawSync(JSON.stringify(record, replacer)).toString('base64');
}

export function decodeAudit(document: string): AuditRecord {
  const text = inflateRawSync(Buffer.from(document, 'base64'), {maxOutputLength: MAX_DOCUMENT_BYTES}).toString();
  return JSON.parse(text, reviver) as AuditRecord;
}

function toPaid({size, left, credits}: AuditPart): PartPaid {
  return {credits, size, left, paid: new Map(), unpaid: 0, oldest: undefined};
}

/** Makes the map again from what the record says it was made of. It equals `record.map` unless one of the two was tampered with. */
export function recomputeAudit(record: AuditRecord): Map<string, bigint> {
  const {kind, shares, anns, settings, plan} = record;
  if (kind === 'error') return new Map(plan.fractions);
  const isExact = shares !== undefined && anns !== undefined;
  const paid: Paid | undefined = isExact ? {shares: toPaid(shares), anns: toPaid(anns)} : undefined;
  const fractions = paid === undefined ? plan.fractions : payoutMap(paid, settings).fractions;
  return new Map(planPayouts({...plan, fractions}).map);
}

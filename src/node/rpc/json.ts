import {stringify} from 'lossless-json';
import {UNITS_PER_PKT} from '../../core/consensus/index.ts';

/** JSON text; a bigint is written as an integer of any size, what is no finite number as null. */
export function toJson(value: unknown): string {
  return (
    stringify(value, (_key, entry) => (typeof entry === 'number' && !Number.isFinite(entry) ? null : entry)) ?? 'null'
  );
}

/** Units as PKT: exact up to 2^53 units, beyond that the nearest number. */
export function toPkt(units: bigint): number {
  return Number(units) / Number(UNITS_PER_PKT);
}

/** PKT to units, rounded to the nearest. */
export function fromPkt(pkt: number): bigint {
  const whole = Math.trunc(pkt);
  return BigInt(whole) * UNITS_PER_PKT + BigInt(Math.round((pkt - whole) * Number(UNITS_PER_PKT)));
}

import {varintSize} from '../bytes/index.ts';
import type {Transaction} from './transaction.ts';

/** Sizes of a transaction, bytes.   chain spec §2.5 */
export interface TransactionSize {
  /** With witnesses. */
  readonly size: number;
  readonly stripped: number;
  readonly weight: number;
  /** A quarter of the weight, rounded up. */
  readonly vsize: number;
}

/** Version and lock time; outpoint and sequence of an input; value of an output; marker and flag before witnesses. */
const FRAME_BYTES = 8;
const INPUT_FRAME_BYTES = 40;
const VALUE_BYTES = 8;
const MARKER_BYTES = 2;

function prefixed({length}: Uint8Array): number {
  return varintSize(length) + length;
}

/** Sizes without encoding: they are asked for with every transaction that comes. */
export function transactionSize({inputs, outputs}: Transaction): TransactionSize {
  let stripped = FRAME_BYTES + varintSize(inputs.length) + varintSize(outputs.length);
  let witnesses = 0;
  let items = 0;
  for (const {script, witness} of inputs) {
    stripped += INPUT_FRAME_BYTES + prefixed(script);
    witnesses += varintSize(witness.length);
    items += witness.length;
    for (const item of witness) witnesses += prefixed(item);
  }
  for (const {script} of outputs) stripped += VALUE_BYTES + prefixed(script);
  const size = items === 0 ? stripped : stripped + MARKER_BYTES + witnesses;
  const weight = 3 * stripped + size;
  return {size, stripped, weight, vsize: Math.ceil(weight / 4)};
}

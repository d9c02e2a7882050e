// Unspent outputs.   chain spec §4.1
import type {MoneyParams} from '../params/index.ts';
import {stewardShare} from './subsidy.ts';

/** An output and where it was created. */
export interface Coin {
  readonly value: bigint;
  readonly script: Uint8Array;
  readonly height: number;
  readonly isCoinbase: boolean;
}

/** Gives the unspent output of an outpoint, as it is before the block. */
export type CoinAt = (txid: Uint8Array, index: number) => Coin | undefined;

/**
 * True when a coin can no longer be spent in a block of this height because it is a steward payment that has expired. The
 * script plays no role: any coinbase output of exactly that value counts.   chain spec §3.9
 */
export function isExpired(money: MoneyParams, {value, height, isCoinbase}: Coin, spendHeight: number): boolean {
  return isCoinbase && spendHeight - height > money.stewardExpiry && value === stewardShare(money, height);
}

// Kinds of parameters that several methods take.
import {z} from 'zod';
import {decodeHex} from '../../core/bytes/index.ts';
import {RpcError} from './errors.ts';

/** Explorers pass 0 and 1 for booleans. */
export const FLAG: z.ZodType<boolean, boolean | number> = z
  .union([z.boolean(), z.literal(0), z.literal(1)])
  .transform((value) => value === true || value === 1);

/** 64 hexadecimal digits as shown; gives 32 bytes in internal order. */
export const HASH: z.ZodType<Uint8Array, string> = z
  .string()
  .regex(/^[0-9a-fA-F]{64}$/, 'expected a hash of 64 hexadecimal digits')
  .transform((text) => decodeHex(text.toLowerCase()).reverse());

export const HEX: z.ZodType<string, string> = z.string().max(64 * 2 ** 20);

export const ADDRESS: z.ZodType<string, string> = z.string().min(1).max(16_384);

/** A whole number from 0 on. */
export function count(most: number): z.ZodType<number, number> {
  return z.int().min(0).max(most);
}

/** An amount in PKT, as a JSON number. */
export const AMOUNT: z.ZodType<number, number> = z.number().min(0).max(6_000_000_000);

/** For methods that take blocks in hex. Throws RpcError. */
export function decodeHexParam(text: string): Uint8Array {
  try {
    return decodeHex(text.toLowerCase());
  } catch {
    const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
    throw new RpcError('ErrRPCDecodeHexString', `Argument must be hexadecimal string (not "${shown}")`);
  }
}

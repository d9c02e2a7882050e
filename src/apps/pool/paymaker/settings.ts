// Settings of the paymaker, under the names that pools know.   pool spec §11.1
import {z} from 'zod';
import {AddressError, decodeAddress} from '../../../core/consensus/index.ts';
import type {Network} from '../../../core/params/index.ts';
import {PaymakerError} from './errors.ts';

/** More slots than this in the history would cost more than they are worth. */
const MAX_SLOTS = 100_000;
/** Blocks have room for about so many. */
const MAX_OUTPUTS = 5000;
const FRACTION: z.ZodNumber = z.number().min(0).max(1);
const ADDRESS: z.ZodString = z.string().min(1).max(100);
const SECONDS: z.ZodNumber = z
  .number()
  .min(0)
  .max(10 * 366 * 86_400);

/** A handler that sends events; none may claim more than its limits. */
export interface HandlerSettings {
  readonly name: string;
  readonly password: string;
  /** Above these its uploads wait. */
  readonly eventsPerMinute?: number | undefined;
  /** A credit of 1 stands for 4096 blocks' worth of plain work. */
  readonly creditPerHour?: number | undefined;
}

/** Names and meaning are those of existing pools, pool spec §11.1; fractions are 0..1. */
export interface PaymakerSettings {
  /** Exactly null where announcements need not be signed. */
  readonly privateSeed: string | null;
  /** One password for all handlers, or one for each. */
  readonly paymakerHttpPasswd?: string | undefined;
  readonly handlers: readonly HandlerSettings[];
  /** Seconds between maps sent to the node; 0: none is sent. */
  readonly updateCycle: number;
  /** Seconds. */
  readonly historyDepth: number;
  readonly annCompressor: {readonly timespanMs: number; readonly slotsToKeepEvents: number};
  readonly blockPayoutFraction: number;
  readonly poolFee: number;
  readonly poolFeeAddress?: string | undefined;
  readonly pplnsAnnConstantX: number;
  readonly pplnsBlkConstantX: number;
  readonly defaultAddress: string;
  readonly errorAddress: string;
  /** PKT of one block below which an address waits until it has more. */
  readonly minimumPayout: number;
  /** Addresses that one block pays at most. */
  readonly maxOutputs: number;
  /** Without an event for so many seconds nothing is sent any more … */
  readonly staleAfter: number;
  /** … and after so many more everything goes to errorAddress. */
  readonly gracePeriod: number;
  /** Credits exactly as existing pools do, with doubles and their oddities. */
  readonly compatible: boolean;
}

const COMPRESSOR = z.strictObject({
  timespanMs: z.int().min(1000).max(3_600_000).default(60_000),
  slotsToKeepEvents: z.int().min(1).max(MAX_SLOTS).default(10),
});

const HANDLER = z.strictObject({
  name: z.string().regex(/^[\w.-]{1,40}$/, 'a name has 1 to 40 letters, digits, dots, dashes'),
  password: z.string().min(1),
  eventsPerMinute: z.number().positive().optional(),
  creditPerHour: z.number().positive().optional(),
});

export const PAYMAKER_SCHEMA: z.ZodType<PaymakerSettings> = z.strictObject({
  privateSeed: z.string().nullable(),
  paymakerHttpPasswd: z.string().min(1).optional(),
  handlers: z.array(HANDLER).max(1000).default([]),
  updateCycle: SECONDS.default(120),
  historyDepth: SECONDS.min(600, 'history must reach back at least 600 seconds'),
  annCompressor: COMPRESSOR.default({timespanMs: 60_000, slotsToKeepEvents: 10}),
  blockPayoutFraction: FRACTION.default(0.5),
  poolFee: z.number().min(0).lt(1, 'a fee of all leaves the miners nothing').default(0),
  poolFeeAddress: ADDRESS.optional(),
  pplnsAnnConstantX: z.number().positive().max(1000),
  pplnsBlkConstantX: z.number().positive().max(1000),
  defaultAddress: ADDRESS,
  errorAddress: ADDRESS,
  minimumPayout: z.number().min(0).default(0),
  maxOutputs: z.int().min(1).max(MAX_OUTPUTS).default(2000),
  staleAfter: SECONDS.default(3600),
  gracePeriod: SECONDS.default(6 * 3600),
  compatible: z.boolean().default(false),
});

function addressMistake(address: string, network: Network): string | undefined {
  try {
    decodeAddress(address, network.addresses);
    return undefined;
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    return error.message;
  }
}

/** What no single field tells. */
function mistakesBetween(settings: PaymakerSettings, network: Network): string[] {
  const mistakes: string[] = [];
  for (const key of ['defaultAddress', 'errorAddress', 'poolFeeAddress'] as const) {
    const address = settings[key];
    const mistake = address === undefined ? undefined : addressMistake(address, network);
    if (mistake !== undefined) mistakes.push(`${key}: ${mistake}`);
  }
  if (settings.poolFee > 0 && settings.poolFeeAddress === undefined)
    mistakes.push('poolFeeAddress: expected, since there is a poolFee');
  const {handlers, paymakerHttpPasswd} = settings;
  if (handlers.length === 0 && paymakerHttpPasswd === undefined)
    mistakes.push('paymakerHttpPasswd: expected, or handlers with a password each');
  if (new Set(handlers.map(({name}) => name)).size !== handlers.length)
    mistakes.push('handlers: two have the same name');
  const passwords = [...handlers.map(({password}) => password), paymakerHttpPasswd].filter(
    (word) => word !== undefined,
  );
  if (new Set(passwords).size !== passwords.length) mistakes.push('handlers: two have the same password');
  if ((settings.historyDepth * 1000) / settings.annCompressor.timespanMs > MAX_SLOTS)
    mistakes.push(`historyDepth: more than ${MAX_SLOTS} times annCompressor.timespanMs`);
  return mistakes;
}

/** Checks settings as read from a file; every mistake is told at once. Throws PaymakerError 'bad-settings'. */
export function readPaymakerSettings(value: unknown, network: Network): PaymakerSettings {
  const {success, data, error} = PAYMAKER_SCHEMA.safeParse(value);
  const mistakes = success
    ? mistakesBetween(data, network)
    : error.issues.map(({path, message}) => (path.length === 0 ? message : `${path.join('.')}: ${message}`));
  if (!success && typeof value === 'object' && value !== null) mistakes.push(...addressMistakes(value, network));
  if (mistakes.length > 0) throw new PaymakerError('bad-settings', {mistakes: mistakes.join('; ')});
  return data!;
}

/** Addresses are told also where something else is wrong. */
function addressMistakes(value: object, network: Network): string[] {
  return ['defaultAddress', 'errorAddress', 'poolFeeAddress'].flatMap((key) => {
    const address = (value as Record<string, unknown>)[key];
    if (typeof address !== 'string' || address.length === 0) return [];
    const mistake = addressMistake(address, network);
    return mistake === undefined ? [] : [`${key}: ${mistake}`];
  });
}

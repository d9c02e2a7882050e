// Two ways to keep the books, exact and compatible, behind one interface.
import type {BlockMark} from './credit.ts';
import type {LedgerEvent} from './ledger.ts';

/** One upload as it was written into the ledger. */
export interface CreditedUpload {
  readonly number: number;
  /** `time` of its last line that has one. */
  readonly lastTime: number;
  /** Those that were not known before, in order of arrival. */
  readonly events: readonly LedgerEvent[];
  /** Earlier events whose difficulty became known or changed with this upload. */
  readonly recredited: readonly {readonly event: LedgerEvent; readonly before: bigint}[];
  /** All block events known now, in order. */
  readonly blocks: readonly BlockMark[];
}

/** Who is paid how much of one of the two parts, before the fee. */
export interface PartPaid {
  /** Fractions of everything; the sum is at most the part's. */
  readonly paid: ReadonlyMap<string, number>;
  /** The same in units of credit · 10^-18; undefined in compatible books. */
  readonly credits: ReadonlyMap<string, bigint> | undefined;
  /** Of `credits`: what the whole part stands for, and how much of it is left over. */
  readonly size: bigint;
  readonly left: bigint;
  /** Fraction of everything that is left over. */
  readonly unpaid: number;
  /** Time of the oldest share or slot that is paid. */
  readonly oldest: number | undefined;
}

export interface Paid {
  readonly shares: PartPaid;
  readonly anns: PartPaid;
}

export interface Books {
  /** Announcement slots that it knows of. */
  readonly annSlots: number;
  /** After the upload is in the ledger. */
  add(upload: CreditedUpload): Promise<void>;
  /** maxTime: as if everything newer did not exist. */
  whoIsPaid(maxTime?: number): Promise<Paid>;
  /** Leaves out what the ledger is about to forget; before it does. */
  forgetBefore(timeMs: number): Promise<void>;
}

// When a transaction may be in a block.   chain spec §3.11; BIP 65, 68, 113
import {SEQUENCE_FINAL, type Transaction} from '../primitives/index.ts';

/** Lock times below are heights, others times. */
const LOCK_TIME_THRESHOLD = 500_000_000;
const SEQUENCE_DISABLED = 0x80000000;
const SEQUENCE_IS_TIME = 0x00400000;
const SEQUENCE_MASK = 0xffff;
const SEQUENCE_SECONDS = 512;

/** True when the transaction may be in a block of this height whose parent has this median time. */
export function isFinal({lockTime, inputs}: Transaction, height: number, medianTime: number): boolean {
  if (lockTime === 0) return true;
  if (lockTime < (lockTime < LOCK_TIME_THRESHOLD ? height : medianTime)) return true;
  return inputs.every(({sequence}) => sequence === SEQUENCE_FINAL);
}

/** What an input's relative lock time is counted from. */
export interface LockOrigin {
  /** Height of the block with the output that is spent. */
  readonly height: number;
  /** Median time of the block before that one. */
  readonly medianTime: number;
}

/** The last height and median time at which a transaction's relative lock times still hold; -1 where none does. */
export interface SequenceLock {
  readonly height: number;
  readonly time: number;
}

/** Relative lock times of a transaction; `originOf` is asked only for inputs that have one.   BIP 68 */
export function sequenceLock({version, inputs}: Transaction, originOf: (input: number) => LockOrigin): SequenceLock {
  let height = -1;
  let time = -1;
  // As a signed number: a negative version has no relative lock times, here and in OP_CHECKSEQUENCEVERIFY.
  if (version < 2) return {height, time};
  for (const [number, {sequence}] of inputs.entries()) {
    if ((sequence & SEQUENCE_DISABLED) !== 0) continue;
    const origin = originOf(number);
    const delta = sequence & SEQUENCE_MASK;
    if ((sequence & SEQUENCE_IS_TIME) !== 0) {
      time = Math.max(time, origin.medianTime + delta * SEQUENCE_SECONDS - 1);
    } else {
      height = Math.max(height, origin.height + delta - 1);
    }
  }
  return {height, time};
}

/** True when the lock no longer holds in a block of this height whose parent has this median time. */
export function isUnlocked(lock: SequenceLock, height: number, medianTime: number): boolean {
  return lock.height < height && lock.time < medianTime;
}

// When a miner rests: outside its hours, and while the machine runs on its battery.

import type {Log} from '../../service/logs/log.ts';
import type {PowerSource} from '../../service/measure/power-source.ts';
import {type Hours, isWithin, minuteOf} from './schedule.ts';

export interface PauseOptions {
  /** Empty: always. */
  readonly hours: readonly Hours[];
  /** Undefined where batteries do not matter. */
  readonly readPower: (() => Promise<PowerSource>) | undefined;
  readonly now: () => Date;
  readonly log: Log;
}

/** Why to rest now; undefined to work. */
export type PauseReason = 'outside the schedule' | 'on battery' | undefined;

/** Gives the question whether to rest. Says once where the power supply cannot be read: then it does not matter. */
export function createPauses({hours, readPower, now, log}: PauseOptions): () => Promise<PauseReason> {
  let isTold = false;
  return async () => {
    if (!isWithin(hours, minuteOf(now()))) return 'outside the schedule';
    if (readPower === undefined) return undefined;
    const power = await readPower();
    if (power === 'unknown' && !isTold) {
      isTold = true;
      log.warn('this system does not tell whether it runs on battery: mining goes on (only Linux laptops tell)');
    }
    return power === 'battery' ? 'on battery' : undefined;
  };
}

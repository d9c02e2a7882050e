import {yardstick} from '../../service/measure/yardstick.ts';

const YARDSTICK_SECONDS = 0.3;

/** One measured figure. */
export interface BenchRow {
  readonly name: string;
  /** Work bits as hex, where they matter. */
  readonly bits: string | null;
  readonly threads: number;
  /** Announcements of one job, where they matter. */
  readonly group: number | null;
  readonly unit: string;
  readonly perCpuSecond: number;
  readonly perWallSecond: number;
  /** Mean of the yardstick before and after, MB per CPU second. */
  readonly yardstickMBps: number;
  readonly rssMiB: number;
  /** Random jobs (programs, headers) the figure averages over. */
  readonly jobs: number;
  readonly note?: string;
}

export type RowStart = Omit<BenchRow, 'perCpuSecond' | 'perWallSecond' | 'yardstickMBps' | 'rssMiB'>;

/** CPU and wall time of a stretch of work, in seconds, all threads of the process included. */
export interface Stretch {
  readonly cpu: number;
  readonly wall: number;
}

/** Starts a stopwatch; the result reads it. */
export function startWatch(): () => Stretch {
  const cpu = process.cpuUsage();
  const wall = performance.now();
  return () => {
    const {user, system} = process.cpuUsage(cpu);
    return {cpu: (user + system) / 1e6, wall: (performance.now() - wall) / 1000};
  };
}

/** Measures the yardstick around `work`, which returns how much it did and the time that counts. */
export async function measureRow(
  work: () => Promise<RowStart & {readonly done: number; readonly time: Stretch}>,
): Promise<BenchRow> {
  const before = yardstick(YARDSTICK_SECONDS);
  const {done, time, ...start} = await work();
  const rssMiB = process.memoryUsage().rss / 2 ** 20;
  const after = yardstick(YARDSTICK_SECONDS);
  return {
    ...start,
    perCpuSecond: done / time.cpu,
    perWallSecond: done / time.wall,
    yardstickMBps: (before + after) / 2,
    rssMiB,
  };
}

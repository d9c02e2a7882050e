// What running a miner takes beside the miner: log, priority, pauses, data directory, status server, the line of statistics, an end.
import {setPriority} from 'node:os';
import type {Registry} from 'prom-client';
import type {PauseReason} from '../apps/miner/pauses.ts';
import type {Log} from '../service/logs/log.ts';
import {StoreError} from '../service/stores/key-value-store.ts';
import {aborted} from './aborted.ts';
import {EXIT_INVALID} from './exit-codes.ts';
import type {MINER_OPTIONS} from './miner-options.ts';
import type {CommandContext, OptionValues} from './options.ts';
import {UsageError} from './usage-error.ts';

const LINE_MS = 10_000;

export type MinerValues = OptionValues<typeof MINER_OPTIONS>;

/** A miner as its command sees it. */
export interface RunningMiner {
  readonly metrics: () => Registry;
  readonly status: () => unknown;
  /** Undefined while it does its work; else why not. */
  readonly problem: () => string | undefined;
  /** What happened since the last line, as text and for programs. */
  readonly line: () => {readonly text: string; readonly fields: object};
  open(): Promise<void> | void;
  close(): Promise<void>;
}

export interface MinerSurroundings {
  readonly log: Log;
  readonly pause: () => Promise<PauseReason>;
  readonly onFailure: (error: unknown) => void;
}

/** Errors of the system or a store while something opens are mistakes of the user. */
function asUsage(error: unknown, doing: string): unknown {
  const {code, message} = error as NodeJS.ErrnoException;
  if (error instanceof StoreError || code !== undefined) return new UsageError(`${doing}: ${message}`, {cause: error});
  return error;
}

/** Runs a miner until it is interrupted or cannot go on; gives the exit code. */
export async function runMiner(
  values: MinerValues,
  {terminal, interrupted}: CommandContext,
  create: (surroundings: MinerSurroundings) => Promise<RunningMiner>,
): Promise<number> {
  const [{createLog}, {StatusServer}, {createPauses}, {readPowerSource}] = await Promise.all([
    import('../service/logs/pino-log.ts'),
    import('../service/http/status-server.ts'),
    import('../apps/miner/pauses.ts'),
    import('../service/measure/power-source.ts'),
  ]);
  const level = values.verbose ? 'debug' : values.logLevel;
  const log = createLog({level, format: values.logFormat, out: process.stderr});
  // Threads that are started later have it from this one.
  if (values.nice !== undefined) setPriority(values.nice);
  const pause = createPauses({
    hours: values.schedule,
    readPower: values.pauseOnBattery ? () => readPowerSource() : undefined,
    now: () => new Date(),
    log,
  });
  const ended = new AbortController();
  let failed = false;
  const onFailure = (error: unknown): void => {
    log.error('mining cannot go on', {error});
    failed = true;
    ended.abort();
  };
  const miner = await create({log, pause, onFailure}).catch((error: unknown) => {
    throw asUsage(error, 'cannot start');
  });
  const closers: (() => Promise<void>)[] = [() => miner.close()];
  try {
    if (values.statusListen !== undefined) {
      const {host, port} = values.statusListen;
      const server = new StatusServer({
        metrics: miner.metrics(),
        status: miner.status,
        readiness: () => {
          const reason = miner.problem();
          return reason === undefined ? {ready: true} : {ready: false, reason};
        },
      });
      closers.push(() => server.close());
      const bound = await server.listen(host, port).catch((error: unknown) => {
        throw asUsage(error, '--status-listen');
      });
      log.info('status is served', {url: `http://${host.includes(':') ? `[${host}]` : host}:${bound.port}/status`});
    }
    await Promise.resolve(miner.open()).catch((error: unknown) => {
      throw asUsage(error, 'cannot start');
    });
    const timer = setInterval(() => {
      const {text, fields} = miner.line();
      const seconds = Math.floor(Date.now() / 1000);
      const line =
        values.logFormat === 'json'
          ? JSON.stringify({time: seconds, type: 'statistics', ...fields})
          : `${seconds} INFO ${text}`;
      void terminal.print(line);
    }, LINE_MS);
    await aborted(AbortSignal.any([interrupted, ended.signal]));
    clearInterval(timer);
    log.info('stopping: what was found is sent');
  } finally {
    for (const close of closers.reverse()) await close();
  }
  return failed ? EXIT_INVALID : 0;
}

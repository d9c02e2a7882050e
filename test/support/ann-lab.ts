import type {TestContext} from 'node:test';
import {AnnMiner, type AnnMinerOptions} from '../../src/apps/miner/ann/ann-miner.ts';
import type {Log, LogFields} from '../../src/service/logs/log.ts';
import {spawnNodeThread} from '../../src/service/threads/node-threads.ts';
import {testAddress} from './pool-lab.ts';

export interface Said {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** A log that remembers. */
export function listeningLog(): {readonly log: Log; readonly said: Said[]} {
  const said: Said[] = [];
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}): void => {
      said.push({level, message, fields});
    };
  return {log: {debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error')}, said};
}

/** A miner on one thread that does everything quickly. */
export function openAnnMiner(
  t: TestContext,
  pools: readonly string[],
  more: Partial<AnnMinerOptions> = {},
): {readonly miner: AnnMiner; readonly said: Said[]} {
  const {log, said} = listeningLog();
  const miner = new AnnMiner({
    pools,
    payTo: testAddress(8),
    threads: 1,
    uploaders: 2,
    uploadTimeoutMs: 20_000,
    mineOld: -1,
    userAgent: 'test',
    spawn: spawnNodeThread,
    firstHardNonce: 7,
    log,
    onFailure: (error) => {
      throw error;
    },
    pollMs: 50,
    flushMs: 100,
    tickMs: 50,
    maxPauseMs: 1000,
    ...more,
  });
  miner.open();
  t.after(() => miner.close());
  return {miner, said};
}

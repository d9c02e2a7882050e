// Owns: mining and checking on several threads: who works on what, back-pressure, crashes, statistics.
// Does not own: the algorithm (packetcrypt), the platform's threads (handed in as `SpawnThread`), pools and networks.
export {AnnouncementMiner, type AnnouncementMinerOptions, type AnnouncementMinerStats} from './announcement-miner.ts';
export {AnnouncementValidator, type AnnouncementValidatorOptions} from './announcement-validator.ts';
export {
  BlockMiner,
  type BlockMinerOptions,
  type BlockMinerStats,
  type BlockSet,
  type FoundShare,
} from './block-miner.ts';
export {ENGINE_ERRORS, EngineError, type EngineErrorCode} from './errors.ts';
export {runThread} from './run-thread.ts';
export {type ThreadCrash, ThreadPool} from './thread-pool.ts';
export type {EngineThreadKind, SpawnThread, ThreadContext, ThreadKind, ThreadPort} from './thread-port.ts';

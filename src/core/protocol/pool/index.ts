// Owns: what the parts of a mining pool say to each other: files, documents, datagrams, ids, and the few numbers that all must
// compute alike. Does not own: how they are sent (service), what a part does about them (apps/pool, apps/miner), announcements
// and shares themselves (packetcrypt).
// Main steps: template → encodeWork, encodeTemplateFile → fillPlaceholder, workHeader → share; announcement → announcementPrefix →
// announcementHandler → upload → event.
export {
  type AnnouncementsEvent,
  type BlockEvent,
  type BlockInfo,
  encodeDocument,
  type PoolConfig,
  type PoolEnvelope,
  type PoolEvent,
  readAnnouncementsResult,
  readBlockInfo,
  readEnvelope,
  readPoolConfig,
  readShareResult,
  type ShareEvent,
  type ShareResult,
} from './documents.ts';
export {POOL_ERRORS, PoolError, type PoolErrorCode} from './errors.ts';
export {
  announcementHandler,
  announcementHandlerByNonce,
  announcementPrefix,
  batchId,
  batchIdOf,
  hasNoContent,
  isReservedPrefix,
  logId,
  shareId,
} from './routing.ts';
export {
  decodeSpray,
  encodeSubscription,
  encodeUnit,
  encodeUnits,
  MAX_UNITS,
  type Spray,
  type SprayUnit,
  UNIT_BYTES,
} from './sprayer.ts';
export {annTargetForWork, isTarget, shareEncryptions, shareTarget, workMultiple} from './targets.ts';
export {
  decodeTemplateFile,
  decodeWork,
  encodeTemplateFile,
  encodeWork,
  type PoolWork,
  type TemplateFile,
  workHeader,
} from './work-file.ts';

// An announcement handler over HTTP, with announcements that it takes.
import type {TestContext} from 'node:test';
import {AnnFiles} from '../../src/apps/pool/ann-handler/ann-files.ts';
import {AnnHandler} from '../../src/apps/pool/ann-handler/ann-handler.ts';
import {AnnServer, type AnnServerOptions} from '../../src/apps/pool/ann-handler/ann-server.ts';
import {SeenStore} from '../../src/apps/pool/ann-handler/seen-store.ts';
import {AnnouncementValidator} from '../../src/core/engines/index.ts';
import {AnnouncementKernel} from '../../src/core/packetcrypt/announcement/announcement-kernel.ts';
import {MINER_PAGES} from '../../src/core/packetcrypt/announcement/announcement-memory.ts';
import {AnnouncementSearch} from '../../src/core/packetcrypt/announcement/announcement-search.ts';
import {type Network, PKTREG} from '../../src/core/params/index.ts';
import {
  type AnnouncementsEvent,
  type BlockInfo,
  type PoolConfig,
  readAnnouncementsResult,
  readEnvelope,
} from '../../src/core/protocol/pool/index.ts';
import {httpRequest, jsonOf} from '../../src/service/http/http-client.ts';
import {NO_LOG} from '../../src/service/logs/log.ts';
import {EventLog} from '../../src/service/pool/event-log.ts';
import type {PoolState} from '../../src/service/pool/pool-follower.ts';
import {spawnNodeThread} from '../../src/service/threads/node-threads.ts';
import {testAddress} from './pool-lab.ts';

/** Height of the block that the announcements are made on. */
export const PARENT = 200_000;
export const PUBLIC_URL = 'http://handler.example/submit';
/** Shown hash of a block. */
export const hashOf = (height: number): string => height.toString(16).padStart(64, '0');
const ALICE: string = testAddress(7);

export function infoOf(height: number): BlockInfo {
  const header = {
    hash: hashOf(height),
    height,
    version: 4,
    versionHex: '00000004',
    merkleroot: hashOf(1),
    time: 1,
    nonce: 1,
    bits: '207fffff',
    difficulty: 1,
    previousblockhash: hashOf(height - 1),
  };
  return {header, sigKey: null};
}

/** What the pool says while a block is the tip. */
export function stateOf(tip: number, more: Partial<PoolConfig> = {}): PoolState {
  const config: PoolConfig = {
    tipHash: hashOf(tip),
    currentHeight: tip + 1,
    masterUrl: '',
    submitAnnUrls: [PUBLIC_URL],
    downloadAnnUrls: [],
    submitBlockUrls: [],
    paymakerUrl: '',
    version: 3,
    softVersion: 1,
    annVersions: [1],
    mineOldAnns: 2,
    annTarget: 0x207fffff,
    ...more,
  };
  const blocks = new Map([0, 1, 2, 3, 4, 5].map((i) => [tip - i, infoOf(tip - i)]));
  return {config, blocks, work: undefined};
}

/** Announcements on a block, 1024 bytes each. */
export function mineAnns(count: number, parent: number = PARENT): Uint8Array {
  let nonce = 0;
  const search = new AnnouncementSearch(
    new AnnouncementKernel(MINER_PAGES),
    () => nonce++,
    () => performance.now(),
    false,
  );
  const parentHash = Uint8Array.from(Buffer.from(hashOf(parent), 'hex')).reverse();
  search.setWork({parentHash, parentBlockHeight: parent, workBits: 0x207fffff});
  const anns = new Uint8Array(1024 * count);
  for (let filled = 0; filled < anns.length; ) {
    const found = search.step().subarray(0, anns.length - filled);
    anns.set(found, filled);
    filled += found.length;
  }
  return anns;
}

export interface AnnHandlerLab {
  readonly handler: AnnHandler;
  readonly url: string;
  readonly sent: string[];
  readonly accepted: Uint8Array[];
  readonly files: AnnFiles;
  readonly events: EventLog;
  post(
    body: Uint8Array,
    more?: Record<string, string>,
  ): Promise<{status: number; error: string; result?: AnnouncementsEvent; warn: readonly string[]}>;
  close(): Promise<void>;
}

export interface AnnHandlerLabOptions {
  readonly network?: Network;
  readonly maxWaiting?: number;
  /** The clock by which the handler knows how long posts wait, milliseconds. */
  readonly now?: () => number;
  readonly server?: Partial<AnnServerOptions>;
}

/** Everything it keeps is in a folder; it closes with the test. */
export async function openAnnHandlerLab(
  t: TestContext,
  dir: string,
  {
    network = PKTREG,
    maxWaiting = 65_536,
    now = () => performance.now(),
    server: serverOptions = {},
  }: AnnHandlerLabOptions = {},
): Promise<AnnHandlerLab> {
  const validator = new AnnouncementValidator({
    threads: 1,
    spawn: spawnNodeThread,
    now: () => performance.now(),
    maxWaiting,
  });
  const sent: string[] = [];
  const accepted: Uint8Array[] = [];
  const events = await EventLog.open({
    dir: `${dir}/events`,
    log: NO_LOG,
    rotateMs: 50,
    send: (body) => {
      sent.push(Buffer.from(body).toString());
      return Promise.resolve();
    },
  });
  const seen = await SeenStore.open(`${dir}/seen`);
  let handler: AnnHandler;
  const files = await AnnFiles.open({
    dir: `${dir}/anns`,
    handler: () => handler.number ?? 0,
    filesToKeep: 3,
    log: NO_LOG,
    nowMs: () => Date.now(),
    flushMs: 50,
  });
  handler = new AnnHandler({
    network,
    publicUrl: PUBLIC_URL,
    validator,
    seen,
    events,
    files,
    onAccepted: (anns) => accepted.push(anns),
    now,
    nowMs: () => 1_700_000_000_123,
    log: NO_LOG,
  });
  const server = new AnnServer({handler, files, blockMinerPassword: 'pw', log: NO_LOG, ...serverOptions});
  const {port} = await server.listen('127.0.0.1', 0);
  const url = `http://127.0.0.1:${port}`;
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await server.close();
    await files.close();
    await events.close();
    await seen.close();
    await validator.close();
  };
  t.after(close);
  const post: AnnHandlerLab['post'] = async (body, more = {}) => {
    const answer = await httpRequest(`${url}/submit`, {
      method: 'POST',
      body,
      headers: {'x-pc-worknum': String(PARENT + 1), 'x-pc-payto': ALICE, 'x-pc-sver': '1', ...more},
      timeoutMs: 20_000,
      maxBytes: 1_000_000,
    });
    const {result, error, warn} = readEnvelope(jsonOf(answer));
    return {
      status: answer.status,
      error: error.join(';'),
      warn,
      ...(result !== null && {result: readAnnouncementsResult(result)}),
    };
  };
  return {handler, url, sent, accepted, files, events, post, close};
}

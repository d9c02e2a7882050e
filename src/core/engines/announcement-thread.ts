import {AnnouncementKernel} from '../packetcrypt/announcement/announcement-kernel.ts';
import {MINER_PAGES} from '../packetcrypt/announcement/announcement-memory.ts';
import {
  AnnouncementSearch,
  type AnnouncementSearchStats,
  type AnnouncementWork,
} from '../packetcrypt/announcement/announcement-search.ts';
import type {ThreadContext} from './thread-port.ts';

/** Hard nonces [from, from + count), handed out once. */
interface NonceRange {
  readonly from: number;
  readonly count: number;
}

export type ToAnnouncementThread =
  | {readonly type: 'work'; readonly job: number; readonly work: AnnouncementWork}
  | {readonly type: 'nonces'; readonly range: NonceRange}
  | {readonly type: 'stop'; readonly stop: number}
  | {readonly type: 'go'}
  | {readonly type: 'taken'; readonly bytes: number};

export type FromAnnouncementThread =
  | {readonly type: 'nonces-wanted'}
  | {readonly type: 'stopped'; readonly stop: number}
  | {readonly type: 'found'; readonly job: number; readonly anns: Uint8Array}
  | {readonly type: 'stats'; readonly stats: AnnouncementSearchStats};

/** A slice of mining between two looks at the messages. */
const SLICE_MS = 10;
const STATS_MS = 250;
/** Finds are sent in batches of about this size, and the thread waits while this much is not taken. */
const BATCH_BYTES = 64 * 1024;
const BATCH_MS = 100;
const MAX_UNTAKEN_BYTES = 8 * 1024 * 1024;

/**
 * Body of an announcement mining thread. It hears messages between slices of mining rather than through shared memory,
 * which pages that are not cross-origin isolated do not have.
 */
export async function runAnnouncementThread(
  context: ThreadContext<ToAnnouncementThread, FromAnnouncementThread>,
): Promise<never> {
  const nonces: NonceRange[] = [];
  let used = 0;
  const nextNonce = (): number => {
    const range = nonces[0]!;
    const nonce = (range.from + used++) >>> 0;
    if (used === range.count) {
      nonces.shift();
      used = 0;
      context.post({type: 'nonces-wanted'});
    }
    return nonce;
  };
  const search = new AnnouncementSearch(new AnnouncementKernel(MINER_PAGES), nextNonce, () => context.now());
  let job = -1;
  let going = false;
  let untaken = 0;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let sentAt = 0;
  const send = (): void => {
    sentAt = context.now();
    if (heldBytes === 0) return;
    const anns = new Uint8Array(heldBytes);
    let at = 0;
    for (const part of held) {
      anns.set(part, at);
      at += part.length;
    }
    held = [];
    heldBytes = 0;
    untaken += anns.length;
    context.post({type: 'found', job, anns}, [anns.buffer]);
  };
  let wake: (() => void) | undefined;
  context.onMessage((message) => {
    switch (message.type) {
      case 'work':
        send();
        job = message.job;
        search.setWork(message.work);
        break;
      case 'nonces':
        nonces.push(message.range);
        break;
      case 'stop':
        going = false;
        send();
        context.post({type: 'stats', stats: search.stats});
        context.post({type: 'stopped', stop: message.stop});
        break;
      case 'go':
        going = true;
        break;
      case 'taken':
        untaken -= message.bytes;
        break;
    }
    wake?.();
  });
  for (let i = 0; i < 3; i++) context.post({type: 'nonces-wanted'});
  let statsAt = context.now();
  for (;;) {
    // A step takes a few dozen nonces: with two ranges in hand it never finds the last one empty. A third is on its way.
    if (!going || job < 0 || nonces.length < 2 || untaken >= MAX_UNTAKEN_BYTES) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      wake = undefined;
      continue;
    }
    const begun = context.now();
    let now = begun;
    while (now - begun < SLICE_MS && nonces.length >= 2) {
      const found = search.step();
      if (found.length > 0) {
        held.push(found);
        heldBytes += found.length;
      }
      now = context.now();
    }
    if (heldBytes >= BATCH_BYTES || now - sentAt >= BATCH_MS) send();
    if (now - statsAt >= STATS_MS) {
      statsAt = now;
      context.post({type: 'stats', stats: search.stats});
    }
    await context.pause();
  }
}

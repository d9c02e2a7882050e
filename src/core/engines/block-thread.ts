import type {SharedStore} from '../packetcrypt/block/announcement-store.ts';
import {BLOCK_BATCH} from '../packetcrypt/block/block-memory.ts';
import {type BlockFind, BlockSearch, type BlockWork} from '../packetcrypt/block/block-search.ts';
import type {ThreadContext} from './thread-port.ts';

export type ToBlockThread =
  | {readonly type: 'open'; readonly thread: number; readonly store: SharedStore}
  | {readonly type: 'work'; readonly job: number; readonly work: BlockWork}
  | {readonly type: 'stop'; readonly stop: number}
  | {readonly type: 'go'};

export type FromBlockThread =
  | {readonly type: 'stopped'; readonly stop: number}
  | {readonly type: 'working'; readonly job: number}
  | {readonly type: 'found'; readonly job: number; readonly find: BlockFind}
  | {readonly type: 'stats'; readonly hashes: number};

const SLICE_MS = 10;
const STATS_MS = 250;

/** Body of a block mining thread; hears messages between slices of mining. */
export async function runBlockThread(context: ThreadContext<ToBlockThread, FromBlockThread>): Promise<never> {
  let search: BlockSearch | undefined;
  let job = -1;
  let going = false;
  let hashes = 0;
  let wake: (() => void) | undefined;
  context.onMessage((message) => {
    switch (message.type) {
      case 'open':
        search = new BlockSearch(message.store, message.thread);
        break;
      case 'work':
        job = message.job;
        search?.setWork(message.work);
        context.post({type: 'working', job});
        break;
      case 'stop':
        going = false;
        context.post({type: 'stats', hashes});
        context.post({type: 'stopped', stop: message.stop});
        break;
      case 'go':
        going = true;
        break;
    }
    wake?.();
  });
  let statsAt = context.now();
  for (;;) {
    if (!going || job < 0 || search === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      wake = undefined;
      continue;
    }
    const begun = context.now();
    let now = begun;
    while (now - begun < SLICE_MS) {
      for (const find of search.step()) context.post({type: 'found', job, find});
      hashes += BLOCK_BATCH;
      now = context.now();
    }
    if (now - statsAt >= STATS_MS) {
      statsAt = now;
      context.post({type: 'stats', hashes});
    }
    await context.pause();
  }
}

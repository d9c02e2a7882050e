import {Worker} from 'node:worker_threads';
import type {SpawnThread, ThreadKind, ThreadPort} from '../../core/engines/index.ts';

/** Threads of the engines as Node worker threads. */
export const spawnNodeThread: SpawnThread = <ToThread, FromThread>(
  kind: ThreadKind,
): ThreadPort<ToThread, FromThread> => {
  const worker = new Worker(new URL('./node-thread.js', import.meta.url), {workerData: kind, name: `pkt ${kind}`});
  let ended = false;
  return {
    post: (message, transfer) => worker.postMessage(message, transfer as ArrayBuffer[] | undefined),
    onMessage: (listener) => {
      worker.on('message', listener);
    },
    onCrash: (listener) => {
      const crash = (error: Error): void => {
        if (ended) return;
        ended = true;
        listener(error);
      };
      worker.on('error', crash);
      worker.on('exit', (code) => crash(new Error(`thread ended with exit code ${code}`)));
    },
    terminate: async () => {
      ended = true;
      await worker.terminate();
    },
  };
};

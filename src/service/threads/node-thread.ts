// Entry of a worker thread.
import {parentPort, workerData} from 'node:worker_threads';
import {runThread, type ThreadKind} from '../../core/engines/index.ts';
import {assert} from '../../core/errors.ts';

assert(parentPort !== null, 'this file is started as a worker thread');
const port = parentPort;

await runThread(workerData as ThreadKind, {
  post: (message, transfer) => port.postMessage(message, transfer as ArrayBuffer[] | undefined),
  onMessage: (listener) => {
    port.on('message', listener as (message: unknown) => void);
  },
  pause: () => new Promise((resolve) => setImmediate(resolve)),
  now: () => performance.now(),
});

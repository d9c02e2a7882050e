// Entry of a worker thread.
import {parentPort, workerData} from 'node:worker_threads';
import {runThread, type ThreadContext, type ThreadKind} from '../../core/engines/index.ts';
import {assert} from '../../core/errors.ts';

assert(parentPort !== null, 'this file is started as a worker thread');
const port = parentPort;

const kind = workerData as ThreadKind;
const context: ThreadContext<never, never> = {
  post: (message, transfer) => port.postMessage(message, transfer as ArrayBuffer[] | undefined),
  onMessage: (listener) => {
    port.on('message', listener as (message: unknown) => void);
  },
  pause: () => new Promise((resolve) => setImmediate(resolve)),
  now: () => performance.now(),
};

if (kind === 'verify') {
  // Only these threads need the curve libraries.
  const {runVerifyThread} = await import('./verify-thread.ts');
  runVerifyThread(context as unknown as Parameters<typeof runVerifyThread>[0]);
} else {
  await runThread(kind, context);
}

// Entry of a worker; its name says what kind of thread it is.
import {type EngineThreadKind, runThread} from '../src/core/engines/index.ts';

/** The part of a dedicated worker's global scope that is used here. */
interface WorkerScope {
  readonly name: string;
  postMessage(message: unknown, options?: {transfer: ArrayBuffer[]}): void;
  addEventListener(type: 'message', listener: (event: {data: unknown}) => void): void;
}

// The page's types know `self` as a window; in a worker it is the scope above.
const scope = self as unknown as WorkerScope;
const turn = new MessageChannel();
let resume: (() => void) | undefined;
turn.port1.onmessage = () => resume?.();

runThread(scope.name as EngineThreadKind, {
  post: (message, transfer) => scope.postMessage(message, {transfer: [...(transfer ?? [])]}),
  onMessage: (listener) => {
    scope.addEventListener('message', ({data}) => listener(data as never));
  },
  pause: () =>
    new Promise((resolve) => {
      resume = resolve;
      turn.port2.postMessage(null);
    }),
  now: () => performance.now(),
}).catch((error: unknown) => {
  // A rejection alone would not reach the page; an uncaught exception does.
  setTimeout(() => {
    throw error;
  });
});

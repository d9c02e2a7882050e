import type {SpawnThread, ThreadKind, ThreadPort} from '../src/core/engines/index.ts';

/** Threads of the engines as Web Workers. script: where the bundle of thread.ts lies. */
export function webThreads(script: URL): SpawnThread {
  return (kind) => spawn(script, kind);
}

function spawn<ToThread, FromThread>(script: URL, kind: ThreadKind): ThreadPort<ToThread, FromThread> {
  const worker = new Worker(script, {type: 'module', name: kind});
  let ended = false;
  return {
    post: (message, transfer) => worker.postMessage(message, {transfer: [...(transfer ?? [])]}),
    onMessage: (listener) => {
      worker.addEventListener('message', ({data}) => listener(data as FromThread));
    },
    onCrash: (listener) => {
      const crash = (reason: string): void => {
        if (ended) return;
        ended = true;
        worker.terminate();
        listener(new Error(reason));
      };
      worker.addEventListener('error', (event) => crash(event.message || 'the thread failed to start'));
      worker.addEventListener('messageerror', () => crash('a message could not be read'));
    },
    terminate: () => {
      ended = true;
      worker.terminate();
      return Promise.resolve();
    },
  };
}

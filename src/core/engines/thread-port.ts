// What an engine needs of threads. Node's worker_threads and a browser's Web Workers both fit behind it.

/** The kinds of thread whose bodies stand here: they run in a browser as well. */
export type EngineThreadKind = 'announcement' | 'block' | 'check';

/** The kinds of thread anyone asks for. 'verify' is for nodes: proofs and scripts of blocks. */
export type ThreadKind = EngineThreadKind | 'verify';

/** A thread as its engine sees it. */
export interface ThreadPort<ToThread, FromThread> {
  /** Copies the message, except for what is listed in `transfer`. */
  post(message: ToThread, transfer?: readonly ArrayBuffer[]): void;
  onMessage(listener: (message: FromThread) => void): void;
  /** Called once when the thread has died without being asked to. */
  onCrash(listener: (error: Error) => void): void;
  /** Ends the thread at once. */
  terminate(): Promise<void>;
}

export type SpawnThread = <ToThread, FromThread>(kind: ThreadKind) => ThreadPort<ToThread, FromThread>;

/** The other end: what a thread sees of its engine and of its platform. */
export interface ThreadContext<ToThread, FromThread> {
  post(message: FromThread, transfer?: readonly ArrayBuffer[]): void;
  onMessage(listener: (message: ToThread) => void): void;
  /** Lets waiting messages be heard; resolves in the next turn of the event loop. */
  pause(): Promise<void>;
  /** Milliseconds, monotonic. */
  now(): number;
}

import {runAnnouncementThread} from './announcement-thread.ts';
import {runBlockThread} from './block-thread.ts';
import {runCheckerThread} from './checker-thread.ts';
import type {EngineThreadKind, ThreadContext} from './thread-port.ts';

/** What every thread runs: the body for its kind over the platform's message channel. */
export async function runThread(kind: EngineThreadKind, context: ThreadContext<never, never>): Promise<void> {
  switch (kind) {
    case 'announcement':
      return runAnnouncementThread(context as unknown as Parameters<typeof runAnnouncementThread>[0]);
    case 'block':
      return runBlockThread(context as unknown as Parameters<typeof runBlockThread>[0]);
    case 'check':
      runCheckerThread(context as unknown as Parameters<typeof runCheckerThread>[0]);
  }
}
